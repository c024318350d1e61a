package memory

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/eventgateway/eventgateway/internal/caddyblock"
)

// UnmarshalCaddyfile sets up the queue from Caddyfile tokens:
//
//	memory {
//	    max_deliveries   <number>
//	    max_bytes        <size>
//	    max_per_function <number>
//	    dead_letters {
//	        max_age   <duration>
//	        max_bytes <size>
//	        max_count <number>
//	    }
//	}
func (q *Queue) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return caddyblock.ReadModule(d, "queue", nil,
		caddyblock.Int("max_deliveries", &q.MaxDeliveries),
		caddyblock.Size("max_bytes", &q.MaxBytes),
		caddyblock.Int("max_per_function", &q.MaxPerFunction),
		caddyblock.Merged("dead_letters", &q.DeadLetters, (*DeadLetters).unmarshal),
	)
}

func (l *DeadLetters) unmarshal(d *caddyfile.Dispenser) error {
	return caddyblock.Read(d, "dead_letters",
		caddyblock.Duration("max_age", &l.MaxAge),
		caddyblock.Size("max_bytes", &l.MaxBytes),
		caddyblock.Int("max_count", &l.MaxCount),
	)
}
