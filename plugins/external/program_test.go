package external_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"google.golang.org/grpc"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/plugins"
	"github.com/eventgateway/eventgateway/plugins/external"
	"github.com/eventgateway/eventgateway/plugins/external/proto"
	"github.com/eventgateway/eventgateway/plugins/external/sdk"
)

// programMode is the variable that makes the test binary one of the programs the tests start.
const programMode = "TEST_PROGRAM"

func TestMain(m *testing.M) {
	switch mode := os.Getenv(programMode); mode {
	case "":
		os.Exit(m.Run())
	case "sdk":
		sdk.Serve(scripted{})
	case "stubborn":
		servePlain()
	case "exits":
		os.Exit(3)
	case "garbage":
		fmt.Println("hello")
		select {}
	case "silent":
		select {}
	case "gateway":
		beGateway()
	default:
		fmt.Fprintf(os.Stderr, "no such mode: %s\n", mode)
		os.Exit(2)
	}
}

// order is the data of the events by which a test tells the program what to do.
type order struct {
	Do string `json:"do"`
}

// scripted does what events order. It answers by refusals, the only answer that has a text.
type scripted struct{}

func (scripted) Subscriptions() []sdk.Subscription {
	if os.Getenv("SUBSCRIBE_TO") != "" {
		return []sdk.Subscription{{Event: os.Getenv("SUBSCRIBE_TO"), Type: eventgateway.Sync}}
	}
	return []sdk.Subscription{
		{Event: eventgateway.EventReceived, Type: eventgateway.Sync},
		{Event: eventgateway.FunctionInvoked, Type: eventgateway.Async},
	}
}

func (scripted) React(ctx context.Context, ev *eventgateway.Event) error {
	var o order
	if err := json.Unmarshal(ev.Data, &o); err != nil {
		return err
	}
	switch o.Do {
	case "refuse":
		return fmt.Errorf("because: %w", &sdk.Refusal{Status: 451, Message: "not here"})
	case "refuse plainly":
		return &sdk.Refusal{}
	case "fail":
		return errors.New("something broke")
	case "crash":
		os.Exit(7)
	case "panic":
		panic("oh")
	case "hang":
		<-ctx.Done()
		return ctx.Err()
	case "tell event":
		return tell(ev)
	case "tell environment":
		return tell(os.Environ())
	case "tell pid":
		return tell(os.Getpid())
	case "tell directory":
		dir, err := os.Getwd()
		return errors.Join(err, tell(dir))
	case "start child":
		child := exec.Command("/bin/sleep", "10000")
		if err := child.Start(); err != nil {
			return err
		}
		return tell(child.Process.Pid)
	case "log":
		fmt.Println("to standard output")
		fmt.Fprintln(os.Stderr, "[WARN] to standard error")
		slog.New(slog.NewJSONHandler(os.Stderr, nil)).Error("in JSON", "n", 1)
	}
	return nil
}

// tell answers with a value.
func tell(value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return &sdk.Refusal{Status: 499, Message: string(text)}
}

// servePlain serves without TLS, as a program in another language may, and ends only when it is killed.
func servePlain() {
	socket := filepath.Join(os.Getenv("PLUGIN_UNIX_SOCKET_DIR"), "plain.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		panic(err)
	}
	server := grpc.NewServer()
	proto.RegisterPluginServer(server, plain{})
	fmt.Printf("1|1|unix|%s|grpc\n", socket)
	panic(server.Serve(listener))
}

type plain struct {
	proto.UnimplementedPluginServer
}

func (plain) Subscriptions(context.Context, *proto.SubscriptionsRequest) (*proto.SubscriptionsResponse, error) {
	return &proto.SubscriptionsResponse{Subscriptions: []*proto.Subscription{
		{Event: eventgateway.EventReceived, Type: proto.SubscriptionType_SUBSCRIPTION_TYPE_SYNC},
	}}, nil
}

func (plain) React(context.Context, *proto.ReactRequest) (*proto.ReactResponse, error) {
	return &proto.ReactResponse{Refusal: &proto.Refusal{Status: 499, Message: strconv.Itoa(os.Getpid())}}, nil
}

// beGateway runs the plugin that the environment names, prints the process ID of its program, and waits to be killed.
func beGateway() {
	p := &external.Plugin{Command: []string{"/bin/sh", "-c", os.Getenv("RUN")}, Env: []string{programMode + "=sdk"}}
	ctx, _ := caddy.NewContext(caddy.Context{Context: context.Background()}) // it is killed before that would end
	host := plugins.NewHost([]plugins.Named{{Name: "p", Plugin: p}}, nil, nil)
	if err := errors.Join(p.Provision(ctx), p.Validate(), host.Start(ctx)); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(host.Emit(ctx, ordering("tell pid")))
	time.Sleep(time.Hour)
}

// ordering makes an event that waits for the program.
func ordering(do string) *eventgateway.Event {
	data, err := json.Marshal(order{Do: do})
	if err != nil {
		panic(err)
	}
	return &eventgateway.Event{Type: eventgateway.EventReceived, ID: "1", DataType: eventgateway.TypeJSON, Data: data}
}
