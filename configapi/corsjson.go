package configapi

import (
	"strings"

	"github.com/eventgateway/eventgateway"
)

// corsBody is a CORS resource as a client sends it. A nil text was not given.
type corsBody struct {
	space, id, method, path *string
	changeable              eventgateway.CORSResource
}

// readCORSResource reads what a client sends for a CORS resource in a space.
func readCORSResource(body []byte, space string) (*corsBody, error) {
	b := new(corsBody)
	c := &b.changeable
	if err := readObject("", body, []field{
		{"space", text(&b.space)},
		{"corsId", text(&b.id)},
		{"method", text(&b.method)},
		{"path", text(&b.path)},
		{"allowedOrigins", texts(&c.AllowedOrigins)},
		{"allowedMethods", texts(&c.AllowedMethods)},
		{"allowedHeaders", texts(&c.AllowedHeaders)},
		{"allowCredentials", boolean(&c.AllowCredentials)},
		{"metadata", textMap(&c.Metadata)},
	}); err != nil {
		return nil, err
	}
	return b, agree("space", b.space, space)
}

// resource returns the new resource that was sent, complete and valid by itself.
func (b *corsBody) resource(space string) (*eventgateway.CORSResource, error) {
	c := b.changeable
	c.Space, c.Method, c.Path = space, value(b.method), value(b.path)
	c.Normalize()
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if b.id != nil && *b.id != c.ID {
		return nil, eventgateway.InvalidField("corsId", *b.id, "none: the gateway gives it, here "+c.ID)
	}
	return &c, nil
}

// change returns an existing resource with the changes that were sent. Method and path are its identity and do not change; all
// else is replaced, and has its default where it was not sent.
func (b *corsBody) change(old eventgateway.CORSResource) (*eventgateway.CORSResource, error) {
	if b.method != nil && strings.ToUpper(*b.method) != old.Method {
		return nil, unchangeable("method", *b.method, old.Method)
	}
	if b.path != nil && *b.path != old.Path {
		return nil, unchangeable("path", *b.path, old.Path)
	}
	if err := agree("corsId", b.id, old.ID); err != nil {
		return nil, err
	}
	c := b.changeable
	c.Space, c.Method, c.Path = old.Space, old.Method, old.Path
	c.Normalize()
	return &c, c.Validate()
}

func unchangeable(field, wanted, is string) error {
	return eventgateway.InvalidField(field, wanted, "no change from "+eventgateway.Quote(is)+": only allowedOrigins, allowedMethods, "+
		"allowedHeaders, allowCredentials and metadata of a CORS resource can be changed; delete it and create another")
}
