// Package configapi is the control path: the REST Configuration API, the rules between resources, and the mirror of the
// store from which the data path's snapshots are made.
package configapi

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
)

// Observer is told of Configuration API requests.
type Observer interface {
	// ConfigRequest is called once for every request to a resource; operation is get, list, create, update, delete,
	// pause, resume, redrive, explain or test. space is empty when there is no such space: what outsiders make up names no
	// metric.
	ConfigRequest(space, resource, operation string, status int, duration time.Duration)
}

// Handler serves the Configuration API. Paths start with /v1/.
type Handler struct {
	// View is what is read and what writes are checked against. Required.
	View *View
	// Mirror is what View looks at; writes wait for it. Required.
	Mirror *Mirror
	// Store takes the writes. Required.
	Store Store
	// Observer is told of requests. Required.
	Observer Observer
	// Logger gets failures, without bodies. Required.
	Logger *slog.Logger
	// Strict reports whether a space accepts only events of registered types; there a subscription to a type that is not
	// registered is refused. May be nil: then no space does.
	Strict func(space string) bool
	// Secrets is what the provider fields of functions may refer to. May be nil: then it is not known which there are, and
	// references are accepted.
	Secrets providers.Secrets
	// Outdated tells which stored functions are to be written anew, because the store encrypts them with another key by now. May be
	// nil: then none are.
	Outdated func() []eventgateway.FunctionKey
	// Status adds to the answer of /v1/status what other parts know, such as the queue. May be nil.
	Status func() map[string]any
	// Deliveries is what became of events. Without it the paths of dead letters and events are 404.
	Deliveries Deliveries
	// Metrics serves /v1/metrics and /metrics. Without it they are 404.
	Metrics http.Handler
	// MaxBody bounds a request's body in bytes. Default: 1 MiB.
	MaxBody int64
}

// exchange is one request being answered.
type exchange struct {
	*Handler
	w http.ResponseWriter
	r *http.Request
	// generation is the generation of clients the path belongs to.
	generation generation
	space, id  string
	// status is what was answered; 0 before that.
	status int
}

// crossOrigin refuses writes a browser sends for a page of another origin: the API often listens on localhost, where any
// page could reach it.
var crossOrigin http.CrossOriginProtection

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	started := time.Now()
	x := &exchange{Handler: h, w: w, r: r, generation: second}
	route, op, err := x.route()
	if err == nil {
		err = crossOrigin.Check(r)
		if err != nil {
			err = refusef(http.StatusForbidden, "a page of another origin may not change the configuration")
		}
	}
	if err == nil {
		err = op.serve(x)
	}
	if err != nil {
		x.fail(err)
	}
	if op.name != "" {
		h.Observer.ConfigRequest(x.knownSpace(), route.resource, op.name, x.status, time.Since(started))
	}
}

func (x *exchange) service() service { return service{x.View, x.Mirror, x.Store, x.Strict, x.Secrets} }

// knownSpace returns the request's space if there is one of that name.
func (x *exchange) knownSpace() string {
	if x.View.current.Load().hasSpace(x.space) {
		return x.space
	}
	return ""
}
