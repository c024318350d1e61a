package eventgateway

import "slices"

// appendV1 writes what a REST API sends.
func (g *gatewayRequest) appendV1(buf []byte) []byte {
	buf = slices.Grow(buf, g.sizeHint(2))
	buf = append(buf, `{"resource":`...)
	buf = g.appendResource(buf)
	buf = append(buf, `,"path":`...)
	buf = AppendJSONString(buf, g.path)
	buf = append(buf, `,"httpMethod":`...)
	buf = AppendJSONString(buf, g.r.Method)
	buf = g.appendHeadersV1(buf)
	buf = g.appendQueryV1(buf)
	buf = append(buf, `,"pathParameters":`...)
	if len(g.route.Params) > 0 {
		buf = g.appendPathParameters(buf)
	} else {
		buf = append(buf, "null"...)
	}
	buf = append(buf, `,"stageVariables":null,"requestContext":`...)
	buf = g.appendContextV1(buf)
	buf = append(buf, `,"body":`...)
	if len(g.ev.Data) > 0 {
		buf = g.appendBody(buf)
	} else {
		buf = append(buf, `null,"isBase64Encoded":false`...)
	}
	return append(buf, '}')
}

// appendResource writes the pattern of the subscription's path; where it is not known, one that matches every path.
func (g *gatewayRequest) appendResource(buf []byte) []byte {
	if g.route.Path == "" {
		return append(buf, `"/{proxy+}"`...)
	}
	return appendPattern(buf, g.route.Path)
}

// appendHeadersV1 writes the last value of each header, and all of them.
func (g *gatewayRequest) appendHeadersV1(buf []byte) []byte {
	buf = append(buf, `,"headers":{`...)
	for i, f := range g.fields {
		buf = appendComma(buf, i)
		buf = AppendJSONString(buf, f.name)
		buf = append(buf, ':')
		buf = AppendJSONString(buf, f.values[len(f.values)-1])
	}
	buf = append(buf, `},"multiValueHeaders":{`...)
	for i, f := range g.fields {
		buf = appendComma(buf, i)
		buf = AppendJSONString(buf, f.name)
		buf = append(buf, ':')
		buf = appendStrings(buf, f.values)
	}
	return append(buf, '}')
}

// appendQueryV1 writes the last value of each query parameter, and all of them.
func (g *gatewayRequest) appendQueryV1(buf []byte) []byte {
	if len(g.r.Query) == 0 {
		return append(buf, `,"queryStringParameters":null,"multiValueQueryStringParameters":null`...)
	}
	names := sortedKeys(nil, g.r.Query)
	buf = append(buf, `,"queryStringParameters":{`...)
	for i, name := range names {
		last := ""
		if values := g.r.Query[name]; len(values) > 0 {
			last = values[len(values)-1]
		}
		buf = appendComma(buf, i)
		buf = AppendJSONString(buf, name)
		buf = append(buf, ':')
		buf = AppendJSONString(buf, last)
	}
	buf = append(buf, `},"multiValueQueryStringParameters":{`...)
	for i, name := range names {
		buf = appendComma(buf, i)
		buf = AppendJSONString(buf, name)
		buf = append(buf, ':')
		buf = appendStrings(buf, g.r.Query[name])
	}
	return append(buf, '}')
}

func (g *gatewayRequest) appendContextV1(buf []byte) []byte {
	buf = append(buf, `{"accountId":"`+gatewayAccount+`","apiId":"`+gatewayAPI+`","stage":"`+gatewayStage+`"`...)
	buf = g.appendDomain(buf)
	buf = append(buf, `,"requestId":`...)
	buf = AppendJSONString(buf, g.ev.ID)
	buf = append(buf, `,"extendedRequestId":`...)
	buf = AppendJSONString(buf, g.ev.ID)
	buf = g.appendTimes(buf, "requestTime", "requestTimeEpoch")
	buf = append(buf, `,"protocol":`...)
	buf = AppendJSONString(buf, g.r.Protocol)
	buf = append(buf, `,"httpMethod":`...)
	buf = AppendJSONString(buf, g.r.Method)
	buf = append(buf, `,"path":`...)
	buf = AppendJSONString(buf, g.path)
	buf = append(buf, `,"resourcePath":`...)
	buf = g.appendResource(buf)
	buf = append(buf, `,"identity":{`...)
	buf = g.appendClient(buf)
	buf = append(buf, '}')
	if len(g.ev.Authorization) > 0 {
		buf = append(buf, `,"authorizer":{`...)
		buf = g.appendGranted(buf, appendTextV1)
		buf = append(buf, '}')
	}
	return append(buf, '}')
}

// appendTextV1 writes a value of an authorizer's context: REST APIs make a string of whatever is none. An object or a list,
// which they would refuse, is its JSON.
func appendTextV1(buf, value []byte) []byte {
	if value[0] == '"' || value[0] == 'n' {
		return append(buf, value...)
	}
	return AppendJSONString(buf, value)
}

func appendStrings(buf []byte, values []string) []byte {
	buf = append(buf, '[')
	for i, value := range values {
		buf = appendComma(buf, i)
		buf = AppendJSONString(buf, value)
	}
	return append(buf, ']')
}
