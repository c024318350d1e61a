package migrate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
)

// Options says how a document is compared with what a gateway has.
type Options struct {
	// Prune deletes the resources that are of a kind the document has a list of and do not stand in it.
	Prune bool
	// Rehearsal returns a gateway that follows the same rules and has what states say, to try the changes on: that tells
	// beforehand what would be refused, and how the resources will look.
	Rehearsal func(states []*State) (*Gateway, error)
}

// Compare returns what has to be done to make g have what the document says. Nothing is changed. The error is Problems if the
// document is wrong: a resource is not valid, or does not go with the others.
func Compare(ctx context.Context, g *Gateway, doc *Document, options Options) (*Plan, error) {
	var states []*State
	for _, s := range doc.Spaces {
		state, err := g.Read(ctx, s.Name)
		if err != nil {
			return nil, err
		}
		states = append(states, state)
	}
	rehearsal, err := options.Rehearsal(states)
	if err != nil {
		return nil, err
	}
	plan := &Plan{doc: doc, gateway: g}
	for i, s := range doc.Spaces {
		c := &comparison{
			plan: plan, doc: doc, gateway: g, rehearsal: rehearsal, space: s, existing: map[identity]*Existing{},
			failed: map[*Resource]Problem{},
		}
		if err := c.compare(ctx, states[i], options.Prune); err != nil {
			return nil, err
		}
	}
	if len(plan.problems) > 0 {
		return nil, plan.problems
	}
	return plan, plan.readTags(ctx)
}

// comparison finds out what has to be done in one space.
type comparison struct {
	plan               *Plan
	doc                *Document
	gateway, rehearsal *Gateway
	space              *Space
	existing           map[identity]*Existing
	// surplus are the resources to be deleted, by kind.
	surplus [kindCount][]*Step
	// failed are the resources the rehearsal refused, and why.
	failed map[*Resource]Problem
}

func (c *comparison) compare(ctx context.Context, state *State, prune bool) error {
	for _, e := range state.Resources {
		c.existing[identity{e.Kind, e.ID}] = e
	}
	if err := c.findSurplus(ctx, state, prune); err != nil {
		return err
	}
	var wanted [kindCount][]*Resource
	for _, r := range c.space.Resources {
		wanted[r.kind] = append(wanted[r.kind], r)
	}
	for _, k := range state.Missing {
		for _, r := range wanted[k] {
			c.plan.problems = append(c.plan.problems, Problem{c.doc.Name, r.node.line, r.Name, "the gateway does not know " + k.String()})
		}
		wanted[k] = nil
	}
	for k := range Kind(kindCount) {
		if err := c.tryAll(ctx, k, wanted[k]); err != nil {
			return err
		}
	}
	for k := Kind(kindCount) - 1; k >= 0; k-- {
		left, err := c.deleteSurplus(ctx, k)
		if err != nil {
			return err
		}
		c.surplus[k] = left
		for _, step := range left {
			c.plan.problems = append(c.plan.problems, Problem{File: c.doc.Name, Resource: step.Name, Message: step.refusal})
		}
	}
	return nil
}

// findSurplus finds what the gateway has and the document does not.
func (c *comparison) findSurplus(ctx context.Context, state *State, prune bool) error {
	wanted := map[identity]bool{}
	for _, r := range c.space.Resources {
		wanted[r.identity] = true
	}
	for _, e := range state.Resources {
		id := identity{e.Kind, e.ID}
		if wanted[id] {
			continue
		}
		if !prune || !c.space.Given[e.Kind] {
			c.plan.Surplus++
			continue
		}
		step := &Step{Action: Delete, Space: c.space.Name, Name: e.Name, identity: id, before: e}
		if err := step.readTag(ctx, c.gateway); err != nil {
			return err
		}
		if step.static() {
			c.plan.Static++
			continue
		}
		c.surplus[e.Kind] = append(c.surplus[e.Kind], step)
	}
	return nil
}

// tryAll tries resources of a kind until all are done or none of those left can be: they may name each other. What is to be
// deleted anyway is deleted before only if it stands in the way.
func (c *comparison) tryAll(ctx context.Context, k Kind, wanted []*Resource) error {
	deleted := false
	for len(wanted) > 0 {
		var left []*Resource
		conflict := false
		for _, r := range wanted {
			problem, status, err := c.try(ctx, r)
			if err != nil {
				return err
			}
			if problem != nil {
				left = append(left, r)
				c.failed[r] = *problem
				conflict = conflict || status == http.StatusConflict
			}
		}
		if len(left) == len(wanted) {
			if deleted || !conflict || len(c.surplus[k]) == 0 {
				break
			}
			deleted = true
			var err error
			if c.surplus[k], err = c.deleteSurplus(ctx, k); err != nil {
				return err
			}
		}
		wanted = left
	}
	for _, r := range wanted {
		c.plan.problems = append(c.plan.problems, c.failed[r])
	}
	return nil
}

// try makes the rehearsal have a resource, and notes what that takes.
func (c *comparison) try(ctx context.Context, r *Resource) (problem *Problem, status int, err error) {
	before := c.existing[r.identity]
	if before != nil && len(differences(before.node, r.node)) == 0 {
		c.plan.Unchanged++
		return nil, 0, nil
	}
	step := &Step{Action: Create, Space: c.space.Name, Name: r.Name, identity: r.identity, before: before, body: r.node.json()}
	if before != nil {
		step.Action = Change
	}
	shown, err := step.rehearse(ctx, c.rehearsal)
	var refused *Refused
	switch {
	case errors.As(err, &refused):
		place := r.place(refused.Message)
		if before == nil || place.kind != kindString || place.text != masked {
			return c.problem(r, refused.Message), refused.Status, nil
		}
		// The provider looks closer at a credential than "***" allows, and here is no other. The gateway has it.
		shown = before.node
		step.Fields = []FieldChange{{Field: "provider"}}
	case err != nil:
		return nil, 0, fmt.Errorf("rehearsing: %w", err)
	}
	step.Credentials = given(r.node, shown)
	if before != nil {
		step.Fields = append(step.Fields, differences(before.node, shown)...)
		if len(step.Fields) == 0 && len(step.Credentials) == 0 {
			c.plan.Unchanged++
			return nil, 0, nil
		}
	}
	c.plan.Steps = append(c.plan.Steps, step)
	return nil, 0, nil
}

// deleteSurplus deletes what is left over of a kind, as far as that can be, and returns what could not.
func (c *comparison) deleteSurplus(ctx context.Context, k Kind) ([]*Step, error) {
	steps := c.surplus[k]
	for {
		var left []*Step
		for _, step := range steps {
			_, err := step.rehearse(ctx, c.rehearsal)
			var refused *Refused
			switch {
			case errors.As(err, &refused):
				step.refusal = refused.Message
				left = append(left, step)
			case err != nil:
				return nil, fmt.Errorf("rehearsing: %w", err)
			default:
				c.plan.Steps = append(c.plan.Steps, step)
			}
		}
		if len(left) == 0 || len(left) == len(steps) {
			return left, nil
		}
		steps = left
	}
}

// problem returns what a refusal of a resource means for the document.
func (c *comparison) problem(r *Resource, message string) *Problem {
	_, line := r.node.lookup(fieldOf(message))
	if r.place(message).hasFilled() {
		message = withoutQuotes(message)
	}
	return &Problem{c.doc.Name, line, r.Name, c.doc.Redact(message)}
}

// place returns the value a refusal is about, as far as that can be told.
func (r *Resource) place(message string) *node {
	n, _ := r.node.lookup(fieldOf(message))
	return n
}

// unknownField matches a refusal of a field by its name.
var unknownField = regexp.MustCompile(`^(?:([^ "]+): )?unknown field "([^"]*)"`)

// fieldOf returns the field a message begins with.
func fieldOf(message string) string {
	if m := unknownField.FindStringSubmatch(message); m != nil {
		return strings.TrimPrefix(m[1]+"."+m[2], ".")
	}
	if rest, ok := strings.CutPrefix(message, `"`); ok {
		field, _, _ := strings.Cut(rest, `"`)
		return field
	}
	field, _, _ := strings.Cut(message, ":")
	return field
}

// withoutQuotes returns a message without what it quotes.
func withoutQuotes(message string) string {
	parts := strings.Split(strings.ReplaceAll(message, `\"`, ""), `"`)
	for i := 1; i < len(parts); i += 2 {
		parts[i] = masked
	}
	return strings.Join(parts, `"`)
}
