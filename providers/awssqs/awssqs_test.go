package awssqs

import (
	"crypto/md5" // the checksum of the protocol
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"slices"
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
		Type: "awssqs",
		Fields: func(edge string) string {
			return `{"queueUrl":"` + fifoQueue + `","messageGroupId":"data.id"` + awstest.Fields(edge) + `}`
		},
		Secrets: awstest.Secrets(),
		Caddyfile: func(edge string) string {
			return "awssqs " + fifoQueue + " {\n\tmessage_group_id data.id\n" + awstest.CaddyfileOptions(edge) + "}\n"
		},
		Answer: func(w http.ResponseWriter, r *http.Request, _ []byte) {
			if awstest.Verified(t, w, r, providertest.Body(r), "sqs", awstest.Example) {
				answerAll(w, read(t, r, fifoQueue, providertest.Body(r)), none)
			}
		},
		Fail: func(w http.ResponseWriter, r *http.Request, detail string) {
			if awstest.Verified(t, w, r, providertest.Body(r), "sqs", awstest.Example) {
				awstest.Refuse(w, http.StatusInternalServerError, "InternalFailure", detail)
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

func TestStandardQueue(t *testing.T) {
	var got sendMessageBatch
	h := open(t, standardQueue, func(w http.ResponseWriter, request sendMessageBatch) {
		got = request
		answerAll(w, request, none)
	})
	for _, group := range []string{"", "tenant-7"} {
		result, err := h.Invoke(t.Context(), call(`{"a":"ä\n"}`, group))
		want := fmt.Sprintf(`{"MessageId":"message-0","MD5OfMessageBody":"%x"}`, md5.Sum([]byte(`{"a":"ä\n"}`)))
		if err != nil || string(result.Body) != want {
			t.Fatalf("got %v, error %v", result, err)
		}
		m := got.Entries[0]
		if len(got.Entries) != 1 || m.MessageBody != `{"a":"ä\n"}` || m.MessageGroupID != group || m.MessageDeduplicationID != "" {
			t.Errorf("got %+v, want group %q", got, group)
		}
	}
}

func TestFIFOQueue(t *testing.T) {
	var got sendMessageBatch
	h := open(t, fifoQueue, func(w http.ResponseWriter, request sendMessageBatch) {
		got = request
		answerAll(w, request, none)
	})
	send := func(c *providers.Call) (group, deduplication string) {
		t.Helper()
		result, err := h.Invoke(t.Context(), c)
		if err != nil || !strings.Contains(string(result.Body), `"SequenceNumber":"18849496460467696128"`) {
			t.Fatalf("got %v, error %v", result, err)
		}
		for _, text := range []string{got.Entries[0].MessageGroupID, got.Entries[0].MessageDeduplicationID} {
			if text == "" || len(text) > 128 || strings.IndexFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) >= 0 {
				t.Errorf("SQS does not take %q", text)
			}
		}
		return got.Entries[0].MessageGroupID, got.Entries[0].MessageDeduplicationID
	}
	if group, _ := send(call("a", "")); group != "id-a" {
		t.Errorf("without a key: got group %q, want the event's id", group)
	}
	if group, _ := send(call("a", "customer-7")); group != "customer-7" {
		t.Errorf("got group %q", group)
	}
	groups := map[string]bool{}
	for _, key := range []string{"customer 7", "customer 8", "müller", strings.Repeat("x", 129)} {
		group, _ := send(call("a", key))
		again, _ := send(call("b", key))
		if group != again || groups[group] {
			t.Errorf("key %q: got groups %q and %q, want one of its own", key, group, again)
		}
		groups[group] = true
	}

	// What is one delivery has one id, what is not has another.
	ce := func(source string) *providers.Call {
		c := call("a", "")
		c.Event.CloudEvent = &eventgateway.CloudEventAttributes{Source: source}
		return c
	}
	of := func(subscription string) *providers.Call {
		c := call("a", "")
		c.Header = http.Header{"Event-Gateway-Subscription-Id": {subscription}, "Event-Gateway-Attempt": {"1"}}
		return c
	}
	second := of("one")
	second.Header.Set("Event-Gateway-Attempt", "2")
	_, attempt1 := send(of("one"))
	if _, attempt2 := send(second); attempt1 != attempt2 {
		t.Error("a second attempt has another deduplication id")
	}
	ids := map[string]bool{}
	for _, c := range []*providers.Call{call("a", ""), call("b", ""), ce("/x"), ce("/y"), of("one"), of("two")} {
		_, id := send(c)
		if ids[id] {
			t.Errorf("event %s from %v has the deduplication id of another", c.Event.ID, c.Event.CloudEvent)
		}
		ids[id] = true
	}
}

// However many deliveries of a group there are, none is sent while another is in flight, and other groups do not wait.
func TestGroupsKeepTheirOrder(t *testing.T) {
	var (
		mu     sync.Mutex
		flying = map[string]int{}
	)
	h := open(t, fifoQueue, func(w http.ResponseWriter, request sendMessageBatch) {
		mu.Lock()
		for _, m := range request.Entries {
			if flying[m.MessageGroupID]++; flying[m.MessageGroupID] > 1 {
				t.Errorf("two messages of group %s are in flight", m.MessageGroupID)
			}
		}
		mu.Unlock()
		runtime.Gosched() // so that others could come meanwhile
		mu.Lock()
		for _, m := range request.Entries {
			flying[m.MessageGroupID]-- // before the answer is on its way: with it, the next may be sent
		}
		mu.Unlock()
		answerAll(w, request, func(body string) string {
			if strings.HasSuffix(body, "7") {
				return "InternalError"
			}
			return ""
		})
	})
	var all sync.WaitGroup
	for i := range 120 {
		all.Go(func() {
			group := fmt.Sprint("group-", i%4)
			_, err := h.Invoke(t.Context(), call(fmt.Sprint(i), group))
			if (i%10 == 7) != (err != nil) {
				t.Errorf("message %d: got %v", i, err)
			}
		})
	}
	all.Wait()
}

func TestOutcomesOfABatch(t *testing.T) {
	var (
		mu       sync.Mutex
		messages []string
		arrived  = make(chan struct{})
		hold     = make(chan struct{})
	)
	codes := map[string]string{
		"throttled": "RequestThrottled", "kms": "KmsThrottled", "failed": "InternalError", "refused": "InvalidMessageContents",
	}
	h := open(t, standardQueue, func(w http.ResponseWriter, request sendMessageBatch) {
		if request.Entries[0].MessageBody == "first" {
			close(arrived)
			<-hold
		}
		if len(request.Entries) > 10 {
			t.Errorf("a request of %d messages", len(request.Entries))
		}
		mu.Lock()
		for _, m := range request.Entries {
			messages = append(messages, m.MessageBody)
		}
		mu.Unlock()
		answerAll(w, request, func(body string) string { return codes[body] })
	})
	var all sync.WaitGroup
	do := func(body string, failure providers.Failure, permanent bool) {
		all.Go(func() {
			result, err := h.Invoke(t.Context(), call(body, ""))
			if failure == "" {
				if err != nil || !strings.Contains(string(result.Body), "MessageId") {
					t.Errorf("%s: got %v, error %v", body, result, err)
				}
				return
			}
			e, ok := errors.AsType[*providers.Error](err)
			if !ok || e.Failure != failure || e.Permanent != permanent || strings.Contains(e.Message, "private") {
				t.Errorf("%s: got %v, want failure %s", body, err, failure)
			}
		})
	}
	do("first", "", false)
	<-arrived
	want := []string{"first", "failed", "kms", "refused", "throttled"}
	for i := range 40 {
		want = append(want, fmt.Sprint("good ", i))
		do(want[len(want)-1], "", false)
	}
	do("throttled", providers.Throttled, false)
	do("kms", providers.Throttled, false)
	do("failed", providers.Unreachable, false)
	do("refused", providers.FunctionFailed, true)
	close(hold)
	all.Wait()
	slices.Sort(messages)
	slices.Sort(want)
	if !slices.Equal(messages, want) {
		t.Errorf("got messages %q, want each once", messages)
	}
}

func TestUnfitMessages(t *testing.T) {
	h := open(t, standardQueue, func(http.ResponseWriter, sendMessageBatch) { t.Error("a request was made") })
	for name, body := range map[string]string{
		"empty": "", "binary": "\xff\xfe", "control": "a\x00b", "no character": "a\uffffb", "large": strings.Repeat("x", 1<<20+1),
	} {
		_, err := h.Invoke(t.Context(), call(body, ""))
		if e, ok := errors.AsType[*providers.Error](err); !ok || e.Failure != providers.FunctionFailed || !e.Permanent {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestServiceErrors(t *testing.T) {
	for code, want := range map[string]struct {
		query     string // its name in the old protocol
		failure   providers.Failure
		permanent bool
		message   string
	}{
		"com.amazonaws.sqs#QueueDoesNotExist": {
			"AWS.SimpleQueueService.NonExistentQueue", providers.Unreachable, false, "there is no queue orders: check provider.queueUrl",
		},
		"QueueDoesNotExist":     {"", providers.Unreachable, false, "there is no queue orders: check provider.queueUrl"},
		"AccessDeniedException": {"AccessDenied", providers.Unreachable, false, "permission sqs:SendMessage on queue orders in eu-west-1"},
		"KmsAccessDenied":       {"KMS.AccessDeniedException", providers.Unreachable, false, "kms:GenerateDataKey"},
		"KmsThrottled":          {"KMS.ThrottlingException", providers.Throttled, false, "throttles"},
		"RequestThrottled":      {"", providers.Throttled, false, "throttles"},
		"ThrottlingException":   {"", providers.Throttled, false, "throttles"},
		"BatchRequestTooLong":   {"AWS.SimpleQueueService.BatchRequestTooLong", providers.FunctionFailed, true, "BatchRequestTooLong"},
		"InvalidAddress":        {"", providers.Unreachable, false, "provider.queueUrl"},
		"KmsDisabled":           {"KMS.DisabledException", providers.Unreachable, false, "could not take the event"},
		"SomethingNewException": {"", providers.Unreachable, false, "could not take the event"},
	} {
		t.Run(code, func(t *testing.T) {
			h := open(t, standardQueue, func(w http.ResponseWriter, _ sendMessageBatch) {
				if want.query != "" {
					w.Header().Set("X-Amzn-Query-Error", want.query+";Sender")
				}
				awstest.Refuse(w, http.StatusBadRequest, code, "private")
			})
			_, err := h.Invoke(t.Context(), call("data", ""))
			e, ok := errors.AsType[*providers.Error](err)
			if !ok || e.Failure != want.failure || e.Permanent != want.permanent || !strings.Contains(e.Message, want.message) ||
				strings.Contains(e.Message, "private") {
				t.Errorf("got %+v", e)
			}
		})
	}
}

func TestValidate(t *testing.T) {
	at := func(queue, endpoint string) Provider {
		return Provider{QueueURL: queue, Account: awstest.Account(endpoint)}
	}
	for _, p := range []Provider{
		at(standardQueue, ""), at(fifoQueue, ""),
		at("https://eu-west-1.queue.amazonaws.com/123456789012/orders", ""),
		at("http://localhost:9324/000000000000/orders", "http://localhost:9324"),
		at("http://localhost:9324/queue/orders", "http://localhost:9324"),
	} {
		if err := p.Validate(); err != nil {
			t.Errorf("%s: %v", p.QueueURL, err)
		}
	}
	elsewhere := at(standardQueue, "")
	elsewhere.Region = "us-east-1"
	for name, test := range map[string]struct {
		provider Provider
		field    string
	}{
		"nothing":        {Provider{}, "queueUrl"},
		"name":           {at("orders", ""), "queueUrl"},
		"ARN":            {at("arn:aws:sqs:eu-west-1:123456789012:orders", ""), "queueUrl"},
		"no queue":       {at("https://sqs.eu-west-1.amazonaws.com/", ""), "queueUrl"},
		"dots":           {at("https://sqs.eu-west-1.amazonaws.com/../orders", ""), "queueUrl"},
		"credential":     {at("https://user:secret@sqs.eu-west-1.amazonaws.com/123456789012/orders", ""), "queueUrl"},
		"query":          {at(standardQueue+"?secret", ""), "queueUrl"},
		"elsewhere":      {at("http://localhost:9324/queue/orders", ""), "queueUrl"},
		"other region":   {elsewhere, "region"},
		"other protocol": {at("ftp://sqs.eu-west-1.amazonaws.com/123456789012/orders", ""), "queueUrl"},
	} {
		err := test.provider.Validate()
		if err == nil || !strings.HasPrefix(err.Error(), test.field+":") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v, want an error about %q", name, err, test.field)
		}
	}
}
