//go:build tools

package natstest

// The server that tests build is a main package: this keeps its modules in go.sum.
import _ "github.com/nats-io/nats-server/v2"
