package jetstream

import "slices"

// window knows which records of a partition, of those read so far, are not finished.
type window struct {
	// entries are the sequences read, ascending, from the first one that is not finished; those finished are marked.
	entries []uint64
	// start is where in entries that first one is.
	start int
	// last is the highest sequence read.
	last uint64
	// early are sequences finished before they were read.
	early map[uint64]struct{}
}

const finishedMark = 1 << 63

// read notes that a record was read, and reports whether it is finished already.
func (w *window) read(seq uint64) (finished bool) {
	if len(w.early) > 0 {
		_, finished = w.early[seq]
		for s := range w.early {
			if s <= seq {
				delete(w.early, s)
			}
		}
	}
	w.last = seq
	if !finished {
		w.entries = append(w.entries, seq)
	}
	return finished
}

// finish notes that a record is finished.
func (w *window) finish(seq uint64) {
	if seq > w.last {
		if w.early == nil {
			w.early = make(map[uint64]struct{})
		}
		w.early[seq] = struct{}{}
		return
	}
	live := w.entries[w.start:]
	i, found := slices.BinarySearchFunc(live, seq, func(entry, seq uint64) int {
		switch entry &^= finishedMark; {
		case entry < seq:
			return -1
		case entry > seq:
			return 1
		}
		return 0
	})
	if !found {
		return
	}
	live[i] |= finishedMark
	for w.start < len(w.entries) && w.entries[w.start]&finishedMark != 0 {
		w.start++
	}
	if w.start == len(w.entries) {
		w.entries, w.start = w.entries[:0], 0
	} else if w.start > len(w.entries)/2 && w.start > 1024 {
		w.entries = slices.Clone(w.entries[w.start:])
		w.start = 0
	}
}

// floor returns a sequence below which everything is finished.
func (w *window) floor() uint64 {
	if w.start < len(w.entries) {
		return w.entries[w.start]
	}
	return w.last + 1
}
