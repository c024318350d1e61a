package eventsapi

// serveOne serves a custom event or a CloudEvent: queued for its async subscribers, then answered by the sync one, or
// with 202 if there is none.
func (x *exchange) serveOne(form form) error {
	if err := x.readKey(); err != nil {
		return err
	}
	ev, err := x.parseOne(form)
	if err != nil {
		return err
	}
	found := x.find(ev, "")
	x.h.Observer.Received(x.seenIn(), ev.Type)
	if !found && !x.snap.Loaded {
		return errNotLoaded
	}
	if err := x.admit(ev, alone); err != nil {
		return err
	}
	x.addItem(ev, alone)
	if x.tooDeep(ev) {
		x.noteReceived(ev)
		return x.stopLoop(ev, alone)
	}
	if err := x.receivedAlone(ev); err != nil {
		return err
	}
	x.noteReceived(ev)
	if err := x.put(); err != nil {
		return err
	}
	if x.match.Sync.Subscription == nil {
		x.accept(ev)
		return nil
	}
	if ev = x.syncEvent(ev); x.answerCall(ev) {
		x.h.Observer.Processed(x.seenIn(), ev.Type)
	}
	return nil
}
