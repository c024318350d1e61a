package configapi

import (
	"net/http"
	"slices"
	"strings"

	"github.com/eventgateway/eventgateway"
)

// conditions are a request's If-Match and If-None-Match.
type conditions struct{ match, noneMatch *entityTags }

// entityTags is a list of entity tags, or any.
type entityTags struct {
	any  bool
	tags []string
}

// errNotModified means that the client has the current version already.
var errNotModified = &refusal{status: http.StatusNotModified}

func readConditions(header http.Header) (c conditions, err error) {
	if c.match, err = readEntityTags(header, "If-Match"); err != nil {
		return c, err
	}
	c.noneMatch, err = readEntityTags(header, "If-None-Match")
	return c, err
}

// check refuses a write to a resource whose tag does not meet the conditions.
func (c conditions) check(tag string) error {
	if c.match != nil && !c.match.contain(tag) {
		return eventgateway.Errorf(eventgateway.Unmet, "If-Match: the resource has changed: its ETag is %s now", tag)
	}
	if c.noneMatch != nil && c.noneMatch.contain(tag) {
		return eventgateway.Errorf(eventgateway.Unmet, "If-None-Match: the resource exists: its ETag is %s", tag)
	}
	return nil
}

// checkRead is check for a read: there a version the client has already is no mistake.
func (c conditions) checkRead(tag string) error {
	if c.noneMatch != nil && c.noneMatch.contain(tag) {
		c.noneMatch = nil
		if err := c.check(tag); err != nil {
			return err
		}
		return errNotModified
	}
	return c.check(tag)
}

func (t *entityTags) contain(tag string) bool { return t.any || slices.Contains(t.tags, tag) }

// readEntityTags reads a list of entity tags, or returns nil when there is none. In If-None-Match weak tags count as
// strong ones; in If-Match they match nothing.
func readEntityTags(header http.Header, name string) (*entityTags, error) {
	if len(header.Values(name)) == 0 {
		return nil, nil
	}
	value := strings.Join(header.Values(name), ",")
	t := &entityTags{any: strings.TrimSpace(value) == "*"}
	for rest := strings.Trim(value, " \t,"); !t.any && rest != ""; rest = strings.TrimLeft(rest, " \t,") {
		strong, weak := strings.CutPrefix(rest, "W/")
		end := -1
		if strings.HasPrefix(strong, `"`) {
			end = strings.IndexByte(strong[1:], '"')
		}
		if end < 0 {
			return nil, eventgateway.InvalidField(name, value, `ETags as GET gives them, such as "42" with the quotes, or *`)
		}
		if !weak || name == "If-None-Match" {
			t.tags = append(t.tags, strong[:end+2])
		}
		rest = strong[end+2:]
	}
	return t, nil
}
