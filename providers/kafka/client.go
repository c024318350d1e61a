package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eventgateway/eventgateway/providers/clienttls"
	"github.com/eventgateway/eventgateway/providers/egress"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

const (
	// What waits for brokers is bounded per cluster, also where its callers gave up: by number, by size and in time.
	maxWaiting      = 10_000
	maxWaitingBytes = 64 << 20
	maxWait         = 30 * time.Second
	// maxRecord is how large a batch, and so a record, may be: what brokers take unless they are told otherwise.
	maxRecord = 1_000_012
	// maxAnswer bounds what a broker says at once; metadata of many topics is the largest.
	maxAnswer = 16 << 20
)

// settings are what makes two functions need different clients.
type settings struct {
	brokers  string // joined by commas
	clientID string
	sasl     SASL
	tls      clienttls.Settings
	guard    *egress.Guard
}

// client is a client of one cluster, shared by all functions of equal settings: a thousand functions on one cluster have its
// connections in common, and their records travel in the same requests.
type client struct {
	*kgo.Client
	settings settings
	// down is why the last connection to a broker did not come about; nil after one that did. The library does not say it
	// once it has given up.
	down atomic.Pointer[error]
	// login is why the last one was of no use: the broker ended it over the credentials. Nil after one that was.
	login atomic.Pointer[error]
	// topics counts the functions of each topic; guarded by pool.mu.
	topics map[string]int
}

// pool holds the clients in use.
type pool struct {
	mu   sync.Mutex
	open map[settings]*client
}

var clients = pool{open: make(map[settings]*client)}

// acquire returns the client for a function on topic. It connects to nothing.
func (p *pool) acquire(s settings, topic string) (*client, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.open[s]
	if c == nil {
		var err error
		if c, err = newClient(s); err != nil {
			return nil, err
		}
		p.open[s] = c
	}
	c.topics[topic]++
	return c, nil
}

// release gives a client back. With its last function it is closed; with the last one of a topic it forgets the topic, which it
// would ask the cluster about for ever.
func (p *pool) release(c *client, topic string) {
	p.mu.Lock()
	if c.topics[topic]--; c.topics[topic] > 0 {
		p.mu.Unlock()
		return
	}
	delete(c.topics, topic)
	last := len(c.topics) == 0
	if last {
		delete(p.open, c.settings)
	}
	p.mu.Unlock()
	if last {
		c.Close()
		return
	}
	c.PurgeTopicsFromProducing(topic)
}

func newClient(s settings) (*client, error) {
	c := &client{settings: s, topics: make(map[string]int)}
	options := []kgo.Opt{
		kgo.SeedBrokers(strings.Split(s.brokers, ",")...),
		kgo.ClientID(s.clientID),
		kgo.SoftwareNameAndVersion("event-gateway", "1"),
		kgo.Dialer(c.dial),
		kgo.WithHooks(c),
		kgo.DisableClientMetrics(),
		kgo.BrokerMaxReadBytes(maxAnswer),
		kgo.FetchMaxBytes(maxAnswer),

		// One attempt. What a broken connection or a moved leader cost is sent once more, under the same sequence number, so
		// that brokers that have it already do not write it again; everything after that is the delivery's to decide. A record
		// whose answer got lost twice is given up, which the library does only when told so: it would wait for ever.
		kgo.RecordRetries(1),
		kgo.UnknownTopicRetries(1),
		kgo.RequestRetries(strings.Count(s.brokers, ",")), // so each is asked once
		kgo.RetryBackoffFn(func(int) time.Duration { return 100 * time.Millisecond }),
		kgo.RecordDeliveryTimeout(maxWait),
		kgo.ProduceRequestTimeout(10 * time.Second),
		kgo.RequestTimeoutOverhead(5 * time.Second),
		kgo.AllowIdempotentProduceCancellation(),
		kgo.MetadataMinAge(500 * time.Millisecond),

		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.ProducerLinger(0),
		kgo.ProducerBatchMaxBytes(maxRecord),
		// Not every service that speaks the protocol takes every compression.
		kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.MaxBufferedRecords(maxWaiting),
		kgo.MaxBufferedBytes(maxWaitingBytes),
	}
	if m := s.sasl.mechanism(); m != nil {
		options = append(options, kgo.SASL(m))
	}
	var err error
	c.Client, err = kgo.NewClient(options...)
	return c, err
}

func (s SASL) mechanism() sasl.Mechanism {
	switch s.Mechanism {
	case plainText:
		return plain.Auth{User: s.Username, Pass: s.Password}.AsMechanism()
	case scramSHA256:
		return scram.Auth{User: s.Username, Pass: s.Password}.AsSha256Mechanism()
	case scramSHA512:
		return scram.Auth{User: s.Username, Pass: s.Password}.AsSha512Mechanism()
	}
	return nil
}

// dial connects to a broker, one of the fields or one that the cluster named.
func (c *client) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := c.connect(ctx, network, address)
	switch {
	case err == nil:
		c.down.Store(nil)
	case ctx.Err() == nil:
		c.down.Store(&err)
	}
	return conn, err
}

// OnBrokerRead implements kgo.HookBrokerRead. Not every broker answers a login that it refuses.
func (c *client) OnBrokerRead(_ kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, err error) {
	const handshake, authenticate = 17, 36
	switch {
	case err == nil && c.login.Load() != nil:
		c.login.Store(nil)
	case err != nil && (key == handshake || key == authenticate):
		c.login.Store(&err)
	}
}

func (c *client) connect(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := c.settings.guard.DialContext(ctx, network, address)
	if err != nil {
		if op, _ := errors.AsType[*net.OpError](err); op == nil {
			// So the library sees that it did not get a connection, and goes on to the next broker.
			err = &net.OpError{Op: "dial", Net: network, Err: err}
		}
		return nil, err
	}
	host, _, _ := splitAddress(address)
	config := c.settings.tls.Config(host)
	if config == nil {
		return conn, nil
	}
	handshake, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(handshake); err != nil {
		_ = conn.Close()
		if handshake.Err() != nil && ctx.Err() == nil {
			err = errHandshakeTimeout
		}
		return nil, err
	}
	return secure, nil
}

// errHandshakeTimeout says what providers.NetworkError looks for.
var errHandshakeTimeout = errors.New("TLS handshake timeout")

// splitAddress splits host:port; the host of an IPv6 address comes without brackets.
func splitAddress(s string) (host string, port int, ok bool) {
	host, text, err := net.SplitHostPort(s)
	if err != nil || slices.Contains([]string{"", "0"}, text) {
		return "", 0, false
	}
	n, err := strconv.ParseUint(text, 10, 16)
	return host, int(n), err == nil
}
