package awsaccount

import (
	"reflect"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/egress"
)

// settings are what makes two functions need different clients.
type settings struct {
	account     Account
	maxResponse int64
	guard       *egress.Guard
}

// Client calls AWS for all functions of equal settings, and holds their credentials: a thousand functions that assume one
// role ask for it once.
type Client struct {
	settings    settings
	config      aws.Config
	credentials *aws.CredentialsCache
	// services holds the SDK's clients by their type.
	services sync.Map
	users    int // guarded by pool.mu
}

// pool holds the clients in use.
type pool struct {
	mu   sync.Mutex
	open map[settings]*Client
}

var clients = pool{open: make(map[settings]*Client)}

// Open returns the client for the account, which must be valid. Credentials are looked for at the first call. Answers are
// bounded by env.MaxResponse, and connections made by env.Egress.
func (a *Account) Open(env providers.Env) *Client {
	s := settings{account: *a, maxResponse: env.MaxResponse, guard: env.Egress}
	clients.mu.Lock()
	defer clients.mu.Unlock()
	c := clients.open[s]
	if c == nil {
		c = newClient(s)
		clients.open[s] = c
	}
	c.users++
	return c
}

// Release lets go of the client. It is called once for every Open.
func (c *Client) Release() {
	clients.mu.Lock()
	defer clients.mu.Unlock()
	if c.users--; c.users == 0 {
		delete(clients.open, c.settings)
	}
}

func newClient(s settings) *Client {
	transport := transportOf(s.guard)
	c := &Client{settings: s, credentials: aws.NewCredentialsCache(newCredentials(&s.account, transport),
		func(o *aws.CredentialsCacheOptions) { o.ExpiryWindow = time.Minute })}
	c.config = aws.Config{
		Region:      s.account.Region,
		Credentials: c.credentials,
		HTTPClient:  &bounded{limit: s.maxResponse, transport: transport},
		Retryer:     func() aws.Retryer { return aws.NopRetryer{} },
	}
	if s.account.Endpoint != "" {
		c.config.BaseEndpoint = &s.account.Endpoint
	}
	return c
}

// Config returns what the SDK's clients of services are made from.
func (c *Client) Config() aws.Config { return c.config.Copy() }

// Region returns the region that is called.
func (c *Client) Region() string { return c.settings.account.Region }

// ServiceClient returns the SDK's client of one service, the same one for all users of c; build makes it of c.Config(). It is
// told from those of other services by its type.
func ServiceClient[T any](c *Client, build func(aws.Config) *T) *T {
	typ := reflect.TypeFor[T]()
	if found, ok := c.services.Load(typ); ok {
		return found.(*T)
	}
	built, _ := c.services.LoadOrStore(typ, build(c.Config()))
	return built.(*T)
}
