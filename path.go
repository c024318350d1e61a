package eventgateway

import (
	"net/url"
	"strings"
)

// SegmentKind tells how one segment of a path pattern matches.
type SegmentKind uint8

// The kinds of segments.
const (
	// Static matches the one segment that equals it.
	Static SegmentKind = iota
	// Param, written ":name", matches any one segment that is not empty.
	Param
	// Wildcard, written "*name", matches all that is left of the path, also nothing. It is the last segment.
	Wildcard
)

// Segment is what stands between two slashes of a path pattern.
type Segment struct {
	Kind SegmentKind
	// Text is the decoded text of a static segment, else the parameter's name.
	Text string
}

const maxPathLength = 2048

// MaxPathSegments is how many segments a path pattern can have.
const MaxPathSegments = 64

// ParsePath splits a path pattern such as "/users/:id/files/*rest". Segments are percent-decoded one by one, so an
// encoded slash stays inside its segment. "/" has one segment, the empty static one.
func ParsePath(path string) ([]Segment, error) {
	if !strings.HasPrefix(path, "/") {
		return nil, InvalidField("path", path, "a path that starts with /")
	}
	if len(path) > maxPathLength {
		return nil, InvalidField("path", path, "at most 2048 bytes")
	}
	if i := strings.IndexAny(path, "?#"); i >= 0 {
		return nil, InvalidField("path", path, "a path without query or fragment")
	}
	count := strings.Count(path, "/")
	if count > MaxPathSegments {
		return nil, InvalidField("path", path, "at most 64 segments")
	}
	segments := make([]Segment, 0, count)
	for part := range strings.SplitSeq(path[1:], "/") {
		segment, err := parseSegment(path, part)
		if err != nil {
			return nil, err
		}
		for _, earlier := range segments {
			if earlier.Kind == Wildcard {
				return nil, InvalidField("path", path, "nothing after the wildcard *"+earlier.Text)
			}
			if segment.Kind != Static && earlier.Kind != Static && earlier.Text == segment.Text {
				return nil, InvalidField("path", path, "every parameter name only once")
			}
		}
		segments = append(segments, segment)
	}
	return segments, nil
}

func parseSegment(path, part string) (Segment, error) {
	if part != "" && (part[0] == ':' || part[0] == '*') {
		if name := part[1:]; name == "" || strings.ContainsAny(name, ":*%") {
			return Segment{}, InvalidField("path", path, "a name after : or *, without :, * or %")
		}
		kind := Param
		if part[0] == '*' {
			kind = Wildcard
		}
		return Segment{kind, part[1:]}, nil
	}
	text, err := url.PathUnescape(part)
	if err != nil {
		return Segment{}, InvalidField("path", path, "valid percent-encoding")
	}
	return Segment{Static, text}, nil
}

// PathParam is one matched path parameter, decoded.
type PathParam struct{ Name, Value string }

// Route is how an event came to a subscription.
type Route struct {
	// Path is the pattern of the subscription's path; empty where the subscription is not known.
	Path string
	// Params are what its parameters matched.
	Params PathParams
}

// PathParams are the parameters of one match, in the order of the path. Nil when the pattern has none.
type PathParams []PathParam
