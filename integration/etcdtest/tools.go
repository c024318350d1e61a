//go:build tools

package etcdtest

// The server that tests build is a main package: this keeps its modules in go.sum.
import _ "go.etcd.io/etcd/server/v3"
