package configapi

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/eventgateway/eventgateway"
)

// route is one path and what can be done there.
type route struct {
	// pattern is the path; {space} and {id}, or {name}, stand for one segment each.
	pattern string
	// resource is the kind of resource, for metrics; empty for a path that is none.
	resource   string
	generation generation
	methods    map[string]operation
}

// operation is one method of a route.
type operation struct {
	// name is what it is called in metrics; empty where it does not count.
	name  string
	serve func(*exchange) error
}

// routes are all paths of the API; the first that matches counts. HEAD goes wherever GET does.
var routes = func() []route {
	functions := map[string]operation{
		http.MethodGet:  {"list", (*exchange).listFunctions},
		http.MethodPost: {"create", (*exchange).createFunction},
	}
	function := map[string]operation{
		http.MethodGet:    {"get", (*exchange).getFunction},
		http.MethodPut:    {"update", (*exchange).updateFunction},
		http.MethodDelete: {"delete", (*exchange).deleteFunction},
	}
	subscriptions := map[string]operation{
		http.MethodGet:  {"list", (*exchange).listSubscriptions},
		http.MethodPost: {"create", (*exchange).createSubscription},
	}
	subscription := map[string]operation{
		http.MethodGet:    {"get", (*exchange).getSubscription},
		http.MethodPut:    {"update", (*exchange).updateSubscription},
		http.MethodDelete: {"delete", (*exchange).deleteSubscription},
	}
	eventTypes := map[string]operation{
		http.MethodGet:  {"list", (*exchange).listEventTypes},
		http.MethodPost: {"create", (*exchange).createEventType},
	}
	eventType := map[string]operation{
		http.MethodGet:    {"get", (*exchange).getEventType},
		http.MethodPut:    {"update", (*exchange).updateEventType},
		http.MethodDelete: {"delete", (*exchange).deleteEventType},
	}
	allCORS := map[string]operation{
		http.MethodGet:  {"list", (*exchange).listCORS},
		http.MethodPost: {"create", (*exchange).createCORS},
	}
	oneCORS := map[string]operation{
		http.MethodGet:    {"get", (*exchange).getCORS},
		http.MethodPut:    {"update", (*exchange).updateCORS},
		http.MethodDelete: {"delete", (*exchange).deleteCORS},
	}
	pause := map[string]operation{http.MethodPost: {"pause", (*exchange).pauseSubscription}}
	resume := map[string]operation{http.MethodPost: {"resume", (*exchange).resumeSubscription}}
	deadLetters := map[string]operation{
		http.MethodGet:    {"list", (*exchange).listDeadLetters},
		http.MethodDelete: {"delete", (*exchange).deleteDeadLetters},
	}
	deadLetter := map[string]operation{
		http.MethodGet:    {"get", (*exchange).getDeadLetter},
		http.MethodDelete: {"delete", (*exchange).deleteDeadLetter},
	}
	redriveAll := map[string]operation{http.MethodPost: {"redrive", (*exchange).redriveDeadLetters}}
	redrive := map[string]operation{http.MethodPost: {"redrive", (*exchange).redriveDeadLetter}}
	event := map[string]operation{http.MethodGet: {"get", (*exchange).getEvent}}
	explain := map[string]operation{http.MethodPost: {"explain", (*exchange).explain}}
	trial := map[string]operation{http.MethodPost: {"test", (*exchange).testFilter}}
	reseal := map[string]operation{http.MethodPost: {"reseal", (*exchange).reseal}}
	status := map[string]operation{http.MethodGet: {"", (*exchange).getStatus}}
	metrics := map[string]operation{http.MethodGet: {"", (*exchange).getMetrics}}
	return []route{
		{"/v1/spaces/{space}/functions", "functions", second, functions},
		{"/v1/spaces/{space}/functions/{id}", "functions", second, function},
		{"/v1/spaces/{space}/subscriptions", "subscriptions", second, subscriptions},
		{"/v1/spaces/{space}/subscriptions/{id}", "subscriptions", second, subscription},
		{"/v1/spaces/{space}/subscriptions/{id}/pause", "subscriptions", second, pause},
		{"/v1/spaces/{space}/subscriptions/{id}/resume", "subscriptions", second, resume},
		{"/v1/spaces/{space}/eventtypes", "eventtypes", second, eventTypes},
		{"/v1/spaces/{space}/eventtypes/{name}", "eventtypes", second, eventType},
		{"/v1/spaces/{space}/cors", "cors", second, allCORS},
		{"/v1/spaces/{space}/cors/{id}", "cors", second, oneCORS},
		{"/v1/spaces/{space}/deadletters", "deadletters", second, deadLetters},
		{"/v1/spaces/{space}/deadletters/redrive", "deadletters", second, redriveAll}, // before {id}, which it is not
		{"/v1/spaces/{space}/deadletters/{id}", "deadletters", second, deadLetter},
		{"/v1/spaces/{space}/deadletters/{id}/redrive", "deadletters", second, redrive},
		{"/v1/spaces/{space}/events/{id}", "events", second, event},
		{"/v1/spaces/{space}/explain", "events", second, explain},
		{"/v1/spaces/{space}/filters/test", "filters", second, trial},
		{"/v1/functions", "functions", first, functions},
		{"/v1/functions/{id}", "functions", first, function},
		{"/v1/subscriptions", "subscriptions", first, subscriptions},
		{"/v1/subscriptions/{id}", "subscriptions", first, subscription},
		{"/v1/subscriptions/{id}/pause", "subscriptions", first, pause},
		{"/v1/subscriptions/{id}/resume", "subscriptions", first, resume},
		{"/v1/reseal", "functions", second, reseal},
		{"/v1/status", "", second, status},
		{"/v1/metrics", "", second, metrics},
		{"/metrics", "", second, metrics},
	}
}()

// route finds what the request asks for, and reads space and id out of its path.
func (x *exchange) route() (route, operation, error) {
	path := x.r.URL.EscapedPath()
	for _, rt := range routes {
		space, id, ok := matchPattern(rt.pattern, path)
		if !ok {
			continue
		}
		x.generation, x.space, x.id = rt.generation, space, id
		if space == "" {
			x.space = eventgateway.DefaultSpace
		}
		method := x.r.Method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		op, ok := rt.methods[method]
		if !ok {
			allow := rt.allow()
			x.w.Header().Set("Allow", allow)
			return rt, op, refusef(http.StatusMethodNotAllowed, "method: %s is not accepted on %s: want %s",
				eventgateway.Quote(x.r.Method), rt.pattern, allow)
		}
		return rt, op, eventgateway.ValidateID("space", x.space)
	}
	if strings.HasPrefix(path, "/v1/functions") || strings.HasPrefix(path, "/v1/subscriptions") {
		x.generation = first
	}
	return route{}, operation{}, refusef(http.StatusNotFound, "path: %s is not a path of the Configuration API",
		eventgateway.Quote(path))
}

// allow lists a route's methods.
func (rt route) allow() string {
	var methods []string
	for method := range rt.methods {
		methods = append(methods, method)
	}
	if rt.methods[http.MethodGet].serve != nil {
		methods = append(methods, http.MethodHead)
	}
	slices.Sort(methods)
	return strings.Join(methods, ", ")
}

// matchPattern matches an escaped path against a pattern, segment by segment, and returns the decoded parameters.
func matchPattern(pattern, path string) (space, id string, ok bool) {
	for pattern != "" && path != "" {
		var want, got string
		want, pattern = cutSegment(pattern)
		got, path = cutSegment(path)
		if want == got {
			continue
		}
		text, err := url.PathUnescape(got)
		if err != nil || text == "" {
			return "", "", false
		}
		switch want {
		case "{space}":
			space = text
		case "{id}", "{name}":
			id = text
		default:
			return "", "", false
		}
	}
	return space, id, pattern == "" && path == ""
}

// cutSegment splits the first segment off a path that starts with a slash; what has none is one segment.
func cutSegment(path string) (segment, rest string) {
	path = strings.TrimPrefix(path, "/")
	if i := strings.IndexByte(path, '/'); i >= 0 {
		return path[:i], path[i:]
	}
	return path, ""
}
