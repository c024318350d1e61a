package delivery

import "context"

// claim finds the items that were accepted before, and claims the keys of the others: then each must be settled. Two Puts
// that wait for each other's keys would wait for ever, so one that has to wait gives its own keys back before.
func (d *Dispatcher) claim(ctx context.Context, items []Item) (claimed bool, err error) {
	for {
		claimed, wait := d.claimAll(items)
		if wait == nil {
			d.reportDuplicates(items)
			return claimed, nil
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return false, ErrUnavailable
		}
	}
}

// claimAll claims every key, or none and returns what to wait for.
func (d *Dispatcher) claimAll(items []Item) (claimed bool, wait <-chan struct{}) {
	var own map[string]*Item // made when there is a second key
	for i := range items {
		it := &items[i]
		it.DuplicateOf = ""
		if !it.keyed() {
			continue
		}
		if first := own[it.Key]; first != nil { // twice in one batch
			it.DuplicateOf = first.Event.ID
			continue
		}
		state, as, done := d.window.claim(it.Key, it.Event.ID, it.Event.ReceivedAt)
		switch state {
		case keySeen:
			it.DuplicateOf = as
		case keyFresh:
			claimed = true
			if own == nil && i+1 < len(items) {
				own = make(map[string]*Item, len(items)-i)
			}
			if own != nil {
				own[it.Key] = it
			}
		case keyInFlight:
			d.settleKeys(items[:i], false)
			return false, done
		}
	}
	return claimed, nil
}

// keyed reports whether an item is compared with others.
func (it *Item) keyed() bool { return it.Key != "" && len(it.Targets) > 0 }

// settleKeys settles the keys that were claimed for items.
func (d *Dispatcher) settleKeys(items []Item, accepted bool) {
	for i := range items {
		if it := &items[i]; it.keyed() && it.DuplicateOf == "" {
			d.window.settle(it.Key, accepted)
		}
	}
}

func (d *Dispatcher) reportDuplicates(items []Item) {
	for i := range items {
		if it := &items[i]; it.DuplicateOf != "" {
			d.observer.Deduplicated(it.Targets[0].Space, it.Event.Type)
		}
	}
}
