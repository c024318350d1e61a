package eventgateway

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	// gatewayAPI and gatewayAccount stand where AWS names an API and who owns it. Functions called without credentials of AWS
	// find the same word for the account.
	gatewayAPI     = "event-gateway"
	gatewayAccount = "anonymous"
	// gatewayStage is the stage whose name is no part of the path.
	gatewayStage = "$default"

	gatewayTimeLayout = "02/Jan/2006:15:04:05 -0700"
)

// gatewayRequest writes an http event as AWS API Gateway sends a request to a function.
type gatewayRequest struct {
	ev    *Event
	r     *HTTPRequest
	route Route
	// path is as the sender encoded it: decoded, a slash within a segment could not be told from one between two.
	path string
	// fields are the headers: Host, those that came in order of their names, and where the request came from.
	fields []gatewayField
	// set are the values of those that did not come.
	set [4]string
}

type gatewayField struct {
	name   string
	values []string
}

func newGatewayRequest(ev *Event, route Route) *gatewayRequest {
	g := &gatewayRequest{ev: ev, r: ev.HTTP, route: route, path: ev.HTTP.EscapedPath()}
	g.setFields()
	return g
}

func (g *gatewayRequest) setFields() {
	g.fields = make([]gatewayField, 0, len(g.r.Header)+len(g.set))
	if g.r.Host != "" {
		g.add(0, "Host", g.r.Host)
	}
	for _, name := range sortedKeys(make([]string, 0, len(g.r.Header)), g.r.Header) {
		values := g.r.Header[name]
		switch {
		case len(values) == 0, g.setsField(name):
		case name == "Cookie" && len(values) > 1:
			g.fields = append(g.fields, gatewayField{name, []string{strings.Join(values, "; ")}})
		default:
			g.fields = append(g.fields, gatewayField{name, values})
		}
	}
	if g.r.ClientIP != "" {
		g.add(1, "X-Forwarded-For", g.forwardedFor())
	}
	if g.r.Scheme != "" {
		g.add(2, "X-Forwarded-Port", g.port())
		g.add(3, "X-Forwarded-Proto", g.r.Scheme)
	}
}

func (g *gatewayRequest) add(i int, name, value string) {
	g.set[i] = value
	g.fields = append(g.fields, gatewayField{name, g.set[i : i+1 : i+1]})
}

// setsField reports whether a header is what the gateway says, whatever came.
func (g *gatewayRequest) setsField(name string) bool {
	switch name {
	case "Host":
		return g.r.Host != ""
	case "X-Forwarded-For":
		return g.r.ClientIP != ""
	case "X-Forwarded-Port", "X-Forwarded-Proto":
		return g.r.Scheme != ""
	}
	return false
}

// forwardedFor is what came of the header, and at its end, where nobody else can write, the client.
func (g *gatewayRequest) forwardedFor() string {
	came := g.r.Header["X-Forwarded-For"]
	if len(came) == 0 {
		return g.r.ClientIP
	}
	return strings.Join(came, ", ") + ", " + g.r.ClientIP
}

// port is the one that the request was sent to.
func (g *gatewayRequest) port() string {
	if host, port := splitPort(g.r.Host); host != "" && port != "" {
		return port
	}
	if g.r.Scheme == "https" {
		return "443"
	}
	return "80"
}

// splitPort splits the host of a request, and takes the brackets off an IPv6 address.
func splitPort(hostPort string) (host, port string) {
	host = hostPort
	if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
		host, port = host[:i], host[i+1:]
	}
	return strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"), port
}

// sizeHint guesses the length of the payload, so that buffers seldom grow. times is how often a header is written.
func (g *gatewayRequest) sizeHint(times int) int {
	n := 1024 + len(g.ev.Data) + len(g.ev.Data)/3 + 4*len(g.path) + 4*len(g.r.RawQuery) + len(g.ev.Authorization)
	for _, f := range g.fields {
		n += times * (len(f.name) + 8)
		for _, value := range f.values {
			n += times * len(value)
		}
	}
	return n
}

// appendDomain writes the members that tell the host.
func (g *gatewayRequest) appendDomain(buf []byte) []byte {
	host, _ := splitPort(g.r.Host)
	buf = append(buf, `,"domainName":`...)
	buf = AppendJSONString(buf, host)
	prefix, _, _ := strings.Cut(host, ".")
	buf = append(buf, `,"domainPrefix":`...)
	return AppendJSONString(buf, prefix)
}

// appendTimes writes when the request came, under the names of the two members.
func (g *gatewayRequest) appendTimes(buf []byte, text, epoch string) []byte {
	at := g.ev.ReceivedAt
	buf = append(buf, `,"`...)
	buf = append(buf, text...)
	buf = append(buf, `":"`...)
	buf = at.UTC().AppendFormat(buf, gatewayTimeLayout)
	buf = append(buf, `","`...)
	buf = append(buf, epoch...)
	buf = append(buf, `":`...)
	return strconv.AppendInt(buf, at.UnixMilli(), 10)
}

// appendClient writes the members that tell who sent the request.
func (g *gatewayRequest) appendClient(buf []byte) []byte {
	buf = append(buf, `"sourceIp":`...)
	buf = AppendJSONString(buf, g.r.ClientIP)
	buf = append(buf, `,"userAgent":`...)
	return AppendJSONString(buf, g.r.Header.Get("User-Agent"))
}

// appendPathParameters writes the object of path parameters.
func (g *gatewayRequest) appendPathParameters(buf []byte) []byte {
	buf = append(buf, '{')
	for i, p := range g.route.Params {
		buf = appendComma(buf, i)
		buf = AppendJSONString(buf, p.Name)
		buf = append(buf, ':')
		buf = AppendJSONString(buf, p.Value)
	}
	return append(buf, '}')
}

// appendPattern writes the pattern of the subscription's path as API Gateway has it: /users/{id}/{rest+}, as a string.
func appendPattern(buf []byte, pattern string) []byte {
	buf = append(buf, '"')
	for part := range strings.SplitSeq(strings.TrimPrefix(pattern, "/"), "/") {
		buf = append(buf, '/')
		switch {
		case part != "" && part[0] == ':':
			buf = append(buf, '{')
			buf = appendEscaped(buf, part[1:])
			buf = append(buf, '}')
		case part != "" && part[0] == '*':
			buf = append(buf, '{')
			buf = appendEscaped(buf, part[1:])
			buf = append(buf, "+}"...)
		default:
			buf = appendEscaped(buf, part)
		}
	}
	return append(buf, '"')
}

// appendBody writes the body as a string: text as it is, anything else as base64; and which of them it is.
func (g *gatewayRequest) appendBody(buf []byte) []byte {
	if isGatewayText(g.r.Header, g.ev.DataType) && utf8.Valid(g.ev.Data) {
		buf = AppendJSONString(buf, g.ev.Data)
		return append(buf, `,"isBase64Encoded":false`...)
	}
	buf = appendBase64(buf, g.ev.Data)
	return append(buf, `,"isBase64Encoded":true`...)
}

// isGatewayText reports whether a body is text by its type, or has none.
func isGatewayText(header http.Header, dataType string) bool {
	if len(header["Content-Type"]) == 0 {
		return true
	}
	t := MediaType(dataType)
	if len(t) > 5 && strings.EqualFold(t[:5], "text/") || len(t) > 4 && strings.EqualFold(t[len(t)-4:], "+xml") || IsJSON(t) {
		return true
	}
	for _, text := range [...]string{"application/x-www-form-urlencoded", "application/xml", "application/javascript"} {
		if strings.EqualFold(t, text) {
			return true
		}
	}
	return false
}

// appendGranted writes, as members of an object, what the authorizer granted: who the sender is, and what else it said.
func (g *gatewayRequest) appendGranted(buf []byte, appendValue func(buf, value []byte) []byte) []byte {
	var principal, context []byte
	for name, value := range JSONMembers(g.ev.Authorization) {
		switch text, _ := JSONText(name); string(text) {
		case "principalId":
			principal = value
		case "context":
			context = value
		}
	}
	buf = append(buf, `"principalId":`...)
	if principal == nil {
		principal = []byte(`""`)
	}
	buf = append(buf, principal...)
	if !bytes.HasPrefix(context, []byte("{")) {
		return buf
	}
	for name, value := range JSONMembers(context) {
		if text, _ := JSONText(name); string(text) == "principalId" {
			continue
		}
		buf = append(buf, ',')
		buf = append(buf, name...)
		buf = append(buf, ':')
		buf = appendValue(buf, value)
	}
	return buf
}
