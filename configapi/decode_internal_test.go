package configapi

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/eventgateway/eventgateway"
)

var storedSubscriptions = []string{
	`{"space":"default","subscriptionId":"x","type":"async","event":"user.created","functionId":"f","method":"POST","path":"/"}`,
	`{"space":"a","event":"http","path":"/users/:id/*rest"}`,
	`{"path":"","event":"","path":"/twice"}`,
	`{"event":"a","cors":{"origins":["*"]}}`,
	`{"event":"a","metadata":{"k":"v"}}`,
	`{"event":"a","delivery":{"attempts":3}}`, `{"event":"a","paused":true}`, `{"event":"a","paused":"true"}`,
	`{"event":"a" , "path":"/"}`,
	`{"event":"a\n"}`, `{"event":"ü"}`, `{"Event":"a"}`, `{"event":1}`, `{"event":null}`, `{"later":"x"}`,
	`{}`, `{`, `}`, `[]`, `{"event"}`, `{"event":}`, `{"event":"a}`, `{"event":"a"`, `{"event":"a",}`, `{"event":"a"}}`, `{"event":"a"}{}`,
	`{"event":"a":"b"}`, `{"event","a"}`, `{:"a"}`, `{"event":"a""path":"b"}`, ``, `null`, "{\"event\":\"\x7f\"}", "{\"event\":\"a\tb\"}",
}

// The fast way accepts nothing that encoding/json refuses, and reads it alike.
func checkPlain(t *testing.T, data []byte) (plain bool) {
	t.Helper()
	var fast, slow eventgateway.Subscription
	if !decodePlain(data, &fast, new(interner)) {
		return false
	}
	fast.ID = ""
	err := json.Unmarshal(data, &slow)
	slow.ID = "" // the key has it
	if err != nil || !reflect.DeepEqual(fast, slow) {
		t.Errorf("%s:\nfast %+v\nslow %+v %v", data, fast, slow, err)
	}
	return true
}

func TestDecodePlain(t *testing.T) {
	plain := 0
	for _, s := range storedSubscriptions {
		if checkPlain(t, []byte(s)) {
			plain++
		}
	}
	if plain != 3 {
		t.Errorf("%d of the inputs are read the fast way, want the first 3", plain)
	}
	sub := eventgateway.Subscription{Event: "e", FunctionID: "f", Path: "/a-b_c.d/:x/*y"}
	sub.Normalize()
	if !checkPlain(t, canonical(&sub)) {
		t.Error("what is stored is not read the fast way")
	}
}

func FuzzDecodePlain(f *testing.F) {
	for _, s := range storedSubscriptions {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) { checkPlain(t, data) })
}

func TestInternerIsBounded(t *testing.T) {
	in := new(interner)
	a := in.intern("a")
	for i := range maxInterned + 1 {
		in.internBytes([]byte{'k', byte(i), byte(i >> 8), byte(i >> 16)})
	}
	if len(in.known) > maxInterned || in.intern("a") != a {
		t.Errorf("%d strings are held", len(in.known))
	}
}

func TestMatchPattern(t *testing.T) {
	for _, test := range []struct{ pattern, path, space, id string }{
		{"/v1/spaces/{space}/functions/{id}", "/v1/spaces/a/functions/f", "a", "f"},
		{"/v1/spaces/{space}/functions/{id}", "/v1/spaces/a/functions/%66%2F", "a", "f/"},
		{"/v1/functions/{id}", "/v1/functions/f", "", "f"},
	} {
		if space, id, ok := matchPattern(test.pattern, test.path); !ok || space != test.space || id != test.id {
			t.Errorf("%s: got %q %q %v", test.path, space, id, ok)
		}
	}
	for _, path := range []string{"", "/", "/v1/functions", "/v1/functions/", "/v1/functions/f/", "//v1/functions/f", "/v1/functions/%zz", "/V1/functions/f"} {
		if _, _, ok := matchPattern("/v1/functions/{id}", path); ok {
			t.Errorf("%s matches", path)
		}
	}
}

// BenchmarkDecode is one stored subscription, read the fast way and by encoding/json.
func BenchmarkDecode(b *testing.B) {
	plain := []byte(storedSubscriptions[0])
	var shared interner
	b.Run("plain", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var s eventgateway.Subscription
			decodePlain(plain, &s, &shared)
		}
	})
	b.Run("json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var s eventgateway.Subscription
			if err := json.Unmarshal(plain, &s); err != nil {
				b.Fatal(err)
			}
		}
	})
}
