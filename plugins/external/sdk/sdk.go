// Package sdk is for plugins that are programs of their own, written in Go. The gateway starts the program, by its plugin
// "external", and calls it:
//
//	func main() {
//		sdk.Serve(guard{})
//	}
//
// What the program writes to its standard error comes out in the gateway's log: lines of log/slog's and hclog's JSON, or lines
// that begin with [DEBUG], [INFO], [WARN] or [ERROR], at their level, others as information.
package sdk

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"os"
	"strings"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/plugins/external/proto"
)

// Plugin is what a program does.
type Plugin interface {
	// Subscriptions tells which system events it reacts to. It is asked once.
	Subscriptions() []Subscription
	// React is called for every system event subscribed to, by several goroutines at a time. The error of a sync subscription
	// stops the event that ev is about: a *Refusal in the plugin's name, any other because the plugin has failed.
	React(ctx context.Context, ev *eventgateway.Event) error
}

// Subscription is one system event a plugin reacts to.
type Subscription struct {
	// Event is the system event's type, such as eventgateway.EventReceived.
	Event string
	// Type is eventgateway.Sync where the event waits for the plugin, eventgateway.Async where it does not.
	Type eventgateway.SubscriptionType
}

// Refusal is the error by which a plugin stops an event, and tells the sender so.
type Refusal struct {
	// Status is the HTTP status of the answer, 400 to 599. Default: 403.
	Status int
	// Message is what the sender is told. Default: the status' text.
	Message string
}

// Error implements error.
func (r *Refusal) Error() string {
	switch {
	case r.Message != "":
		return r.Message
	case r.Status != 0:
		return http.StatusText(r.Status)
	default:
		return http.StatusText(http.StatusForbidden)
	}
}

// Serve runs p until the gateway wants the program to end, or has ended itself. It then returns, so that main can put away what
// it has; the gateway gives it two seconds. A program that was not started by the gateway says so and exits. Serve uses standard input
// and output; what is written to os.Stdout and os.Stderr after the call goes to the gateway's log.
func Serve(p Plugin) {
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: proto.Handshake,
		Plugins:         plugin.PluginSet{proto.Name: &proto.GRPC{Impl: &service{plugin: p}}},
		GRPCServer: func(options []grpc.ServerOption) *grpc.Server {
			options = append(options, grpc.MaxRecvMsgSize(math.MaxInt32), grpc.MaxSendMsgSize(math.MaxInt32))
			server := grpc.NewServer(options...)
			go stopWithGateway(server)
			return server
		},
	})
}

// stopWithGateway stops the server when standard input ends: the gateway holds its other end, and never writes to it.
func stopWithGateway(server *grpc.Server) {
	_, _ = io.Copy(io.Discard, os.Stdin)
	server.Stop()
}

// service answers the gateway's calls.
type service struct {
	proto.UnimplementedPluginServer
	plugin Plugin
}

func (s *service) Subscriptions(context.Context, *proto.SubscriptionsRequest) (*proto.SubscriptionsResponse, error) {
	response := &proto.SubscriptionsResponse{}
	for _, subscription := range s.plugin.Subscriptions() {
		response.Subscriptions = append(response.Subscriptions, &proto.Subscription{
			Event: valid(subscription.Event), Type: proto.FromType(subscription.Type),
		})
	}
	return response, nil
}

func (s *service) React(ctx context.Context, request *proto.ReactRequest) (*proto.ReactResponse, error) {
	err := s.plugin.React(ctx, proto.ToEvent(request.GetEvent()))
	var refusal *Refusal
	switch {
	case err == nil:
		return &proto.ReactResponse{}, nil
	case errors.As(err, &refusal):
		return &proto.ReactResponse{Refusal: &proto.Refusal{Status: int32(refusal.Status), Message: valid(refusal.Message)}}, nil
	case ctx.Err() != nil:
		return nil, status.FromContextError(ctx.Err()).Err()
	default:
		return nil, status.Error(codes.Unknown, valid(err.Error()))
	}
}

// valid returns text that can be sent.
func valid(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }
