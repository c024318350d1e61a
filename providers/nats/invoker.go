package natsprovider

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/nats-io/nats.go"
)

// Open implements providers.Provider. It connects to nothing.
func (p *Provider) Open(env providers.Env) (providers.Invoker, error) {
	s := settings{
		urls: strings.Join(p.URLs, ","), credentials: p.Credentials, seed: p.NkeySeed, token: p.Token, user: p.User, password: p.Password,
		guard: env.Egress,
	}
	if p.TLS != nil {
		s.tls = *p.TLS
	}
	f := &invoker{
		subject: p.Subject, functionID: env.FunctionID, maxResponse: env.MaxResponse,
		stores: p.JetStream, replies: p.JetStream || p.Request, client: clients.acquire(s),
	}
	switch {
	case p.JetStream:
		f.send = f.store
	case p.Request:
		f.send = f.request
	default:
		f.send = f.publish
	}
	return f, nil
}

// invoker sends to one subject.
type invoker struct {
	subject, functionID string
	maxResponse         int64
	stores, replies     bool // in a stream; with an acknowledgement or an answer
	client              *client
	send                func(ctx context.Context, c *conn, msg *nats.Msg) (*providers.Result, error)
}

// Close implements io.Closer.
func (f *invoker) Close() error {
	clients.release(f.client)
	return nil
}

// maxPending is how long a call goes on that was given no time of its own.
const maxPending = 15 * time.Minute

// Invoke implements providers.Invoker.
func (f *invoker) Invoke(ctx context.Context, call *providers.Call) (*providers.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, maxPending)
	defer cancel()
	c, err := f.client.connection(ctx)
	if err != nil {
		return nil, err
	}
	denied, end := c.watch(f.subject)
	defer end()
	type outcome struct {
		result *providers.Result
		err    error
	}
	// In a goroutine of its own: a server that does not read holds up whoever writes to it, for as long as step.
	done, msg := make(chan outcome, 1), f.message(call)
	go func() {
		result, err := f.send(ctx, c, msg)
		done <- outcome{result, err}
	}()
	select {
	case <-denied:
		return nil, f.notAllowed()
	case <-f.deaf(c):
		return nil, f.notHeard()
	case o := <-done:
		if o.err != nil {
			return nil, f.failure(ctx, o.err)
		}
		select {
		case <-denied:
			return nil, f.notAllowed()
		default:
			return o.result, nil
		}
	case <-ctx.Done():
		return nil, providers.NetworkError(ctx, f.client.host(), ctx.Err())
	}
}

// deaf is closed when the function's replies cannot be heard; nil when it has none.
func (f *invoker) deaf(c *conn) <-chan struct{} {
	if f.replies {
		return c.deaf
	}
	return nil
}

// publish hands the message to the server, and waits until the server has read it.
func (f *invoker) publish(ctx context.Context, c *conn, msg *nats.Msg) (*providers.Result, error) {
	before := c.LastError()
	if err := c.PublishMsg(msg); err != nil {
		return nil, err
	}
	if err := c.FlushWithContext(ctx); err != nil {
		return nil, err
	}
	if err := c.LastError(); err != nil && !errors.Is(err, before) {
		c.settle(ctx)
	}
	body, err := json.Marshal(struct {
		Subject string `json:"subject"`
	}{f.subject})
	return &providers.Result{ContentType: "application/json", Body: body}, err
}

// store waits until a stream has the message.
func (f *invoker) store(ctx context.Context, c *conn, msg *nats.Msg) (*providers.Result, error) {
	reply, err := c.RequestMsgWithContext(ctx, msg)
	if err != nil {
		return nil, err
	}
	var ack struct {
		Stream    string       `json:"stream"`
		Seq       uint64       `json:"seq"`
		Duplicate bool         `json:"duplicate,omitempty"`
		Error     *streamError `json:"error,omitempty"`
	}
	switch err := json.Unmarshal(reply.Data, &ack); {
	case err == nil && ack.Error != nil:
		return nil, f.notStored(ack.Error)
	case err != nil || ack.Stream == "":
		return nil, providers.Errorf(providers.BadAnswer,
			"what answers on subject %s is no stream: want provider.request for a service, or neither", f.subject)
	}
	body, err := json.Marshal(ack)
	return &providers.Result{ContentType: "application/json", Body: body}, err
}

// request waits for a reply.
func (f *invoker) request(ctx context.Context, c *conn, msg *nats.Msg) (*providers.Result, error) {
	reply, err := c.RequestMsgWithContext(ctx, msg)
	if err != nil {
		return nil, err
	}
	if e := serviceError(reply.Header); e != nil {
		return nil, e
	}
	if int64(len(reply.Data)) > f.maxResponse {
		return nil, providers.TooLarge(f.maxResponse)
	}
	return &providers.Result{ContentType: valueOf(reply.Header, "Content-Type"), Body: reply.Data}, nil
}

// messageID is the header by which a stream knows a message that it has already.
const messageID = "Nats-Msg-Id"

// message is what a call sends. Names of headers are those of the call, and so HTTP's; those of a CloudEvent's attributes are in
// lower case, as its NATS binding writes them.
func (f *invoker) message(call *providers.Call) *nats.Msg {
	header := make(nats.Header, len(call.Header)+2)
	maps.Copy(header, nats.Header(call.Header))
	if _, ok := call.Header["Ce-Specversion"]; ok {
		for name, values := range call.Header {
			if strings.HasPrefix(name, "Ce-") {
				delete(header, name)
				header[strings.ToLower(name)] = values
			}
		}
		header["ce-datacontenttype"] = []string{call.ContentType}
	}
	header["Content-Type"] = []string{call.ContentType}
	msg := nats.NewMsg(f.subject)
	msg.Header, msg.Data = header, call.Payload
	if f.stores {
		header[messageID] = []string{f.identify(call)}
	}
	return msg
}

// identify returns a message's id for a stream. One event may come to a stream by several subscriptions and through several
// functions, and is not a duplicate then; only the attempts of one delivery are.
func (f *invoker) identify(call *providers.Call) string {
	id := call.Header.Get(eventgateway.HeaderPrefix + "Event-Id")
	if id == "" {
		id = eventgateway.EscapeHeaderValue(call.Event.ID)
	}
	through := call.Header.Get(eventgateway.HeaderPrefix + "Subscription-Id")
	if through == "" {
		through = eventgateway.EscapeHeaderValue(f.functionID)
	}
	return id + "/" + through
}
