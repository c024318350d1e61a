package awssns

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/awsaccount/awstest"
	"github.com/eventgateway/eventgateway/providers/providertest"
)

func TestConformance(t *testing.T) {
	providertest.Run(t, providertest.Config{
		Type: "awssns",
		Fields: func(edge string) string {
			return `{"topicArn":"` + fifoTopic + `","messageGroupId":"data.id","subject":"An order"` + awstest.Fields(edge) + `}`
		},
		Secrets: awstest.Secrets(),
		Caddyfile: func(edge string) string {
			return "awssns " + fifoTopic + " {\n\tmessage_group_id data.id\n\tsubject \"An order\"\n" + awstest.CaddyfileOptions(edge) + "}\n"
		},
		Answer: func(w http.ResponseWriter, r *http.Request, _ []byte) {
			if awstest.Verified(t, w, r, providertest.Body(r), "sns", awstest.Example) {
				answerAll(w, read(t, r, fifoTopic, providertest.Body(r)), none)
			}
		},
		Fail: func(w http.ResponseWriter, r *http.Request, detail string) {
			if awstest.Verified(t, w, r, providertest.Body(r), "sns", awstest.Example) {
				refuse(w, http.StatusInternalServerError, "InternalError", detail)
			}
		},
		Failed: providers.Unreachable,
		Takes: func(result []byte) error {
			if !strings.HasPrefix(string(result), `{"MessageId":"message-`) {
				return fmt.Errorf("got %s", result)
			}
			return nil
		},
	})
}

func TestStandardTopic(t *testing.T) {
	var got []message
	h := open(t, standardTopic, `,"subject":"An order"`, func(w http.ResponseWriter, messages []message) {
		got = messages
		answerAll(w, messages, none)
	})
	for _, group := range []string{"", "tenant-7"} {
		result, err := h.Invoke(t.Context(), call(`{"a":"ö&<\n"}`, group))
		if err != nil || string(result.Body) != `{"MessageId":"message-0"}` {
			t.Fatalf("got %v, error %v", result, err)
		}
		want := map[string]string{"eventType": "order.placed", "eventId": "7", "eventSource": "/shop"}
		m := got[0]
		if len(got) != 1 || m.text != `{"a":"ö&<\n"}` || m.subject != "An order" || m.group != group || m.deduplication != "" ||
			!maps.Equal(m.attributes, want) {
			t.Errorf("got %+v", got)
		}
	}
}

func TestFIFOTopic(t *testing.T) {
	var got []message
	h := open(t, fifoTopic, "", func(w http.ResponseWriter, messages []message) {
		got = append(got, messages...)
		answerAll(w, messages, none)
	})
	for _, key := range []string{"customer-1", "", "two words", "two words"} {
		result, err := h.Invoke(t.Context(), call(`{}`, key))
		if err != nil || string(result.Body) != `{"MessageId":"message-0","SequenceNumber":"10000000000000003000"}` {
			t.Fatalf("got %v, error %v", result, err)
		}
	}
	digest := regexp.MustCompile(`^[0-9a-f]{64}$`)
	if got[0].group != "customer-1" || got[1].group != "7" || !digest.MatchString(got[2].group) || got[3].group != got[2].group {
		t.Errorf("got groups %q, %q, %q and %q", got[0].group, got[1].group, got[2].group, got[3].group)
	}
	for _, m := range got { // all of them are deliveries of one event
		if !digest.MatchString(m.deduplication) || m.deduplication != got[0].deduplication {
			t.Errorf("got deduplication id %q, the first had %q", m.deduplication, got[0].deduplication)
		}
	}
}

func TestAttributesOfBinaryCloudEvents(t *testing.T) {
	c := call("text", "")
	c.Header = http.Header{"Ce-Id": {"7"}, "Ce-Type": {"order.placed"}, "Ce-Bad": {"\x01"}, "X-Other": {"x"}}
	want := []string{"eventType", "eventId", "eventSource", "ce-id", "ce-type"}
	got := attributesOf(c)
	for _, name := range want {
		if _, ok := got[name]; !ok || len(got) != len(want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	for i := range 20 {
		c.Header.Set(fmt.Sprintf("Ce-Extension%d", i), "x")
	}
	if got := attributesOf(c); len(got) != maxAttributes {
		t.Errorf("got %d attributes", len(got))
	}
}

// TestBatches checks that concurrent messages share requests and that each gets its own outcome.
func TestBatches(t *testing.T) {
	const events = 200
	var mu sync.Mutex
	requests, most := 0, 0
	began, held := make(chan struct{}, events), make(chan struct{})
	h := open(t, standardTopic, "", func(w http.ResponseWriter, messages []message) {
		mu.Lock()
		requests++
		most = max(most, len(messages))
		mu.Unlock()
		began <- struct{}{}
		<-held
		answerAll(w, messages, func(text string) string {
			if strings.HasPrefix(text, "bad") {
				return "InvalidParameter"
			}
			return ""
		})
	})
	var all, called sync.WaitGroup
	called.Add(events)
	for i := range events {
		all.Go(func() {
			called.Done()
			if i%7 > 0 {
				if _, err := h.Invoke(t.Context(), call(fmt.Sprint("good ", i), "")); err != nil {
					t.Error(err)
				}
				return
			}
			_, err := h.Invoke(t.Context(), call(fmt.Sprint("bad ", i), ""))
			if e, ok := errors.AsType[*providers.Error](err); !ok || !e.Permanent {
				t.Errorf("got %v", err)
			}
		})
	}
	for range maxRequests { // while these are at work, what comes is gathered
		<-began
	}
	called.Wait()
	close(held)
	all.Wait()
	if requests >= events || most < 2 || most > maxMessages {
		t.Errorf("%d events took %d requests of up to %d messages", events, requests, most)
	}
}

func TestErrors(t *testing.T) {
	for code, want := range map[string]struct {
		failure   providers.Failure
		permanent bool
		says      string
	}{
		"Throttled":          {providers.Throttled, false, "throttles"},
		"AuthorizationError": {providers.Unreachable, false, "sns:Publish on topic orders in eu-west-1"},
		"NotFound":           {providers.Unreachable, false, "provider.topicArn"},
		"KMSAccessDenied":    {providers.Unreachable, false, "kms:Decrypt"},
		"InvalidParameter":   {providers.FunctionFailed, true, "InvalidParameter"},
		"InternalError":      {providers.Unreachable, false, "InternalError"},
	} {
		check := func(t *testing.T, h *providers.Handle) {
			t.Helper()
			_, err := h.Invoke(t.Context(), call(`{}`, ""))
			e, ok := errors.AsType[*providers.Error](err)
			if !ok || e.Failure != want.failure || e.Permanent != want.permanent || !strings.Contains(e.Message, want.says) ||
				strings.Contains(e.Message, "private") {
				t.Errorf("got %+v, want %+v", err, want)
			}
		}
		t.Run(code+" of the request", func(t *testing.T) {
			check(t, open(t, standardTopic, "", func(w http.ResponseWriter, _ []message) { refuse(w, http.StatusBadRequest, code, "private") }))
		})
		t.Run(code+" of the message", func(t *testing.T) {
			check(t, open(t, standardTopic, "", func(w http.ResponseWriter, messages []message) {
				answerAll(w, messages, func(string) string { return code })
			}))
		})
	}
	t.Run("message forgotten", func(t *testing.T) {
		h := open(t, standardTopic, "", func(w http.ResponseWriter, _ []message) { answerAll(w, nil, none) })
		if _, err := h.Invoke(t.Context(), call(`{}`, "")); providers.FailureOf(err) != providers.BadAnswer {
			t.Errorf("got %v", err)
		}
	})
	for name, payload := range map[string]string{"empty": "", "binary": "\xff\xfe", "control character": "a\x00"} {
		t.Run(name, func(t *testing.T) {
			h := open(t, standardTopic, "", func(http.ResponseWriter, []message) { t.Error("it was sent") })
			_, err := h.Invoke(t.Context(), call(payload, ""))
			if e, ok := errors.AsType[*providers.Error](err); !ok || !e.Permanent || e.Failure != providers.FunctionFailed {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestValidate(t *testing.T) {
	account := awstest.Account("")
	for field, p := range map[string]Provider{
		"topicArn: missing": {Account: account},
		"topicArn":          {TopicARN: "orders", Account: account},
		"subject":           {TopicARN: standardTopic, Account: account, Subject: "two\nlines"},
		"subject:":          {TopicARN: standardTopic, Account: account, Subject: strings.Repeat("x", 101)},
		"region":            {TopicARN: strings.Replace(standardTopic, "eu-west-1", "us-east-1", 1), Account: account},
		"region: missing":   {TopicARN: standardTopic},
	} {
		err := p.Validate()
		if eventgateway.KindOf(err) != eventgateway.Invalid || !strings.HasPrefix(err.Error(), field) {
			t.Errorf("%+v: got %v, want an error about %s", p, err, field)
		}
	}
	if err := (&Provider{TopicARN: fifoTopic, Account: account, Subject: "An order, again"}).Validate(); err != nil {
		t.Error(err)
	}
}
