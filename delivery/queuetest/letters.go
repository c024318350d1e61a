package queuetest

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/eventgateway/eventgateway/delivery"
)

var letterTests = []test{
	{name: "whole", run: (*suite).testLetterWhole},
	{name: "ids", run: (*suite).testLetterIDs},
	{name: "query", run: (*suite).testLetterQuery},
	{name: "pages", run: (*suite).testLetterPages},
	{name: "other spaces", run: (*suite).testLetterSpaces},
	{name: "unknown ids", run: (*suite).testLetterUnknown},
	{name: "deleted", run: (*suite).testLetterDelete},
	{name: "kept as they were", run: (*suite).testLetterKept},
	{name: "concurrently", run: (*suite).testLettersConcurrently},
	{name: "reopened", run: (*suite).testLettersReopened, durable: true},
	{name: "not kept", run: (*suite).testLettersLost, volatile: true},
}

func (s *suite) testLetterWhole() {
	q := s.open()
	ids := map[string]string{}
	for name, d := range fullLetters() {
		ids[name] = q.bury(d)[0]
	}
	q.wantFullLetters(ids)
}

// wantFullLetters checks that the letters are there, which have these IDs.
func (q *queue) wantFullLetters(ids map[string]string) {
	q.s.Helper()
	list, _ := q.list(delivery.DeadLetterQuery{Space: "team.1-a"})
	for name, want := range fullLetters() {
		want.ID = ids[name]
		if how := letterDiffers(q.get(want.Space, want.ID), want); how != "" {
			q.s.Errorf("%s: %s", name, how)
		}
		i := slices.IndexFunc(list, func(d *delivery.DeadLetter) bool { return d.ID == want.ID })
		if i < 0 {
			q.s.Errorf("%s: it is not listed", name)
		} else if how := letterDiffers(list[i], want); how != "" {
			q.s.Errorf("%s, listed: %s", name, how)
		}
	}
}

// testLetterIDs checks that later ones sort later.
func (s *suite) testLetterIDs() {
	q := s.open()
	var ids []string
	for i := range 120 {
		d := letter(fmt.Sprint(i))
		d.Space = []string{"s", "t"}[i%2]
		ids = append(ids, q.bury(d)...)
	}
	for i := range ids {
		if i >= 2 && ids[i] <= ids[i-2] {
			s.Fatalf("%q is given after %q", ids[i], ids[i-2])
		}
	}
	list, _ := q.list(delivery.DeadLetterQuery{Space: "s"})
	for i, d := range list {
		if d.ID != ids[2*i] {
			s.Fatalf("%q is listed where %q belongs", d.ID, ids[2*i])
		}
	}
}

func (s *suite) testLetterQuery() {
	q := s.open()
	at := time.Now().Add(-time.Minute).Round(0)
	for i, change := range []func(*delivery.DeadLetter){
		func(*delivery.DeadLetter) {},
		func(d *delivery.DeadLetter) { d.SubscriptionID = "other" },
		func(d *delivery.DeadLetter) { d.FunctionID = "other" },
		func(d *delivery.DeadLetter) { d.Event.Type = "other" },
		func(d *delivery.DeadLetter) { d.Reason = "other" },
		func(d *delivery.DeadLetter) { d.Space = "other" },
		func(d *delivery.DeadLetter) { d.At = at.Add(time.Second) },
	} {
		d := letter(fmt.Sprint(i))
		d.At = at
		change(d)
		q.bury(d)
	}
	query := func(change func(*delivery.DeadLetterQuery)) delivery.DeadLetterQuery {
		query := delivery.DeadLetterQuery{Space: "s"}
		change(&query)
		return query
	}
	type want = delivery.DeadLetterQuery
	q.wantList(want{Space: "s"}, false, "0", "1", "2", "3", "4", "6")
	q.wantList(want{Space: "other"}, false, "5")
	q.wantList(want{Space: "none"}, false)
	q.wantList(query(func(w *want) { w.SubscriptionID = "other" }), false, "1")
	q.wantList(query(func(w *want) { w.FunctionID = "other" }), false, "2")
	q.wantList(query(func(w *want) { w.EventType = "other" }), false, "3")
	q.wantList(query(func(w *want) { w.Reason = "other" }), false, "4")
	q.wantList(query(func(w *want) { w.EventID = "2" }), false, "2")
	q.wantList(query(func(w *want) { w.EventID, w.Reason = "2", "other" }), false)
	q.wantList(query(func(w *want) { w.Since = at.Add(1) }), false, "6")
	q.wantList(query(func(w *want) { w.Since = at }), false, "0", "1", "2", "3", "4", "6")
	q.wantList(query(func(w *want) { w.Until = at.Add(1) }), false, "0", "1", "2", "3", "4")
	q.wantList(query(func(w *want) { w.Until = at }), false)
	q.wantList(query(func(w *want) { w.Since, w.Until, w.FunctionID = at, at.Add(time.Second), "fn" }), false, "0", "1", "3", "4")
}

// testLetterPages lists some at a time, also of those that a query chooses among others.
func (s *suite) testLetterPages() {
	const all = 50
	q := s.open()
	for i := range all {
		d := letter(fmt.Sprint(i))
		if i%2 == 1 {
			d.Reason = "odd"
		}
		q.bury(d)
	}
	var seen []string
	query := delivery.DeadLetterQuery{Space: "s", Reason: "odd", Limit: 10}
	for page := range 3 {
		list, more := q.list(query)
		if last := page == 2; more == last || len(list) != 10 && !last {
			s.Fatalf("page %d has %d, and more %t", page, len(list), more)
		}
		for _, d := range list {
			seen = append(seen, d.Event.ID)
		}
		query.After = list[len(list)-1].ID
	}
	if len(seen) != all/2 || seen[0] != "1" || seen[all/2-1] != "49" {
		s.Errorf("the pages have %v", seen)
	}
	if list, more := q.list(query); len(list) != 0 || more {
		s.Errorf("after the last page come %d, and more %t", len(list), more)
	}
	list, _ := q.list(delivery.DeadLetterQuery{Space: "s"})
	q.wantList(delivery.DeadLetterQuery{Space: "s", Limit: 1}, true, "0")
	q.wantList(delivery.DeadLetterQuery{Space: "s", Limit: 2, After: list[47].ID}, false, "48", "49")
	q.wantList(delivery.DeadLetterQuery{Space: "s", Limit: 1, After: list[47].ID}, true, "48")
	// What is odd ends with the last of all: nothing that is chosen comes after the one before it.
	q.wantList(delivery.DeadLetterQuery{Space: "s", Limit: 1, After: list[46].ID, Reason: "timeout"}, false, "48")
	q.delete("s", list[20].ID)
	q.wantList(delivery.DeadLetterQuery{Space: "s", Limit: 1, After: list[20].ID}, true, "21")
}

// testLetterSpaces checks that one space does not see another's.
func (s *suite) testLetterSpaces() {
	q := s.open()
	var ids []string
	spaces := []string{"a", "b", "a.b", "A", "...", "a-b", "a_b", "b.a."}
	for _, space := range spaces {
		d := letter("in " + space)
		d.Space = space
		ids = append(ids, q.bury(d)...)
	}
	for i, space := range spaces {
		list := q.wantList(delivery.DeadLetterQuery{Space: space}, false, "in "+space)
		if list[0].Space != space {
			s.Errorf("a dead letter of space %q is shown in %q", list[0].Space, space)
		}
		for _, id := range slices.Concat(ids[:i], ids[i+1:]) {
			if d := q.get(space, id); d != nil {
				s.Errorf("space %q sees a dead letter of %q", space, d.Space)
			}
			if q.delete(space, id) {
				s.Errorf("space %q deletes a dead letter of another", space)
			}
		}
		if q.get(space, ids[i]) == nil {
			s.Errorf("space %q does not see its own dead letter", space)
		}
	}
}

func (s *suite) testLetterUnknown() {
	q := s.open()
	id := q.bury(letter("a"))[0]
	for _, unknown := range []string{
		"", "0", "x", "-1", id + "0", id[:len(id)-1], "99999999999999999999", "00000000000000000000", "../" + id, " " + id, "ü", "*",
	} {
		if d := q.get("s", unknown); d != nil {
			s.Errorf("the ID %q finds %+v", unknown, d)
		}
		if q.delete("s", unknown) {
			s.Errorf("the ID %q deletes something", unknown)
		}
	}
	q.wantList(delivery.DeadLetterQuery{Space: "s"}, false, "a")
}

// testLetterDelete deletes them one by one.
func (s *suite) testLetterDelete() {
	const all = 40
	q := s.open()
	var ids, left []string
	for i := range all {
		ids = append(ids, q.bury(letter(fmt.Sprint(i)))...)
		left = append(left, fmt.Sprint(i))
	}
	s.eventually("all are counted", func() bool {
		count, bytes := q.DeadLetters().Count()
		return count == all && bytes > 0
	})
	for n := range all {
		i := n * 17 % all // every one once, from all over the list
		if !q.delete("s", ids[i]) || q.delete("s", ids[i]) || q.get("s", ids[i]) != nil {
			s.Fatalf("dead letter %d is not deleted once", i)
		}
		left = slices.DeleteFunc(left, func(id string) bool { return id == fmt.Sprint(i) })
		q.wantList(delivery.DeadLetterQuery{Space: "s"}, false, left...)
	}
	s.eventually("none is counted", func() bool {
		count, bytes := q.DeadLetters().Count()
		return count == 0 && bytes == 0
	})
	q.bury(letter("later"))
	q.wantList(delivery.DeadLetterQuery{Space: "s"}, false, "later")
}

// testLetterKept changes letters that were added or looked up: those that are kept stay as they were.
func (s *suite) testLetterKept() {
	q := s.open()
	d := letter("a")
	want := *d
	want.ID = q.bury(d)[0]
	d.Reason, d.ID, d.Space = "changed", "changed", "changed"
	q.get("s", want.ID).Reason = "changed"
	list, _ := q.list(delivery.DeadLetterQuery{Space: "s"})
	list[0].Attempts = 99
	if how := letterDiffers(q.get("s", want.ID), &want); how != "" {
		s.Error(how)
	}
}

func (s *suite) testLettersConcurrently() {
	const callers, calls = 8, 25
	q := s.open()
	q.ready()
	var mu sync.Mutex
	left := map[string]bool{}
	var all sync.WaitGroup
	for c := range callers {
		all.Go(func() {
			for n := range calls {
				d := letter(fmt.Sprintf("%d-%d", c, n))
				if err := q.DeadLetters().Add(s.Context(), d); err != nil {
					s.Errorf("Add: %v", err)
					return
				}
				if _, _, err := q.DeadLetters().List(s.Context(), &delivery.DeadLetterQuery{Space: "s", Limit: 5}); err != nil {
					s.Errorf("List: %v", err)
				}
				if n%5 == 0 {
					if there, err := q.DeadLetters().Delete(s.Context(), "s", d.ID); !there || err != nil {
						s.Errorf("Delete: got %t, %v", there, err)
					}
					continue
				}
				mu.Lock()
				if left[d.ID] {
					s.Errorf("the ID %q is given twice", d.ID)
				}
				left[d.ID] = true
				mu.Unlock()
			}
		})
	}
	all.Wait()
	list, _ := q.list(delivery.DeadLetterQuery{Space: "s"})
	for _, d := range list {
		if !left[d.ID] {
			s.Errorf("%s is listed, and was deleted or never added", d.ID)
		}
	}
	if len(list) != len(left) || len(list) != callers*calls/5*4 {
		s.Errorf("%d are listed, want %d", len(list), len(left))
	}
	s.eventually("all are counted", func() bool {
		count, _ := q.DeadLetters().Count()
		return count == int64(len(left))
	})
}

func (s *suite) testLettersReopened() {
	q := s.open()
	ids := map[string]string{}
	last := ""
	for name, d := range fullLetters() {
		ids[name] = q.bury(d)[0]
		last = max(last, ids[name])
	}
	gone := q.bury(letter("gone"))[0]
	if !q.delete("s", gone) {
		s.Fatal("a dead letter is not deleted")
	}
	for range 2 {
		q = q.reopen()
		q.ready()
		q.wantFullLetters(ids)
		if q.get("s", gone) != nil {
			s.Error("a dead letter is there again that was deleted")
		}
		s.eventually("all are counted", func() bool {
			count, _ := q.DeadLetters().Count()
			return count == int64(len(ids))
		})
	}
	d := letter("later")
	if id := q.bury(d)[0]; id <= max(last, gone) {
		s.Errorf("%q is given after %q", id, last)
	}
}

func (s *suite) testLettersLost() {
	q := s.open()
	before := q.bury(letter("a"))[0]
	q = q.reopen()
	q.wantList(delivery.DeadLetterQuery{Space: "s"}, false)
	if after := q.bury(letter("b"))[0]; after <= before {
		s.Errorf("%q is given after %q, which was another process's", after, before)
	}
}
