// Command apigateway stands for functions in Go that were written for AWS API Gateway, for tests: it takes what is posted to /v1
// for an event of a REST API and what is posted to /v2 for one of an HTTP API, and decodes it with the types that AWS gives such
// functions, which must know every member. It says on the first line of its output where it listens, and ends with its input.
package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"

	"github.com/aws/aws-lambda-go/events"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("POST /v1", function(answerV1))
	http.HandleFunc("POST /v2", function(answerV2))
	go func() { log.Fatal(http.Serve(listener, nil)) }()
	fmt.Println("http://" + listener.Addr().String())
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// function calls a handler as the runtime of Lambda does.
func function[In, Out any](handler func(context.Context, In) (Out, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in In
		decoder := json.NewDecoder(r.Body)
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&in); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		out, err := handler(r.Context(), in)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(out)
	}
}

// answerV1 answers with what it was called with; a PUT with the body that came.
func answerV1(_ context.Context, request events.APIGatewayProxyRequest) (*events.APIGatewayProxyResponse, error) {
	response := &events.APIGatewayProxyResponse{
		StatusCode: http.StatusAccepted,
		Headers:    map[string]string{"X-Single": "1"},
		MultiValueHeaders: map[string][]string{
			"Set-Cookie": {"a=1; Path=/", "b=2"}, "X-Multi": {"1", "2"},
		},
	}
	if request.HTTPMethod == http.MethodPut {
		response.Headers["Content-Type"] = request.Headers["Content-Type"]
		response.Body, response.IsBase64Encoded = request.Body, request.IsBase64Encoded
		return response, nil
	}
	seen, err := json.Marshal(request)
	response.Body = string(seen)
	return response, err
}

// answerV2 answers with what it was called with; a PUT with the body that came, always as base64.
func answerV2(_ context.Context, request events.APIGatewayV2HTTPRequest) (*events.APIGatewayV2HTTPResponse, error) {
	response := &events.APIGatewayV2HTTPResponse{
		StatusCode: http.StatusAccepted,
		Headers:    map[string]string{"X-Single": "1", "Content-Type": "application/json"},
		Cookies:    []string{"a=1; Path=/", "b=2"},
	}
	if request.RequestContext.HTTP.Method == http.MethodPut {
		response.Headers["Content-Type"] = request.Headers["content-type"]
		response.Body, response.IsBase64Encoded = request.Body, true
		if !request.IsBase64Encoded {
			response.Body = base64.StdEncoding.EncodeToString([]byte(request.Body))
		}
		return response, nil
	}
	seen, err := json.Marshal(request)
	response.Body = string(seen)
	return response, err
}
