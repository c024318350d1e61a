package jetstream

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/eventgateway/eventgateway/internal/caddyblock"
)

// UnmarshalCaddyfile sets up the queue from Caddyfile tokens:
//
//	jetstream {
//	    sync             always
//	    max_bytes        <size>
//	    max_deliveries   <number>
//	    max_memory       <size>
//	    max_per_function <number>
//	    reserve          <size>
//	    dead_letters {
//	        max_age   <duration>
//	        max_bytes <size>
//	    }
//	    urls        <urls...>
//	    credentials <file>
//	    username    <name>
//	    password    <password>
//	    token       <token>
//	    tls {
//	        ca          <pem_file>
//	        cert        <cert_file> <key_file>
//	        server_name <name>
//	    }
//	    replicas   <number>
//	    partitions <number>
//	}
func (q *Queue) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return caddyblock.ReadModule(d, "queue", nil,
		caddyblock.String("sync", &q.Sync),
		caddyblock.Size("max_bytes", &q.MaxBytes),
		caddyblock.Int("max_deliveries", &q.MaxDeliveries),
		caddyblock.Size("max_memory", &q.MaxMemory),
		caddyblock.Int("max_per_function", &q.MaxPerFunction),
		caddyblock.Size("reserve", &q.Reserve),
		caddyblock.Merged("dead_letters", &q.DeadLetters, (*DeadLetters).unmarshal),
		caddyblock.Strings("urls", &q.URLs),
		caddyblock.String("credentials", &q.Credentials),
		caddyblock.String("username", &q.Username),
		caddyblock.String("password", &q.Password),
		caddyblock.String("token", &q.Token),
		caddyblock.Merged("tls", &q.TLS, (*TLS).unmarshal),
		caddyblock.Int("replicas", &q.Replicas),
		caddyblock.Int("partitions", &q.Partitions),
	)
}

func (l *DeadLetters) unmarshal(d *caddyfile.Dispenser) error {
	return caddyblock.Read(d, "dead_letters",
		caddyblock.Duration("max_age", &l.MaxAge),
		caddyblock.Size("max_bytes", &l.MaxBytes),
	)
}

func (t *TLS) unmarshal(d *caddyfile.Dispenser) error {
	return caddyblock.Read(d, "tls",
		caddyblock.String("ca", &t.CA),
		caddyblock.Args("cert", &t.Cert, &t.Key),
		caddyblock.String("server_name", &t.ServerName),
	)
}
