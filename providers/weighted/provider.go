// Package weighted spreads the calls of one function over others by weight, for safe roll-outs. It is the Caddy module
// event_gateway.providers.weighted.
package weighted

import (
	"github.com/caddyserver/caddy/v2"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
)

func init() {
	caddy.RegisterModule(new(Provider))
}

// Provider is a function for which others of its space answer, its members.
type Provider struct {
	// Functions are the members: at least one that is no shadow, at most 100. Required.
	Functions []Member `json:"functions,omitempty"`
	// Weighted is Functions as the first generation of clients writes it: read, and shown as Functions.
	Weighted []Member `json:"weighted,omitempty"`
	// Key is a CEL expression, often a field path such as data.customerId. Events with one value go to one member, as long as the
	// weights stand. Default: every call is chosen for at random.
	Key string `json:"key,omitempty"`
	// Failover has another member called where the one chosen cannot be. Default: none is.
	Failover Failover `json:"failover,omitzero"`
	// Retreat is when to go back to the weights before. Default: never.
	Retreat *Retreat `json:"retreat,omitempty"`

	// Previous are the weights that stood before those of Functions. The gateway keeps them for functions with Retreat; what a
	// client writes there is not taken.
	Previous []eventgateway.Share `json:"previous,omitempty"`
	// Retreated says what the weights of Functions are a retreat from. The gateway keeps it until they are changed.
	Retreated *eventgateway.Retreat `json:"retreated,omitempty"`
}

// Member is one of the functions.
type Member struct {
	// FunctionID names a function of the same space, which is not weighted itself. Required.
	FunctionID string `json:"functionId"`
	// Weight is its share of the calls, among the weights of all: 0 to 1,000,000. Required, but of a shadow, which has none.
	Weight *int `json:"weight,omitempty"`
	// Shadow has the member get a copy of every call, whose answer is ignored. Default: false.
	Shadow bool `json:"shadow,omitempty"`
}

const (
	// maxMembers is how many members a function may have, and maxShadows how many of them shadows.
	maxMembers = 100
	maxShadows = 10
	maxWeight  = 1_000_000
)

// CaddyModule implements caddy.Module.
func (*Provider) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: providers.Namespace + ".weighted", New: func() caddy.Module { return new(Provider) }}
}

// KeyExpression implements providers.Keyed.
func (p *Provider) KeyExpression() (field, source string) { return "key", p.Key }

// Open implements providers.Provider.
func (p *Provider) Open(env providers.Env) (providers.Invoker, error) {
	if err := p.canonicalize(); err != nil {
		return nil, err
	}
	return newInvoker(p, env), nil
}

// canonicalize has the members stand in Functions.
func (p *Provider) canonicalize() error {
	if p.Weighted == nil {
		return nil
	}
	if p.Functions != nil {
		return refuse("weighted: not accepted beside functions: want one list of members")
	}
	p.Functions, p.Weighted = p.Weighted, nil
	return nil
}

// Shares implements providers.Composite: the members that are no shadows, with their weights.
func (p *Provider) Shares() []eventgateway.Share {
	var all []eventgateway.Share
	for _, m := range p.Functions {
		if !m.Shadow {
			all = append(all, eventgateway.Share{FunctionID: m.FunctionID, Weight: m.weight()})
		}
	}
	return all
}

func (m *Member) weight() int {
	if m.Weight == nil {
		return 0
	}
	return *m.Weight
}

func refuse(format string, args ...any) error {
	return eventgateway.Errorf(eventgateway.Invalid, format, args...)
}

var (
	_ providers.Provider  = (*Provider)(nil)
	_ providers.Keyed     = (*Provider)(nil)
	_ providers.Composite = (*Provider)(nil)
)
