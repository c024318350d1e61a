package awsaccount

import (
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/egress"
)

var keys = Account{Region: "eu-west-1", AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret"}

func TestClientsAreShared(t *testing.T) {
	env := providers.Env{MaxResponse: 5}
	open := func(a Account, env providers.Env) *Client {
		c := a.Open(env)
		t.Cleanup(c.Release)
		return c
	}
	first := open(keys, env)
	if open(keys, env) != first {
		t.Error("functions of equal settings have clients of their own")
	}
	build := func(c aws.Config) *sts.Client { return sts.NewFromConfig(c) }
	if made := ServiceClient(first, build); made != ServiceClient(first, build) {
		t.Error("a service's client is made twice")
	}
	other := keys
	other.ExternalID = "other"
	larger, guarded := env, env
	larger.MaxResponse++
	guarded.Egress = egress.New(egress.Policy{})
	for name, c := range map[string]*Client{
		"account": open(other, env), "limit": open(keys, larger), "guard": open(keys, guarded),
	} {
		if c == first {
			t.Errorf("functions of another %s share a client", name)
		}
	}
}

func TestClientPoolRaces(t *testing.T) {
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				keys.Open(providers.Env{MaxResponse: 7}).Release()
			}
		})
	}
	all.Wait()
	clients.mu.Lock()
	defer clients.mu.Unlock()
	for s := range clients.open {
		if s.maxResponse == 7 {
			t.Error("a client is kept for no function")
		}
	}
}
