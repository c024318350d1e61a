package delivery

import (
	"context"
	"slices"
)

// Put implements Queue.
func (d *Dispatcher) Put(ctx context.Context, items []Item) error {
	claimed, err := d.claim(ctx, items)
	if err != nil {
		return err
	}
	kept := false
	if claimed {
		defer func() { d.settleKeys(items, kept) }()
	}
	letters, err := d.keepDead(items)
	if err != nil {
		return err
	}
	works := worksOf(items)
	if works = d.notices(works, letters); len(works) > 0 {
		err = d.append(works)
	}
	if kept = err == nil; kept {
		d.tellDead(letters)
	} else {
		d.takeBack(letters)
	}
	return err
}

// append keeps works if there is room. What it takes of that stays reserved until the works come from the log.
func (d *Dispatcher) append(works []*Work) error {
	if err := d.admit(works); err != nil {
		return err
	}
	kept := false
	defer func() {
		if !kept {
			(*receiver)(d).Release(works)
		}
	}()
	// What is accepted is accepted, even if its sender goes away meanwhile: only the log says whether it has it.
	err := d.log.Append(context.Background(), works)
	kept = err == nil
	return err
}

// lone is what is kept of an item with one target, in one piece of memory.
type lone struct {
	work     Work
	owed     [1]Owed
	works    [1]*Work
	room     room
	reserved [1]reserved
}

// worksOf makes what is kept of the items that are to be delivered and no duplicates. It shares neither slices with them nor
// what the server may change.
func worksOf(items []Item) []*Work {
	if len(items) == 1 && len(items[0].Targets) == 1 && items[0].DuplicateOf == "" && items[0].Dead == "" {
		l := new(lone)
		l.works[0], l.work.Owed = &l.work, l.owed[:]
		l.work.room, l.room.each = &l.room, l.reserved[:0]
		l.work.fill(&items[0])
		return l.works[:]
	}
	works := make([]*Work, 0, len(items))
	for i := range items {
		if it := &items[i]; it.DuplicateOf == "" && it.Dead == "" && len(it.Targets) > 0 {
			w := &Work{Owed: make([]Owed, len(it.Targets))}
			w.fill(it)
			works = append(works, w)
		}
	}
	return works
}

// fill makes w what is kept of an item.
func (w *Work) fill(it *Item) {
	w.Event, w.Key = it.Event.Detach(), it.Key
	for i := range it.Targets {
		w.Owed[i].Target = it.Targets[i]
		w.Owed[i].Params = slices.Clone(it.Targets[i].Params)
	}
}
