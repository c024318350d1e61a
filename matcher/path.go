package matcher

import (
	"net/url"
	"strings"

	"github.com/eventgateway/eventgateway"
)

// path is a request path, decoded and split: segment i is text[starts[i]:starts[i+1]-1]. Segments after the most a
// pattern can have are not told apart, as only a wildcard takes them, and takes them whole.
type path struct {
	text   string
	starts [eventgateway.MaxPathSegments + 2]int32
	len    int
}

// parse reads the path as escaped on the wire, and reports whether it starts with a slash; what does not matches nothing.
// Segments are decoded one by one, so an encoded slash stays inside its segment; one that is no valid encoding is taken
// literally. It allocates only to decode.
func (p *path) parse(escaped string) bool {
	if escaped == "" || escaped[0] != '/' {
		return false
	}
	p.text, p.len = escaped[1:], 0
	if strings.IndexByte(escaped, '%') >= 0 {
		p.decode()
		return true
	}
	for start := 0; ; {
		end := strings.IndexByte(p.text[start:], '/')
		if end < 0 || p.len == eventgateway.MaxPathSegments {
			p.mark(start, len(p.text))
			return true
		}
		p.mark(start, start+end)
		start += end + 1
	}
}

// mark notes where the next segment is.
func (p *path) mark(start, end int) {
	if p.len <= eventgateway.MaxPathSegments {
		p.starts[p.len], p.starts[p.len+1] = int32(start), int32(end)+1
		p.len++
	}
}

func (p *path) decode() {
	text := make([]byte, 0, len(p.text))
	for segment := range strings.SplitSeq(p.text, "/") {
		if p.len > 0 {
			text = append(text, '/')
		}
		start := len(text)
		if decoded, err := url.PathUnescape(segment); err == nil {
			segment = decoded
		}
		text = append(text, segment...)
		p.mark(start, len(text))
	}
	p.text = string(text)
}

func (p *path) segment(i int) string { return p.text[p.starts[i] : p.starts[i+1]-1] }

// rest returns segment i and all after it.
func (p *path) rest(i int) string { return p.text[p.starts[i]:] }
