package openwhisk_test

import (
	"encoding/json"
	"net/http"
	"testing"

	_ "github.com/eventgateway/eventgateway/providers/openwhisk"
	"github.com/eventgateway/eventgateway/providers/providertest"
)

// answer writes the record of an activation as OpenWhisk does.
func answer(w http.ResponseWriter, status int, kind string, result json.RawMessage) {
	record, _ := json.Marshal(map[string]any{
		"activationId": "c7bb1339cb4f40e3a6ccead6c99f804e", "name": "hello", "namespace": "guest", "logs": []string{},
		"response": map[string]any{"status": kind, "success": kind == "success", "result": result},
	})
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Openwhisk-Activation-Id", "c7bb1339cb4f40e3a6ccead6c99f804e")
	w.WriteHeader(status)
	_, _ = w.Write(record)
}

func TestConformance(t *testing.T) {
	providertest.Run(t, providertest.Config{
		Type: "openwhisk",
		Fields: func(edge string) string {
			return `{"apiHost":"` + edge + `","namespace":"guest","action":"hello","auth":"23bc46b1-71f6:wh1sk-s3cret","package":"demo"}`
		},
		Secrets: []string{"wh1sk-s3cret"},
		Caddyfile: func(edge string) string {
			return "openwhisk hello {\n\tapi_host " + edge + "\n\tnamespace guest\n\tpackage demo\n\tauth 23bc46b1-71f6:wh1sk-s3cret\n}\n"
		},
		Answer: func(w http.ResponseWriter, _ *http.Request, body []byte) { answer(w, http.StatusOK, "success", body) },
		Fail: func(w http.ResponseWriter, _ *http.Request, detail string) {
			result, _ := json.Marshal(map[string]string{"error": detail})
			answer(w, http.StatusBadGateway, "application error", result)
		},
	})
}
