// Command caddy is Caddy with the Event Gateway, as xcaddy would build it. Tests and benchmarks build it with the plain go
// command; users build theirs with xcaddy.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/eventgateway/eventgateway/caddymodule"
)

func main() { caddycmd.Main() }
