package caddymodule

import (
	"strings"
	"testing"
)

func TestShowsIdentity(t *testing.T) {
	a := &App{Spaces: map[string]*SpaceConfig{
		"shop": {ServerIdentity: map[string][]string{"api://orders": {"orders.example.com", "*.orders.example.org"}}},
		"none": {},
	}}
	for _, test := range []struct {
		space, resource, host string
		want                  bool
	}{
		{"shop", "api://orders", "orders.example.com", true},
		{"shop", "api://orders", "eu.orders.example.org", true},
		{"shop", "api://orders", "a.b.orders.example.org", true},
		{"shop", "api://orders", "orders.example.org", false},
		{"shop", "api://orders", "evilorders.example.org", false},
		{"shop", "api://orders", "evil.orders.example.com", false},
		{"shop", "api://orders", "orders.example.com.evil.example", false},
		{"shop", "https://management.azure.com", "orders.example.com", false},
		{"shop", "", "orders.example.com", false},
		{"none", "api://orders", "orders.example.com", false},
		{"other", "api://orders", "orders.example.com", false},
	} {
		if got := a.showsIdentity(test.space, test.resource, test.host); got != test.want {
			t.Errorf("%s to %s in %s: got %t", test.resource, test.host, test.space, got)
		}
	}
	e := new(engine)
	if e.showsIdentity("shop", "api://orders", "orders.example.com") {
		t.Error("no configuration in force allows it")
	}
	e.inForce.Store(a)
	if !e.showsIdentity("shop", "api://orders", "orders.example.com") {
		t.Error("the configuration in force allows it")
	}
}

func TestCheckServerIdentity(t *testing.T) {
	for resource, ok := range map[string]bool{"api://orders": true, "": false, "{env.RESOURCE}": false} {
		s := &SpaceConfig{ServerIdentity: map[string][]string{resource: {"a.example"}}}
		if err := s.checkServerIdentity("shop"); (err == nil) != ok {
			t.Errorf("resource %q: got error %v", resource, err)
		}
	}
	for host, ok := range map[string]bool{
		"orders.example.com": true, "*.example.com": true, "10.0.0.7": true, "fd00::7": true,
		"": false, "*": false, "*.": false, "Orders.example.com": false, "https://a": false, "a b": false, "a/*": false,
	} {
		s := &SpaceConfig{ServerIdentity: map[string][]string{"api://orders": {host}}}
		err := s.checkServerIdentity("shop")
		if (err == nil) != ok {
			t.Errorf("%q: got error %v", host, err)
		}
		if err != nil && !strings.Contains(err.Error(), "spaces.shop.server_identity.api://orders: ") {
			t.Errorf("%q: got error %v", host, err)
		}
	}
}
