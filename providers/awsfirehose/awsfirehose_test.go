package awsfirehose

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/awsaccount"
	"github.com/eventgateway/eventgateway/providers/awsaccount/awstest"
	"github.com/eventgateway/eventgateway/providers/providertest"
)

// putRecordBatch is the request as Firehose documents it.
type putRecordBatch struct {
	DeliveryStreamName string
	Records            []struct{ Data []byte }
}

// read checks that a request is a PutRecordBatch of stream "orders".
func read(t *testing.T, r *http.Request, body []byte) (request putRecordBatch) {
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&request); err != nil || request.DeliveryStreamName != "orders" {
		t.Errorf("got %s: %v", body, err)
	}
	if r.Method != http.MethodPost || r.RequestURI != "/" || r.Header.Get("X-Amz-Target") != "Firehose_20150804.PutRecordBatch" ||
		r.Header.Get("Content-Type") != "application/x-amz-json-1.1" {
		t.Errorf("got %s %s %v, want a PutRecordBatch", r.Method, r.RequestURI, r.Header)
	}
	return request
}

// answerAll answers as Firehose does, with what of gives for each record.
func answerAll(w http.ResponseWriter, request putRecordBatch, of func(data string) (errorCode string)) {
	var records []map[string]string
	failed := 0
	for _, r := range request.Records {
		if code := of(string(r.Data)); code != "" {
			failed++
			records = append(records, map[string]string{"ErrorCode": code, "ErrorMessage": "private " + string(r.Data)})
			continue
		}
		records = append(records, map[string]string{"RecordId": "record-of-" + string(r.Data)})
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(map[string]any{"FailedPutCount": failed, "RequestResponses": records})
}

func none(string) string { return "" }

// open opens a function on an edge that checks every request and answers it with on.
func open(t *testing.T, on func(w http.ResponseWriter, request putRecordBatch)) *providers.Handle {
	t.Helper()
	edge := awstest.StartEdge(t, "firehose", awstest.Example, func(w http.ResponseWriter, r *http.Request, body []byte) {
		on(w, read(t, r, body))
	})
	h := providers.Open(&eventgateway.Function{
		Space: "s", ID: "f", Type: "awsfirehose", Provider: json.RawMessage(`{"deliveryStreamName":"orders"` + awstest.Fields(edge) + `}`),
	}, providers.Env{MaxResponse: 2000})
	t.Cleanup(h.Close)
	return h
}

func call(data string) *providers.Call {
	return &providers.Call{
		Payload: []byte(data), ContentType: "application/json", Event: &eventgateway.Event{Type: "order", ID: "id-" + data},
	}
}

func TestConformance(t *testing.T) {
	providertest.Run(t, providertest.Config{
		Type: "awsfirehose",
		Fields: func(edge string) string {
			return `{"deliveryStreamName":"orders"` + awstest.Fields(edge) + `}`
		},
		Secrets: awstest.Secrets(),
		Caddyfile: func(edge string) string {
			return "awsfirehose orders {\n" + awstest.CaddyfileOptions(edge) + "}\n"
		},
		Answer: func(w http.ResponseWriter, r *http.Request, _ []byte) {
			if awstest.Verified(t, w, r, providertest.Body(r), "firehose", awstest.Example) {
				answerAll(w, read(t, r, providertest.Body(r)), none)
			}
		},
		Fail: func(w http.ResponseWriter, r *http.Request, detail string) {
			if awstest.Verified(t, w, r, providertest.Body(r), "firehose", awstest.Example) {
				awstest.Refuse(w, http.StatusBadRequest, "ResourceNotFoundException", detail)
			}
		},
		Failed: providers.Unreachable,
		Takes: func(result []byte) error {
			if !strings.HasPrefix(string(result), `{"RecordId":"record-of-`) {
				return fmt.Errorf("got %s", result)
			}
			return nil
		},
	})
}

func TestRecord(t *testing.T) {
	var got putRecordBatch
	requests := 0
	h := open(t, func(w http.ResponseWriter, request putRecordBatch) {
		requests++
		got = request
		answerAll(w, request, none)
	})
	result, err := h.Invoke(t.Context(), call("data"))
	if err != nil || string(result.Body) != `{"RecordId":"record-of-data"}` || len(got.Records) != 1 || string(got.Records[0].Data) != "data" {
		t.Errorf("got %+v, result %v, error %v", got, result, err)
	}
	_, err = h.Invoke(t.Context(), call(strings.Repeat("x", 1000<<10+1)))
	if e, ok := errors.AsType[*providers.Error](err); !ok || !e.Permanent || !strings.Contains(e.Message, "1,000 KiB") || requests != 1 {
		t.Errorf("a record too large: got %v after %d requests", err, requests)
	}
}

// Deliveries that come while a request is in flight go together, and each gets what became of its own record.
func TestOutcomesOfABatch(t *testing.T) {
	var (
		mu       sync.Mutex
		requests []putRecordBatch
		arrived  = make(chan struct{})
		hold     = make(chan struct{})
	)
	h := open(t, func(w http.ResponseWriter, request putRecordBatch) {
		if string(request.Records[0].Data) == "first" {
			close(arrived)
			<-hold
		}
		mu.Lock()
		requests = append(requests, request)
		mu.Unlock()
		answerAll(w, request, func(data string) string {
			return map[string]string{"throttled": "ServiceUnavailableException", "failed": "InternalFailure"}[data]
		})
	})
	var all sync.WaitGroup
	do := func(data string, failure providers.Failure, message string) {
		all.Go(func() {
			result, err := h.Invoke(t.Context(), call(data))
			if failure == "" {
				if err != nil || !strings.Contains(string(result.Body), `"record-of-`+data+`"`) {
					t.Errorf("%s: got %v, error %v", data, result, err)
				}
				return
			}
			e, ok := errors.AsType[*providers.Error](err)
			if !ok || e.Failure != failure || e.Permanent || !strings.Contains(e.Message, message) || strings.Contains(e.Message, "private") {
				t.Errorf("%s: got %v, want failure %s", data, err, failure)
			}
		})
	}
	do("first", "", "")
	<-arrived
	for i := range 40 {
		do(fmt.Sprint("good ", i), "", "")
	}
	do("throttled", providers.Throttled, "throughput is used up")
	do("failed", providers.Unreachable, "could not take the event: InternalFailure")
	close(hold)
	all.Wait()
	records := 0
	for _, r := range requests {
		records += len(r.Records)
	}
	if records != 43 {
		t.Errorf("%d records were sent, want each of 43 once", records)
	}
}

func TestServiceErrors(t *testing.T) {
	for code, want := range map[string]struct {
		failure   providers.Failure
		permanent bool
		message   string
	}{
		"ResourceNotFoundException":   {providers.Unreachable, false, "there is no delivery stream orders in eu-west-1: check provider.deliveryStreamName"},
		"AccessDeniedException":       {providers.Unreachable, false, "permission firehose:PutRecordBatch on delivery stream orders"},
		"ServiceUnavailableException": {providers.Throttled, false, "throughput is used up"},
		"ThrottlingException":         {providers.Throttled, false, "throttles"},
		"InvalidKMSResourceException": {providers.Unreachable, false, "KMS key"},
		"InvalidSourceException":      {providers.Unreachable, false, "Direct PUT"},
		"InvalidArgumentException":    {providers.FunctionFailed, true, "does not take the event"},
		"ValidationException":         {providers.FunctionFailed, true, "does not take the event"},
		"InternalFailure":             {providers.Unreachable, false, "InternalFailure"},
	} {
		t.Run(code, func(t *testing.T) {
			requests := 0
			h := open(t, func(w http.ResponseWriter, _ putRecordBatch) {
				requests++
				awstest.Refuse(w, http.StatusBadRequest, code, "private")
			})
			_, err := h.Invoke(t.Context(), call("data"))
			e, ok := errors.AsType[*providers.Error](err)
			if !ok || e.Failure != want.failure || e.Permanent != want.permanent || e.Status != 400 || !strings.Contains(e.Message, want.message) {
				t.Errorf("got %+v", e)
			}
			if requests != 1 {
				t.Errorf("%d requests were made, want 1", requests)
			}
		})
	}
}

func TestValidate(t *testing.T) {
	for name, test := range map[string]struct {
		provider Provider
		field    string
	}{
		"good":        {Provider{DeliveryStreamName: "orders_1.a-b", Account: awstest.Account("")}, ""},
		"no stream":   {Provider{Account: awstest.Account("")}, "deliveryStreamName"},
		"an ARN":      {Provider{DeliveryStreamName: "arn:aws:firehose:eu-west-1:123456789012:deliverystream/orders", Account: awstest.Account("")}, "deliveryStreamName"},
		"long":        {Provider{DeliveryStreamName: strings.Repeat("a", 65), Account: awstest.Account("")}, "deliveryStreamName"},
		"no region":   {Provider{DeliveryStreamName: "orders"}, "region"},
		"half a key":  {Provider{DeliveryStreamName: "orders", Account: awsaccount.Account{Region: "eu-west-1", AccessKeyID: "A"}}, "awsSecretAccessKey"},
		"a line more": {Provider{DeliveryStreamName: "orders\n", Account: awstest.Account("")}, "deliveryStreamName"},
	} {
		err := test.provider.Validate()
		if test.field == "" && err != nil || test.field != "" && (err == nil || !strings.HasPrefix(err.Error(), test.field+":")) {
			t.Errorf("%s: got %v, want an error about %q", name, err, test.field)
		}
	}
}

func TestCaddyfileErrors(t *testing.T) {
	for text, want := range map[string]string{
		"awsfirehose":     "provider awsfirehose needs delivery_stream_name and region",
		"awsfirehose a b": "wrong argument count",
		"awsfirehose a {\n\tdelivery_stream_name b\n}":            "delivery_stream_name is given twice, at Testfile:2",
		"awsfirehose a {\n\tregion eu-west-1\n\tstream_name b\n}": `unknown option "stream_name" of provider awsfirehose`,
	} {
		err := new(Provider).UnmarshalCaddyfile(caddyfile.NewTestDispenser(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
