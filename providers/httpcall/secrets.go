package httpcall

import (
	"strconv"
	"strings"
)

// EachURLSecret calls visit for every credential in a URL, and returns the URL with what visit returned in their places:
// the password ("url"; the user name when there is no password, as for tokens) and query parameters that sound like a
// credential ("url?code"). It works on the text of the URL as it was written: parsing it and writing it again would change its
// escapes, those of "***" too.
func EachURLSecret(raw string, visit func(name, value string) string) string {
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
		if value == "" || !SoundsSecret(name) && name != "code" && name != "sig" {
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

// SoundsSecret reports whether a header or parameter of that name holds a credential by its usual meaning.
func SoundsSecret(name string) bool {
	name = strings.ToLower(name)
	for _, word := range []string{"token", "secret", "key", "password", "auth", "cookie", "credential", "signature"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}
