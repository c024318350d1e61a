package eventgateway

import (
	"slices"
	"strings"
)

// appendV2 writes what an HTTP API sends in payload format 2.0. What there is nothing to say of is left out.
func (g *gatewayRequest) appendV2(buf []byte) []byte {
	buf = slices.Grow(buf, g.sizeHint(1))
	buf = append(buf, `{"version":"2.0","routeKey":`...)
	buf = g.appendRouteKey(buf)
	buf = append(buf, `,"rawPath":`...)
	buf = AppendJSONString(buf, g.path)
	buf = append(buf, `,"rawQueryString":`...)
	if g.r.RawQuery == "" {
		buf = AppendJSONString(buf, g.r.Query.Encode())
	} else {
		buf = AppendJSONString(buf, g.r.RawQuery)
	}
	buf = g.appendCookies(buf)
	buf = g.appendHeadersV2(buf)
	if len(g.r.Query) > 0 {
		buf = append(buf, `,"queryStringParameters":{`...)
		for i, name := range sortedKeys(nil, g.r.Query) {
			buf = appendComma(buf, i)
			buf = AppendJSONString(buf, name)
			buf = append(buf, ':')
			buf = appendJoined(buf, g.r.Query[name], ",")
		}
		buf = append(buf, '}')
	}
	buf = append(buf, `,"requestContext":`...)
	buf = g.appendContextV2(buf)
	if len(g.route.Params) > 0 {
		buf = append(buf, `,"pathParameters":`...)
		buf = g.appendPathParameters(buf)
	}
	if len(g.ev.Data) > 0 {
		buf = append(buf, `,"body":`...)
		buf = g.appendBody(buf)
	} else {
		buf = append(buf, `,"isBase64Encoded":false`...)
	}
	return append(buf, '}')
}

// appendRouteKey writes the method and the pattern of the subscription's path; where it is not known, the route that takes
// what no other does.
func (g *gatewayRequest) appendRouteKey(buf []byte) []byte {
	if g.route.Path == "" {
		return append(buf, `"$default"`...)
	}
	buf = append(buf, '"')
	buf = appendEscaped(buf, g.r.Method)
	buf = append(buf, ' ')
	at := len(buf)
	buf = appendPattern(buf, g.route.Path)
	return slices.Delete(buf, at, at+1) // its opening quote
}

// appendCookies writes the cookies one by one; they are not among the headers then.
func (g *gatewayRequest) appendCookies(buf []byte) []byte {
	n := 0
	for _, line := range g.r.Header["Cookie"] {
		for cookie := range strings.SplitSeq(line, ";") {
			if cookie = strings.TrimSpace(cookie); cookie == "" {
				continue
			}
			if n == 0 {
				buf = append(buf, `,"cookies":[`...)
			}
			buf = appendComma(buf, n)
			buf = AppendJSONString(buf, cookie)
			n++
		}
	}
	if n > 0 {
		buf = append(buf, ']')
	}
	return buf
}

// appendHeadersV2 writes the headers with names in lower case and their values joined.
func (g *gatewayRequest) appendHeadersV2(buf []byte) []byte {
	buf = append(buf, `,"headers":{`...)
	n := 0
	for _, f := range g.fields {
		if f.name == "Cookie" {
			continue
		}
		buf = appendComma(buf, n)
		start := len(buf)
		buf = AppendJSONString(buf, f.name)
		for i, c := range buf[start:] {
			if c >= 'A' && c <= 'Z' { // what stands for a character that cannot has only small ones
				buf[start+i] = c + ('a' - 'A')
			}
		}
		buf = append(buf, ':')
		buf = appendJoined(buf, f.values, ",")
		n++
	}
	return append(buf, '}')
}

func (g *gatewayRequest) appendContextV2(buf []byte) []byte {
	buf = append(buf, `{"accountId":"`+gatewayAccount+`","apiId":"`+gatewayAPI+`"`...)
	if len(g.ev.Authorization) > 0 {
		buf = append(buf, `,"authorizer":{"lambda":{`...)
		buf = g.appendGranted(buf, func(buf, value []byte) []byte { return append(buf, value...) })
		buf = append(buf, "}}"...)
	}
	buf = g.appendDomain(buf)
	buf = append(buf, `,"http":{"method":`...)
	buf = AppendJSONString(buf, g.r.Method)
	buf = append(buf, `,"path":`...)
	buf = AppendJSONString(buf, g.path)
	buf = append(buf, `,"protocol":`...)
	buf = AppendJSONString(buf, g.r.Protocol)
	buf = append(buf, ',')
	buf = g.appendClient(buf)
	buf = append(buf, `},"requestId":`...)
	buf = AppendJSONString(buf, g.ev.ID)
	buf = append(buf, `,"routeKey":`...)
	buf = g.appendRouteKey(buf)
	buf = append(buf, `,"stage":"`+gatewayStage+`"`...)
	buf = g.appendTimes(buf, "time", "timeEpoch")
	return append(buf, '}')
}
