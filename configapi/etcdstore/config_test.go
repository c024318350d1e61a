package etcdstore

import (
	"crypto/tls"
	"crypto/x509"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway/configapi"
)

func TestNormalizeEndpoint(t *testing.T) {
	for _, test := range []struct {
		endpoint string
		tls      bool
		want     string // "" is an error
	}{
		{"http://etcd:2379", false, "http://etcd:2379"},
		{"HTTP://Etcd:2379/", false, "http://etcd:2379"},
		{"https://etcd:2379", false, "https://etcd:2379"},
		{"https://[::1]:2379", true, "https://[::1]:2379"},
		{"etcd:2379", false, "http://etcd:2379"},
		{"etcd:2379", true, "https://etcd:2379"},
		{" 10.0.0.1:2379 ", false, "http://10.0.0.1:2379"},
		{"unix:///run/etcd.sock", false, "unix:///run/etcd.sock"},
		{"unixs:///run/etcd.sock", false, "unixs:///run/etcd.sock"},
		{"unix:etcd.sock", false, "unix:etcd.sock"},
		{"", false, ""},
		{"etcd", false, ""},
		{"http://etcd", false, ""},
		{"http://:2379", false, ""},
		{"http://etcd:0", false, ""},
		{"http://etcd:70000", false, ""},
		{"http://etcd:2379/path", false, ""},
		{"http://etcd:2379?x=y", false, ""},
		{"http://etcd:2379#x", false, ""},
		{"ftp://etcd:2379", false, ""},
		{"unix:", false, ""},
		{"http://etcd:2379", true, ""},
		{"http://user:secret@etcd:2379", false, ""},
		{"user:secret@etcd:2379", true, ""},
		{"http://etcd:2379,http://b:2379", false, ""},
		{"\x00", false, ""},
	} {
		got, err := normalizeEndpoint(test.endpoint, test.tls)
		if got != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%q, TLS %t: got %q, %v; want %q", test.endpoint, test.tls, got, err, test.want)
		}
		if err != nil && (strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "etcd endpoint")) {
			t.Errorf("%q: %v", test.endpoint, err)
		}
	}
}

func TestNormalize(t *testing.T) {
	for name, cfg := range map[string]Config{
		"data directory":            {},
		"etcd prefix":               {DataDir: "d", Prefix: "/a b"},
		"dial timeout":              {DataDir: "d", DialTimeout: -1},
		"only for a cluster":        {DataDir: "d", TLS: &tls.Config{}},
		"go together":               {DataDir: "d", Endpoints: []string{"a:1"}, Username: "u"},
		"some use TLS":              {DataDir: "d", Endpoints: []string{"https://a:1", "http://b:1"}},
		"etcd endpoint: \"::\"":     {DataDir: "d", Endpoints: []string{"a:1", "::"}},
		"as TLS is configured":      {DataDir: "d", Endpoints: []string{"http://a:1"}, TLS: &tls.Config{}},
		"etcd: username, password ": {DataDir: "d", Username: "u", Password: "p"},
	} {
		if _, err := cfg.normalize(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("want %q, got %v", name, err)
		}
	}
	cfg, err := Config{DataDir: "d", Endpoints: []string{"a:1"}}.normalize()
	if err != nil || cfg.Prefix != DefaultPrefix || cfg.DialTimeout != defaultDialTimeout || !filepath.IsAbs(cfg.DataDir) {
		t.Errorf("%+v, %v", cfg, err)
	}
}

func TestNormalizePrefix(t *testing.T) {
	for prefix, want := range map[string]string{
		"": "/event-gateway/v1", "a": "/a", "/a/": "/a", "//a//b": "/a/b", "/": "", "/ü": "/ü",
	} {
		if got, err := normalizePrefix(prefix); got != want || err != nil {
			t.Errorf("%q: got %q, %v; want %q", prefix, got, err, want)
		}
	}
	for _, prefix := range []string{"/a b", "/a\x00", "/\xff", "\n"} {
		if got, err := normalizePrefix(prefix); err == nil {
			t.Errorf("%q was taken as %q", prefix, got)
		}
	}
}

func TestIdentity(t *testing.T) {
	base := Config{Endpoints: []string{"http://a:1", "http://b:1"}, DataDir: "/x"}
	same := []Config{
		{Endpoints: []string{"b:1", "http://A:1", "a:1"}, DataDir: "/y"},
		{Endpoints: base.Endpoints, Prefix: "event-gateway/v1/", Username: "u", Password: "p", DataDir: "/x"},
	}
	other := []Config{
		{DataDir: "/x"},
		{DataDir: "/y"},
		{Endpoints: base.Endpoints[:1], DataDir: "/x"},
		{Endpoints: base.Endpoints, Prefix: "/o", DataDir: "/x"},
		{DataDir: "/x", Prefix: "/o"},
		{Endpoints: []string{"https://a:1", "https://b:1"}, DataDir: "/x"},
	}
	for _, cfg := range same {
		if cfg.Identity() != base.Identity() {
			t.Errorf("%q differs from %q", cfg.Identity(), base.Identity())
		}
		if strings.Contains(cfg.Identity(), "p ") {
			t.Errorf("a password is in %q", cfg.Identity())
		}
	}
	seen := map[string]bool{base.Identity(): true}
	for _, cfg := range other {
		if seen[cfg.Identity()] {
			t.Errorf("%q names two", cfg.Identity())
		}
		seen[cfg.Identity()] = true
	}
}

func TestSameTLS(t *testing.T) {
	pool := x509.NewCertPool()
	cert := []tls.Certificate{{Certificate: [][]byte{{1}}}}
	a := &tls.Config{RootCAs: pool, Certificates: cert, ServerName: "a"}
	if !sameTLS(a, a.Clone()) || !sameTLS(nil, nil) || !sameTLS(a, &tls.Config{
		RootCAs: x509.NewCertPool(), Certificates: []tls.Certificate{{Certificate: [][]byte{{1}}}}, ServerName: "a",
	}) {
		t.Error("equal configurations are told apart")
	}
	for i, b := range []*tls.Config{
		nil,
		{RootCAs: pool, Certificates: cert},
		{Certificates: cert, ServerName: "a"},
		{RootCAs: pool, ServerName: "a"},
		{RootCAs: pool, Certificates: []tls.Certificate{{Certificate: [][]byte{{2}}}}, ServerName: "a"},
		{RootCAs: pool, Certificates: cert, ServerName: "a", InsecureSkipVerify: true},
		{
			RootCAs: pool, Certificates: cert, ServerName: "a",
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return nil, nil },
		},
	} {
		if sameTLS(a, b) || sameTLS(b, a) {
			t.Errorf("%d: different configurations pass for one", i)
		}
	}
}

// TestKeysOfEventTypes stores event types whose names have what keys cannot hold as it is.
func TestKeysOfEventTypes(t *testing.T) {
	keys := keyspace("/p/")
	for name, want := range map[string]string{
		"user.created": "/p/s/eventtypes/user.created", "https://example.com/a": "/p/s/eventtypes/https:%2F%2Fexample.com%2Fa",
		"100%": "/p/s/eventtypes/100%25", "größe": "/p/s/eventtypes/gr%C3%B6%C3%9Fe", "version": "/p/s/eventtypes/version",
	} {
		key := configapi.Key{Space: "s", Kind: configapi.EventTypes, ID: name}
		if got := keys.resource(key); got != want {
			t.Errorf("%s is stored as %s, want %s", name, got, want)
		}
		if got, version, ok := keys.parse(want); !ok || version || got != key {
			t.Errorf("%s is read as %+v", want, got)
		}
		if err := keys.check("s", key); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, bad := range []configapi.Key{
		{Space: "s", Kind: configapi.EventTypes, ID: "a b"},
		{Space: "s", Kind: configapi.EventTypes, ID: "a.*"},
		{Space: "s", Kind: configapi.EventTypes},
		{Space: "s", Kind: configapi.CORS, ID: "a/b"},
	} {
		if keys.check("s", bad) == nil {
			t.Errorf("%+v is stored", bad)
		}
		if _, _, ok := keys.parse(keys.resource(bad)); ok {
			t.Errorf("%+v is read", bad)
		}
	}
}

// FuzzKeys holds that keys and what they stand for match one to one.
func FuzzKeys(f *testing.F) {
	for _, key := range []string{
		"/p/default/functions/a", "/p/default/version", "/p/version/version", "/p/functions/functions/functions",
		"/p/a/b/c", "/p/default/functions/", "/p//functions/a", "/p/default/functions/a/b", "/p", "", "/p/../functions/a",
		"/p/default/eventtypes/a%2Fb", "/p/default/eventtypes/a%2fb", "/p/default/eventtypes/a%20b", "/p/default/eventtypes/%41",
		"/p/default/eventtypes/%C3%A9", "/p/default/eventtypes/user.*", "/p/default/cors/a%2Fb",
	} {
		f.Add(key)
	}
	keys := keyspace("/p/")
	f.Fuzz(func(t *testing.T, raw string) {
		key, version, ok := keys.parse(raw)
		if !ok {
			return
		}
		again := keys.resource(key)
		if version {
			again = keys.version(key.Space)
			if key != (configapi.Key{Space: key.Space}) {
				t.Errorf("%q: a version with %+v", raw, key)
			}
		} else if err := keys.check(key.Space, key); err != nil {
			t.Errorf("%q: read and not written: %v", raw, err)
		}
		if again != raw {
			t.Errorf("%q became %q", raw, again)
		}
	})
}
