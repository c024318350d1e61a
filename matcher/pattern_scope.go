package matcher

import (
	"slices"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/expression"
)

// fits refuses a pattern that asks for what cannot be in the events of a scope.
func (p *pattern) fits(scope expression.Scope) error {
	if len(scope.Schema) == 0 {
		return nil
	}
	if problem := p.lacks(expression.NewSchema(scope.Schema), nil); problem != "" {
		return eventgateway.Errorf(eventgateway.Invalid, "pattern: %s", problem)
	}
	return nil
}

// lacks says what the schema has not of the values at and below a path in the event that have to be there.
func (p *pattern) lacks(schema *expression.Schema, path []string) string {
	if p.absent || len(path) == 1 && path[0] != "data" {
		return ""
	}
	if p.leaf != nil {
		return schema.Lacks(path[1:], true)
	}
	for _, m := range p.members {
		if problem := m.pattern.lacks(schema, append(slices.Clone(path), m.name)); problem != "" {
			return problem
		}
	}
	for _, alternatives := range p.either {
		for _, alternative := range alternatives {
			if problem := alternative.lacks(schema, path); problem != "" {
				return problem
			}
		}
	}
	return ""
}
