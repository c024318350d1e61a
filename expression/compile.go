package expression

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/cel"

	"github.com/eventgateway/eventgateway"
)

// Kind is what an expression is for.
type Kind int

// The kinds of expressions.
const (
	// Filter is an expression whose value is a bool.
	Filter Kind = iota + 1
	// Transform is an expression of any value that has a JSON form, or a string or bytes.
	Transform
	// ResponseTransform is a Transform that also sees the variable response.
	ResponseTransform
)

// Scope is what is known about the events an expression is for. The zero Scope knows nothing.
type Scope struct {
	// Event is the event type, or what a subscription to several listens to. An expression for events other than http must not use
	// request. Empty means any.
	Event string
	// Schema is the JSON Schema of the event type's data. An expression must not select properties of data that the schema
	// does not have, see Schema.Lacks. Nil means no schema.
	Schema json.RawMessage
}

// Compile parses, checks and plans an expression. field names it in errors, such as "filter". An error is an
// *eventgateway.Error of kind Invalid; its message has the position as line:column, both from 1. What costs too much is
// refused: see the limits in this package. Equal expressions of one kind share one program for as long as one of them is used.
func Compile(kind Kind, field, source string, scope Scope) (*Program, error) {
	ast, err := parse(kind, field, source)
	if err != nil {
		return nil, err
	}
	if err := scope.check(field, ast); err != nil {
		return nil, err
	}
	return programs.Get(programKey{kind, source}, func() (*Program, error) { return plan(kind, field, source, ast) })
}

// Analyze is Compile for a filter that has been compiled before and may need no program: it returns its formula, and plans
// a program only if the formula is not all of it. It knows no scope.
func Analyze(field, source string) (Formula, *Program, error) {
	ast, err := parse(Filter, field, source)
	if err != nil {
		return Formula{}, nil, err
	}
	formula := formulaOf(ast.NativeRep())
	if formula.exact() {
		return formula, nil, nil
	}
	p, err := programs.Get(programKey{Filter, source}, func() (*Program, error) { return plan(Filter, field, source, ast) })
	return formula, p, err
}

// parse parses and type-checks.
func parse(kind Kind, field, source string) (*cel.Ast, error) {
	if len(source) > MaxLength {
		return nil, eventgateway.Errorf(eventgateway.Invalid, "%s: %d bytes are not accepted: want at most %d",
			field, len(source), MaxLength)
	}
	if !utf8.ValidString(source) {
		return nil, eventgateway.Errorf(eventgateway.Invalid, "%s: not valid UTF-8: want a CEL expression", field)
	}
	if err := checkNesting(field, source); err != nil {
		return nil, err
	}
	ast, issues := environment(kind).Compile(source)
	if issues.Err() != nil {
		return nil, invalid(field, issues)
	}
	if t := ast.OutputType(); kind == Filter && !t.IsExactType(cel.BoolType) && !t.IsExactType(cel.DynType) {
		return nil, eventgateway.Errorf(eventgateway.Invalid, "%s: 1:1: the value is %s: want a bool", field, cel.FormatCELType(t))
	}
	return ast, nil
}

// checkNesting refuses what is nested too deeply before the parser, which is slow at that, sees it.
func checkNesting(field, source string) error {
	depth, line, start := 0, 1, 0
	var quote byte
	for i := 0; i < len(source); i++ {
		c := source[i]
		switch {
		case c == '\n':
			line, start = line+1, i+1
		case quote != 0:
			if c == '\\' {
				i++
			} else if c == quote {
				quote = 0
			}
		case c == '/' && strings.HasPrefix(source[i:], "//"): // a comment: the newline is next
			for i+1 < len(source) && source[i+1] != '\n' {
				i++
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '(' || c == '[' || c == '{':
			if depth++; depth > MaxNesting {
				return eventgateway.Errorf(eventgateway.Invalid, "%s: %d:%d: nested too deeply: want at most %d levels",
					field, line, utf8.RuneCountInString(source[start:i])+1, MaxNesting)
			}
		case c == ')' || c == ']' || c == '}':
			depth--
		}
	}
	return nil
}

// invalid makes one error of the first issue: the others are mostly its consequences.
func invalid(field string, issues *cel.Issues) error {
	for _, e := range issues.Errors() {
		text, _, _ := strings.Cut(e.Message, "\n")
		return eventgateway.Errorf(eventgateway.Invalid, "%s: %d:%d: %s",
			field, max(e.Location.Line(), 1), max(e.Location.Column(), 0)+1, shorten(text))
	}
	return eventgateway.Errorf(eventgateway.Invalid, "%s: %s", field, shorten(issues.Err().Error()))
}

func shorten(text string) string {
	const limit = 300
	if len(text) > limit {
		text = text[:limit] + "…"
	}
	return strings.ToValidUTF8(text, "")
}

func tooCostly(field string, cost uint64) error {
	return eventgateway.Errorf(eventgateway.Invalid, "%s: 1:1: too costly: %s steps for an event of usual size: want at most %d",
		field, costText(cost), MaxCost)
}

func costText(cost uint64) string {
	if cost > 1<<53 {
		return "very many"
	}
	return fmt.Sprint(cost)
}
