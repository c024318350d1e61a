package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/integration/gatewaytest"
	"github.com/eventgateway/eventgateway/providers/awsaccount/awstest"
)

// addAWS registers a function with the credentials of the tests behind an endpoint, in the space default.
func addAWS(g *gatewaytest.Gateway, id, typ, endpoint string, fields map[string]string) {
	provider := map[string]any{
		"region": awstest.Region, "awsAccessKeyId": awstest.Example.KeyID, "awsSecretAccessKey": awstest.Example.Key,
		"awsSessionToken": awstest.Example.Token, "endpoint": endpoint,
	}
	for name, value := range fields {
		provider[name] = value
	}
	g.Do(http.MethodPost, g.Config+"/v1/spaces/default/functions",
		map[string]any{"functionId": id, "type": typ, "provider": provider}, 201)
}

// TestAWSEvents sends events to a topic, a bus and a state machine, and an http event to a state machine that answers.
func TestAWSEvents(t *testing.T) {
	published, put, started := make(chan url.Values, 10), make(chan []byte, 10), make(chan string, 10)
	sns := awstest.StartEdge(t, "sns", awstest.Example, func(w http.ResponseWriter, _ *http.Request, body []byte) {
		form, err := url.ParseQuery(string(body))
		if err != nil {
			t.Error(err)
		}
		published <- form
		w.Header().Set("Content-Type", "text/xml")
		fmt.Fprint(w, `<PublishBatchResponse><PublishBatchResult><Failed/><Successful><member><Id>0</Id><MessageId>m</MessageId></member>
			</Successful></PublishBatchResult></PublishBatchResponse>`)
	})
	events := awstest.StartEdge(t, "events", awstest.Example, func(w http.ResponseWriter, _ *http.Request, body []byte) {
		put <- body
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		fmt.Fprint(w, `{"FailedEntryCount":0,"Entries":[{"EventId":"e"}]}`)
	})
	var attempts atomic.Int64
	states := awstest.StartEdge(t, "states", awstest.Example, func(w http.ResponseWriter, r *http.Request, body []byte) {
		var request struct{ Name, Input string }
		if err := json.Unmarshal(body, &request); err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".StartSyncExecution") {
			fmt.Fprint(w, `{"executionArn":"arn","status":"SUCCEEDED","startDate":1,"stopDate":2,"output":"{\"statusCode\":201,\"body\":\"done\"}"}`)
			return
		}
		if attempts.Add(1) == 1 { // it was started, but the gateway is not told
			started <- request.Name
			awstest.Refuse(w, http.StatusInternalServerError, "InternalFailure", "private")
			return
		}
		started <- request.Name
		awstest.Refuse(w, http.StatusBadRequest, "ExecutionAlreadyExists", "private")
	})

	g := gatewaytest.Start(t)
	const machine = "arn:aws:states:eu-west-1:123456789012:stateMachine:orders"
	addAWS(g, "topic", "awssns", sns, map[string]string{
		"topicArn": "arn:aws:sns:eu-west-1:123456789012:orders.fifo", "messageGroupId": "data.customer",
	})
	addAWS(g, "bus", "awseventbridge", events, map[string]string{"eventBusName": "orders"})
	addAWS(g, "machine", "awsstepfunctions", states, map[string]string{"stateMachineArn": machine})
	addAWS(g, "answers", "awsstepfunctions", states, map[string]string{"stateMachineArn": machine, "mode": "sync"})
	for _, id := range []string{"topic", "bus", "machine"} {
		g.Do(http.MethodPost, g.Config+"/v1/spaces/default/subscriptions", map[string]any{
			"functionId": id, "event": "order.placed", "delivery": map[string]any{"backoff": map[string]any{"initial": "10ms"}},
		}, 201)
	}
	g.Do(http.MethodPost, g.Config+"/v1/spaces/default/subscriptions",
		map[string]any{"functionId": "answers", "event": "http", "method": "GET", "path": "/answers"}, 201)

	if got := string(g.Do(http.MethodGet, g.Events+"/answers", nil, 201)); got != "done" {
		t.Errorf("got %q", got)
	}
	req, err := http.NewRequest(http.MethodPost, g.Events+"/", strings.NewReader(`{"specversion":"1.0","type":"order.placed","source":"/shop",`+
		`"id":"order-7","time":"2024-01-02T03:04:05Z","datacontenttype":"application/json","data":{"customer":"c-1"}}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/cloudevents+json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusAccepted {
		t.Fatalf("got %d", res.StatusCode)
	}

	form := within(t, published)
	const entry = "PublishBatchRequestEntries.member.1."
	if form.Get(entry+"MessageGroupId") != "c-1" || !strings.Contains(form.Get(entry+"Message"), `"customer":"c-1"`) ||
		len(form.Get(entry+"MessageDeduplicationId")) != 64 {
		t.Errorf("the topic got %v", form)
	}
	var entries struct {
		Entries []struct{ EventBusName, Source, DetailType, Detail string }
	}
	if body := within(t, put); json.Unmarshal(body, &entries) != nil || len(entries.Entries) != 1 || entries.Entries[0].EventBusName != "orders" ||
		entries.Entries[0].Source != "/shop" || entries.Entries[0].DetailType != "order.placed" ||
		!strings.Contains(entries.Entries[0].Detail, `"customer":"c-1"`) {
		t.Errorf("the bus got %s", body)
	}
	first, second := within(t, started), within(t, started)
	if first != second || !strings.HasPrefix(first, "order-7-") {
		t.Errorf("two attempts at one delivery started executions %q and %q", first, second)
	}
	gatewaytest.Eventually(t, time.Minute, func() error { // the second attempt is as good as done
		status := string(g.Do(http.MethodGet, g.Config+"/v1/spaces/default/events/order-7", nil, 200))
		if !strings.Contains(status, `"state":"delivered","deliveries"`) {
			return fmt.Errorf("the event is at %s", status)
		}
		return nil
	})
}

// within returns what comes from a channel, in a minute at most.
func within[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case value := <-from:
		return value
	case <-time.After(time.Minute):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}
