package jetstream_test

import (
	"os"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/delivery/jetstream"
	"github.com/eventgateway/eventgateway/delivery/queuetest"
)

func TestConformance(t *testing.T) {
	modes := []string{""}
	if os.Getenv("EVENT_GATEWAY_LONG") != "" {
		modes = append(modes, jetstream.SyncAlways)
	}
	for _, sync := range modes {
		t.Run("sync="+sync, func(t *testing.T) {
			queuetest.Run(t, func(*testing.T) queuetest.Harness {
				return queuetest.Harness{
					Long:    os.Getenv("EVENT_GATEWAY_LONG") != "",
					Name:    "jetstream",
					Backend: func() delivery.Backend { return &jetstream.Queue{Sync: sync} },
					Bounded: func(age time.Duration, bytes int64) delivery.Backend {
						return &jetstream.Queue{
							Sync:        sync,
							DeadLetters: &jetstream.DeadLetters{MaxAge: caddy.Duration(age), MaxBytes: bytes},
						}
					},
					Durable:  true,
					TooLarge: 64 << 20,
				}
			})
		})
	}
}
