package expression_test

import (
	"os"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway/expression"
)

// TestDocumentedExpressionsCompile compiles every line of the blocks in docs/filters.md that hold expressions.
func TestDocumentedExpressionsCompile(t *testing.T) {
	page, err := os.ReadFile("../docs/filters.md")
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]expression.Kind{
		"```cel": expression.Filter, "```cel transform": expression.Transform, "```cel response": expression.ResponseTransform,
	}
	count, kind := 0, expression.Kind(0)
	for line := range strings.Lines(string(page)) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "```"):
			kind = kinds[line]
		case kind != 0:
			count++
			if _, err := expression.Compile(kind, "expression", line, expression.Scope{}); err != nil {
				t.Errorf("%s\n%v", line, err)
			}
		}
	}
	if count < 20 {
		t.Errorf("found only %d expressions", count)
	}
}
