package eventgateway_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway"
)

// The requests of the examples in the developer guide of API Gateway, with what functions get of them: all members of the examples
// but those that tell of AWS itself (accounts, stages, certificates, other authorizers).
var documented = map[eventgateway.Format]struct {
	event *eventgateway.Event
	route eventgateway.Route
	want  string
}{
	eventgateway.FormatAPIGatewayV1: {
		&eventgateway.Event{
			Type: "http", ID: "deef4878-7910-11e6-8f14-25afc3e9ae33", DataType: "application/json", Data: []byte("{\r\n\t\"a\": 1\r\n}"),
			HTTP: &eventgateway.HTTPRequest{
				Path: "/hello/world", Method: "POST", Host: "gy415nuibc.execute-api.us-east-1.amazonaws.com",
				Header: http.Header{
					"Accept": {"*/*"}, "Content-Type": {"application/json"}, "Headername": {"headerValue"},
					"User-Agent": {"PostmanRuntime/2.4.5"}, "X-Forwarded-For": {"54.240.196.186"},
				},
				Query:    url.Values{"name": {"me"}, "multivalueName": {"you", "me"}},
				RawQuery: "name=me&multivalueName=you&multivalueName=me", Scheme: "https", ClientIP: "54.182.214.83",
			},
		},
		eventgateway.Route{Path: "/*proxy", Params: eventgateway.PathParams{{Name: "proxy", Value: "hello/world"}}},
		`{
			"resource": "/{proxy+}", "path": "/hello/world", "httpMethod": "POST",
			"headers": {
				"Accept": "*/*", "Content-Type": "application/json", "Headername": "headerValue",
				"Host": "gy415nuibc.execute-api.us-east-1.amazonaws.com", "User-Agent": "PostmanRuntime/2.4.5",
				"X-Forwarded-For": "54.240.196.186, 54.182.214.83", "X-Forwarded-Port": "443", "X-Forwarded-Proto": "https"
			},
			"multiValueHeaders": {
				"Accept": ["*/*"], "Content-Type": ["application/json"], "Headername": ["headerValue"],
				"Host": ["gy415nuibc.execute-api.us-east-1.amazonaws.com"], "User-Agent": ["PostmanRuntime/2.4.5"],
				"X-Forwarded-For": ["54.240.196.186, 54.182.214.83"], "X-Forwarded-Port": ["443"], "X-Forwarded-Proto": ["https"]
			},
			"queryStringParameters": {"name": "me", "multivalueName": "me"},
			"multiValueQueryStringParameters": {"name": ["me"], "multivalueName": ["you", "me"]},
			"pathParameters": {"proxy": "hello/world"},
			"stageVariables": null,
			"requestContext": {
				"domainName": "gy415nuibc.execute-api.us-east-1.amazonaws.com", "domainPrefix": "gy415nuibc",
				"requestId": "deef4878-7910-11e6-8f14-25afc3e9ae33", "extendedRequestId": "deef4878-7910-11e6-8f14-25afc3e9ae33",
				"identity": {"sourceIp": "54.182.214.83", "userAgent": "PostmanRuntime/2.4.5"},
				"path": "/hello/world", "resourcePath": "/{proxy+}", "httpMethod": "POST", "protocol": "",
				"requestTime": "04/Mar/2020:19:15:17 +0000", "requestTimeEpoch": 1583349317135
			},
			"body": "{\r\n\t\"a\": 1\r\n}", "isBase64Encoded": false
		}`,
	},
	eventgateway.FormatAPIGatewayV2: {
		&eventgateway.Event{
			Type: "http", ID: "id", DataType: "text/plain", Data: []byte("Hello from Lambda"),
			Authorization: json.RawMessage(`{"principalId":"me","context":{"key":"value"}}`),
			HTTP: &eventgateway.HTTPRequest{
				Path: "/my/path", Method: "POST", Host: "id.execute-api.us-east-1.amazonaws.com",
				Header: http.Header{
					"Header1": {"value1"}, "Header2": {"value1", "value2"}, "Cookie": {"cookie1; cookie2"}, "User-Agent": {"agent"},
				},
				Query:    url.Values{"parameter1": {"value1", "value2"}, "parameter2": {"value"}},
				RawQuery: "parameter1=value1&parameter1=value2&parameter2=value", Protocol: "HTTP/1.1", ClientIP: "192.0.2.1",
			},
		},
		eventgateway.Route{Params: eventgateway.PathParams{{Name: "parameter1", Value: "value1"}}},
		`{
			"version": "2.0", "routeKey": "$default", "rawPath": "/my/path",
			"rawQueryString": "parameter1=value1&parameter1=value2&parameter2=value",
			"cookies": ["cookie1", "cookie2"],
			"headers": {
				"header1": "value1", "header2": "value1,value2", "host": "id.execute-api.us-east-1.amazonaws.com",
				"user-agent": "agent", "x-forwarded-for": "192.0.2.1"
			},
			"queryStringParameters": {"parameter1": "value1,value2", "parameter2": "value"},
			"requestContext": {
				"authorizer": {"lambda": {"principalId": "me", "key": "value"}},
				"domainName": "id.execute-api.us-east-1.amazonaws.com", "domainPrefix": "id",
				"http": {"method": "POST", "path": "/my/path", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "agent"},
				"requestId": "id", "routeKey": "$default", "time": "04/Mar/2020:19:15:17 +0000", "timeEpoch": 1583349317135
			},
			"body": "Hello from Lambda", "pathParameters": {"parameter1": "value1"}, "isBase64Encoded": false
		}`,
	},
}

func TestEncodeAPIGatewayAsDocumented(t *testing.T) {
	for format, test := range documented {
		test.event.ReceivedAt = time.UnixMilli(1583349317135)
		var got, want map[string]any
		if err := json.Unmarshal(test.event.EncodeRoute(nil, format, test.route).Payload, &got); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(test.want), &want); err != nil {
			t.Fatal(err)
		}
		context := got["requestContext"].(map[string]any)
		for name, value := range map[string]string{"accountId": "anonymous", "apiId": "event-gateway", "stage": "$default"} {
			if context[name] != value {
				t.Errorf("%s: %s is %v, want %s", format, name, context[name], value)
			}
			delete(context, name)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %v\nwant %v", format, got, want)
		}
	}
}
