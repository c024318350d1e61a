package integration

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// wrongFor is a value of every type but the accepted one.
func wrongFor(accepted string) []string {
	var values []string
	for _, kind := range slices.Sorted(maps.Keys(wrongTypes)) {
		if kind != accepted {
			values = append(values, wrongTypes[kind])
		}
	}
	return values
}

// place puts a value at a path such as "provider.headers.X" of an object, of which copies are made on the way.
func place(object fields, path string, value any) fields {
	name, rest, deeper := strings.Cut(path, ".")
	if deeper {
		inner, _ := object[name].(fields)
		value = place(inner, rest, value)
	}
	return object.with(fields{name: value})
}

// configFields has the type of every field of the resources that can be created, by their paths.
var configFields = []struct {
	resource string
	valid    fields
	types    map[string]string
}{
	{
		"functions",
		fields{"functionId": "f", "type": "http", "provider": fields{"url": "http://127.0.0.1:1"}},
		map[string]string{
			"space": "string", "functionId": "string", "type": "string", "provider": "object", "format": "string",
			"timeout": "string", "metadata": "object", "metadata.key": "string",
			"provider.type": "string", "provider.url": "string", "provider.method": "string",
			"provider.headers": "object", "provider.headers.X-A": "string",
		},
	},
	{
		"functions",
		fields{"functionId": "f", "type": "awslambda", "provider": fields{
			"arn": "arn:aws:lambda:us-east-1:123456789012:function:f", "region": "us-east-1",
		}},
		map[string]string{
			"provider.arn": "string", "provider.region": "string", "provider.awsAccessKeyId": "string",
			"provider.awsSecretAccessKey": "string", "provider.awsSessionToken": "string", "provider.roleArn": "string",
			"provider.endpoint": "string",
		},
	},
	{
		"subscriptions",
		fields{"event": "http", "method": "GET", "path": "/new", "functionId": "f"},
		map[string]string{
			"space": "string", "subscriptionId": "string", "type": "string", "event": "string", "eventType": "string",
			"functionId": "string", "method": "string", "path": "string", "metadata": "object", "metadata.key": "string",
			"cors": "object", "cors.origins": "array", "cors.methods": "array", "cors.headers": "array",
			"cors.allowCredentials": "boolean",
		},
	},
}

// configState is everything the Configuration API holds, and the revision that any write would raise.
func (s *stage) configState() string {
	s.t.Helper()
	var status struct{ Revision int64 }
	if err := json.Unmarshal(s.Do(http.MethodGet, s.Config+"/v1/status", nil, 200), &status); err != nil {
		s.t.Fatal(err)
	}
	return fmt.Sprintf("revision %d %s %s", status.Revision, s.Do(http.MethodGet, s.Config+"/v1/functions", nil, 200),
		s.Do(http.MethodGet, s.Config+"/v1/subscriptions", nil, 200))
}

// configPaths are where a resource is created and changed, by the generations that differ in their errors.
func (s *stage) configPaths(resource, id string) map[string][2]string {
	paths := map[string][2]string{}
	for _, base := range []string{"/v1/spaces/default/", "/v1/"} {
		paths[base+resource] = [2]string{http.MethodPost, base + resource}
		paths[base+resource+"/"+id] = [2]string{http.MethodPut, base + resource + "/" + id}
	}
	return paths
}

// refusedConfig sends a body to every path that takes it and checks the refusals. Those of generation A have "error" too.
func (f *fortress) refusedConfig(t *testing.T, resource, id, body string, status int, want string) {
	t.Helper()
	for _, target := range f.configPaths(resource, id) {
		a := f.sendTo(f.Config, target[0], target[1], body, "Content-Type", jsonType)
		a.expect(t, status, want)
		if first := !strings.Contains(target[1], "/spaces/"); first != strings.Contains(a.body, `"error":`) {
			t.Errorf("%s %s answered %s", target[0], target[1], a.body)
		}
		if t.Failed() {
			t.Fatalf("sent %s %s %.300s", target[0], target[1], body)
		}
	}
}

// TestHardeningConfigBodies sends bodies that are no resources; each is refused, by what is wrong with it, and changes
// nothing.
func TestHardeningConfigBodies(t *testing.T) {
	f := newFortress(t)
	f.register("f", "http://127.0.0.1:1")
	ids := map[string]string{"functions": "f", "subscriptions": f.subscribe("http GET /f f")}
	before := f.configState()

	// A field of the wrong type is how clients in loosely typed languages go wrong. Null stands for not given.
	t.Run("wrong types", func(t *testing.T) {
		sent := 0
		for _, r := range configFields {
			for _, path := range slices.Sorted(maps.Keys(r.types)) {
				for _, value := range wrongFor(r.types[path]) {
					body, err := json.Marshal(place(r.valid, path, json.RawMessage(value)))
					if err != nil {
						t.Fatal(err)
					}
					f.refusedConfig(t, r.resource, ids[r.resource], string(body), 400, path)
					sent++
				}
				if r.types[path] == "array" { // and in its elements
					for _, value := range append(wrongFor("string"), "null") {
						body, _ := json.Marshal(place(r.valid, path, json.RawMessage("["+value+"]")))
						f.refusedConfig(t, r.resource, ids[r.resource], string(body), 400, path)
						sent++
					}
				}
			}
		}
		t.Logf("%d bodies", sent)
	})
	// A misspelt field that is ignored is a setting that silently does not hold.
	t.Run("unknown fields", func(t *testing.T) {
		for _, r := range configFields {
			for _, path := range []string{"surprise", "provider.surprise", "cors.surprise", "FunctionId", "Event"} {
				parent, _, nested := strings.Cut(path, ".")
				if nested && r.types[parent] != "object" {
					continue
				}
				body, _ := json.Marshal(place(r.valid, path, "x"))
				name := path[strings.LastIndexByte(path, '.')+1:]
				f.refusedConfig(t, r.resource, ids[r.resource], string(body), 400, name)
			}
		}
	})
	// What is not one JSON object in UTF-8 must not be taken for one, whatever a lenient parser would make of it.
	t.Run("no JSON object", func(t *testing.T) {
		valid, _ := json.Marshal(configFields[0].valid)
		for _, body := range []string{
			"", " ", "null", "7", "true", `"x"`, "[]", string(valid[:len(valid)-1]), string(valid) + string(valid), string(valid) + "]",
			"{'functionId':'new'}", "{functionId:1}", `{"functionId":"new",}`, "// x\n" + string(valid), "\xef\xbb\xbf" + string(valid),
			`{"functionId":NaN}`, `{"functionId":"` + "\xff" + `"}`, `{"functionId":"` + "\n" + `"}`, "{\x00}",
			`{"functionId":"a","functionId":"b"}`, strings.Repeat("[", 500_000), strings.Repeat(`{"provider":`, 50_000),
			`{"provider":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + "}",
			"functionId=new&type=http", "<functionId>new</functionId>",
		} {
			for resource, id := range ids {
				f.refusedConfig(t, resource, id, body, 400, "")
			}
		}
	})
	// Over a megabyte nothing is read, however it is announced.
	t.Run("oversize", func(t *testing.T) {
		for resource, id := range ids {
			f.refusedConfig(t, resource, id, strings.Repeat(" ", 1<<20+1), 413, "body: too large: want at most 1048576 bytes")
			f.refusedConfig(t, resource, id, strings.Repeat(" ", 1<<20), 400, "body: empty")
		}
		for _, rest := range []string{
			"Content-Length: 9223372036854775807\r\n\r\n" + strings.Repeat("x", 1_500_000),
			"Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("10000\r\n"+strings.Repeat("x", 1<<16)+"\r\n", 40),
		} {
			raw(t, f.Config, "POST /v1/functions HTTP/1.1\r\nHost: HOST\r\n"+rest, false).expect(t, 413, "body: too large")
		}
	})
	// Half a resource is none.
	t.Run("truncated", func(t *testing.T) {
		valid, _ := json.Marshal(configFields[0].valid)
		head := fmt.Sprintf("POST /v1/functions HTTP/1.1\r\nHost: HOST\r\nContent-Length: %d\r\n\r\n", len(valid)+1)
		raw(t, f.Config, head+string(valid), true).expect(t, 400, "body: ")
		raw(t, f.Config, fmt.Sprintf("POST /v1/functions HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n",
			len(valid), valid), true).expect(t, 400, "body: ")
	})
	// Metadata is the user's own, but not a place to store files: it is in every list and every instance's memory.
	t.Run("huge metadata", func(t *testing.T) {
		many := fields{}
		for i := range 10_000 {
			many[fmt.Sprint(i)] = "x"
		}
		for want, metadata := range map[string]fields{
			"10000 entries":      many,
			"metadata key":       {strings.Repeat("k", 129): "x"},
			"1 to 128 bytes":     {"": "x"},
			"metadata.k":         {"k": strings.Repeat("v", 1025)},
			"at most 1024 bytes": {"k": strings.Repeat("v", 500_000)},
		} {
			for _, r := range configFields {
				body, _ := json.Marshal(r.valid.with(fields{"metadata": metadata}))
				target := f.configPaths(r.resource, "")["/v1/spaces/default/"+r.resource]
				f.sendTo(f.Config, target[0], target[1], string(body)).expect(t, 400, want)
			}
		}
	})
	if after := f.configState(); after != before {
		t.Errorf("the configuration is now %s\nit was %s", after, before)
	}
	// A list of 10,000 metadata entries, or a body of a megabyte, and copies of it.
	f.survived(128 << 20)
}

// TestHardeningConfigNames sends ids and paths made to reach what they should not.
func TestHardeningConfigNames(t *testing.T) {
	f := newFortress(t)
	before := f.configState()
	hostile := []string{
		"", ".", "..", "../f", "a/b", "a\\b", "a b", "a\x00b", "a\nb", "é", "a%2Fb", "a?b", "a#b", "*", ":id", "{id}", "a\u202eb",
		"../../../../etc/passwd", strings.Repeat("x", 256), strings.Repeat("x", 64<<10),
	}
	for _, name := range hostile {
		fn := configFields[0].valid.with(fields{"functionId": name})
		body, _ := json.Marshal(fn)
		for _, path := range []string{"/v1/functions", "/v1/spaces/default/functions"} {
			f.sendTo(f.Config, "POST", path, string(body)).expect(t, 400, "functionId: ")
		}
		sub, _ := json.Marshal(configFields[2].valid.with(fields{"functionId": name}))
		f.sendTo(f.Config, "POST", "/v1/subscriptions", string(sub)).expect(t, 400, "functionId: ")
	}
	// In a URL: an id that cannot be is not found, a space that cannot be is refused; neither is cleaned into one that can.
	for _, segment := range []string{
		"%2e%2e", "..%2f", "a%2Fb", "%00", "%ff%fe", "%F0%9F%98%80", "a%20b", "%25", "*", strings.Repeat("x", 10_000),
	} {
		for _, path := range []string{"/v1/functions/", "/v1/spaces/default/functions/", "/v1/subscriptions/"} {
			for _, method := range []string{"GET", "DELETE"} {
				a := raw(t, f.Config, method+" "+path+segment+" HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n", false)
				if a.status != 400 && a.status != 404 {
					t.Errorf("%s %s%.50s: got %d", method, path, segment, a.status)
				}
				a.message(t)
			}
		}
		raw(t, f.Config, "GET /v1/spaces/"+segment+"/functions HTTP/1.1\r\nHost: HOST\r\n\r\n", false).expect(t, 400, "space: ")
	}
	for _, path := range []string{
		"/v1/spaces/../functions", "/v1//functions", "/v1/functions/", "/v1/functions/a/b", "/v1/spaces/default/functions/..",
		"/v2/functions", "/", "/v1/spaces", "/v1/functions%2falive", "//v1/functions",
	} {
		a := raw(t, f.Config, "GET "+path+" HTTP/1.1\r\nHost: HOST\r\n\r\n", false)
		if a.status != 400 && a.status != 404 {
			t.Errorf("GET %s: got %d %s", path, a.status, a.body)
		}
		a.message(t)
	}
	for method, path := range map[string]string{
		"PATCH": "/v1/functions", "PUT": "/v1/subscriptions", "POST": "/v1/functions/alive", "TRACE": "/v1/functions",
		"DELETE": "/v1/spaces/default/functions", strings.Repeat("X", 32): "/v1/functions",
	} {
		a := f.sendTo(f.Config, method, path, "")
		a.expect(t, 405, "method: ")
		if a.header.Get("Allow") == "" {
			t.Error("405 without Allow")
		}
	}
	if after := f.configState(); after != before {
		t.Errorf("the configuration is now %s\nit was %s", after, before)
	}
	f.survived(64 << 20)
}

// TestHardeningConfigLimits puts as much as is allowed into a resource, and gets it back unchanged.
func TestHardeningConfigLimits(t *testing.T) {
	f := newFortress(t)
	metadata := fields{}
	for i := range 64 {
		metadata[fmt.Sprintf("%s%02d", strings.Repeat("k", 126), i)] = strings.Repeat("\u2028", 1024/3)
	}
	id := strings.Repeat("x", 255)
	f.register(id, "http://127.0.0.1:1/"+strings.Repeat("u", 8000), fields{"metadata": metadata, "timeout": "15m"})
	path := "/" + strings.Repeat("p", 2047)
	sub := f.subscribe("made POST "+path+" "+id, fields{"event": strings.Repeat("e", 255), "metadata": metadata})
	for _, url := range []string{"/v1/spaces/default/functions/" + id, "/v1/subscriptions/" + sub} {
		var got struct {
			FunctionID string
			Metadata   fields
		}
		if err := json.Unmarshal(f.Do("GET", f.Config+url, nil, 200), &got); err != nil {
			t.Fatal(err)
		}
		if got.FunctionID != id || !reflect.DeepEqual(got.Metadata, metadata) {
			t.Errorf("GET %s does not give back what was put", url)
		}
	}
	f.survived(64 << 20)
}

// Many writers at once with bodies of a megabyte each: the memory they take is theirs and a few copies, and of those that
// create the same function one succeeds.
func TestHardeningConfigParallel(t *testing.T) {
	f := newFortress(t)
	const size = 1 << 20
	valid := fmt.Sprintf(`{"functionId":"same","type":"http","provider":{"url":"http://127.0.0.1:1"}%s`, "}")
	body := valid + strings.Repeat(" ", size-len(valid))
	n := scaled(200)
	conns := make([]net.Conn, n)
	var wait sync.WaitGroup
	for i := range conns {
		conns[i] = dial(t, f.Config)
		wait.Go(func() {
			head := fmt.Sprintf("POST /v1/functions HTTP/1.1\r\nHost: HOST\r\nContent-Length: %d\r\n\r\n", size)
			if _, err := io.WriteString(conns[i], withHost(f.Config, head)+body[:size-1]); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	var created, existed atomic.Int64
	for _, conn := range conns {
		wait.Go(func() {
			if _, err := io.WriteString(conn, " "); err != nil {
				t.Error(err)
				return
			}
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Error(err)
				return
			}
			defer res.Body.Close()
			switch res.StatusCode {
			case 200:
				created.Add(1)
			case 409:
				existed.Add(1)
			default:
				t.Errorf("got %d", res.StatusCode)
			}
			conn.Close()
		})
	}
	wait.Wait()
	if created.Load() != 1 || existed.Load() != int64(n-1) {
		t.Errorf("%d were created, %d existed already", created.Load(), existed.Load())
	}
	// A body as it is read, the smaller buffer it grew out of, and the copy that checking it makes; the collector doubles it.
	f.survived(int64(n) * size * 3 * 2)
}
