package awskinesis

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/awsaccount"
	"github.com/eventgateway/eventgateway/providers/awsaccount/awstest"
	"github.com/eventgateway/eventgateway/providers/internal/batch"
)

// BenchmarkDeliveries is what 64 concurrent deliveries cost each, together in requests and in one request each, to a Kinesis
// that takes 5 ms for any. It prints how many times as many go through together.
func BenchmarkDeliveries(b *testing.B) {
	edge := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var request putRecords
		if err := json.Unmarshal(body, &request); err != nil {
			b.Error(err)
		}
		time.Sleep(5 * time.Millisecond) // the service's own time
		answerAll(w, request, none)
	}))
	defer edge.Close()
	var together float64
	for _, bench := range []struct {
		name              string
		records, requests int
	}{{"together", maxRecords, maxRequests}, {"alone", 1, 64}} {
		b.Run(bench.name, func(b *testing.B) {
			account := awstest.Account(edge.URL)
			c := account.Open(providers.Env{MaxResponse: maxAnswer})
			client := awsaccount.ServiceClient(c, func(cfg aws.Config) *kinesis.Client { return kinesis.NewFromConfig(cfg) })
			f := newInvoker("orders", c, client)
			defer f.Close()
			f.records = batch.New(batch.Config[types.PutRecordsRequestEntry]{
				Records: bench.records, Bytes: maxBytes, Requests: bench.requests, Send: f.put,
			})
			b.SetParallelism(32)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := f.Invoke(b.Context(), call("data", "")); err != nil {
						b.Error(err)
						return
					}
				}
			})
			rate := float64(b.N) / b.Elapsed().Seconds()
			b.ReportMetric(rate, "events/s")
			if bench.records > 1 {
				together = rate
			} else if rate > 0 {
				b.ReportMetric(together/rate, "x-together")
			}
		})
	}
}
