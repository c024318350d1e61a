package jetstream_test

import (
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/delivery/jetstream"
	"github.com/eventgateway/eventgateway/delivery/queuetest"
	"github.com/eventgateway/eventgateway/integration/natstest"
)

func TestClusterConformance(t *testing.T) {
	const partitions = 4
	cluster := natstest.Start(t, natstest.Options{Config: "max_payload: 2MB"})
	var tests atomic.Int64
	queuetest.Run(t, func(*testing.T) queuetest.Harness {
		queue := func(letters *jetstream.DeadLetters) delivery.Backend {
			return &jetstream.Queue{URLs: cluster.URLs(), Partitions: partitions, DeadLetters: letters}
		}
		return queuetest.Harness{
			Long:    os.Getenv("EVENT_GATEWAY_LONG") != "",
			Name:    "jetstream",
			Backend: func() delivery.Backend { return queue(nil) },
			Bounded: func(age time.Duration, bytes int64) delivery.Backend {
				return queue(&jetstream.DeadLetters{MaxAge: caddy.Duration(age), MaxBytes: bytes})
			},
			// Each test has streams of its own.
			Env:        delivery.Env{Name: fmt.Sprint("test-", tests.Add(1))},
			Durable:    true,
			Partitions: partitions,
			TooLarge:   2 << 20,
		}
	})
}
