package migrate

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

var update = flag.Bool("update", false, "write what the tests of old keys find in place of what they want")

// TestConvertOld converts the keys of the predecessor's versions, as etcd held them: a key without its prefix, a space and the
// value on each line of a .keys file.
func TestConvertOld(t *testing.T) {
	for _, version := range []string{"0.5", "0.6", "0.7", "0.9"} {
		t.Run(version, func(t *testing.T) {
			file := filepath.Join("testdata", "old", version)
			doc, warnings := ConvertOld("etcd", oldEntries(t, file+".keys"), []string{"awslambda", "awssqs", "http", "weighted"})
			list := &node{kind: kindList}
			for _, s := range doc.Spaces {
				list.items = append(list.items, s.tree())
			}
			var got strings.Builder
			for _, warning := range warnings {
				got.WriteString("# " + warning + "\n")
			}
			written, err := yaml.Marshal((&node{kind: kindObject, members: []member{{name: "spaces", value: list}}}).yaml())
			if err != nil {
				t.Fatal(err)
			}
			got.Write(written)
			if *update {
				if err := os.WriteFile(file+".golden", []byte(got.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file + ".golden")
			if err != nil {
				t.Fatal(err)
			}
			if got.String() != string(want) {
				t.Errorf("converted into\n%s\nwant\n%s", got.String(), want)
			}
			if strings.Contains(strings.Join(warnings, "\n"), "old-") {
				t.Errorf("a credential is in a warning")
			}
			if _, err := Parse("golden", want, os.LookupEnv); err != nil {
				t.Errorf("what was converted is no document: %v", err)
			}
		})
	}
}

// tree returns the space as a document has it.
func (s *Space) tree() *node {
	n := &node{kind: kindObject, members: []member{{name: "space", value: &node{kind: kindString, text: s.Name}}}}
	for k := range Kind(kindCount) {
		list := &node{kind: kindList}
		for _, r := range s.Resources {
			if r.kind == k {
				list.items = append(list.items, r.node)
			}
		}
		n.members = append(n.members, member{name: k.String(), value: list})
	}
	return n
}

func oldEntries(t *testing.T, file string) []OldEntry {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var entries []OldEntry
	for line := range strings.Lines(string(data)) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		entries = append(entries, OldEntry{key, []byte(value)})
	}
	return entries
}

// TestConvertOldKeepsEventsClosed has event types whose authorizer cannot be carried over: no event of theirs may reach a
// function unasked.
func TestConvertOldKeepsEventsClosed(t *testing.T) {
	entries := []OldEntry{
		{"eventtypes/default/a", []byte(`{"space":"default","name":"a","authorizerId":"gone"}`)},
		{"eventtypes/default/b", []byte(`{"space":"default","name":"b","authorizerId":"asks","metadata":{"":"bad"}}`)},
		{"eventtypes/default/http.request", []byte(`{"space":"default","name":"http.request","authorizerId":"hose"}`)},
		{"eventtypes/default/d", []byte(`{"name":"d","authorizerId":["asks"]}`)},
		{"eventtypes/default/e", []byte(`{"name":"e","authori`)},
		{"functions/default/asks", []byte(`{"functionId":"asks","type":"http","provider":{"url":"http://localhost/"}}`)},
		{"functions/default/hose", []byte(`{"functionId":"hose","type":"awsfirehose","provider":{"deliveryStreamName":"s","region":"r"}}`)},
		{"subscriptions/default/1", []byte(`{"type":"async","eventType":"a","functionId":"asks","path":"/","method":"POST"}`)},
		{"subscriptions/default/2", []byte(`{"type":"async","eventType":"b","functionId":"asks","path":"/","method":"POST"}`)},
		{"subscriptions/default/3", []byte(`{"type":"sync","eventType":"http.request","functionId":"asks","path":"/","method":"GET"}`)},
		{"subscriptions/default/d", []byte(`{"type":"async","eventType":"d","functionId":"asks","path":"/","method":"POST"}`)},
		{"subscriptions/default/e", []byte(`{"type":"async","eventType":"e","functionId":"asks","path":"/","method":"POST"}`)},
		{"subscriptions/default/4", []byte(`{"type":"async","eventType":"c","functionId":"asks","path":"/","method":"POST"}`)},
	}
	doc, warnings := ConvertOld("etcd", entries, []string{"http"})
	var names []string
	for _, r := range doc.Spaces[0].Resources {
		names = append(names, r.Name)
	}
	if got := strings.Join(names, ", "); got != "function asks, subscription async c POST / to asks" {
		t.Errorf("carried over %s, with the warnings\n%s", got, strings.Join(warnings, "\n"))
	}
}

// FuzzConvertOld gives anything as a value of each kind: what is converted is a document.
func FuzzConvertOld(f *testing.F) {
	for _, value := range []string{
		`{"functionId":"f","provider":{"type":"weighted","weighted":[{"functionId":"f"}]}}`, `{"name":"e","authorizerId":7}`,
		`{"event":"e","functionId":"f","cors":{}}`, `{"method":"GET","path":"/:a/:a"}`, `[]`, `{"provider":null}`,
	} {
		f.Add("default/x", value)
	}
	f.Fuzz(func(t *testing.T, key, value string) {
		var entries []OldEntry
		for _, kind := range []string{"functions/", "eventtypes/", "cors/", "subscriptions/", ""} {
			entries = append(entries, OldEntry{kind + key, []byte(value)})
		}
		doc, _ := ConvertOld("etcd", entries, []string{"http", "weighted"})
		for _, s := range doc.Spaces {
			if _, err := Parse("doc", s.tree().json(), os.LookupEnv); err != nil && !strings.Contains(err.Error(), "${") {
				t.Fatalf("%s: %s is converted into %s: %v", key, value, s.tree().json(), err)
			}
		}
	})
}
