// Command google stands for functions in Go on Google Cloud, for tests: it is built with Google's own framework, and serves an HTTP
// function at /http and one for CloudEvents at /events. It listens at the port in PORT, and ends with its input.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"
	"github.com/cloudevents/sdk-go/v2/event"
)

func main() {
	ctx := context.Background()
	if err := funcframework.RegisterHTTPFunctionContext(ctx, "/http", greet); err != nil {
		log.Fatal(err)
	}
	if err := funcframework.RegisterCloudEventFunctionContext(ctx, "/events", note); err != nil {
		log.Fatal(err)
	}
	go func() { log.Fatal(funcframework.StartHostPort("127.0.0.1", os.Getenv("PORT"))) }()
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// greet answers an http event of the gateway.
func greet(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Event string
		Data  struct {
			Method string
			Params map[string]string
			Body   struct{ Greeting string }
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer := map[string]any{
		"statusCode": http.StatusCreated, "headers": map[string]string{"X-Framework": "go"},
		"body": fmt.Sprintf("%s, %s (%s %s)", in.Data.Body.Greeting, in.Data.Params["name"], in.Event, in.Data.Method),
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

// note writes what it gets of a CloudEvent on the standard output; it has no answer. An event of type "refused" it does not take.
func note(_ context.Context, e event.Event) error {
	if e.Type() == "refused" {
		return fmt.Errorf("an event of type %s is not wanted", e.Type())
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"id": e.ID(), "type": e.Type(), "source": e.Source(), "subject": e.Subject(), "extensions": e.Extensions(),
		"dataType": e.DataContentType(), "data": json.RawMessage(e.Data()),
	})
}
