package migrate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Action is what is done to a resource.
type Action string

// The actions.
const (
	Create Action = "create"
	Change Action = "change"
	Delete Action = "delete"
)

// Step is one change of a gateway.
type Step struct {
	Action Action
	Space  string
	// Name says which resource it is, for messages.
	Name string
	// Fields are those a Change changes.
	Fields []FieldChange
	// Credentials are the fields whose credential the document has. They are written always: what the gateway has cannot be
	// compared, because it does not show it.
	Credentials []string

	identity
	body   []byte
	before *Existing
	tag    string
	// refusal is why the rehearsal refused it, if it did.
	refusal string
}

// Plan is what has to be done to make a gateway have what a document says.
type Plan struct {
	// Steps are in the order they have to be done in.
	Steps []*Step
	// Unchanged counts the resources that are as they should be, Surplus those the document does not have and that stay,
	// Static those that would be deleted and cannot, because they come from the server's own configuration.
	Unchanged, Surplus, Static int

	doc      *Document
	gateway  *Gateway
	problems Problems
}

// Differs reports whether a step makes a difference that can be seen: writing a credential the gateway may have already is
// none.
func (p *Plan) Differs() bool {
	for _, step := range p.Steps {
		if step.differs() {
			return true
		}
	}
	return false
}

func (s *Step) differs() bool { return s.Action != Change || len(s.Fields) > 0 }

// readTags reads the versions of the resources that are to be changed, and makes sure that they still are what they were
// compared as.
func (p *Plan) readTags(ctx context.Context) error {
	for _, step := range p.Steps {
		if step.Action != Change {
			continue
		}
		if err := step.readTag(ctx, p.gateway); err != nil {
			return err
		}
		if step.static() {
			return fmt.Errorf("%s: it comes from the server's own configuration and can only be changed there", step)
		}
	}
	return nil
}

func (s *Step) readTag(ctx context.Context, g *Gateway) error {
	now, tag, err := g.get(ctx, s.Space, s.identity)
	if err != nil {
		return fmt.Errorf("reading %s: %w", s, err)
	}
	if len(differences(s.before.node, now.node)) > 0 {
		return fmt.Errorf("%s: somebody else changed it just now: try again", s)
	}
	s.tag = tag
	return nil
}

// static reports whether the resource comes from the server's own configuration.
func (s *Step) static() bool { return strings.HasPrefix(s.tag, `"static-`) }

// String returns the resource's name.
func (s *Step) String() string { return s.Name + " in space " + s.Space }

// do makes the change. It fails if the resource is not as it was when it was compared.
func (s *Step) do(ctx context.Context, g *Gateway, tag string, result any) error {
	var err error
	switch s.Action {
	case Create:
		_, err = g.do(ctx, http.MethodPost, path(s.Space, s.kind), s.body, "", result)
	case Change:
		_, err = g.do(ctx, http.MethodPut, path(s.Space, s.kind, s.id), s.body, tag, result)
	default:
		_, err = g.do(ctx, http.MethodDelete, path(s.Space, s.kind, s.id), nil, tag, nil)
	}
	return err
}

// rehearse makes the change in a rehearsal, and returns the resource as it is afterwards.
func (s *Step) rehearse(ctx context.Context, rehearsal *Gateway) (shown *node, err error) {
	var raw rawNode
	if err := s.do(ctx, rehearsal, "", &raw); err != nil {
		return nil, err
	}
	return raw.node, nil
}

// rawNode is a node to be read from an answer.
type rawNode struct{ *node }

func (r *rawNode) UnmarshalJSON(data []byte) (err error) {
	r.node, err = readTree(data)
	return err
}

// Apply makes the changes, one after the other, and tells of each that is done. An error ends it: the changes told of are
// done, the others are not, but for one whose error says otherwise.
func (p *Plan) Apply(ctx context.Context, done func(*Step)) error {
	for i, step := range p.Steps {
		if err := step.do(ctx, p.gateway, step.tag, nil); err != nil {
			var refused *Refused
			message := err.Error()
			if errors.As(err, &refused) && refused.Status == http.StatusPreconditionFailed {
				message = "somebody else changed it meanwhile"
			}
			return fmt.Errorf("%s %s: %s: stopped after %d of %d changes; those are done: import again to go on",
				step.Action, step, p.redact(step, message), i, len(p.Steps))
		}
		done(step)
	}
	return nil
}

// redact takes out of a message what stood for placeholders.
func (p *Plan) redact(step *Step, message string) string {
	for _, s := range p.doc.Spaces {
		for _, r := range s.Resources {
			if s.Name == step.Space && r.identity == step.identity && r.node.hasFilled() {
				message = withoutQuotes(message)
			}
		}
	}
	return p.doc.Redact(message)
}

// signs mark the actions in what Print prints.
var signs = map[Action]string{Create: "+", Change: "~", Delete: "-"}

// Print prints what has to be done, for a reader.
func (p *Plan) Print(w io.Writer) error {
	var b strings.Builder
	space := ""
	count := map[Action]int{}
	for _, step := range p.Steps {
		if step.Space != space {
			space = step.Space
			fmt.Fprintf(&b, "space %s\n", space)
		}
		sign := signs[step.Action]
		if !step.differs() {
			sign = "="
		} else {
			count[step.Action]++
		}
		fmt.Fprintf(&b, "  %s %s\n", sign, step.Name)
		for _, f := range step.Fields {
			fmt.Fprintf(&b, "      %s\n", p.doc.show(f))
		}
		if step.Action == Change && len(step.Credentials) > 0 {
			fmt.Fprintf(&b, "      %s: given, and written whether or not it is the one stored\n", strings.Join(step.Credentials, ", "))
		}
	}
	fmt.Fprintf(&b, "%d to create, %d to change, %d to delete; %d as they should be", count[Create], count[Change], count[Delete],
		p.Unchanged+len(p.Steps)-count[Create]-count[Change]-count[Delete])
	if p.Surplus > 0 {
		fmt.Fprintf(&b, ", %d not in the document and left alone", p.Surplus)
	}
	if p.Static > 0 {
		fmt.Fprintf(&b, ", %d of the server's own configuration and left alone", p.Static)
	}
	b.WriteByte('\n')
	_, err := io.WriteString(w, b.String())
	return err
}

// show returns a changed field for a reader.
func (d *Document) show(f FieldChange) string {
	switch {
	case f.From == "" && f.To == "":
		return f.Field + ": changed"
	case f.From == "":
		return f.Field + ": added " + d.short(f.To)
	case f.To == "":
		return f.Field + ": removed " + d.short(f.From)
	}
	return f.Field + ": " + d.short(f.From) + " -> " + d.short(f.To)
}

// maxShown is how many bytes of a value are shown.
const maxShown = 200

func (d *Document) short(text string) string {
	text = d.Redact(text)
	if len(text) > maxShown {
		return strings.ToValidUTF8(text[:maxShown], "") + "…"
	}
	return text
}
