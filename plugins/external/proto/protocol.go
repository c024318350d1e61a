// Package proto is the protocol between the gateway and a plugin that is a program of its own: the gRPC service, and how the
// two find each other. Programs in Go use package sdk instead.
package proto

//go:generate protoc -I ../../.. --go_out=../../.. --go_opt=paths=source_relative --go-grpc_out=../../.. --go-grpc_opt=paths=source_relative plugins/external/proto/plugin.proto

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/eventgateway/eventgateway"
)

// Handshake is what both sides have to know: the version of the protocol, and a variable in the program's environment by
// which it sees that the gateway has started it. It is no secret.
var Handshake = plugin.HandshakeConfig{
	ProtocolVersion:  1,
	MagicCookieKey:   "EVENT_GATEWAY_PLUGIN",
	MagicCookieValue: "b7a4a5c2-3c0f-4f51-9d3b-6f0f6a1c2e77",
}

// Name is the name of the only plugin a program serves.
const Name = "plugin"

// GRPC is the service for go-plugin. Impl is what a program serves; the gateway's side leaves it nil.
type GRPC struct {
	plugin.NetRPCUnsupportedPlugin
	Impl PluginServer
}

// GRPCServer implements plugin.GRPCPlugin.
func (g *GRPC) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	if g.Impl == nil {
		return errors.New("nothing to serve")
	}
	RegisterPluginServer(s, g.Impl)
	return nil
}

// GRPCClient implements plugin.GRPCPlugin. It returns a PluginClient.
func (g *GRPC) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return NewPluginClient(conn), nil
}

// FromEvent returns ev as a message, which shares its data.
func FromEvent(ev *eventgateway.Event) *Event {
	return &Event{
		Type:        valid(ev.Type),
		Id:          valid(ev.ID),
		ReceivedAt:  ev.ReceivedAt.UnixMilli(),
		DataType:    valid(ev.DataType),
		Data:        ev.Data,
		Depth:       int32(ev.Depth),
		Cause:       valid(ev.Cause),
		Traceparent: valid(ev.Trace.Parent),
		Tracestate:  valid(ev.Trace.State),
	}
}

// valid returns text that can be sent: others chose it, and a message with invalid UTF-8 in it cannot.
func valid(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }

// ToEvent returns the event of a message, which may be nil. They share the data.
func ToEvent(m *Event) *eventgateway.Event {
	return &eventgateway.Event{
		Type:       m.GetType(),
		ID:         m.GetId(),
		ReceivedAt: time.UnixMilli(m.GetReceivedAt()),
		DataType:   m.GetDataType(),
		Data:       m.GetData(),
		Depth:      int(m.GetDepth()),
		Cause:      m.GetCause(),
		Trace:      eventgateway.TraceContext{Parent: m.GetTraceparent(), State: m.GetTracestate()},
	}
}

// FromType returns a subscription's type as a message has it.
func FromType(t eventgateway.SubscriptionType) SubscriptionType {
	switch t {
	case eventgateway.Sync:
		return SubscriptionType_SUBSCRIPTION_TYPE_SYNC
	case eventgateway.Async:
		return SubscriptionType_SUBSCRIPTION_TYPE_ASYNC
	default:
		return SubscriptionType_SUBSCRIPTION_TYPE_UNSPECIFIED
	}
}

// ToType returns the type of a message; empty where it says none.
func ToType(t SubscriptionType) eventgateway.SubscriptionType {
	switch t {
	case SubscriptionType_SUBSCRIPTION_TYPE_SYNC:
		return eventgateway.Sync
	case SubscriptionType_SUBSCRIPTION_TYPE_ASYNC:
		return eventgateway.Async
	default:
		return ""
	}
}
