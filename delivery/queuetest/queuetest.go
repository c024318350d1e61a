// Package queuetest is the suite that every queue passes, also one from outside this repository:
//
//	func TestConformance(t *testing.T) {
//		queuetest.Run(t, func(t *testing.T) queuetest.Harness {
//			return queuetest.Harness{
//				Name:    "mine",
//				Backend: func() delivery.Backend { return &mine.Queue{} },
//				Bounded: func(age time.Duration, bytes int64) delivery.Backend {
//					return &mine.Queue{DeadLetters: mine.DeadLetters{MaxAge: age, MaxBytes: bytes}}
//				},
//				Durable:  true,
//				TooLarge: 64 << 20,
//			}
//		})
//	}
//
// It holds a queue to what the package delivery says of a Backend, a Log and DeadLetters. It does not kill processes or take
// away disks and servers: what such a queue promises beyond a Log's, its own tests show.
package queuetest

import (
	"log/slog"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/delivery"
)

// Harness is the queue under test, and what is known of it. The suite asks for a new one for every test.
type Harness struct {
	// Name is the last label of the queue's module ID, and its logs' name. The package is imported by the test. Required.
	Name string
	// Backend returns a new configuration of the queue. All of one Harness have the same identity. Required.
	Backend func() delivery.Backend
	// Bounded returns one that keeps dead letters for so long, 0 for long enough, and so many bytes of them, 0 for enough.
	// The suite asks for at least a second and a mebibyte. Required.
	Bounded func(age time.Duration, bytes int64) delivery.Backend
	// Env is what the queue is opened with, for the first time as for later ones. Default: a new directory, the name
	// "queuetest", and a logger that writes to the test's log.
	Env delivery.Env
	// Durable tells that what was accepted outlives the log: then it is there when the queue is opened again, and the log
	// rewrites and loads records. Else it does neither.
	Durable bool
	// Partitions is how many parts the queue has, numbered from 0, all of which its only instance works on. Default: 1.
	Partitions int
	// TooLarge is a number of bytes of data that no event in the queue may have. Default: any size is accepted.
	TooLarge int
	// Long has the tests that take many events at the same time take tens of thousands. Default: hundreds.
	Long bool
	// Patience is how long the suite waits for what is to happen. Default: 1m.
	Patience time.Duration
}

// suite is one test of one queue.
type suite struct {
	Harness
	*testing.T
}

type test struct {
	name string
	run  func(s *suite)
	// durable is set for a test of what only durable queues do, volatile for one of what only others do.
	durable, volatile bool
}

// Run runs the suite. harness is called for every test, with the test's own t, and once before with t.
func Run(t *testing.T, harness func(t *testing.T) Harness) {
	durable := harness(t).Durable
	for _, group := range []struct {
		name  string
		tests []test
	}{
		{"Backend", backendTests},
		{"Append", appendTests},
		{"Finish", finishTests},
		{"Rewrite", rewriteTests},
		{"Load", loadTests},
		{"Reopen", reopenTests},
		{"Close", closeTests},
		{"Status", statusTests},
		{"DeadLetters", letterTests},
		{"DeadLetterBounds", boundTests},
	} {
		t.Run(group.name, func(t *testing.T) {
			for _, test := range group.tests {
				if test.durable && !durable || test.volatile && durable {
					continue
				}
				t.Run(test.name, func(t *testing.T) {
					h := harness(t)
					h.setDefaults(t)
					test.run(&suite{Harness: h, T: t})
				})
			}
		})
	}
}

func (h *Harness) setDefaults(t *testing.T) {
	if h.Env.DataDir == "" {
		h.Env.DataDir = t.TempDir()
	}
	if h.Env.Name == "" {
		h.Env.Name = "queuetest"
	}
	if h.Env.Logger == nil {
		h.Env.Logger = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	if h.Partitions <= 0 {
		h.Partitions = 1
	}
	if h.Patience <= 0 {
		h.Patience = time.Minute
	}
}
