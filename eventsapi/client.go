package eventsapi

import (
	"net"
	"strings"

	"github.com/eventgateway/eventgateway"
)

// setClient sets who sent the request, and by which scheme. A proxy that is trusted knows the scheme better.
func (x *exchange) setClient(request *eventgateway.HTTPRequest) {
	r := x.r
	var trusted bool
	if x.h.Client != nil {
		request.ClientIP, trusted = x.h.Client(r)
	}
	if request.ClientIP == "" {
		if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
			request.ClientIP = host
		}
	}
	request.Scheme = "http"
	if r.TLS != nil {
		request.Scheme = "https"
	}
	if told := r.Header["X-Forwarded-Proto"]; trusted && len(told) > 0 {
		switch first, _, _ := strings.Cut(told[0], ","); {
		case strings.EqualFold(strings.TrimSpace(first), "https"):
			request.Scheme = "https"
		case strings.EqualFold(strings.TrimSpace(first), "http"):
			request.Scheme = "http"
		}
	}
}
