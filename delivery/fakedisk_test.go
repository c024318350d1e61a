package delivery_test

import (
	"cmp"
	"slices"
	"sync"

	"github.com/eventgateway/eventgateway/delivery"
)

// disk is what of a fakeLog outlives the process, and what several may share.
type disk struct {
	mu      sync.Mutex
	logs    []*fakeLog
	seq     uint64
	records []*delivery.Record
	letters []*delivery.DeadLetter
	ids     int
}

// after returns a copy of the first record of a partition behind last; nil when there is none.
func (d *disk) after(partition int, last uint64) *delivery.Record {
	d.mu.Lock()
	defer d.mu.Unlock()
	start, _ := d.find(last + 1)
	for _, r := range d.records[start:] {
		if r.Partition == partition {
			return &delivery.Record{Seq: r.Seq, Partition: r.Partition, Size: r.Size, Works: copyWorks(r.Works)}
		}
	}
	return nil
}

func (d *disk) find(seq uint64) (int, bool) {
	return slices.BinarySearchFunc(d.records, seq, func(r *delivery.Record, seq uint64) int { return cmp.Compare(r.Seq, seq) })
}

func (d *disk) add(partition int, works []*delivery.Work) *delivery.Record {
	d.seq++
	r := &delivery.Record{Seq: d.seq, Partition: partition, Size: 1, Works: copyWorks(works)}
	d.records = append(d.records, r)
	return r
}

func (d *disk) remove(seq uint64) bool {
	i, found := d.find(seq)
	if found {
		d.records = slices.Delete(d.records, i, i+1)
	}
	return found
}

func (d *disk) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.records)
}

func copyWorks(works []*delivery.Work) []*delivery.Work {
	all := make([]*delivery.Work, len(works))
	for i, w := range works {
		event := *w.Event
		all[i] = &delivery.Work{Event: &event, Key: w.Key, Owed: slices.Clone(w.Owed)}
	}
	return all
}
