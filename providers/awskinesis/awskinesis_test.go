package awskinesis

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
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

// putRecords is the request as Kinesis documents it.
type putRecords struct {
	StreamName string
	Records    []struct {
		Data         []byte
		PartitionKey string
	}
}

// read checks that a request is a PutRecords of stream "orders".
func read(t *testing.T, r *http.Request, body []byte) (request putRecords) {
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&request); err != nil || request.StreamName != "orders" {
		t.Errorf("got %s: %v", body, err)
	}
	if r.Method != http.MethodPost || r.RequestURI != "/" || r.Header.Get("X-Amz-Target") != "Kinesis_20131202.PutRecords" ||
		r.Header.Get("Content-Type") != "application/x-amz-json-1.1" {
		t.Errorf("got %s %s %v, want a PutRecords", r.Method, r.RequestURI, r.Header)
	}
	return request
}

// answerAll answers as Kinesis does, with what of gives for each record.
func answerAll(w http.ResponseWriter, request putRecords, of func(data string) (errorCode string)) {
	var records []map[string]string
	failed := 0
	for i, r := range request.Records {
		if code := of(string(r.Data)); code != "" {
			failed++
			records = append(records, map[string]string{"ErrorCode": code, "ErrorMessage": "private " + string(r.Data)})
			continue
		}
		records = append(records, map[string]string{"SequenceNumber": fmt.Sprint("4950", i), "ShardId": "shardId-of-" + r.PartitionKey})
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(map[string]any{"FailedRecordCount": failed, "Records": records})
}

func none(string) string { return "" }

// open opens a function on an edge that checks every request and answers it with on.
func open(t *testing.T, on func(w http.ResponseWriter, request putRecords)) *providers.Handle {
	t.Helper()
	edge := awstest.StartEdge(t, "kinesis", awstest.Example, func(w http.ResponseWriter, r *http.Request, body []byte) {
		on(w, read(t, r, body))
	})
	h := providers.Open(&eventgateway.Function{
		Space: "s", ID: "f", Type: "awskinesis", Provider: json.RawMessage(`{"streamName":"orders"` + awstest.Fields(edge) + `}`),
	}, providers.Env{MaxResponse: 2000})
	t.Cleanup(h.Close)
	return h
}

func call(data, key string) *providers.Call {
	return &providers.Call{
		Payload: []byte(data), ContentType: "application/json", Key: key, Event: &eventgateway.Event{Type: "order", ID: "id-" + data},
	}
}

func TestConformance(t *testing.T) {
	providertest.Run(t, providertest.Config{
		Type: "awskinesis",
		Fields: func(edge string) string {
			return `{"streamName":"orders","partitionKey":"data.id"` + awstest.Fields(edge) + `}`
		},
		Secrets: awstest.Secrets(),
		Caddyfile: func(edge string) string {
			return "awskinesis orders {\n\tpartition_key data.id\n" + awstest.CaddyfileOptions(edge) + "}\n"
		},
		Answer: func(w http.ResponseWriter, r *http.Request, _ []byte) {
			if awstest.Verified(t, w, r, providertest.Body(r), "kinesis", awstest.Example) {
				answerAll(w, read(t, r, providertest.Body(r)), none)
			}
		},
		Fail: func(w http.ResponseWriter, r *http.Request, detail string) {
			if awstest.Verified(t, w, r, providertest.Body(r), "kinesis", awstest.Example) {
				awstest.Refuse(w, http.StatusInternalServerError, "InternalFailureException", detail)
			}
		},
		Failed: providers.Unreachable,
		Takes: func(result []byte) error {
			if !strings.HasPrefix(string(result), `{"SequenceNumber":"4950`) || !strings.HasSuffix(string(result), `,"ShardId":"shardId-of-6f6b9a4e-test"}`) {
				return fmt.Errorf("got %s", result)
			}
			return nil
		},
	})
}

func TestRecord(t *testing.T) {
	var got putRecords
	h := open(t, func(w http.ResponseWriter, request putRecords) {
		got = request
		answerAll(w, request, none)
	})
	long := strings.Repeat("x", 257)
	for key, want := range map[string]string{
		"":                       "id-data",
		"customer 7":             "customer 7",
		strings.Repeat("é", 256): strings.Repeat("é", 256),
		long:                     fmt.Sprintf("%x", sha256.Sum256([]byte(long))),
	} {
		if _, err := h.Invoke(t.Context(), call("data", key)); err != nil {
			t.Fatal(err)
		}
		if len(got.Records) != 1 || string(got.Records[0].Data) != "data" || got.Records[0].PartitionKey != want {
			t.Errorf("got %+v, want key %q", got, want)
		}
	}
}

// Deliveries that come while a request is in flight go together, and each gets what became of its own record.
func TestOutcomesOfABatch(t *testing.T) {
	var (
		mu       sync.Mutex
		requests []putRecords
		arrived  = make(chan struct{})
		hold     = make(chan struct{})
	)
	h := open(t, func(w http.ResponseWriter, request putRecords) {
		if string(request.Records[0].Data) == "first" {
			close(arrived)
			<-hold
		}
		mu.Lock()
		requests = append(requests, request)
		mu.Unlock()
		answerAll(w, request, func(data string) string {
			return map[string]string{"throttled": "ProvisionedThroughputExceededException", "failed": "InternalFailure"}[data]
		})
	})
	var all sync.WaitGroup
	do := func(data string, failure providers.Failure, message string) {
		all.Go(func() {
			result, err := h.Invoke(t.Context(), call(data, ""))
			if failure == "" {
				if err != nil || !strings.Contains(string(result.Body), `"ShardId":"shardId-of-id-`+data+`"`) {
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
	do("throttled", providers.Throttled, "AWS throttles calls to stream orders in eu-west-1")
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
		"ResourceNotFoundException":              {providers.Unreachable, false, "there is no stream orders in eu-west-1: check provider.streamName"},
		"AccessDeniedException":                  {providers.Unreachable, false, "permission kinesis:PutRecords on stream orders"},
		"KMSAccessDeniedException":               {providers.Unreachable, false, "kms:GenerateDataKey"},
		"KMSThrottlingException":                 {providers.Throttled, false, "KMS"},
		"LimitExceededException":                 {providers.Throttled, false, "throttles"},
		"ProvisionedThroughputExceededException": {providers.Throttled, false, "throttles"},
		"ValidationException":                    {providers.FunctionFailed, true, "does not take the event"},
		"InvalidArgumentException":               {providers.FunctionFailed, true, "does not take the event"},
		"KMSDisabledException":                   {providers.Unreachable, false, "KMSDisabledException"},
	} {
		t.Run(code, func(t *testing.T) {
			requests := 0
			h := open(t, func(w http.ResponseWriter, _ putRecords) {
				requests++
				awstest.Refuse(w, http.StatusBadRequest, code, "private")
			})
			_, err := h.Invoke(t.Context(), call("data", ""))
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
		"good":        {Provider{StreamName: "orders_1.a-b", Account: awstest.Account("")}, ""},
		"no stream":   {Provider{Account: awstest.Account("")}, "streamName"},
		"an ARN":      {Provider{StreamName: "arn:aws:kinesis:eu-west-1:123456789012:stream/orders", Account: awstest.Account("")}, "streamName"},
		"long":        {Provider{StreamName: strings.Repeat("a", 129), Account: awstest.Account("")}, "streamName"},
		"no region":   {Provider{StreamName: "orders"}, "region"},
		"half a key":  {Provider{StreamName: "orders", Account: awsaccount.Account{Region: "eu-west-1", AccessKeyID: "A"}}, "awsSecretAccessKey"},
		"a line more": {Provider{StreamName: "orders\n", Account: awstest.Account("")}, "streamName"},
	} {
		err := test.provider.Validate()
		if test.field == "" && err != nil || test.field != "" && (err == nil || !strings.HasPrefix(err.Error(), test.field+":")) {
			t.Errorf("%s: got %v, want an error about %q", name, err, test.field)
		}
	}
}

func TestCaddyfileErrors(t *testing.T) {
	for text, want := range map[string]string{
		"awskinesis":                         "provider awskinesis needs stream_name and region",
		"awskinesis a b":                     "wrong argument count",
		"awskinesis a {\n\tstream_name b\n}": "stream_name is given twice, at Testfile:2",
		"awskinesis a {\n\tregion eu-west-1\n\tshard 1\n}": `unknown option "shard" of provider awskinesis`,
	} {
		err := new(Provider).UnmarshalCaddyfile(caddyfile.NewTestDispenser(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestKeyExpression(t *testing.T) {
	fn := &eventgateway.Function{Type: "awskinesis", Provider: json.RawMessage(`{"streamName":"a","region":"eu-west-1","partitionKey":"data.id"}`)}
	if field, source := providers.KeyExpression(fn); !slices.Equal([]string{field, source}, []string{"provider.partitionKey", "data.id"}) {
		t.Errorf("got %q %q", field, source)
	}
}
