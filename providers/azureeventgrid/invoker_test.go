package azureeventgrid

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/azureaccount"
)

var receivedAt = time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)

// plain is an event that came in as no CloudEvent.
var plain = &eventgateway.Event{
	Type: "order.placed", ID: "01a1", ReceivedAt: receivedAt, DataType: "application/json", Data: []byte(`{"sku": "a-1"}`),
}

func callOf(ev *eventgateway.Event, format eventgateway.Format, params eventgateway.PathParams) *providers.Call {
	encoded := ev.Encode(nil, format, params)
	return &providers.Call{Payload: encoded.Payload, ContentType: encoded.ContentType, Header: encoded.Header, Event: ev}
}

// cloudEvent is the example of CloudEvents 1.0 in Microsoft's page on the schema.
const cloudEvent = `{"specversion":"1.0","id":"9aeb0fdf-c01e-0131-0922-9eb54906e209","source":"/subscriptions/s/storageAccounts/a",` +
	`"type":"Microsoft.Storage.BlobCreated","time":"2019-11-18T15:13:39.4589254Z","subject":"blobServices/default/containers/c/blobs/b",` +
	`"datacontenttype":"application/json","data":{"api":"PutBlockList"}}`

func TestDocument(t *testing.T) {
	stored, err := eventgateway.ParseCloudEvent([]byte(cloudEvent), receivedAt)
	if err != nil {
		t.Fatal(err)
	}
	request := &eventgateway.Event{
		Type: "http", ID: "01a1", ReceivedAt: receivedAt, DataType: "text/plain", Data: []byte("hi"),
		HTTP: &eventgateway.HTTPRequest{Path: "/users/7", Method: "POST", Host: "h", Header: http.Header{}, Query: url.Values{}},
	}
	params := eventgateway.PathParams{{Name: "id", Value: "7"}}
	image := &eventgateway.Event{Type: "t", ID: "1", ReceivedAt: receivedAt, DataType: "image/png", Data: []byte("\x89PNG")}
	transformed := &providers.Call{Payload: []byte(`{"only":"this"}`), ContentType: "application/json", Event: stored}
	inWords := &providers.Call{Payload: []byte(`only "this"`), ContentType: "text/plain; charset=utf-8", Event: plain}
	const (
		own      = `{"specversion":"1.0","id":"01a1","source":"urn:eventgateway","type":"order.placed","time":"2026-01-02T15:04:05.000Z",`
		ownJSON  = own + `"datacontenttype":"application/json","data":{"sku": "a-1"}}`
		ownHTTP  = `{"specversion":"1.0","id":"01a1","source":"urn:eventgateway","type":"http","time":"2026-01-02T15:04:05.000Z","datacontenttype":"application/json","data":`
		ownImage = `{"specversion":"1.0","id":"1","source":"urn:eventgateway","type":"t","time":"2026-01-02T15:04:05.000Z","datacontenttype":"image/png","data_base64":"iVBORw=="}`
	)
	data := string(callOf(request, eventgateway.FormatRaw, params).Payload)
	if !strings.Contains(data, `"params":{"id":"7"}`) {
		t.Fatalf("the request's data is %s", data)
	}
	for name, test := range map[string]struct {
		call *providers.Call
		want string
	}{
		"event":                     {callOf(plain, eventgateway.FormatEvent, nil), ownJSON},
		"cloudevents":               {callOf(plain, eventgateway.FormatCloudEvents, nil), ownJSON},
		"cloudevents-binary":        {callOf(plain, eventgateway.FormatCloudEventsBinary, nil), ownJSON},
		"raw":                       {callOf(plain, eventgateway.FormatRaw, nil), ownJSON},
		"a CloudEvent":              {callOf(stored, eventgateway.FormatEvent, nil), cloudEvent},
		"a CloudEvent, cloudevents": {callOf(stored, eventgateway.FormatCloudEvents, nil), cloudEvent},
		"bytes":                     {callOf(image, eventgateway.FormatEvent, nil), ownImage},
		"bytes, raw":                {callOf(image, eventgateway.FormatRaw, nil), ownImage},
		"http":                      {callOf(request, eventgateway.FormatEvent, params), ownHTTP + data + "}"},
		"http, cloudevents":         {callOf(request, eventgateway.FormatCloudEvents, params), ownHTTP + data + "}"},
		"http, raw":                 {callOf(request, eventgateway.FormatRaw, params), ownHTTP + data + "}"},
		"transform":                 {transformed, strings.Replace(cloudEvent, `{"api":"PutBlockList"}`, `{"only":"this"}`, 1)},
		"transform, in words":       {inWords, own + `"datacontenttype":"text/plain; charset=utf-8","data":"only \"this\""}`},
	} {
		t.Run(name, func(t *testing.T) {
			before := *test.call.Event
			payload := bytes.Clone(test.call.Payload)
			if got := string(document(test.call)); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if !reflect.DeepEqual(before, *test.call.Event) || !bytes.Equal(payload, test.call.Payload) {
				t.Error("the call was changed")
			}
		})
	}
}

func open(t *testing.T, p *Provider) *invoker {
	t.Helper()
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	f, err := p.Open(providers.Env{MaxResponse: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.(*invoker).Close() })
	return f.(*invoker)
}

// The request is that of Microsoft's pages on posting to custom topics, with keys and with Entra ID.
func TestRequest(t *testing.T) {
	type seen struct {
		Method, URI, Body string
		Header            http.Header
	}
	var got, asked seen
	answer := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.HasSuffix(r.URL.Path, "/token") {
			asked = seen{Body: string(body)}
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"token_type":"Bearer","expires_in":3599,"access_token":"t0ken"}`))
			return
		}
		got = seen{r.Method, r.RequestURI, string(body), r.Header}
		_, _ = w.Write([]byte(answer))
	}))
	defer server.Close()
	call := callOf(plain, eventgateway.FormatCloudEventsBinary, nil)
	want := seen{"POST", "/api/events?api-version=2018-01-01", string(document(call)), http.Header{
		"User-Agent": {"event-gateway"}, "Content-Type": {"application/cloudevents+json; charset=utf-8"}, "Content-Length": {strconv.Itoa(len(document(call)))},
		"Aeg-Sas-Key": {"VXbGWce53249Mt8wuotr0GPmyJ/nDT4hgdEj9DpBeRr38arnnm5OFg=="},
	}}
	const key = "VXbGWce53249Mt8wuotr0GPmyJ/nDT4hgdEj9DpBeRr38arnnm5OFg=="
	result, err := open(t, &Provider{Endpoint: server.URL + "/api/events", AccessKey: key}).Invoke(t.Context(), call)
	if err != nil || string(result.Body) != "{}" || result.ContentType != "application/json" {
		t.Fatalf("got %+v, error %v", result, err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}

	answer = `{"said":1}`
	namespace := server.URL + "/topics/orders:publish?api-version=2024-06-01"
	result, err = open(t, &Provider{Endpoint: namespace, Account: azureaccount.Account{
		TenantID: "contoso.com", ClientID: "app", ClientSecret: "s3cret", Authority: server.URL,
	}}).Invoke(t.Context(), call)
	if err != nil || string(result.Body) != answer {
		t.Fatalf("got %+v, error %v", result, err)
	}
	if got.URI != "/topics/orders:publish?api-version=2024-06-01" || got.Header.Get("Authorization") != "Bearer t0ken" || got.Header.Get("Aeg-Sas-Key") != "" {
		t.Errorf("got %+v", got)
	}
	if !strings.Contains(asked.Body, "scope=https%3A%2F%2Feventgrid.azure.net%2F.default") {
		t.Errorf("a token was asked for with %s", asked.Body)
	}
}

func TestStatuses(t *testing.T) {
	key := Provider{AccessKey: "k3y"}
	for name, test := range map[string]struct {
		status    int
		failure   providers.Failure
		permanent bool
		message   string
	}{
		"400": {400, providers.FunctionFailed, true, "Cloud Event Schema v1.0"},
		"401": {401, providers.Unreachable, false, "check provider.accessKey"},
		"403": {403, providers.Unreachable, false, "the topic has to allow access keys"},
		"404": {404, providers.Unreachable, false, "there is no such topic: check provider.endpoint"},
		"413": {413, providers.FunctionFailed, true, "larger than the 1 MB"},
		"429": {429, providers.Throttled, false, "Event Grid throttles"},
		"500": {500, providers.FunctionFailed, false, "did not take the event: Internal Server Error"},
		"503": {503, providers.Throttled, false, "did not take the event: Service Unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			e := answered(t, key, test.status)
			if e.Failure != test.failure || e.Permanent != test.permanent || e.Status != test.status || !strings.Contains(e.Message, test.message) {
				t.Errorf("got %s, permanent %t, status %d: %s", e.Failure, e.Permanent, e.Status, e.Message)
			}
		})
	}
	entra := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"token_type":"Bearer","expires_in":3599,"access_token":"t0ken"}`))
	}))
	defer entra.Close()
	identity := Provider{Account: azureaccount.Account{TenantID: "contoso.com", ClientID: "app", ClientSecret: "s3cret", Authority: entra.URL}}
	for status, message := range map[int]string{401: "refuses the token", 403: "the role EventGrid Data Sender on the topic"} {
		if e := answered(t, identity, status); e.Failure != providers.Unreachable || e.Permanent || !strings.Contains(e.Message, message) {
			t.Errorf("%d: got %s: %s", status, e.Failure, e.Message)
		}
	}
}

// answered returns the failure of a call that Event Grid answers with status.
func answered(t *testing.T, p Provider, status int) *providers.Error {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(status)
		_, _ = w.Write([]byte("d3tail"))
	}))
	defer server.Close()
	p.Endpoint = server.URL
	_, err := open(t, &p).Invoke(t.Context(), callOf(plain, eventgateway.FormatEvent, nil))
	var e *providers.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want a *providers.Error", err)
	}
	for _, private := range []string{"d3tail", "k3y", "s3cret", "t0ken"} {
		if strings.Contains(e.Message, private) {
			t.Errorf("the message shows %s: %s", private, e.Message)
		}
	}
	return e
}

// A token of the server's own identity goes to Event Grid, and to no host that only calls itself so.
func TestOwnDomains(t *testing.T) {
	for endpoint, refused := range map[string]bool{
		"https://evil.example/api/events":                             true,
		"https://eventgrid.azure.net.evil.example/":                   true,
		"https://evileventgrid.azure.net/":                            true,
		"https://orders.westeurope-1.eventgrid.azure.net/api/events":  false,
		"https://orders.usgovvirginia-1.eventgrid.azure.us/api/event": false,
	} {
		f := open(t, &Provider{Endpoint: endpoint, Account: azureaccount.Account{WorkloadIdentity: true}})
		t.Setenv("AZURE_FEDERATED_TOKEN_FILE", "")
		err := f.bearer.Authorize(t.Context(), http.Header{}, nil)
		if err == nil || strings.Contains(err.Error(), "does not show its own identity") != refused {
			t.Errorf("%s: got error %v, want it refused: %t", endpoint, err, refused)
		}
	}
}

func TestValidate(t *testing.T) {
	identity := azureaccount.Account{ManagedIdentity: true}
	for name, test := range map[string]struct {
		provider Provider
		want     string
	}{
		"key":              {Provider{Endpoint: "https://a/api/events", AccessKey: "s3cret"}, ""},
		"identity":         {Provider{Endpoint: "https://a/api/events", Account: identity}, ""},
		"no endpoint":      {Provider{AccessKey: "s3cret"}, "endpoint: missing"},
		"not http":         {Provider{Endpoint: "amqp://a", AccessKey: "s3cret"}, `endpoint: "amqp://a" is not accepted`},
		"user":             {Provider{Endpoint: "https://u:s3cret@a", AccessKey: "s3cret"}, "endpoint: not accepted: want a URL without a user"},
		"key in the URL":   {Provider{Endpoint: "https://a?aeg-sas-key=s3cret"}, "endpoint: not accepted: want a URL without a key"},
		"no key":           {Provider{Endpoint: "https://a"}, "accessKey: missing"},
		"key and identity": {Provider{Endpoint: "https://a", AccessKey: "s3cret", Account: identity}, "accessKey: not accepted: want it or an identity"},
		"key with a line":  {Provider{Endpoint: "https://a", AccessKey: "s3cret\n"}, "accessKey: not accepted: want an access key"},
		"identity, no TLS": {Provider{Endpoint: "http://a", Account: identity}, `endpoint: "http://a" is not accepted: want https`},
		"half an identity": {Provider{Endpoint: "https://a", Account: azureaccount.Account{ClientSecret: "s3cret"}}, "tenantId: missing"},
	} {
		t.Run(name, func(t *testing.T) {
			err := test.provider.Validate()
			switch {
			case test.want == "":
				if err != nil {
					t.Errorf("refused: %v", err)
				}
			case eventgateway.KindOf(err) != eventgateway.Invalid || !strings.HasPrefix(err.Error(), test.want) ||
				strings.Contains(err.Error(), "s3cret"):
				t.Errorf("got error %v, want %q", err, test.want)
			}
		})
	}
}
