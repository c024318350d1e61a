package caddymodule

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// runFilter runs the command as `caddy event-gateway filter` does.
func runFilter(stdin string, args ...string) (stdout, stderr string, err error) {
	cmd := filterCommand()
	var out, problems bytes.Buffer
	cmd.SetArgs(args)
	cmd.SetIn(strings.NewReader(stdin))
	cmd.SetOut(&out)
	cmd.SetErr(&problems)
	err = cmd.Execute()
	return out.String(), problems.String(), err
}

func TestFilterCommand(t *testing.T) {
	const events = `{"event":"order","id":"1", "data":{"total":7,"country":"DE"}}
{"event":"order","id":"2","data":{"total":101,"country":"AT"}}

{"specversion":"1.0","type":"order","source":"/shop","id":"3","data":{"total":500}}
`
	second, third := `{"event":"order","id":"2","data":{"total":101,"country":"AT"}}`+"\n",
		`{"specversion":"1.0","type":"order","source":"/shop","id":"3","data":{"total":500}}`+"\n"
	for _, test := range []struct {
		name, stdin string
		args        []string
		status      int
		out, err    string
	}{
		{"a filter", events, []string{"--filter", "data.total > 100"}, 0, second + third, ""},
		{"a list", "[" + strings.TrimSpace(strings.ReplaceAll(strings.ReplaceAll(events, "\n\n", "\n"), "}\n{", "},\n{")) + "]", []string{"--filter", "data.total > 100"}, 0, second + third, ""},
		{"a pattern", events, []string{"--pattern", `{"detail":{"country":["AT"]}}`}, 0, second, ""},
		{"no condition", events, []string{"--transform", "event.id"}, 0, "1\n2\n3\n", ""},
		{"a transform", events, []string{"--filter", "data.total > 100", "--transform", `{"id": event.id, "t": data.total}`}, 0, `{"id":"2","t":101}` + "\n" + `{"id":"3","t":500}` + "\n", ""},
		{"bytes", `{"event":"e"}`, []string{"--transform", `b"\x00\x01"`}, 0, "AAE=\n", ""},
		{"none matches", events, []string{"--filter", "data.total > 1000"}, 1, "", ""},
		{"no events", " \n", []string{"--filter", "true"}, 1, "", ""},
		{"an empty list", "[]", []string{"--filter", "true"}, 1, "", ""},
		{"a filter that fails", events, []string{"--filter", "data.country == 'AT'"}, 0, second, "event 3: filter: no such key: country\n"},
		{"a transform that fails", events, []string{"--transform", "data.country"}, 2, "DE\nAT\n", "event 3: transform: no such key: country\n"},
		{"an expression that does not compile", events, []string{"--filter", "data.total > 1 &&\n  nothing"}, 2, "", "--filter: 2:3: undeclared reference to 'nothing'"},
		{"two that do not", events, []string{"--filter", "1", "--transform", "nothing"}, 2, "", "--filter: 1:1: the value is int: want a bool\n--transform: 1:1: undeclared reference"},
		{"both", events, []string{"--filter", "true", "--pattern", "{}"}, 2, "", "--pattern is not accepted beside --filter: want one of them\n"},
		{"a pattern that is none", events, []string{"--pattern", "{"}, 2, "", "--pattern: "},
		{"no event", `{"event":"e"}{"a":1}{"event":"f"}`, []string{"--filter", "true"}, 2, `{"event":"e"}` + "\n" + `{"event":"f"}` + "\n", "unknown field event 2.a: want only "},
		{"no JSON", `{"event":"e"} nothing`, []string{"--filter", "true"}, 2, `{"event":"e"}` + "\n", "-: event 2: not valid JSON at byte 16: "},
		{"broken off", `{"event":`, []string{"--filter", "true"}, 2, "", "-: event 1: not valid JSON: it ends too early\n"},
		{"a list broken off", `[{"event":"e"}`, []string{"--filter", "true"}, 2, `{"event":"e"}` + "\n", "-: not valid JSON: it ends too early\n"},
		{"more after a list", `[] {"event":"e"}`, []string{"--filter", "true"}, 2, "", "-: more follows the list: want nothing after it\n"},
		{"no file", "", []string{"--filter", "true", "/does/not/exist"}, 2, "", "/does/not/exist: open: no such file or directory\n"},
	} {
		out, problems, err := runFilter(test.stdin, test.args...)
		status := exitMatched
		switch {
		case err == errUnmatched:
			status = exitUnmatched
		case err != nil:
			status = exitFailed
		}
		if status != test.status || out != test.out || !strings.HasPrefix(problems, test.err) || test.err == "" && problems != "" {
			t.Errorf("%s: status %d, printed %q and %q; want %d, %q and %q", test.name, status, out, problems, test.status, test.out, test.err)
		}
	}
}

func TestFilterCommandReadsFiles(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a.json"), filepath.Join(dir, "b.json")
	for name, content := range map[string]string{a: `{"event":"a"}`, b: `[{"event":"b"}]`} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, problems, err := runFilter(`{"event":"stdin"}`, "--transform", "event.type", a, "-", b)
	if err != nil || out != "a\nstdin\nb\n" || problems != "" {
		t.Errorf("printed %q and %q, %v", out, problems, err)
	}
}

func TestFilterCommandTellsOfUnknownFlags(t *testing.T) {
	_, problems, err := runFilter("", "--expression", "true")
	if err == nil || err == errUnmatched || !strings.Contains(problems, "unknown flag: --expression") || !strings.Contains(problems, "Usage:") {
		t.Errorf("printed %q, %v", problems, err)
	}
}

// FuzzFilterCommand gives anything as events.
func FuzzFilterCommand(f *testing.F) {
	for _, seed := range []string{`{"event":"e"}`, `[{"event":"e"}]`, `[[]]`, `{"http":{}}{}`, "[1,", "\xff", "]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, stdin string) {
		out, _, err := runFilter(stdin, "--filter", "true")
		if err == nil && out == "" {
			t.Fatalf("an event matched, and none was printed, of %q", stdin)
		}
	})
}
