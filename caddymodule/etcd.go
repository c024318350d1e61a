package caddymodule

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/eventgateway/eventgateway/configapi/etcdstore"
)

// EtcdConfig says which etcd holds the configuration. Placeholders are expanded in every string.
type EtcdConfig struct {
	// The URLs of the cluster's members, such as `https://etcd-1:2379`. Empty: a single-node server inside the process.
	Endpoints []string `json:"endpoints,omitempty"`

	// What every key starts with. Gateways with the same cluster and prefix share their configuration.
	// Default: `/event-gateway/v1`.
	Prefix string `json:"prefix,omitempty"`

	// The user to log in as, for a cluster with authentication. Default: none.
	Username string `json:"username,omitempty"`

	// The user's password. Use a placeholder such as `{env.ETCD_PASSWORD}` or `{file./run/secrets/etcd}`.
	Password string `json:"password,omitempty"`

	// TLS towards the cluster. Default: as the endpoints' schemes say, with the system's certificate authorities.
	TLS *EtcdTLS `json:"tls,omitempty"`

	// How long one attempt to connect may take. Default: 5s.
	DialTimeout caddy.Duration `json:"dial_timeout,omitempty"`
}

// EtcdTLS is how the cluster is trusted and how this gateway shows who it is. Placeholders are expanded.
type EtcdTLS struct {
	// PEM files with the certificate authorities of the cluster. Default: the system's.
	CAFiles []string `json:"ca_files,omitempty"`

	// The PEM file with the client certificate. Default: none is shown.
	CertFile string `json:"cert_file,omitempty"`

	// The PEM file with the client certificate's key.
	KeyFile string `json:"key_file,omitempty"`

	// The name expected in the cluster's certificates. Default: the endpoint's host.
	ServerName string `json:"server_name,omitempty"`
}

// storeConfig resolves the store's settings. It reads certificate files and does no network I/O.
func (a *App) storeConfig() (etcdstore.Config, error) {
	repl := caddy.NewReplacer()
	cfg := etcdstore.Config{DataDir: filepath.Join(caddy.AppDataDir(), "event_gateway")}
	if a.DataDir != "" {
		dir, err := repl.ReplaceOrErr(a.DataDir, true, true)
		if err != nil {
			return cfg, fmt.Errorf("data_dir: %w", err)
		}
		cfg.DataDir = dir
	}
	e := a.Etcd
	if e == nil {
		return cfg, nil
	}
	var err error
	for _, endpoint := range e.Endpoints {
		s, err := repl.ReplaceOrErr(endpoint, true, true)
		if err != nil {
			return cfg, fmt.Errorf("etcd.endpoints: %w", err)
		}
		cfg.Endpoints = append(cfg.Endpoints, s)
	}
	for _, f := range []struct {
		name string
		from string
		to   *string
	}{{"prefix", e.Prefix, &cfg.Prefix}, {"username", e.Username, &cfg.Username}, {"password", e.Password, &cfg.Password}} {
		if *f.to, err = repl.ReplaceOrErr(f.from, true, true); err != nil {
			return cfg, fmt.Errorf("etcd.%s: %w", f.name, err)
		}
	}
	cfg.DialTimeout = time.Duration(e.DialTimeout)
	if e.TLS != nil {
		if cfg.TLS, err = e.TLS.load(repl); err != nil {
			return cfg, fmt.Errorf("etcd.tls: %w", err)
		}
	}
	return cfg, nil
}

func (t *EtcdTLS) load(repl *caddy.Replacer) (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: repl.ReplaceAll(t.ServerName, "")}
	if len(t.CAFiles) > 0 {
		cfg.RootCAs = x509.NewCertPool()
		for _, file := range t.CAFiles {
			file = repl.ReplaceAll(file, "")
			pem, err := os.ReadFile(file)
			if err != nil {
				return nil, fmt.Errorf("reading ca file: %w", err)
			}
			if !cfg.RootCAs.AppendCertsFromPEM(pem) {
				return nil, fmt.Errorf("ca file %s: no PEM certificate in it", file)
			}
		}
	}
	if (t.CertFile == "") != (t.KeyFile == "") {
		return nil, errors.New("cert_file and key_file go together: want both or neither")
	}
	if t.CertFile != "" {
		cert, err := tls.LoadX509KeyPair(repl.ReplaceAll(t.CertFile, ""), repl.ReplaceAll(t.KeyFile, ""))
		if err != nil {
			return nil, fmt.Errorf("loading client certificate: %w", err)
		}
		cfg.Certificates = []tls.Certificate{cert}
	}
	return cfg, nil
}
