package awseventbridge

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/awsaccount/awstest"
	"github.com/eventgateway/eventgateway/providers/providertest"
)

const testBus = "arn:aws:events:eu-west-1:123456789012:event-bus/orders"

// putEvents is the request as EventBridge documents it.
type putEvents struct {
	Entries []struct {
		EventBusName, Source, DetailType, Detail string
		Time                                     float64
	}
}

// read checks that a request is a PutEvents to the test's bus.
func read(t *testing.T, r *http.Request, body []byte) (request putEvents) {
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&request); err != nil || len(request.Entries) == 0 {
		t.Errorf("got %s: %v", body, err)
	}
	for _, e := range request.Entries {
		if e.EventBusName != testBus {
			t.Errorf("got an entry for bus %s", e.EventBusName)
		}
	}
	if r.Method != http.MethodPost || r.RequestURI != "/" || r.Header.Get("X-Amz-Target") != "AWSEvents.PutEvents" ||
		r.Header.Get("Content-Type") != "application/x-amz-json-1.1" {
		t.Errorf("got %s %s %v, want a PutEvents", r.Method, r.RequestURI, r.Header)
	}
	return request
}

// answerAll answers as EventBridge does, with an error code for the entries that refused gives one for.
func answerAll(w http.ResponseWriter, request putEvents, refused func(detail string) (code string)) {
	type object map[string]any
	failed, entries := 0, []object{}
	for _, e := range request.Entries {
		if code := refused(e.Detail); code != "" {
			failed++
			entries = append(entries, object{"ErrorCode": code, "ErrorMessage": "private " + e.Detail})
			continue
		}
		entries = append(entries, object{"EventId": "id of " + e.Detail})
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(object{"FailedEntryCount": failed, "Entries": entries})
}

func none(string) string { return "" }

func TestConformance(t *testing.T) {
	providertest.Run(t, providertest.Config{
		Type: "awseventbridge",
		Fields: func(edge string) string {
			return `{"eventBusName":"` + testBus + `","source":"shop"` + awstest.Fields(edge) + `}`
		},
		Secrets: awstest.Secrets(),
		Caddyfile: func(edge string) string {
			return "awseventbridge " + testBus + " {\n\tsource shop\n" + awstest.CaddyfileOptions(edge) + "}\n"
		},
		Answer: func(w http.ResponseWriter, r *http.Request, _ []byte) {
			if awstest.Verified(t, w, r, providertest.Body(r), "events", awstest.Example) {
				answerAll(w, read(t, r, providertest.Body(r)), none)
			}
		},
		Fail: func(w http.ResponseWriter, r *http.Request, detail string) {
			if awstest.Verified(t, w, r, providertest.Body(r), "events", awstest.Example) {
				awstest.Refuse(w, http.StatusInternalServerError, "InternalException", detail)
			}
		},
		Failed: providers.Unreachable,
		Takes: func(result []byte) error {
			if !strings.HasPrefix(string(result), `{"EventId":"id of {`) {
				return fmt.Errorf("got %s", result)
			}
			return nil
		},
	})
}

// open opens a function on an edge that checks every request and answers it with on.
func open(t *testing.T, source string, on func(w http.ResponseWriter, request putEvents)) *providers.Handle {
	t.Helper()
	edge := awstest.StartEdge(t, "events", awstest.Example, func(w http.ResponseWriter, r *http.Request, body []byte) {
		on(w, read(t, r, body))
	})
	h := providers.Open(&eventgateway.Function{
		Space: "s", ID: "f", Type: "awseventbridge",
		Provider: json.RawMessage(`{"eventBusName":"` + testBus + `","source":"` + source + `"` + awstest.Fields(edge) + `}`),
	}, providers.Env{MaxResponse: 2000})
	t.Cleanup(h.Close)
	return h
}

func call(payload string, ce *eventgateway.CloudEventAttributes) *providers.Call {
	return &providers.Call{Payload: []byte(payload), ContentType: "application/json", Event: &eventgateway.Event{
		Type: "order.placed", ID: "7", ReceivedAt: time.Unix(1_700_000_000, 0), CloudEvent: ce,
	}}
}

func TestEntry(t *testing.T) {
	ce := &eventgateway.CloudEventAttributes{Source: "/shop", Time: "2024-01-02T03:04:05Z"}
	for name, test := range map[string]struct {
		field, payload string
		ce             *eventgateway.CloudEventAttributes
		source, detail string
		time           float64
	}{
		"own event":       {"", `{"a":"<ö>"}`, nil, "event-gateway", `{"a":"<ö>"}`, 1_700_000_000},
		"CloudEvent":      {"", `{}`, ce, "/shop", `{}`, 1_704_164_645},
		"source field":    {"fixed", ``, ce, "fixed", `{}`, 1_704_164_645},
		"time unreadable": {"", `{}`, &eventgateway.CloudEventAttributes{Source: "s", Time: "now"}, "s", `{}`, 1_700_000_000},
	} {
		t.Run(name, func(t *testing.T) {
			var got putEvents
			h := open(t, test.field, func(w http.ResponseWriter, request putEvents) {
				got = request
				answerAll(w, request, none)
			})
			result, err := h.Invoke(t.Context(), call(test.payload, test.ce))
			if err != nil {
				t.Fatal(err)
			}
			var answer struct {
				EventID string `json:"EventId"`
			}
			if err := json.Unmarshal(result.Body, &answer); err != nil || answer.EventID != "id of "+test.detail {
				t.Errorf("got %s, %v", result.Body, err)
			}
			e := got.Entries[0]
			if len(got.Entries) != 1 || e.Source != test.source || e.DetailType != "order.placed" || e.Detail != test.detail || e.Time != test.time {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// TestBatches checks that concurrent events share requests and that each gets its own outcome.
func TestBatches(t *testing.T) {
	const events = 200
	var mu sync.Mutex
	requests, most := 0, 0
	began, held := make(chan struct{}, events), make(chan struct{})
	h := open(t, "", func(w http.ResponseWriter, request putEvents) {
		mu.Lock()
		requests++
		most = max(most, len(request.Entries))
		mu.Unlock()
		began <- struct{}{}
		<-held
		answerAll(w, request, func(detail string) string {
			if strings.Contains(detail, "bad") {
				return "MalformedDetail"
			}
			return ""
		})
	})
	var all, called sync.WaitGroup
	called.Add(events)
	for i := range events {
		all.Go(func() {
			called.Done()
			word := "good"
			if i%7 == 0 {
				word = "bad"
			}
			payload := fmt.Sprintf(`{"%s":%d}`, word, i)
			result, err := h.Invoke(t.Context(), call(payload, nil))
			if word == "bad" {
				if e, ok := errors.AsType[*providers.Error](err); !ok || !e.Permanent || e.Failure != providers.FunctionFailed ||
					strings.Contains(e.Message, "private") {
					t.Errorf("%s: got %v", payload, err)
				}
			} else if err != nil || !strings.Contains(string(result.Body), fmt.Sprintf(`:%d}`, i)) {
				t.Errorf("%s: got %v, %v", payload, result, err)
			}
		})
	}
	for range maxRequests { // while these are at work, what comes is gathered
		<-began
	}
	called.Wait()
	close(held)
	all.Wait()
	if requests >= events || most < 2 || most > maxEntries {
		t.Errorf("%d events took %d requests of up to %d entries", events, requests, most)
	}
}

func TestEntryErrors(t *testing.T) {
	for code, want := range map[string]struct {
		failure   providers.Failure
		permanent bool
		says      string
	}{
		"ThrottlingException":             {providers.Throttled, false, "throttles"},
		"InternalFailure":                 {providers.Unreachable, false, "InternalFailure"},
		"AccessDeniedException":           {providers.Unreachable, false, "events:PutEvents on event bus " + testBus},
		"NotAuthorizedForSourceException": {providers.Unreachable, false, "provider.source"},
		"InvalidAccountIdException":       {providers.Unreachable, false, "provider.eventBusName"},
		"MalformedDetail":                 {providers.FunctionFailed, true, "JSON object"},
		"InvalidArgument":                 {providers.FunctionFailed, true, "InvalidArgument"},
	} {
		t.Run(code, func(t *testing.T) {
			h := open(t, "", func(w http.ResponseWriter, request putEvents) {
				answerAll(w, request, func(string) string { return code })
			})
			_, err := h.Invoke(t.Context(), call(`{}`, nil))
			e, ok := errors.AsType[*providers.Error](err)
			if !ok || e.Failure != want.failure || e.Permanent != want.permanent || !strings.Contains(e.Message, want.says) ||
				strings.Contains(e.Message, "private") {
				t.Errorf("got %+v, want %+v", err, want)
			}
		})
	}
	t.Run("too few entries", func(t *testing.T) {
		h := open(t, "", func(w http.ResponseWriter, _ putEvents) { answerAll(w, putEvents{}, none) })
		_, err := h.Invoke(t.Context(), call(`{}`, nil))
		if providers.FailureOf(err) != providers.BadAnswer {
			t.Errorf("got %v", err)
		}
	})
}

func TestValidate(t *testing.T) {
	account := awstest.Account("")
	for field, p := range map[string]Provider{
		"eventBusName: missing": {Account: account},
		"eventBusName":          {EventBusName: "two words", Account: account},
		"source":                {EventBusName: "default", Source: strings.Repeat("x", 257), Account: account},
		"source:":               {EventBusName: "default", Source: "aws.ec2", Account: account},
		"region":                {EventBusName: strings.Replace(testBus, "eu-west-1", "us-east-1", 1), Account: account},
		"region: missing":       {EventBusName: "default"},
	} {
		err := p.Validate()
		if eventgateway.KindOf(err) != eventgateway.Invalid || !strings.HasPrefix(err.Error(), field) {
			t.Errorf("%+v: got %v, want an error about %s", p, err, field)
		}
	}
	if err := (&Provider{EventBusName: "default", Account: account}).Validate(); err != nil {
		t.Error(err)
	}
}
