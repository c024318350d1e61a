package httpprovider

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// EachSecret implements providers.Secretive. Credentials are the password in the URL ("url"; the user name when there is
// no password, as for tokens), query parameters of the URL that sound like one ("url?code"), and headers that do
// ("headers.Authorization"). They are replaced within the URL, so that the rest of it stays readable:
// https://user:***@example.com/.
func (p *Provider) EachSecret(visit func(name, value string) string) {
	p.URL = eachURLSecret(p.URL, visit)
	for _, name := range slices.Sorted(maps.Keys(p.Headers)) {
		if value := p.Headers[name]; value != "" && soundsSecret(name) {
			p.Headers[name] = visit("headers."+http.CanonicalHeaderKey(name), value)
		}
	}
}

// eachURLSecret works on the text of the URL as it was written: parsing it and writing it again would change its escapes,
// those of "***" too.
func eachURLSecret(raw string, visit func(name, value string) string) string {
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok {
		return raw
	}
	end := len(rest)
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		end = i
	}
	authority, rest := rest[:end], rest[end:]
	if i := strings.LastIndexByte(authority, '@'); i > 0 {
		user, password, _ := strings.Cut(authority[:i], ":")
		switch {
		case password != "":
			authority = user + ":" + visit("url", password) + authority[i:]
		case user != "":
			authority = visit("url", user) + authority[len(user):]
		}
	}
	path, query, ok := strings.Cut(rest, "?")
	if !ok {
		return scheme + "://" + authority + rest
	}
	query, fragment, hasFragment := strings.Cut(query, "#")
	parameters := strings.Split(query, "&")
	seen := make(map[string]int)
	for i, parameter := range parameters {
		name, value, _ := strings.Cut(parameter, "=")
		if value == "" || !soundsSecret(name) && name != "code" && name != "sig" {
			continue
		}
		label := "url?" + name
		if seen[name]++; seen[name] > 1 {
			label += "#" + strconv.Itoa(seen[name])
		}
		parameters[i] = name + "=" + visit(label, value)
	}
	rest = path + "?" + strings.Join(parameters, "&")
	if hasFragment {
		rest += "#" + fragment
	}
	return scheme + "://" + authority + rest
}

// soundsSecret reports whether a header or parameter of that name holds a credential by its usual meaning.
func soundsSecret(name string) bool {
	name = strings.ToLower(name)
	for _, word := range []string{"token", "secret", "key", "password", "auth", "cookie", "credential", "signature"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}
