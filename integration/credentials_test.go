package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/caddyserver/caddy/v2"
	_ "github.com/eventgateway/eventgateway/caddymodule" // all providers of a build
	"github.com/eventgateway/eventgateway/integration/certtest"
	"github.com/eventgateway/eventgateway/integration/gatewaytest"
	"github.com/eventgateway/eventgateway/integration/kafkatest"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/googleaccount/googletest"
	"github.com/eventgateway/eventgateway/providers/providertest"
	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
)

// teller is a function's host that tells everybody what it was told: it refuses every request, and quotes it in its answer.
type teller struct {
	*httptest.Server
	mu   sync.Mutex
	said []string // the credentials it was shown
}

func newTeller(t *testing.T) *teller {
	h := new(teller)
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.HasPrefix(r.URL.Path, "/grant") {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"access_token":"granted-m4rker","token_type":"Bearer","expires_in":3600}`)
			return
		}
		if said := strings.TrimRight(r.Header.Get("Authorization"), "="); said != "" {
			h.mu.Lock()
			h.said = append(h.said, said[strings.LastIndexAny(said, " =")+1:]) // a token or a signature
			h.mu.Unlock()
		}
		quoted, _ := json.Marshal(fmt.Sprintf("%s %v %s", r.RequestURI, r.Header, body))
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Amzn-Errortype", "AccessDeniedException")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, `{"__type":"AccessDeniedException","message":%s,"error":%[1]s,"error_description":%[1]s}`, quoted)
	}))
	t.Cleanup(h.Close)
	return h
}

// natsTeller is a NATS server that quotes the login in its refusal.
func natsTeller(t *testing.T) (address string) {
	return providertest.Listen(t, func(conn net.Conn) {
		_, _ = io.WriteString(conn, `INFO {"server_id":"x","version":"2.10.0","proto":1,"headers":true,"max_payload":1048576,"nonce":"abc"}`+"\r\n")
		buffer := make([]byte, 64<<10)
		n, _ := conn.Read(buffer)
		login, _, _ := bytes.Cut(buffer[:n], []byte("\r\n"))
		fmt.Fprintf(conn, "-ERR 'Authorization Violation %s'\r\n", bytes.ReplaceAll(login, []byte("'"), nil))
	})
}

// keeper is a function with credentials.
type keeper struct {
	typ, fields string
	// secrets are the credentials in fields.
	secrets []string
}

// keepers are functions of all types, which have all credentials there are.
func keepers(t *testing.T, edge string) []keeper {
	ca := certtest.NewCA(t)
	certFile, keyFile := ca.Issue("gateway")
	certificate, key := fileText(t, certFile), fileText(t, keyFile)
	keyLine := strings.Split(key, "\n")[1]
	seed, creds := natsSeed(t)
	credsSeed := creds[strings.Index(creds, "\nSUA")+1:][:20]
	google := googletest.Start(t).ServiceAccount()
	var account struct {
		PrivateKey string `json:"private_key"`
	}
	if err := json.Unmarshal([]byte(google), &account); err != nil {
		t.Fatal(err)
	}
	googleLine := strings.Split(account.PrivateKey, "\n")[3]
	kafka := kafkatest.Start(t, "-mechanism", "PLAIN", "orders").Address
	refusing := natsTeller(t)
	echoing := providertest.Listen(t, func(conn net.Conn) {
		buffer := make([]byte, 4<<10)
		n, _ := conn.Read(buffer)
		_, _ = conn.Write(append([]byte("HTTP/1.1 400 "), buffer[:n]...))
	})
	q := func(text string) string {
		quoted, _ := json.Marshal(text)
		return string(quoted)
	}
	aws := []string{"AKIAM4RKERAWS", "aws-secret-m4rker", "aws-token-m4rker"}
	awsFields := `,"region":"eu-west-1","awsAccessKeyId":"AKIAM4RKERAWS","awsSecretAccessKey":"aws-secret-m4rker",` +
		`"awsSessionToken":"aws-token-m4rker","endpoint":"` + edge + `"}`
	const arn = ":eu-west-1:123456789012:"
	tls := `"tls":{"enabled":true,"certificate":` + q(certificate) + `,"key":` + q(key) + `}}`
	signing := `"signing":{"secrets":["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]}`
	signature := "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	entra := func(tenant string) string {
		return `"tenantId":"` + tenant + `","clientId":"app","clientSecret":"entra-m4rker","authority":"` + edge + `"}`
	}
	withUser := strings.Replace(edge, "http://", "http://gateway:url-m4rker@", 1) + "/?code=code-m4rker"
	return []keeper{
		{
			"http", `{"url":"` + withUser + `","headers":{"X-Api-Key":"header-m4rker"},` + signing + `}`,
			[]string{"url-m4rker", "code-m4rker", "header-m4rker", signature},
		},
		{"http", `{"url":"` + edge + `","basic":{"username":"u","password":"basic-m4rker"}}`, []string{"basic-m4rker"}},
		{"http", `{"url":"` + edge + `","bearer":"bearer-m4rker"}`, []string{"bearer-m4rker"}},
		{"http", `{"url":"` + edge + `","oauth2":{"tokenUrl":"` + edge + `/refuse","clientId":"c","clientSecret":"oauth-m4rker"}}`, []string{"oauth-m4rker"}},
		{
			"http", `{"url":"` + edge + `","oauth2":{"tokenUrl":"` + edge + `/grant?key=query-m4rker","clientId":"c","clientSecret":"oauth-m4rker"}}`,
			[]string{"oauth-m4rker", "query-m4rker"},
		},
		{
			"http", `{"url":"` + strings.Replace(edge, "http:", "https:", 1) + `","clientCertificate":{"certificate":` + q(certificate) + `,"key":` + q(key) + `}}`,
			[]string{keyLine},
		},
		{"awslambda", `{"arn":"arn:aws:lambda` + arn + `function:hello"` + awsFields, aws},
		{"awskinesis", `{"streamName":"orders"` + awsFields, aws},
		{"awsfirehose", `{"deliveryStreamName":"orders"` + awsFields, aws},
		{"awssqs", `{"queueUrl":"` + edge + `/123456789012/orders"` + awsFields, aws},
		{"awsstepfunctions", `{"stateMachineArn":"arn:aws:states` + arn + `stateMachine:orders"` + awsFields, aws},
		{"awseventbridge", `{"eventBusName":"orders"` + awsFields, aws},
		{"awssns", `{"topicArn":"arn:aws:sns` + arn + `orders"` + awsFields, aws},
		{"googlecloudfunctions", `{"url":"` + edge + `/hello","audience":"https://hello.example.com","credentials":` + q(google) + `}`, []string{googleLine}},
		{"googlepubsub", `{"topic":"projects/my-project/topics/orders","endpoint":"` + edge + `","credentials":` + q(google) + `}`, []string{googleLine}},
		{
			"azurefunctions", `{"url":"` + edge + `/?sig=sig-m4rker","functionKey":"function-m4rker","resource":"api://hello",` + entra("refuse"),
			[]string{"sig-m4rker", "function-m4rker", "entra-m4rker"},
		},
		{"azurefunctions", `{"url":"` + edge + `/","resource":"api://hello",` + entra("grant"), []string{"entra-m4rker"}},
		{"azureeventgrid", `{"endpoint":"` + edge + `/api/events?sig=sig-m4rker","accessKey":"grid-m4rker"}`, []string{"sig-m4rker", "grid-m4rker"}},
		{"azureeventgrid", `{"endpoint":"` + edge + `/api/events",` + entra("grant"), []string{"entra-m4rker"}},
		{"openwhisk", `{"apiHost":"` + edge + `","namespace":"guest","action":"hello","auth":"user:whisk-m4rker"}`, []string{"whisk-m4rker"}},
		{"kafka", `{"brokers":["` + kafka + `"],"topic":"orders","sasl":{"mechanism":"PLAIN","username":"u","password":"sasl-m4rker"}}`, []string{"sasl-m4rker"}},
		{"kafka", `{"brokers":["` + echoing + `"],"topic":"orders",` + tls, []string{keyLine}},
		{"nats", `{"urls":["nats://` + refusing + `"],"subject":"orders","token":"token-m4rker"}`, []string{"token-m4rker"}},
		{"nats", `{"urls":["nats://` + refusing + `"],"subject":"orders","user":"u","password":"password-m4rker"}`, []string{"password-m4rker"}},
		{"nats", `{"urls":["nats://` + refusing + `"],"subject":"orders","nkeySeed":"` + seed + `"}`, []string{seed}},
		{"nats", `{"urls":["nats://` + refusing + `"],"subject":"orders","credentials":` + q(creds) + `}`, []string{credsSeed}},
		{"nats", `{"urls":["nats://` + echoing + `"],"subject":"orders",` + tls, []string{keyLine}},
	}
}

func fileText(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// natsSeed returns a user's seed, and another user's .creds file.
func natsSeed(t *testing.T) (seed, creds string) {
	t.Helper()
	newSeed := func() (seed, public string) {
		user, err := nkeys.CreateUser()
		if err != nil {
			t.Fatal(err)
		}
		text, err := user.Seed()
		if err != nil {
			t.Fatal(err)
		}
		public, _ = user.PublicKey()
		return string(text), public
	}
	account, err := nkeys.CreateAccount()
	if err != nil {
		t.Fatal(err)
	}
	other, public := newSeed()
	token, err := jwt.NewUserClaims(public).Encode(account)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.FormatUserConfig(token, []byte(other))
	if err != nil {
		t.Fatal(err)
	}
	seed, _ = newSeed()
	return seed, string(text)
}

// secretNames returns how a provider calls its credentials.
func secretNames(p any) map[string]bool {
	names := map[string]bool{}
	if s, ok := p.(providers.Secretive); ok {
		s.EachSecret(func(name, value string) string {
			names[name] = true
			return value
		})
	}
	return names
}

// fillTexts sets every text there is in a provider's fields.
func fillTexts(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		fillTexts(v.Elem())
	case reflect.Struct:
		for _, field := range v.Fields() {
			if field.CanSet() {
				fillTexts(field)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fillTexts(v.Index(0))
	case reflect.String:
		v.SetString("x")
	}
}

// TestKeepersAreAll holds the table above to the providers of this build: it has every credential of every type.
func TestKeepersAreAll(t *testing.T) {
	has := map[string]map[string]bool{}
	for _, k := range keepers(t, "http://127.0.0.1:1") {
		p := newProvider(t, k.typ)
		if err := json.Unmarshal([]byte(k.fields), p); err != nil {
			t.Fatalf("%s: %v", k.typ, err)
		}
		if has[k.typ] == nil {
			has[k.typ] = map[string]bool{}
		}
		maps.Copy(has[k.typ], secretNames(p))
	}
	for _, typ := range providers.Types() {
		p := newProvider(t, typ)
		fillTexts(reflect.ValueOf(p))
		for _, name := range slices.Sorted(maps.Keys(secretNames(p))) {
			if !has[typ][name] {
				t.Errorf("no function of type %s has the credential %s", typ, name)
			}
		}
	}
}

func newProvider(t *testing.T, typ string) any {
	t.Helper()
	info, err := caddy.GetModule(providers.Namespace + "." + typ)
	if err != nil {
		t.Fatal(err)
	}
	return info.New()
}

// TestCredentialsStayInside makes calls of all types fail, at hosts that quote what they were told, and looks for credentials
// wherever the gateway says something.
func TestCredentialsStayInside(t *testing.T) {
	host := newTeller(t)
	all := keepers(t, host.URL)
	s := newStage(t)
	listener, told := recorder(`{}`)
	s.function("listener", listener)
	s.subscribe("gateway.* POST / listener")

	seen := map[string]string{} // what the gateway said, by where
	space := s.Config + "/v1/spaces/default"
	for i, k := range all {
		id := fmt.Sprintf("%s-%d", k.typ, i)
		fn := map[string]any{"functionId": id, "type": k.typ, "provider": json.RawMessage(k.fields)}
		seen["creating "+id] = string(s.Do(http.MethodPost, space+"/functions", fn, 201))
		shown := s.Do(http.MethodGet, space+"/functions/"+id, nil, 200)
		if n := strings.Count(string(shown), "***"); n < len(k.secrets) {
			t.Errorf("%s: %d credentials are masked, want %d: %s", id, n, len(k.secrets), shown)
		}
		seen["reading "+id] = string(shown)
		var read map[string]any
		if err := json.Unmarshal(shown, &read); err != nil {
			t.Fatal(err)
		}
		seen["changing "+id] = string(s.Do(http.MethodPut, space+"/functions/"+id,
			map[string]any{"functionId": id, "type": k.typ, "provider": read["provider"], "metadata": map[string]any{"a": "b"}}, 200))
		for what, wrong := range map[string]any{
			"unknown field": json.RawMessage(strings.TrimSuffix(k.fields, "}") + `,"noSuchField":1}`), "no object": k.fields,
		} {
			fn := map[string]any{"functionId": "wrong", "type": k.typ, "provider": wrong}
			seen[what+" of "+id] = string(s.Do(http.MethodPost, space+"/functions", fn, 400))
		}
		s.subscribe("sync."+id+" POST / "+id, fields{"type": "sync"})
		s.subscribe("async."+id+" POST / "+id, fields{"delivery": fields{"attempts": 1}})
		seen["answer of "+id] = string(sendFailing(t, s.Gateway, "sync."+id))
		emit(t, s.Gateway, "async."+id, `{}`, 202)
	}
	letters := s.waitDeadLetters("limit=100", len(all))
	for _, l := range letters {
		seen["dead letter "+l.ID] = string(s.Do(http.MethodGet, space+"/deadletters/"+l.ID, nil, 200))
		seen["event "+l.EventID] = string(s.Do(http.MethodGet, space+"/events/"+l.EventID, nil, 200))
	}
	seen["functions"] = string(s.Do(http.MethodGet, space+"/functions", nil, 200))
	seen["status"] = string(s.Do(http.MethodGet, s.Config+"/v1/status", nil, 200))
	seen["metrics"] = string(s.Do(http.MethodGet, s.Config+"/v1/metrics", nil, 200))
	seen["Caddy's metrics"] = string(s.Do(http.MethodGet, s.Admin+"/metrics", nil, 200))
	seen["Caddy's configuration"] = string(s.Do(http.MethodGet, s.Admin+"/config/", nil, 200))
	for _, format := range []string{"yaml", "json"} {
		out, err := exec.Command(gatewaytest.Binary(t), "event-gateway", "export", "--address", s.Config, "--format", format).CombinedOutput()
		if err != nil {
			t.Errorf("export: %v\n%s", err, out)
		}
		seen["export as "+format] = string(out)
	}
	failures := 0
	for len(told) > 0 {
		c := <-told
		seen[fmt.Sprint("system event ", len(seen))] = c.body + fmt.Sprint(c.header)
		if strings.Contains(c.body, "gateway.function.invocationFailed") {
			failures++
		}
	}
	if failures == 0 {
		t.Error("no system event about a failure was seen, so nothing of them was tested")
	}
	s.Stop()
	seen["log"] = s.Log()
	if !strings.Contains(seen["log"], `"level":"debug"`) && !strings.Contains(seen["log"], "DEBUG") {
		t.Error("the log is not at debug level, so nothing of it was tested")
	}

	secrets := []string{"granted-m4rker"}
	for _, k := range all {
		secrets = append(secrets, k.secrets...)
	}
	host.mu.Lock()
	secrets = append(secrets, host.said...)
	host.mu.Unlock()
	slices.Sort(secrets)
	secrets = slices.Compact(secrets)
	for where, text := range seen {
		for _, secret := range secrets {
			if i := strings.Index(text, secret); i >= 0 {
				t.Errorf("%s shows %q: …%s…", where, secret, text[max(0, i-200):min(len(text), i+len(secret)+100)])
			}
		}
	}
}

// sendFailing sends an event that its sync subscriber fails on, and returns the answer.
func sendFailing(t *testing.T, g *gatewaytest.Gateway, event string) []byte {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, g.Events+"/", strings.NewReader(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Event", event)
	resp, body := answerTo(t, req)
	if resp.StatusCode < 500 {
		t.Errorf("%s: %d, want it to fail: %s", event, resp.StatusCode, body)
	}
	return fmt.Appendf(body, "%v", resp.Header)
}
