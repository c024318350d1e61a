package archive

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/eventgateway/eventgateway"
)

// The placeholders of a prefix that are filled in for every file.
const (
	placeYear  = "year"
	placeMonth = "month"
	placeDay   = "day"
	placeHour  = "hour"
	placeSpace = "space"
)

var places = []string{placeYear, placeMonth, placeDay, placeHour, placeSpace}

// noSpace stands in a path where an event has no space, or one that is no name of a folder.
const noSpace = "_"

// maxPrefix is how many bytes a prefix may have.
const maxPrefix = 512

// prefix is a template for the folders of a file.
type prefix struct {
	parts    []part
	perSpace bool
}

// part is a text that stands as it is, or the name of a placeholder.
type part struct {
	text  string
	place bool
}

// parsePrefix reads a template such as "{year}/{month}".
func parsePrefix(text string) (prefix, error) {
	const accepted = "folders such as events/{year}/{month}/{day}, with {year}, {month}, {day}, {hour} and {space}"
	refused := eventgateway.InvalidField("prefix", text, accepted)
	if len(text) > maxPrefix {
		return prefix{}, eventgateway.Errorf(eventgateway.Invalid, "prefix: %d bytes are not accepted: want %d at most", len(text), maxPrefix)
	}
	text = strings.TrimSuffix(text, "/")
	if text == "" {
		return prefix{}, nil
	}
	for folder := range strings.SplitSeq(text, "/") {
		// A leading dot is for the gateway's own folder.
		if folder == "" || folder[0] == '.' || strings.ContainsFunc(folder, unsafeInPath) {
			return prefix{}, refused
		}
	}
	var p prefix
	for text != "" {
		before, after, found := strings.Cut(text, "{")
		if before != "" {
			p.parts = append(p.parts, part{text: before})
		}
		if !found {
			break
		}
		name, rest, closed := strings.Cut(after, "}")
		if !closed || !slices.Contains(places, name) {
			return prefix{}, refused
		}
		p.parts = append(p.parts, part{text: name, place: true})
		p.perSpace = p.perSpace || name == placeSpace
		text = rest
	}
	return p, nil
}

// unsafeInPath reports characters that some file system or object store does not take in a name.
func unsafeInPath(r rune) bool {
	return unicode.IsControl(r) || r == unicode.ReplacementChar || strings.ContainsRune(`\:*?"<>|`, r)
}

// folder returns the folders of a file for one space and time, with a slash at the end; empty for no folder.
func (p prefix) folder(space string, at time.Time) string {
	if len(p.parts) == 0 {
		return ""
	}
	at = at.UTC()
	buf := make([]byte, 0, 64)
	for _, part := range p.parts {
		switch {
		case !part.place:
			buf = append(buf, part.text...)
		case part.text == placeYear:
			buf = at.AppendFormat(buf, "2006")
		case part.text == placeMonth:
			buf = at.AppendFormat(buf, "01")
		case part.text == placeDay:
			buf = at.AppendFormat(buf, "02")
		case part.text == placeHour:
			buf = at.AppendFormat(buf, "15")
		default:
			buf = append(buf, folderOfSpace(space)...)
		}
	}
	return string(append(buf, '/'))
}

// folderOfSpace returns the name of a space as a folder. Spaces have names that are safe in a path; nothing depends on it.
func folderOfSpace(space string) string {
	if space == "" || len(space) > 128 || space[0] == '.' || strings.ContainsFunc(space, unsafeInPath) || strings.Contains(space, "/") {
		return noSpace
	}
	return space
}
