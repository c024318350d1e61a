package memory_test

import (
	"os"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/delivery/memory"
	"github.com/eventgateway/eventgateway/delivery/queuetest"
)

func TestConformance(t *testing.T) {
	queuetest.Run(t, func(*testing.T) queuetest.Harness {
		return queuetest.Harness{
			Long:    os.Getenv("EVENT_GATEWAY_LONG") != "",
			Name:    "memory",
			Backend: func() delivery.Backend { return &memory.Queue{} },
			Bounded: func(age time.Duration, bytes int64) delivery.Backend {
				return &memory.Queue{DeadLetters: &memory.DeadLetters{MaxAge: caddy.Duration(age), MaxBytes: bytes}}
			},
		}
	})
}
