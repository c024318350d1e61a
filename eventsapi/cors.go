package eventsapi

import (
	"net/http"
	"slices"
	"strings"

	"github.com/eventgateway/eventgateway"
)

// preflightMaxAge is for how many seconds browsers may keep the answer to a preflight.
const preflightMaxAge = "600"

// isPreflight reports whether r is a browser's question whether a page may send another request.
func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != "" && r.Header.Get("Access-Control-Request-Method") != ""
}

// requestedHeaders returns, in lower case, the headers the page wants to send.
func requestedHeaders(r *http.Request) []string {
	var names []string
	for _, line := range r.Header["Access-Control-Request-Headers"] {
		for name := range strings.SplitSeq(line, ",") {
			if name = strings.ToLower(strings.TrimSpace(name)); name != "" {
				names = append(names, name)
			}
		}
	}
	return names
}

// announcesEvent reports whether a request with these headers is for certain a custom event, a CloudEvent in binary mode
// or an invocation, and never one for another handler.
func announcesEvent(names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		switch name {
		case "event", "ce-specversion", "ce-type", "ce-source", "ce-id", "ce-cloudeventsversion", "ce-eventtype", "ce-eventid":
			return true
		}
		return false
	})
}

// allowsStructured reports whether r is a preflight for what may be a structured CloudEvent, which only its Content-Type
// tells. It may be for another handler as well: so it is allowed only once nobody else wants it.
func allowsStructured(r *http.Request) bool {
	return isPreflight(r) && r.Header.Get("Access-Control-Request-Method") == http.MethodPost &&
		slices.Contains(requestedHeaders(r), "content-type")
}

// allowAnyOrigin adds to an answer that any page may read it: custom events take part in CORS without configuration.
func (x *exchange) allowAnyOrigin() {
	if len(x.r.Header["Origin"]) > 0 {
		header := x.w.Header()
		header["Access-Control-Allow-Origin"] = []string{"*"}
		header["Access-Control-Expose-Headers"] = []string{eventIDHeader + ", " + duplicateHeader}
	}
}

// allowOrigin adds to an answer that the page may read it, if cors allows its origin and the request's method.
func (x *exchange) allowOrigin(cors *eventgateway.CORS) {
	allowOrigin(x.w.Header(), cors, x.r.Header.Get("Origin"), x.r.Method)
}

// allowOrigin sets the headers that answers to actual requests and to preflights have in common, and reports whether
// they allow the request.
func allowOrigin(header http.Header, cors *eventgateway.CORS, origin, method string) bool {
	anyOrigin := len(cors.Origins) == 1 && cors.Origins[0] == "*"
	if !anyOrigin {
		header.Add("Vary", "Origin")
	}
	if origin == "" || !cors.AllowsOrigin(origin) || !allowsMethod(cors, method) {
		return false
	}
	if anyOrigin {
		header["Access-Control-Allow-Origin"] = []string{"*"}
		return true
	}
	header["Access-Control-Allow-Origin"] = []string{origin}
	if cors.AllowCredentials {
		header["Access-Control-Allow-Credentials"] = []string{"true"}
	}
	return true
}

func allowsMethod(cors *eventgateway.CORS, method string) bool {
	return slices.ContainsFunc(cors.Methods, func(m string) bool { return m == "*" || strings.EqualFold(m, method) })
}

func allowsHeaders(cors *eventgateway.CORS, names []string) bool {
	for _, name := range names {
		if !slices.ContainsFunc(cors.Headers, func(h string) bool { return h == "*" || strings.EqualFold(h, name) }) {
			return false
		}
	}
	return true
}

// servePreflight answers a preflight for an event of any form, and reports whether there is one that it can be for. A
// subscription to OPTIONS requests gets those of paths that have no CORS configuration, to answer as it likes.
func (x *exchange) servePreflight(bound string) (handled bool) {
	names := requestedHeaders(x.r)
	if announcesEvent(names) {
		answerAnyPreflight(x.w, x.r)
		return true
	}
	method := x.r.Header.Get("Access-Control-Request-Method")
	allowed := x.chooseSpace(bound) == nil
	found := allowed && x.routeAll(method)
	if found {
		if cors := x.corsFor(method); cors != nil {
			x.answerPreflight(cors, method, names)
			return true
		}
	}
	if x.serveHTTP(bound) {
		return true
	}
	if found {
		x.w.WriteHeader(http.StatusNoContent) // without CORS headers: the page may not
		return true
	}
	// Nothing of the gateway's own is there, but somebody has said who may reach it.
	if allowed {
		if cors := x.corsResource(x.space, method); cors != nil {
			x.answerPreflight(cors, method, names)
			return true
		}
	}
	return false
}

// answerPreflight answers by the CORS configuration of the http subscription the page wants to reach.
func (x *exchange) answerPreflight(cors *eventgateway.CORS, method string, names []string) {
	header := x.w.Header()
	header["Vary"] = append(header["Vary"], "Access-Control-Request-Method", "Access-Control-Request-Headers")
	if allowsHeaders(cors, names) && allowOrigin(header, cors, x.r.Header.Get("Origin"), method) {
		allowRequested(header, x.r)
	}
	x.w.WriteHeader(http.StatusNoContent)
}

// answerAnyPreflight allows what is asked for, from any origin but without credentials.
func answerAnyPreflight(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header["Access-Control-Allow-Origin"] = []string{"*"}
	allowRequested(header, r)
	w.WriteHeader(http.StatusNoContent)
}

func allowRequested(header http.Header, r *http.Request) {
	header["Access-Control-Allow-Methods"] = []string{r.Header.Get("Access-Control-Request-Method")}
	if names := requestedHeaders(r); len(names) > 0 {
		header["Access-Control-Allow-Headers"] = []string{strings.Join(names, ", ")}
	}
	header["Access-Control-Max-Age"] = []string{preflightMaxAge}
}
