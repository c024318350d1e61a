package eventgateway

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// CORSResource is a CORS configuration that stands by itself: for http requests of a method on a path whose subscription has
// none of its own.
type CORSResource struct {
	// Space is the sandbox it is in. Default: "default".
	Space string `json:"space,omitempty"`
	// ID is given by the gateway: the same for the same method and path.
	ID string `json:"corsId,omitempty"`
	// Method is the HTTP method of the request. Required.
	Method string `json:"method"`
	// Path is the path of the request, with :name and a trailing *name as in a subscription. Required.
	Path string `json:"path"`
	// AllowedOrigins are the allowed origins; a * in one stands for any characters. Default: "*".
	AllowedOrigins []string `json:"allowedOrigins,omitempty"`
	// AllowedMethods are the allowed methods. Default: HEAD, GET, POST.
	AllowedMethods []string `json:"allowedMethods,omitempty"`
	// AllowedHeaders are the allowed request headers; "*" allows all. Default: Origin, Accept, Content-Type.
	AllowedHeaders []string `json:"allowedHeaders,omitempty"`
	// AllowCredentials lets pages send cookies and authorization. Default: false.
	AllowCredentials bool `json:"allowCredentials"`
	// Metadata is the user's own; lists can be filtered by it.
	Metadata map[string]string `json:"metadata,omitempty"`

	// CreateRevision orders resources by age; see Subscription.CreateRevision.
	CreateRevision int64 `json:"-"`
}

// CORS returns the lists as a subscription has them.
func (c *CORSResource) CORS() *CORS {
	return &CORS{
		Origins: c.AllowedOrigins, Methods: c.AllowedMethods, Headers: c.AllowedHeaders, AllowCredentials: c.AllowCredentials,
	}
}

// Normalize fills in what has a default, and the ID.
func (c *CORSResource) Normalize() {
	if c.Space == "" {
		c.Space = DefaultSpace
	}
	c.Method = strings.ToUpper(c.Method)
	lists := c.CORS()
	lists.Normalize()
	c.AllowedOrigins, c.AllowedMethods, c.AllowedHeaders = lists.Origins, lists.Methods, lists.Headers
	sum := sha256.Sum256([]byte(c.Method + "\x00" + c.Path))
	c.ID = hex.EncodeToString(sum[:16])
}

// Validate checks the resource by itself. Call Normalize first.
func (c *CORSResource) Validate() error {
	if err := ValidateID("space", c.Space); err != nil {
		return err
	}
	if c.Method == "" {
		return Errorf(Invalid, "method: missing: want an HTTP method such as GET")
	}
	if !isToken(c.Method) || len(c.Method) > 32 {
		return InvalidField("method", c.Method, "an HTTP method such as GET")
	}
	if c.Path == "" {
		return Errorf(Invalid, "path: missing: want a path such as /users/:id")
	}
	if _, err := ParsePath(c.Path); err != nil {
		return err
	}
	if err := c.CORS().validate("allowedOrigins", "allowedMethods", "allowedHeaders"); err != nil {
		return err
	}
	return ValidateMetadata(c.Metadata)
}
