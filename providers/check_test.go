package providers_test

import (
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
)

func newLogger(l *lines) *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func TestTypes(t *testing.T) {
	if types := providers.Types(); !slices.Contains(types, "fake") || !slices.IsSorted(types) {
		t.Errorf("got %q", types)
	}
}

func TestCheckMessages(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40)
	fields := "region, does, key, count, ratio, on, tags, labels, nested"
	for name, test := range map[string]struct{ fields, want string }{
		"unknown":             {`{"does":"x","foo":1}`, `provider: unknown field "foo": want ` + fields},
		"other case":          {`{"Does":"x"}`, `provider: unknown field "Does": want ` + fields},
		"ignored":             {`{"Ignored":"x"}`, `provider: unknown field "Ignored": want ` + fields},
		"embedding":           {`{"fakeShared":{}}`, `provider: unknown field "fakeShared": want ` + fields},
		"unknown, nested":     {`{"does":"x","nested":{"Y":1}}`, `provider: unknown field "Y"`},
		"string":              {`{"does":1}`, `provider.does: got number, want string`},
		"string, embedded":    {`{"region":{}}`, `provider.region: got object, want string`},
		"integer":             {`{"count":"1"}`, `provider.count: got string, want integer`},
		"integer, fraction":   {`{"count":1.5}`, `provider.count: got number, want integer`},
		"integer, large":      {`{"count":1e400}`, `provider.count: got number, want integer`},
		"number":              {`{"ratio":"1"}`, `provider.ratio: got string, want number`},
		"boolean":             {`{"on":"yes"}`, `provider.on: got string, want boolean`},
		"array":               {`{"tags":"x"}`, `provider.tags: got string, want array`},
		"array element":       {`{"tags":["x",1]}`, `provider.tags: got number, want string`},
		"object":              {`{"labels":[]}`, `provider.labels: got array, want object`},
		"object value":        {`{"labels":{"b":"x","a":1}}`, `provider.labels.a: got number, want string`},
		"object value, array": {`{"labels":{"b":"x", "a" : [1]}}`, `provider.labels.a: got array, want string`},
		"nested":              {`{"nested":{"X":"1"}}`, `provider.nested.X: got string, want integer`},
		"twice":               {`{"does":"x","does":"y"}`, `provider: the name "does" is given twice`},
		"twice, nested":       {`{"does":"x","labels":{"a":"1","a":"2"}}`, `provider.labels: the name "a" is given twice`},
		"deep":                {`{"does":"x","labels":` + deep + `}`, `provider: nested more than 32 deep`},
		"no object":           {`[]`, `provider: want an object`},
		"empty":               {``, `provider: want an object`},
		"null":                {`null`, `provider: want an object`},
		"two":                 {`{} {}`, `provider: more than one JSON value`},
		"trailing":            {`{"does":"x"}]`, `provider: more than one JSON value`},
		"malformed":           {`{"does":}`, `provider: malformed JSON after 8 bytes`},
		"cut off":             {`{"does":"x"`, `provider: malformed JSON after 11 bytes`},
		"invalid UTF-8":       {"{\"does\":\"\xff\"}", `provider: not valid UTF-8`},
		"refused":             {`{}`, `provider.does: missing: want a behaviour`},
		"refused plainly":     {`{"does":"refuse plainly"}`, `provider.does: refused`},
		"panics":              {`{"does":"panic in validate","key":"s3cret"}`, `provider: type fake panicked over these fields`},
		"no secret stored":    {`{"does":"x","key":"***"}`, `provider.key: "***" is not accepted: it keeps the stored credential`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := providers.Check(function(test.fields), nil, nil)
			if eventgateway.KindOf(err) != eventgateway.Invalid || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got error %v, want %q", err, test.want)
			}
		})
	}
}

func TestCheckUnknownType(t *testing.T) {
	for _, typ := range []string{"", "nope", "fake.nested", ".", "Fake", strings.Repeat("x", 5000), "a\x00b", "../http"} {
		fn := function(`{"does":"x"}`)
		fn.Type = typ
		_, err := providers.Check(fn, nil, nil)
		if eventgateway.KindOf(err) != eventgateway.Invalid || !strings.HasPrefix(err.Error(), "type: ") ||
			!strings.Contains(err.Error(), strings.Join(providers.Types(), ", ")) || len(err.Error()) > 400 {
			t.Errorf("type %.20q: got error %v", typ, err)
		}
	}
}

func TestCheckCanonicalForm(t *testing.T) {
	fields := ` { "labels" : {"b":"<&>","a":"1"}, "does":"x", "count":0, "key":null }` + "\n"
	got, err := providers.Check(function(fields), nil, nil)
	if want := `{"does":"x","labels":{"a":"1","b":"<&>"}}`; err != nil || string(got) != want {
		t.Errorf("got %s, error %v; want %s", got, err, want)
	}
}

func TestSecrets(t *testing.T) {
	stored := function(`{"does":"x","key":"s3cret"}`)
	otherType := function(`{"does":"x","key":"s3cret"}`)
	otherType.Type = "other"
	for name, test := range map[string]struct {
		fields   string
		previous *eventgateway.Function
		want     string // empty for refused
	}{
		"kept":                   {`{"does":"y","key":"***"}`, stored, `{"does":"y","key":"s3cret"}`},
		"changed":                {`{"does":"y","key":"new"}`, stored, `{"does":"y","key":"new"}`},
		"removed":                {`{"does":"y"}`, stored, `{"does":"y"}`},
		"new":                    {`{"does":"y","key":"new"}`, nil, `{"does":"y","key":"new"}`},
		"none stored":            {`{"does":"y","key":"***"}`, function(`{"does":"x"}`), ""},
		"another type stored":    {`{"does":"y","key":"***"}`, otherType, ""},
		"stored is not readable": {`{"does":"y","key":"***"}`, function(`{"gone":1}`), ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := providers.Check(function(test.fields), test.previous, nil)
			if test.want == "" {
				if eventgateway.KindOf(err) != eventgateway.Invalid {
					t.Errorf("got %s, error %v; want it refused", got, err)
				}
				return
			}
			if err != nil || string(got) != test.want {
				t.Errorf("got %s, error %v; want %s", got, err, test.want)
			}
		})
	}
}

func TestMask(t *testing.T) {
	unknownType := function(`{"a":"s3cret","b":["s3cret",{"c":"s3cret"}],"d":1,"e":null}`)
	unknownType.Type = "nope"
	for name, test := range map[string]struct {
		fn   *eventgateway.Function
		want string
	}{
		"secret":        {function(`{"key":"s3cret","does":"x"}`), `{"does":"x","key":"***"}`},
		"no secret":     {function(`{"does":"x"}`), `{"does":"x"}`},
		"not built in":  {unknownType, `{"a":"***","b":["***",{"c":"***"}],"d":1,"e":null}`},
		"unknown field": {function(`{"does":"x","key":"s3cret","old":"s3cret"}`), `{"does":"***","key":"***","old":"***"}`},
		"panics":        {function(`{"does":"panic over secrets","key":"s3cret"}`), `{"does":"***","key":"***"}`},
		"malformed":     {function(`{"key":"s3cret"`), `{}`},
		"null":          {function(`null`), `{}`},
	} {
		t.Run(name, func(t *testing.T) {
			before := string(test.fn.Provider)
			if got := providers.Mask(test.fn); string(got) != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
			if string(test.fn.Provider) != before {
				t.Error("the function was changed")
			}
		})
	}
}

// FuzzCheck holds that no input panics, that what is accepted is stable, and that no credential is shown.
func FuzzCheck(f *testing.F) {
	for _, seed := range []string{
		`{"does":"x","key":"abc"}`, `{"does":"x","labels":{"a":"b"}}`, `[[[`, `{"a":{"a":1,"a":2}}`, `{"count":1e9}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, fields string) {
		masked := providers.Mask(function(fields))
		if !json.Valid(masked) {
			t.Fatalf("masked as %s", masked)
		}
		out, err := providers.Check(function(fields), nil, nil)
		if err != nil {
			if eventgateway.KindOf(err) != eventgateway.Invalid {
				t.Fatalf("got error %v", err)
			}
			return
		}
		again, err := providers.Check(function(string(out)), nil, nil)
		if err != nil || string(again) != string(out) {
			t.Fatalf("%s became %s, error %v", out, again, err)
		}
		kept, err := providers.Check(function(string(masked)), function(fields), nil)
		if err != nil || string(kept) != string(out) {
			t.Fatalf("masked and kept, %s became %s, error %v", out, kept, err)
		}
	})
}
