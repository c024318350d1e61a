package jetstream

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/integration/natstest"
)

// TestPermissions has a user with just what docs/clustering.md says.
func TestPermissions(t *testing.T) {
	permissions := func(allowed ...string) natstest.Options {
		return natstest.Options{
			Client: []nats.Option{nats.UserInfo("admin", "admin-secret")},
			Config: fmt.Sprintf(`accounts { A { jetstream: enabled, users: [
  { user: admin, password: admin-secret },
  { user: gateway, password: secret, permissions: {
    publish: { allow: [ %s ] }
    subscribe: { allow: [ "_INBOX.>" ] }
  } }
] } }`, `"`+strings.Join(allowed, `", "`)+`"`),
		}
	}
	all := documentedPermissions(t)
	if name := newNames("/event-gateway/v1").base; !strings.Contains(all[0], name+".>") {
		t.Fatalf("the documentation does not call the queue %s", name)
	}
	c := natstest.Start(t, permissions(all...))
	q := &Queue{URLs: c.URLs(), Username: "gateway", Password: "secret"}
	a := openNode(t, q, shortTTL)
	a.awaitShare(t, 16, 16)
	b := openNode(t, q, shortTTL)
	b.awaitShare(t, 8, 8)
	a.awaitShare(t, 8, 8)
	exercise(t, a, b)

	c = natstest.Start(t, permissions("$JS.API.INFO"))
	n := openNode(t, &Queue{URLs: c.URLs(), Username: "gateway", Password: "secret"}, shortTTL)
	eventually(t, "the reason", func() bool {
		return strings.Contains(n.Status().Error, "NATS denies a permission: Permissions Violation for Publish to ")
	})
}

// documentedPermissions reads what a user may publish to from the documentation.
func documentedPermissions(t *testing.T) []string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "docs", "clustering.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(data), "publish: { allow: [\n")
	rest, _, ok2 := strings.Cut(rest, "] }")
	if !ok || !ok2 {
		t.Fatal("no permissions in docs/clustering.md")
	}
	var subjects []string
	for line := range strings.Lines(rest) {
		line, _, _ = strings.Cut(line, "#")
		if subject := strings.Trim(strings.TrimSpace(line), `"`); subject != "" {
			subjects = append(subjects, subject)
		}
	}
	return subjects
}

// exercise has two nodes do all that logs do.
func exercise(t *testing.T, a, b *node) {
	t.Helper()
	seen := newEvents()
	a.finishing(seen)
	b.finishing(seen)
	var all []*delivery.Work
	for i := range 40 {
		id := fmt.Sprint("e", i)
		all = append(all, keyed(id, id), ordered("o"+id, id, id+"x"))
	}
	for _, w := range all {
		append1(t, a.Log, w)
	}
	seen.await(t, deliveries(all...))
	eventually(t, "the log is empty", func() bool { return workInfo(t, a.Log).State.Msgs == 0 })
	letter := &delivery.DeadLetter{Space: "default", Event: newWork("dead").Event, Reason: "expired", At: time.Now()}
	letters := a.DeadLetters()
	if err := letters.Add(t.Context(), letter); err != nil {
		t.Fatal(err)
	}
	if list, _, err := letters.List(t.Context(), &delivery.DeadLetterQuery{Space: "default"}); err != nil || len(list) != 1 {
		t.Fatalf("%d dead letters, %v", len(list), err)
	}
	if found, err := letters.Get(t.Context(), "default", letter.ID); err != nil || found == nil {
		t.Fatalf("dead letter %v, %v", found, err)
	}
	if ok, err := letters.Delete(t.Context(), "default", letter.ID); err != nil || !ok {
		t.Fatalf("deleting a dead letter: %t, %v", ok, err)
	}
	// Loading and rewriting, as for what was let go of.
	b.change(func() { b.got = nil })
	a.change(func() { a.got = nil })
	w := keyed("kept", "kept")
	append1(t, a.Log, w)
	var n *node
	eventually(t, "it is handed out", func() bool {
		for _, each := range []*node{a, b} {
			for _, r := range each.received() {
				if idsOf([]*delivery.Record{r})[0] == "kept" {
					n = each
				}
			}
		}
		return n != nil
	})
	r := n.record(t, "kept")
	if _, err := n.Load(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	rewritten, err := n.Rewrite(t.Context(), r, r.Works)
	if err != nil {
		t.Fatal(err)
	}
	if loaded, err := n.Load(t.Context(), rewritten); err != nil || len(loaded) != 1 {
		t.Fatalf("%d works, %v", len(loaded), err)
	}
	n.Finish(rewritten)
	if err := a.Reconfigure(&Queue{URLs: a.queue.Load().URLs, Username: "gateway", Password: "secret", MaxBytes: 1 << 25}); err != nil {
		t.Error(err)
	}
}
