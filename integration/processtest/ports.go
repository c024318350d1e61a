package processtest

import (
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"
)

// The ports given out are outside of the range from which systems take the ports of outgoing connections: a member that is
// down for a while finds its ports free when it comes back. They come in blocks, of which each belongs to one process of
// tests: a server that shares a port with others, as Caddy does, would else get the requests of another process' tests.
const (
	firstPort, blocks, blockSize = 15000, 150, 100
	// blocksEach is how many a process takes at most.
	blocksEach = 8
)

// ports are those of this process.
var ports struct {
	sync.Mutex
	// held is what other processes find taken: the first port of each block. The block that is given out is the last.
	held []net.Listener
	// next is the port that is given out next, and left how many there are of its block.
	next, left int
}

// FreePorts returns ports nobody listens on, which no test of another process is given.
func FreePorts(t testing.TB, n int) []int {
	t.Helper()
	ports.Lock()
	defer ports.Unlock()
	var free []int
	for len(free) < n {
		if ports.left == 0 {
			takeBlock(t)
		}
		port := ports.next
		ports.next, ports.left = ports.next+1, ports.left-1
		if l, err := net.Listen("tcp", ":"+strconv.Itoa(port)); err == nil {
			l.Close()
			free = append(free, port)
		}
	}
	return free
}

// takeBlock begins to give out the ports of a block: one that no other process has, or else the one of its own that it gave
// out longest ago.
func takeBlock(t testing.TB) {
	t.Helper()
	start := rand.IntN(blocks)
	for i := 0; i < blocks && len(ports.held) < blocksEach; i++ {
		first := firstPort + (start+i)%blocks*blockSize
		if l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(first))); err == nil {
			giveOut(l)
			return
		}
	}
	if len(ports.held) == 0 {
		t.Fatal("no free ports")
	}
	oldest := ports.held[0]
	ports.held = ports.held[1:]
	giveOut(oldest)
}

// giveOut gives out the ports of a block next.
func giveOut(block net.Listener) {
	ports.held = append(ports.held, block)
	ports.next, ports.left = block.Addr().(*net.TCPAddr).Port+1, blockSize-1
}
