package integration

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// namedTest is how docs/compatibility.md names a test: by its package's folder and its name.
var namedTest = regexp.MustCompile("`([a-z0-9/]+)\\.((?:Test|Benchmark|Fuzz|Example)\\w+)`")

// documents are the letters by which docs/compatibility.md calls the documents, and the clients.
var documents = map[string]bool{"A": true, "B": true, "S": true, "D": true, "C": true}

// TestCompatibilityTable checks that every row of docs/compatibility.md names its document and section, what it says, what
// the gateway does and, where that differs, why, and tests that are there.
func TestCompatibilityTable(t *testing.T) {
	page, err := os.ReadFile("../docs/compatibility.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := statements(t, string(page))
	if len(rows) < 100 {
		t.Fatalf("found only %d rows", len(rows))
	}
	seen, tests := map[string]int{}, map[string][]string{}
	for _, row := range rows {
		where, does, shown := row[0], row[2], row[3]
		letters, _, ok := strings.Cut(where, " ")
		for letter := range strings.SplitSeq(letters, "+") {
			if seen[letter]++; !documents[letter] || !ok {
				t.Errorf("%s: want one of the documents, and the section", where)
			}
		}
		if strings.HasPrefix(does, "Differs:") != strings.Contains(does, "Why:") {
			t.Errorf("%s: want Differs: what, and Why: the reason, or neither: %s", where, does)
		}
		names := namedTest.FindAllStringSubmatch(shown, -1)
		if rest := namedTest.ReplaceAllString(shown, ""); len(names) == 0 || strings.Trim(rest, ", ") != "" {
			t.Errorf("%s: want tests, as `folder.TestName`: %s", where, shown)
		}
		for _, name := range names {
			folder := name[1]
			if tests[folder] == nil {
				tests[folder] = testsIn(t, folder)
			}
			if !slices.Contains(tests[folder], name[2]) {
				t.Errorf("%s: there is no test %s in %s", where, name[2], folder)
			}
		}
	}
	for letter := range documents {
		if seen[letter] == 0 {
			t.Errorf("no row is about document %s", letter)
		}
	}
}

// statements returns the cells of the rows of all tables whose head is that of statements.
func statements(t *testing.T, page string) (rows [][]string) {
	t.Helper()
	const head = "| where | what it says | what we do | shown by |"
	inside := false
	for line := range strings.Lines(page) {
		line = strings.TrimSpace(line)
		switch {
		case line == head:
			inside = true
		case !strings.HasPrefix(line, "|"):
			inside = false
		case inside && !strings.HasPrefix(line, "|---"):
			cells := strings.Split(strings.Trim(line, "| "), " | ")
			if len(cells) != 4 || slices.Contains(cells, "") {
				t.Errorf("a row of %d cells, want 4: %s", len(cells), line)
				continue
			}
			rows = append(rows, cells)
		}
	}
	return rows
}

// testsIn returns the names of the functions in a folder's test files, whatever their build tags are.
func testsIn(t *testing.T, folder string) (names []string) {
	t.Helper()
	dir := folder
	if folder == module[strings.LastIndexByte(module, '/')+1:] { // the root package
		dir = "."
	}
	files, err := filepath.Glob(filepath.Join("..", filepath.FromSlash(dir), "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range f.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil {
				names = append(names, fn.Name.Name)
			}
		}
	}
	return names
}
