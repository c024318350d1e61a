package migrate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// State is what a gateway has in one space.
type State struct {
	Space string
	// Resources are in the order a document has them in.
	Resources []*Existing
	// Missing are the kinds the gateway does not know, as an older version does not.
	Missing []Kind
}

// Existing is a resource of a gateway.
type Existing struct {
	// Name says which resource it is, for messages.
	Name string
	// Kind and ID are its identity in its space.
	Kind Kind
	ID   string
	// Body is the resource as the gateway shows it.
	Body json.RawMessage

	node *node
}

// attempts is how often what a gateway has is read to find all of it at one revision.
const attempts = 5

// Read returns what the gateway has in a space. If it keeps changing meanwhile, what was read last is returned: a mix of what
// there was.
func (g *Gateway) Read(ctx context.Context, space string) (*State, error) {
	for attempt := 1; ; attempt++ {
		state, steady, err := g.read(ctx, space)
		if err != nil {
			return nil, fmt.Errorf("reading space %q: %w", space, err)
		}
		if steady || attempt == attempts {
			return state, nil
		}
	}
}

// read returns the state, and whether all of it is of one revision.
func (g *Gateway) read(ctx context.Context, space string) (state *State, steady bool, err error) {
	state, steady = &State{Space: space}, true
	first := ""
	for k := range Kind(kindCount) {
		var lists map[string][]json.RawMessage
		header, err := g.do(ctx, http.MethodGet, path(space, k), nil, "", &lists)
		var refused *Refused
		if errors.As(err, &refused) && refused.Status == http.StatusNotFound && k != Functions {
			state.Missing = append(state.Missing, k)
			continue
		}
		if err != nil {
			return nil, false, err
		}
		revision := header.Get("Event-Gateway-Revision")
		if first == "" {
			first = revision
		}
		steady = steady && revision == first
		for _, body := range lists[names[k].list] {
			resource, err := existing(k, body)
			if err != nil {
				return nil, false, fmt.Errorf("%s: %w", k, err)
			}
			state.Resources = append(state.Resources, resource)
		}
	}
	slices.SortStableFunc(state.Resources, func(a, b *Existing) int {
		if a.Kind != b.Kind {
			return int(a.Kind - b.Kind)
		}
		return strings.Compare(a.order(), b.order())
	})
	return state, steady, nil
}

func existing(k Kind, body json.RawMessage) (*Existing, error) {
	n, err := readTree(body)
	if err != nil {
		return nil, err
	}
	id, name, err := identify(k, n)
	if err != nil {
		return nil, err
	}
	return &Existing{Name: name, Kind: k, ID: id.id, Body: body, node: n}, nil
}

// order puts resources of a kind where a reader looks for them.
func (e *Existing) order() string {
	n := e.node
	switch e.Kind {
	case CORS:
		return strings.Join([]string{n.string("path"), n.string("method")}, "\x00")
	case Subscriptions:
		return strings.Join([]string{
			n.string("event"), n.string("path"), n.string("method"), n.string("functionId"), n.string("type"),
		}, "\x00")
	}
	return e.ID
}

// get reads one resource and its ETag.
func (g *Gateway) get(ctx context.Context, space string, id identity) (*Existing, string, error) {
	var body json.RawMessage
	header, err := g.do(ctx, http.MethodGet, path(space, id.kind, id.id), nil, "", &body)
	if err != nil {
		return nil, "", err
	}
	resource, err := existing(id.kind, body)
	return resource, header.Get("ETag"), err
}
