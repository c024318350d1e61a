package googlepubsub

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"

	"github.com/eventgateway/eventgateway/providers/googleaccount/googletest"
)

const testTopic = "projects/test-project/topics/orders"

// published is one message as it was published.
type published struct {
	Data        []byte            `json:"data"`
	Attributes  map[string]string `json:"attributes"`
	OrderingKey string            `json:"orderingKey"`
}

// topic is Pub/Sub with one topic. It takes what it is sent, and notes the requests.
type topic struct {
	google *googletest.Google
	// open tells that no token is wanted, as of an emulator.
	open bool

	mu       sync.Mutex
	requests [][]published
	taken    int
}

// take checks a request as Pub/Sub does and answers with the ids of its messages. What is wrong with it is the error.
func (p *topic) take(w http.ResponseWriter, r *http.Request, body []byte) error {
	err := p.check(r)
	var request struct {
		Messages []published `json:"messages"`
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err == nil {
		err = decoder.Decode(&request)
	}
	switch {
	case err != nil:
	case len(request.Messages) == 0 || len(request.Messages) > 1000 || len(body) > 10_000_000:
		err = fmt.Errorf("%d messages in %d bytes", len(request.Messages), len(body))
	default:
		for _, m := range request.Messages {
			if m.OrderingKey != request.Messages[0].OrderingKey {
				err = fmt.Errorf("messages with other ordering keys in one request")
			}
			if len(m.Data) == 0 && len(m.Attributes) == 0 {
				err = fmt.Errorf("a message of nothing")
			}
		}
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, "INVALID_ARGUMENT", err.Error())
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests = append(p.requests, request.Messages)
	var said answer
	for range request.Messages {
		p.taken++
		said.MessageIDs = append(said.MessageIDs, strconv.Itoa(p.taken))
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	return json.NewEncoder(w).Encode(said)
}

func (p *topic) check(r *http.Request) error {
	switch {
	case r.Method != http.MethodPost || r.RequestURI != "/v1/"+testTopic+":publish":
		return fmt.Errorf("got %s %s", r.Method, r.RequestURI)
	case r.Header.Get("Content-Type") != "application/json":
		return fmt.Errorf("got Content-Type %q", r.Header.Get("Content-Type"))
	case !p.open:
		return p.google.CheckAccess(r)
	case r.Header["Authorization"] != nil:
		return fmt.Errorf("a token was sent to where none is wanted")
	}
	return nil
}

// refuse answers as Google's REST services do.
func refuse(w http.ResponseWriter, code int, status, message string) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(code)
	_, _ = fmt.Fprintf(w, `{"error":{"code":%d,"message":%q,"status":%q,"details":[{"@type":"type.googleapis.com/google.rpc.Help"}]}}`,
		code, message, status)
}
