package natstest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// config returns a member's configuration file.
func (c *Cluster) config(m *member) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("server_name: %s", m.name)
	line("listen: 127.0.0.1:%d", m.client)
	line("http: 127.0.0.1:%d", m.monitor)
	// Streams reserve what they may hold; that is not to depend on the machine's disk.
	line("jetstream { store_dir: %q, max_file: 16TB }", m.dir)
	if len(c.members) > 1 {
		line("cluster {\n  name: natstest\n  listen: 127.0.0.1:%d\n  routes: [", m.route)
		for _, other := range c.members {
			if other != m {
				line("    nats://127.0.0.1:%d", other.route)
			}
		}
		line("  ]\n}")
	}
	switch {
	case c.options.Token != "":
		line("authorization { token: %q }", c.options.Token)
	case c.options.Username != "":
		line("authorization { user: %q, password: %q }", c.options.Username, c.options.Password)
	}
	if files := c.options.TLS; files != nil {
		line("tls {\n  cert_file: %q\n  key_file: %q", files.CertFile, files.KeyFile)
		if files.ClientCAFile != "" {
			line("  ca_file: %q\n  verify: true", files.ClientCAFile)
		}
		line("}")
	}
	line("%s", c.options.Config)
	return b.String()
}

// healthy asks a member how it is.
func (m *member) healthy(ctx context.Context) error {
	var answer struct {
		Status, Error string
	}
	if err := m.ask(ctx, "healthz", &answer); err != nil {
		return err
	}
	if answer.Status != "ok" {
		return fmt.Errorf("%s: %s", answer.Status, answer.Error)
	}
	return nil
}

// ask reads one of the pages a member tells about itself on.
func (m *member) ask(ctx context.Context, page string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/%s", m.monitor, page), nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	return json.Unmarshal(body, into)
}

// StreamLeader returns the index of the member that leads a stream, and -1 while none does.
func (c *Cluster) StreamLeader(stream string) int {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	type detail struct {
		Name    string `json:"name"`
		Cluster struct {
			Leader string `json:"leader"`
		} `json:"cluster"`
	}
	for i, m := range c.members {
		var answer struct {
			Accounts []struct {
				Streams []detail `json:"stream_detail"`
			} `json:"account_details"`
		}
		if c.running[i] == nil || m.ask(ctx, "jsz?streams=true", &answer) != nil {
			continue
		}
		for _, account := range answer.Accounts {
			for _, s := range account.Streams {
				if s.Name == stream && s.Cluster.Leader != "" {
					return c.index(s.Cluster.Leader)
				}
			}
		}
	}
	return -1
}

func (c *Cluster) index(name string) int {
	for i, m := range c.members {
		if m.name == name {
			return i
		}
	}
	return -1
}

func (c *Cluster) logs() string {
	var all strings.Builder
	for _, m := range c.members {
		log, _ := os.ReadFile(m.logged)
		fmt.Fprintf(&all, "--- %s\n%s", m.name, log[max(0, len(log)-4096):])
	}
	return all.String()
}
