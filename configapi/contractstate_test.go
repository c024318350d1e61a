package configapi_test

import (
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/configapi"
	"github.com/eventgateway/eventgateway/matcher"
)

// corsAt returns the CORS of the resource for GET on a path; nil for none.
func corsAt(v *configapi.View, space, path string) *eventgateway.CORS {
	var m matcher.Match
	v.Snapshot().CORS.Find(&matcher.Query{Space: space, Method: "GET", Path: path, Event: eventgateway.EventHTTP}, &m)
	if m.Sync.Subscription == nil {
		return nil
	}
	return m.Sync.Subscription.CORS
}

// A schema is compiled once for as long as it stays what it is, whatever else of its type changes.
func TestSchemaIsCompiledOnce(t *testing.T) {
	in := newInstance(t, newStore(t), configapi.Static{})
	schema := func() any { return in.view.Snapshot().EventType("a", "e").Schema }
	const all, one = "/v1/spaces/a/eventtypes", "/v1/spaces/a/eventtypes/e"
	in.must(201, "POST", all, `{"name":"e","schema":{"type":"object"}}`)
	first := schema()
	in.must(200, "PUT", one, `{"schema":{"type":"object"},"schemaMode":"flag"}`)
	if schema() != first {
		t.Error("compiled again for another mode")
	}
	in.store.list(in.mirror)
	if schema() != first {
		t.Error("compiled again for a load")
	}
	in.must(200, "PUT", one, `{"schema":{"type":"string"}}`)
	if schema() == first {
		t.Error("not compiled for another schema")
	}
	et := in.view.Snapshot().EventType("a", "e")
	if et.Schema.Validate([]byte(`"x"`)) != nil || et.Schema.Validate([]byte(`{}`)) == nil {
		t.Error("it is not the schema that was written")
	}
	in.must(200, "PUT", one, `{"schema":{"type":"string"},"schemaMode":"off"}`)
	if in.view.Snapshot().EventType("a", "e").Schema != nil {
		t.Error("there is something to validate with, though the mode is off")
	}
	in.must(200, "PUT", one, `{"schema":{"type":"string"}}`)
	if in.view.Snapshot().EventType("a", "e").Schema == nil {
		t.Error("there is nothing to validate with after the mode was off")
	}
}

// What is stored and cannot be used is left out, and told of once.
func TestBrokenEventTypesAndCORS(t *testing.T) {
	s := newStore(t)
	in := newInstance(t, s, configapi.Static{})
	in.must(201, "POST", "/v1/spaces/a/eventtypes", `{"name":"e"}`)
	in.must(201, "POST", "/v1/spaces/a/cors", `{"method":"GET","path":"/x"}`)
	id := testCORS("a", "GET", "/x").ID
	for _, entry := range []struct {
		kind                  configapi.Kind
		id, value, wantsField string
	}{
		{configapi.EventTypes, "e", `{"space":"a","name":"e","schema":{"type":"nmber"}}`, "schema"},
		{configapi.EventTypes, "other", `{"space":"a","name":"e"}`, "key"},
		{configapi.EventTypes, "http.request", `{"space":"a","name":"http.request"}`, "key"},
		{configapi.EventTypes, "mode", `{"space":"a","name":"mode","schemaMode":"x"}`, "schemaMode"},
		{configapi.EventTypes, "json", `{`, "value"},
		{configapi.CORS, id, `{"space":"a","method":"GET","path":"/x","allowedOrigins":["a b"]}`, "allowedOrigins"},
		{configapi.CORS, "x", `{"space":"a","method":"GET","path":"/x"}`, "key"},
		{configapi.CORS, "json", `[]`, "value"},
	} {
		in.wait(s.put(key("a", entry.kind, entry.id), entry.value))
		line := in.log.String()[strings.LastIndex(strings.TrimSpace(in.log.String()), "\n")+1:]
		if !strings.Contains(line, "id="+entry.id) || !strings.Contains(line, "field="+entry.wantsField) {
			t.Errorf("%s %s: logged %q", entry.kind, entry.id, line)
		}
	}
	snap := in.view.Snapshot()
	if got := snap.EventType("a", "e"); got == nil || !got.Unusable || snap.EventType("b", "e") != nil {
		t.Errorf("what is stored for event type e cannot be used, and is given as %v", got)
	}
	if snap.CORS.Len() != 0 || in.mirror.Skipped() != 8 {
		t.Errorf("%d CORS resources, %d skipped", snap.CORS.Len(), in.mirror.Skipped())
	}
	before := in.log.String()
	s.list(in.mirror)
	if in.log.String() != before {
		t.Error("told again after a load")
	}
	in.wait(s.put(key("a", configapi.EventTypes, "e"), `{"space":"a","name":"e","of":"a later version"}`))
	if got := in.view.Snapshot().EventType("a", "e"); got == nil || got.Unusable || in.mirror.Skipped() != 7 {
		t.Errorf("%d skipped after one was mended", in.mirror.Skipped())
	}
}

func TestStaticEventTypesAndCORS(t *testing.T) {
	s := newStore(t)
	cors := testCORS("a", "GET", "/x")
	s.put(key("a", configapi.EventTypes, "http"), `{"space":"a","name":"http","metadata":{"from":"store"}}`)
	s.put(key("a", configapi.CORS, cors.ID), encode(cors))
	own := testCORS("a", "get", "/x")
	own.AllowedOrigins, own.Metadata = []string{"https://a.example"}, map[string]string{"k": "v"}
	in := newInstance(t, s, configapi.Static{
		EventTypes: []*eventgateway.EventType{{Space: "a", Name: "http.request", Schema: []byte(`{}`)}},
		CORS:       []*eventgateway.CORSResource{own},
	})
	const readOnly = ` comes from the server's own configuration and can only be changed there`
	typePath, corsPath := "/v1/spaces/a/eventtypes/http", "/v1/spaces/a/cors/"+cors.ID
	for _, r := range []struct{ method, path, body, want string }{
		{"POST", "/v1/spaces/a/eventtypes", `{"name":"http"}`, `event type "http.request"` + readOnly},
		{"PUT", typePath, `{}`, `event type "http.request"` + readOnly},
		{"DELETE", typePath, "", `event type "http.request"` + readOnly},
		{"POST", "/v1/spaces/a/cors", `{"method":"GET","path":"/x"}`, `CORS resource "` + cors.ID + `"` + readOnly},
		{"PUT", corsPath, `{}`, `CORS resource "` + cors.ID + `"` + readOnly},
		{"DELETE", corsPath, "", `CORS resource "` + cors.ID + `"` + readOnly},
	} {
		if got := in.must(409, r.method, r.path, r.body).message(); got != r.want {
			t.Errorf("%s %s: got %s", r.method, r.path, got)
		}
	}
	if got := in.must(200, "GET", "/v1/spaces/a/eventtypes", "").body; got != `{"eventTypes":[{"space":"a","name":"http.request","schema":{}}]}`+"\n" {
		t.Errorf("got %s", got)
	}
	if got := in.must(200, "GET", "/v1/spaces/a/cors?metadata.k=v", "").body; strings.Count(got, "corsId") != 1 || !strings.Contains(got, "https://a.example") {
		t.Errorf("got %s", got)
	}
	for _, path := range []string{typePath, corsPath} {
		if tag := in.must(200, "GET", path, "").Header().Get("ETag"); !strings.HasPrefix(tag, `"static-`) {
			t.Errorf("%s: ETag %s", path, tag)
		}
	}
	if got := corsAt(in.view, "a", "/x"); got == nil || got.Origins[0] != "https://a.example" {
		t.Errorf("the snapshot has %+v", got)
	}
	if got := in.view.Snapshot().EventType("a", "http"); got == nil || got.Name != "http.request" || got.Schema == nil {
		t.Errorf("the snapshot has %+v", got)
	}
}

// An event type that stands alone in its space makes it one, as a CORS resource does.
func TestSpacesOfEventTypesAndCORS(t *testing.T) {
	in := newInstance(t, newStore(t), configapi.Static{
		EventTypes: []*eventgateway.EventType{{Space: "fixed", Name: "e"}}, CORS: []*eventgateway.CORSResource{testCORS("shared", "GET", "/")},
	})
	in.must(201, "POST", "/v1/spaces/typed/eventtypes", `{"name":"e"}`)
	<-in.seen
	for _, space := range []string{"fixed", "shared", "typed"} {
		in.must(200, "GET", "/v1/spaces/"+space+"/functions", "")
		if got := <-in.seen; got != space+" functions list OK" {
			t.Errorf("%s: counted as %q", space, got)
		}
	}
}
