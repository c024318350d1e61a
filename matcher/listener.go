package matcher

import (
	"hash/maphash"
	"math/bits"

	"github.com/eventgateway/eventgateway"
)

// channel is what an event comes in on, apart from its path and space.
type channel struct {
	method, event string
	// function is the function an invoke event names, which is as much of its address as the path is; empty for others.
	function string
}

func channelOf(method, event, function string) channel {
	event = eventgateway.CanonicalEvent(event)
	if event != eventgateway.EventInvoke {
		function = ""
	}
	return channel{method, event, function}
}

// Hash implements hamt.Key.
func (c channel) Hash() uint64 {
	h := mix(hashString(c.method), hashString(c.event))
	if c.function != "" {
		h = mix(h, hashString(c.function))
	}
	return h
}

// listener is one space's part of a channel: what has a trie of its own, and the scope of conflicts.
type listener struct {
	channel
	space string
}

func listenerOf(s *eventgateway.Subscription) listener {
	return listener{channelOf(s.Method, s.Event, s.FunctionID), s.Space}
}

// Hash implements hamt.Key.
func (l listener) Hash() uint64 { return mix(l.channel.Hash(), hashString(l.space)) }

var seed = maphash.MakeSeed()

func hashString(s string) uint64 { return maphash.String(seed, s) }

// mix makes one hash of two; their order counts.
func mix(a, b uint64) uint64 {
	high, low := bits.Mul64(a^0x9e3779b97f4a7c15, b^0xd1b54a32d192ed03)
	return high ^ low ^ bits.RotateLeft64(a, 32)
}
