// Package kafkatest runs the cluster of integration/clouds/kafka, a Kafka of others' making in memory, for tests.
package kafkatest

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/eventgateway/eventgateway/integration/processtest"
)

// Broker is a running cluster of one broker.
type Broker struct {
	// Address is where it listens, host:port.
	Address string

	t    testing.TB
	stop func()
}

var cluster = processtest.Program{Package: "./kafka", Dir: "clouds"}

// Start starts a broker with flags and topics as the program takes them. It ends with the test.
func Start(t testing.TB, args ...string) *Broker {
	t.Helper()
	cmd := exec.Command(cluster.Build(t), args...)
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	b := &Broker{t: t, stop: sync.OnceFunc(func() {
		input.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})}
	t.Cleanup(b.stop)
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatalf("the broker did not start: %v", err)
	}
	b.Address = strings.TrimSpace(line)
	return b
}

// Stop kills the broker.
func (b *Broker) Stop() { b.stop() }

// Read returns the first n records of a topic, over all its partitions, each partition's in order.
func (b *Broker) Read(topic string, n int, options ...kgo.Opt) []*kgo.Record {
	b.t.Helper()
	client, err := kgo.NewClient(append(options, kgo.SeedBrokers(b.Address), kgo.ConsumeTopics(topic))...)
	if err != nil {
		b.t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var records []*kgo.Record
	for len(records) < n {
		fetches := client.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			b.t.Fatalf("%d records of topic %s, want %d", len(records), topic, n)
		}
		records = append(records, fetches.Records()...)
	}
	return records
}
