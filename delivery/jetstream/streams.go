package jetstream

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// names are what the log's streams and subjects are called.
type names struct {
	base string
}

// newNames returns the names for a gateway's own name, of which what cannot stand in a subject or a stream's name is
// replaced; a hash then keeps apart what would become the same.
func newNames(name string) names {
	trimmed := strings.Trim(name, "/")
	base := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '_'
	}, trimmed)
	if base != trimmed {
		sum := sha256.Sum256([]byte(trimmed))
		base += "_" + hex.EncodeToString(sum[:4])
	}
	if base == "" {
		base = embeddedName
	}
	return names{base}
}

// workStream is the stream of what is to be delivered.
func (n names) workStream() string { return n.base + "_work" }

// deadStream is the stream of dead letters.
func (n names) deadStream() string { return n.base + "_dead" }

// work is the subject of a partition.
func (n names) work(partition int) string { return n.base + ".work." + strconv.Itoa(partition) }

// dead is the subject of a space's dead letters. A dot, which separates the tokens of a subject, is the one character of
// a space's id that cannot stand in a token; '=' is in no id.
func (n names) dead(space string) string {
	return n.base + ".dead." + strings.ReplaceAll(space, ".", "=")
}

// workConfig is what the stream of work is to be like.
func workConfig(n names, q *Queue, replicas int) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        n.workStream(),
		Description: "Event Gateway: events that wait for delivery",
		Subjects:    []string{n.base + ".work.*"},
		Retention:   jetstream.LimitsPolicy,
		Discard:     jetstream.DiscardNew,
		MaxBytes:    q.maxBytes(),
		Storage:     jetstream.FileStorage,
		Replicas:    replicas,
		Duplicates:  time.Second,
		AllowDirect: true,
	}
}

// deadConfig is what the stream of dead letters is to be like. It is read through its leader only, so that what was
// deleted is not found any more.
func deadConfig(n names, q *Queue, replicas int) jetstream.StreamConfig {
	age, bytes := q.DeadLetters.limits()
	return jetstream.StreamConfig{
		Name:        n.deadStream(),
		Description: "Event Gateway: events that could not be delivered",
		Subjects:    []string{n.base + ".dead.*"},
		Retention:   jetstream.LimitsPolicy,
		Discard:     jetstream.DiscardOld,
		MaxAge:      age,
		MaxBytes:    bytes,
		Storage:     jetstream.FileStorage,
		Replicas:    replicas,
		Duplicates:  time.Second,
	}
}

// follow creates the streams, or makes those that stand follow the settings. Where nothing changes nothing is written, so
// that a full disk does not keep what is there from being read.
func (s *session) follow(ctx context.Context, n names, q *Queue) error {
	replicas := s.replicas
	if !s.local {
		replicas = q.Replicas
	}
	config := workConfig(n, q, replicas)
	if s.amend != nil {
		s.amend(&config)
	}
	work, err := ensureStream(ctx, s.js, config)
	if err != nil {
		return err
	}
	dead, err := ensureStream(ctx, s.js, deadConfig(n, q, replicas))
	if err != nil {
		return err
	}
	if s.work == nil {
		s.work, s.dead = work, dead
	}
	return nil
}
