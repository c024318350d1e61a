package eventgateway

import "strings"

// CORS says which other origins' pages may call an http subscription. Empty lists mean the defaults.
type CORS struct {
	// Origins are the allowed origins; a * in one stands for any characters. Default: "*".
	Origins []string `json:"origins,omitempty"`
	// Methods are the allowed methods. Default: HEAD, GET, POST.
	Methods []string `json:"methods,omitempty"`
	// Headers are the allowed request headers; "*" allows all. Default: Origin, Accept, Content-Type.
	Headers []string `json:"headers,omitempty"`
	// AllowCredentials lets pages send cookies and authorization. Browsers ignore it for the origin "*". Default: false.
	AllowCredentials bool `json:"allowCredentials,omitempty"`
}

// Normalize fills in what has a default.
func (c *CORS) Normalize() {
	if len(c.Origins) == 0 {
		c.Origins = []string{"*"}
	}
	if len(c.Methods) == 0 {
		c.Methods = []string{"HEAD", "GET", "POST"}
	}
	if len(c.Headers) == 0 {
		c.Headers = []string{"Origin", "Accept", "Content-Type"}
	}
}

// Validate checks the lists. Call Normalize first.
func (c *CORS) Validate() error { return c.validate("cors.origins", "cors.methods", "cors.headers") }

// validate checks the lists, which errors name as given.
func (c *CORS) validate(origins, methods, headers string) error {
	for _, list := range []struct {
		field  string
		values []string
	}{{origins, c.Origins}, {methods, c.Methods}, {headers, c.Headers}} {
		if len(list.values) > 100 {
			return Errorf(Invalid, "%s: %d entries are not accepted: want at most 100", list.field, len(list.values))
		}
		for _, v := range list.values {
			if v == "" || len(v) > 255 || strings.ContainsFunc(v, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == ',' }) {
				return InvalidField(list.field, v, "1 to 255 printable ASCII characters without spaces or commas")
			}
			if list.field != origins && !isToken(v) {
				return InvalidField(list.field, v, "an HTTP token")
			}
		}
	}
	return nil
}

// AllowsOrigin reports whether a page from origin may call, by the origins' wildcards, without regard to case.
func (c *CORS) AllowsOrigin(origin string) bool {
	origin = strings.ToLower(origin)
	for _, pattern := range c.Origins {
		if matchStars(strings.ToLower(pattern), origin) {
			return true
		}
	}
	return false
}

// matchStars reports whether pattern, in which * stands for any characters, matches all of s. It is linear in
// len(pattern) × len(s) at worst.
func matchStars(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == s
	}
	first, last := parts[0], parts[len(parts)-1]
	if len(s) < len(first)+len(last) || !strings.HasPrefix(s, first) || !strings.HasSuffix(s, last) {
		return false
	}
	s = s[len(first) : len(s)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
	return true
}

// isToken reports whether s is a token of RFC 9110, such as a method or a header name.
func isToken(s string) bool {
	if s == "" {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0) {
			return false
		}
	}
	return true
}
