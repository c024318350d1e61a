package configapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/configapi"
)

// openAPI is docs/openapi.yaml, which is held against the handler: what it says is served, and the other way round.
type openAPI struct {
	document map[string]any
	compiler *jsonschema.Compiler
}

const openAPIFile = "../docs/openapi.yaml"

func readOpenAPI(t *testing.T) *openAPI {
	t.Helper()
	data, err := os.ReadFile(openAPIFile)
	if err != nil {
		t.Fatal(err)
	}
	var fromYAML any
	if err := yaml.Unmarshal(data, &fromYAML); err != nil {
		t.Fatal(err)
	}
	inJSON, err := json.Marshal(fromYAML)
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(inJSON))
	if err != nil {
		t.Fatal(err)
	}
	spec := &openAPI{document.(map[string]any), jsonschema.NewCompiler()}
	if err := spec.compiler.AddResource("openapi.json", document); err != nil {
		t.Fatal(err)
	}
	return spec
}

// at returns what stands at a path of names, with references followed, and the JSON pointer to it.
func (s *openAPI) at(names ...string) (any, string) {
	var value any = s.document
	pointer := "#"
	for i, name := range names {
		fields, _ := value.(map[string]any)
		value = fields[name]
		pointer += "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
		if object, ok := value.(map[string]any); ok && object["$ref"] != nil {
			return s.follow(object["$ref"].(string), names[i+1:])
		}
	}
	return value, pointer
}

func (s *openAPI) follow(ref string, rest []string) (any, string) {
	return s.at(append(strings.Split(strings.TrimPrefix(ref, "#/"), "/"), rest...)...)
}

// check validates a value against the schema at a path of names.
func (s *openAPI) check(t *testing.T, value []byte, names ...string) {
	t.Helper()
	found, pointer := s.at(names...)
	if found == nil {
		t.Errorf("%s has no %s", openAPIFile, strings.Join(names, " "))
		return
	}
	schema, err := s.compiler.Compile("openapi.json" + pointer)
	if err != nil {
		t.Fatal(err)
	}
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(value))
	if err != nil {
		t.Errorf("%s: %q: %v", strings.Join(names, " "), value, err)
		return
	}
	if err := schema.Validate(instance); err != nil {
		t.Errorf("%s: %s\n%v", strings.Join(names, " "), value, err)
	}
}

func TestOpenAPIHasTheRoutes(t *testing.T) {
	spec := readOpenAPI(t)
	documented := map[string][]string{}
	for path, item := range spec.document["paths"].(map[string]any) {
		for name := range item.(map[string]any) {
			if name != "parameters" {
				documented[path] = append(documented[path], strings.ToUpper(name))
			}
		}
		slices.Sort(documented[path])
	}
	if served := configapi.Routes(); !reflect.DeepEqual(served, documented) {
		t.Errorf("served     %v\ndocumented %v", served, documented)
	}
}

// Every status that is documented is provoked, and every answer is as documented.
func TestOpenAPIHoldsAgainstTheHandler(t *testing.T) {
	spec := readOpenAPI(t)
	for path, item := range spec.document["paths"].(map[string]any) {
		for method, operation := range item.(map[string]any) {
			if method == "parameters" {
				continue
			}
			for _, status := range slices.Sorted(maps.Keys(operation.(map[string]any)["responses"].(map[string]any))) {
				t.Run(method+path+" "+status, func(t *testing.T) { spec.provoke(t, path, method, status) })
			}
		}
	}
}

// provoke sends a request that must be answered with status, and checks the answer.
func (s *openAPI) provoke(t *testing.T, path, method, status string) {
	a, body := send(t, path, strings.ToUpper(method), status)
	if fmt.Sprint(a.Code) != status {
		t.Fatalf("got %d %s", a.Code, a.body)
	}
	names := []string{"paths", path, method, "responses", status}
	headers, _ := s.at(append(names, "headers")...)
	declared, _ := headers.(map[string]any)
	for name := range declared {
		s.check(t, []byte(encode(a.Header().Get(name))), append(names, "headers", name, "schema")...)
	}
	for _, name := range []string{"Event-Gateway-Revision", "ETag", "Retry-After"} {
		if a.Header().Get(name) != "" && declared[name] == nil && status != "404" && status != "412" {
			t.Errorf("header %s is not documented", name)
		}
	}
	content, _ := s.at(append(names, "content")...)
	if types, _ := content.(map[string]any); types["text/plain"] != nil {
		return
	}
	if content == nil {
		if a.body != "" {
			t.Errorf("body %s is not documented", a.body)
		}
		return
	}
	s.check(t, []byte(a.body), append(names, "content", "application/json", "schema")...)
	if a.Code < 300 && body != "" {
		s.check(t, []byte(body), "paths", path, method, "requestBody", "content", "application/json", "schema")
	}
}

// send sends the request that provokes a status, to an instance where that is what must come.
func send(t *testing.T, path, method, status string) (a answer, body string) {
	sub, fixed := testSubscription("", "e", "f", "/"), testSubscription("", "e", "f", "/fixed")
	resources := static([]*eventgateway.Function{testFunction("", "fixed")}, fixed)
	resources.EventTypes = []*eventgateway.EventType{{Name: "fixed", SchemaMode: eventgateway.SchemaOff}}
	resources.CORS = []*eventgateway.CORSResource{testCORS("", "GET", "/fixed")}
	in := unloadedInstance(t, newStore(t), resources)
	if status != "503" {
		in.store.follow(t, in.mirror)
		in.must(200, "POST", "/v1/functions", `{"functionId":"f","provider":{"type":"test","url":"u","secret":"s"},"timeout":"1m30s","metadata":{"k":"v"}}`)
		in.must(200, "POST", "/v1/functions", `{"functionId":"free","provider":{"type":"test","url":"u"}}`)
		in.must(200, "POST", "/v1/subscriptions", `{"functionId":"f","event":"e"}`)
		in.must(201, "POST", "/v1/spaces/default/eventtypes", `{"name":"f","authorizerId":"f","schema":{"type":"object"},"schemaMode":"flag","metadata":{"k":"v"}}`)
		in.must(201, "POST", "/v1/spaces/default/cors", `{"method":"GET","path":"/f","metadata":{"k":"v"}}`)
	}
	existing, static := "free", "fixed"
	if strings.Contains(path, "subscriptions") {
		existing, static = sub.ID, fixed.ID
	}
	switch kindOf(path) {
	case "eventtypes":
		existing = "f"
	case "cors":
		existing, static = testCORS("", "GET", "/f").ID, testCORS("", "GET", "/fixed").ID
	}
	if kind := kindOf(path); kind == "deliveries" || kind == "redrive" {
		in.handler.Deliveries = fullDeliveries(t, status)
		existing, static = "000001", "000001"
	}
	body = map[string]string{
		"POST functions": `{"functionId":"new","type":"test","provider":{"url":"u"},"format":"raw","timeout":"250ms","concurrency":5}`,
		"PUT functions":  `{"type":"test","provider":{"url":"u","secret":"t"},"metadata":{"k":"v"}}`,
		"POST subscriptions": `{"functionId":"f","event":"http","method":"GET","path":"/users/:id","cors":{"allowCredentials":true},` +
			`"filter":"data.n > 1","transform":"data","responseTransform":"response.data","headers":{"X-Id":"event.id"}}`,
		"PUT subscriptions": `{"event":"e","metadata":{"k":"v"},"pattern":{"detail":{"a":["b"]}},"paused":true,"delivery":{"attempts":3,` +
			`"backoff":{"initial":"250ms","factor":1.5,"maximum":"1h30m","jitter":0.5},"maxAge":"48h","timeout":"5s",` +
			`"retryOn":[503,"4xx","timeout"],"deadLetter":"free","orderingKey":"data.id"}}`,
		"POST eventtypes": `{"name":"new","authorizerId":"f","schema":{"type":"object"},"schemaMode":"reject","metadata":{"k":"v"}}`,
		"PUT eventtypes":  `{"schema":true}`,
		"POST cors":       `{"method":"GET","path":"/new","allowedOrigins":["https://*.example.com"],"allowedMethods":["PUT"],"allowedHeaders":["*"],"allowCredentials":true}`,
		"PUT cors":        `{"method":"GET","allowedOrigins":[],"metadata":{"k":"v"}}`,
		"POST filters": `{"filter":"data.n > 1","transform":"data.n","headers":{"X-Id":"event.id"},"responseTransform":"response.data",` +
			`"response":{"status":200,"headers":{"X-A":"b"},"data":1},` +
			`"events":[{"event":"e","data":{"n":2}},{"event":"e","data":{"n":1}},{"event":"e"}]}`,
		"POST redrive": `{"functionId":"f","since":"2026-01-31T12:00:00.5+01:00","limit":1}`,
		"POST explain": `{"event":{"event":"e","data":{"n":2}},"method":"POST","path":"/"}`,
	}[method+" "+kindOf(path)]
	if strings.HasPrefix(path, "/v1/functions") && method == "POST" {
		body = `{"functionId":"new","provider":{"type":"test","url":"u"}}`
	}
	if strings.HasPrefix(path, "/v1/functions") && method == "PUT" {
		body = `{"provider":{"type":"test","url":"u"}}`
	}
	if path == "/v1/reseal" && status != "404" {
		in.handler.Outdated = func() []eventgateway.FunctionKey {
			return []eventgateway.FunctionKey{{Space: "default", ID: "f"}, {Space: "default", ID: "free"}, {Space: "gone", ID: "f"}}
		}
	}
	query, header, id := "", http.Header{}, existing
	var reader io.Reader
	switch status {
	case "304":
		header.Set("If-None-Match", "*")
	case "400":
		query = "?unknown=1"
	case "403":
		header.Set("Sec-Fetch-Site", "cross-site")
	case "404":
		id = "none"
	case "408":
		reader = slowBody{}
	case "409":
		id = static
		if body = strings.ReplaceAll(body, "new", "f"); method == "POST" && kindOf(path) == "subscriptions" {
			body = `{"functionId":"f","event":"e"}`
		}
	case "412":
		header.Set("If-Match", `"0"`)
	case "413":
		reader = strings.NewReader(body + strings.Repeat(" ", 1<<20))
	case "200":
		in.handler.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "# metrics") })
	}
	if reader == nil {
		reader = strings.NewReader(body)
	}
	url := strings.NewReplacer("{space}", "default", "{id}", id, "{name}", id).Replace(path) + query
	r := httptest.NewRequest(method, url, reader)
	maps.Copy(r.Header, header)
	w := httptest.NewRecorder()
	in.handler.ServeHTTP(w, r)
	return answer{w, w.Body.String()}, body
}

func kindOf(path string) string {
	if strings.HasSuffix(path, "/pause") || strings.HasSuffix(path, "/resume") || path == "/v1/reseal" {
		return "pauses" // without a body
	}
	if strings.HasSuffix(path, "/deadletters/redrive") {
		return "redrive"
	}
	if strings.Contains(path, "/deadletters") || strings.Contains(path, "/events/") {
		return "deliveries" // without a body
	}
	if strings.HasSuffix(path, "/explain") {
		return "explain"
	}
	for _, kind := range []string{"eventtypes", "cors"} {
		if strings.Contains(path, "/"+kind) {
			return kind
		}
	}
	if strings.Contains(path, "filters") {
		return "filters"
	}
	if strings.Contains(path, "subscriptions") {
		return "subscriptions"
	}
	return "functions"
}

// slowBody is a body that does not arrive before the server's deadline.
type slowBody struct{}

func (slowBody) Read([]byte) (int, error) { return 0, os.ErrDeadlineExceeded }
