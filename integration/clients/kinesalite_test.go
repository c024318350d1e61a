//go:build clients

package clients

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/eventgateway/eventgateway/integration/gatewaytest"
)

// TestKinesalite puts events into the streams of kinesalite, which checks requests as Kinesis does, and reads them back:
// every one once, those of one partition key in one shard.
func TestKinesalite(t *testing.T) {
	client, endpoint := startKinesalite(t)
	makeStream(t, client, "orders", 3)
	function := func(name, stream string) string {
		return fmt.Sprintf(`function %s {
			awskinesis %s {
				region eu-west-1
				access_key_id AKIDEXAMPLE
				secret_access_key wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY
				partition_key data.customer
				endpoint %s
			}
		}
		`, name, stream, endpoint)
	}
	g := gatewaytest.Start(t, gatewaytest.Extra("app", function("orders", "orders")+function("missing", "missing")+`
		subscription order.* {
			function orders
		}
		subscription asked {
			function orders
			type sync
		}
		subscription lost {
			function missing
			type sync
		}`))

	status, body := send(t, g, "asked", `{"customer":"c0","n":-1}`)
	var answer struct{ SequenceNumber, ShardID string }
	if err := json.Unmarshal([]byte(body), &answer); err != nil || status != http.StatusOK || answer.SequenceNumber == "" ||
		!strings.HasPrefix(answer.ShardID, "shardId-") {
		t.Fatalf("got %d %s, want what Kinesis said of the record", status, body)
	}
	if status, body := send(t, g, "lost", `{"customer":"c0"}`); status != http.StatusBadGateway ||
		!strings.Contains(body, "there is no stream missing in eu-west-1") {
		t.Errorf("got %d %s, want 502 that names the stream", status, body)
	}

	const events = 300
	var all sync.WaitGroup
	for n := range events {
		all.Go(func() {
			if status, body := send(t, g, "order.placed", fmt.Sprintf(`{"customer":"c%d","n":%d}`, n%20, n)); status != http.StatusAccepted {
				t.Errorf("got %d %s", status, body)
			}
		})
	}
	all.Wait()
	seen, shardOf := map[int]int{}, map[string]string{}
	gatewaytest.Eventually(t, 2*time.Minute, func() error {
		clear(seen)
		for shard, records := range readStream(t, client, "orders") {
			for _, r := range records {
				var event struct{ Data struct{ N int } }
				if err := json.Unmarshal(r.Data, &event); err != nil {
					t.Fatalf("record %s: %v", r.Data, err)
				}
				seen[event.Data.N]++
				key := aws.ToString(r.PartitionKey)
				if before, ok := shardOf[key]; ok && before != shard {
					t.Fatalf("records of key %s are in two shards", key)
				}
				shardOf[key] = shard
			}
		}
		if len(seen) < events+1 {
			return fmt.Errorf("%d of %d events are in the stream", len(seen), events+1)
		}
		return nil
	})
	for n, times := range seen {
		if times != 1 {
			t.Errorf("event %d is in the stream %d times", n, times)
		}
	}
	if len(shardOf) != 20 {
		t.Errorf("got partition keys %v, want those of 20 customers", shardOf)
	}
}

// send sends an event with that data.
func send(t *testing.T, g *gatewaytest.Gateway, event, data string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.Events, strings.NewReader(data))
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	req.Header.Set("Event", event)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return resp.StatusCode, string(text)
}

// startKinesalite installs kinesalite and starts it for the length of the test.
func startKinesalite(t *testing.T) (client *kinesis.Client, endpoint string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("kinesalite")); err != nil {
		t.Fatal(err)
	}
	run(t, dir, "npm", []string{"ci"})
	addr := gatewaytest.FreeAddrs(t, 1)[0]
	_, port, _ := net.SplitHostPort(addr)
	cmd := exec.CommandContext(t.Context(), "node", filepath.Join("node_modules", "kinesalite", "cli.js"), "--port", port, "--createStreamMs", "1")
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	endpoint = "http://" + addr
	client = kinesis.New(kinesis.Options{
		Region: "eu-west-1", BaseEndpoint: &endpoint, Credentials: credentials.NewStaticCredentialsProvider("reader", "reader", ""),
	})
	gatewaytest.Eventually(t, time.Minute, func() error {
		_, err := client.ListStreams(t.Context(), new(kinesis.ListStreamsInput))
		return err
	})
	return client, endpoint
}

func makeStream(t *testing.T, client *kinesis.Client, name string, shards int32) {
	t.Helper()
	if _, err := client.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: &name, ShardCount: &shards}); err != nil {
		t.Fatal(err)
	}
	gatewaytest.Eventually(t, time.Minute, func() error {
		out, err := client.DescribeStreamSummary(t.Context(), &kinesis.DescribeStreamSummaryInput{StreamName: &name})
		if err == nil && out.StreamDescriptionSummary.StreamStatus != types.StreamStatusActive {
			err = errors.New("the stream is not active yet")
		}
		return err
	})
}

// readStream returns all records of a stream by their shard.
func readStream(t *testing.T, client *kinesis.Client, name string) map[string][]types.Record {
	t.Helper()
	shards, err := client.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: &name})
	if err != nil {
		t.Fatal(err)
	}
	records := make(map[string][]types.Record)
	for _, shard := range shards.Shards {
		at, err := client.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{
			StreamName: &name, ShardId: shard.ShardId, ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
		})
		if err != nil {
			t.Fatal(err)
		}
		out, err := client.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: at.ShardIterator})
		if err != nil {
			t.Fatal(err)
		}
		records[*shard.ShardId] = out.Records
	}
	return records
}
