package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/integration/etcdtest"
	"github.com/eventgateway/eventgateway/integration/gatewaytest"
	"github.com/eventgateway/eventgateway/integration/processtest"
)

func TestMain(m *testing.M) { os.Exit(processtest.Run(m)) }

// onCluster has a gateway keep its configuration in a cluster; more lines go into the etcd block.
func onCluster(cluster *etcdtest.Cluster, more ...string) gatewaytest.Option {
	block := "etcd " + strings.Join(cluster.Endpoints(), " ")
	if len(more) > 0 {
		block += " {\n" + strings.Join(more, "\n") + "\n}"
	}
	return gatewaytest.Extra("app", block)
}

// clusterClient is for many requests at once. No answer of a gateway takes as long as its timeout.
var clusterClient = &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 100}}

// ask sends a request with a JSON body, nil for none. Headers are names and values in turn.
func ask(method, url string, body any, headers ...string) (answer, error) {
	var encoded io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return answer{}, err
		}
		encoded = bytes.NewReader(b)
	}
	req, err := http.NewRequest(method, url, encoded)
	if err != nil {
		return answer{}, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := clusterClient.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(text)}, err
}

// mustAsk is ask for an answer that must have a status.
func mustAsk(t *testing.T, want int, method, url string, body any, headers ...string) answer {
	t.Helper()
	a, err := ask(method, url, body, headers...)
	if err != nil {
		t.Fatal(err)
	}
	if a.status != want {
		t.Fatalf("%s %s: %d, want %d: %s", method, url, a.status, want, a.body)
	}
	return a
}

// revision is the store's revision an answer of the Configuration API stands for; 0 if it does not tell.
func (a answer) revision() int64 {
	n, _ := strconv.ParseInt(a.header.Get("Event-Gateway-Revision"), 10, 64)
	return n
}

// gatewayStatus is what /v1/status says of the store.
type gatewayStatus struct {
	Revision int64
	Loaded   bool
	Store    struct {
		State, Error string
		Since        time.Time
	}
}

func statusOf(t *testing.T, g *gatewaytest.Gateway) (s gatewayStatus) {
	t.Helper()
	if err := json.Unmarshal(g.Do(http.MethodGet, g.Config+"/v1/status", nil, 200), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// waitState waits until a gateway's store is in a state, as the status and the metric tell.
func waitState(t *testing.T, g *gatewaytest.Gateway, state string) gatewayStatus {
	t.Helper()
	var s gatewayStatus
	gatewaytest.Eventually(t, time.Minute, func() error {
		if s = statusOf(t, g); s.Store.State != state {
			return fmt.Errorf("the store is %+v, want %s", s.Store, state)
		}
		wantMetric := map[string]float64{"connected": 1}[state]
		if got := metric(t, g, "eventgateway_etcd_watch_connected"); got != wantMetric {
			return fmt.Errorf("eventgateway_etcd_watch_connected is %v while %s", got, state)
		}
		return nil
	})
	return s
}

// waitRevision waits until a gateway has applied a revision.
func waitRevision(t *testing.T, g *gatewaytest.Gateway, revision int64) {
	t.Helper()
	gatewaytest.Eventually(t, time.Minute, func() error {
		if now := statusOf(t, g).Revision; now < revision {
			return fmt.Errorf("the gateway is at revision %d, want %d", now, revision)
		}
		return nil
	})
}
