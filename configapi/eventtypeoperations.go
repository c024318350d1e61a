package configapi

import (
	"net/http"

	"github.com/eventgateway/eventgateway"
)

func (x *exchange) listEventTypes() error {
	now, filter, err := x.readList()
	if err != nil {
		return err
	}
	list := sorted(now.eventTypesOf(x.space), func(t *eventType) (string, bool) { return t.ID(), filter.accepts(t.Metadata) })
	x.answerList("eventTypes", now.state.revision, len(list), func(i int) any { return list[i].EventType })
	return nil
}

func (x *exchange) createEventType() error {
	body, err := x.body()
	if err != nil {
		return err
	}
	t, err := readEventType(body, x.space, "")
	if err != nil {
		return err
	}
	revision, err := x.service().createEventType(x.r.Context(), t)
	if err != nil {
		return err
	}
	x.answerWritten(x.created(), revision, t)
	return nil
}

func (x *exchange) getEventType() error {
	now, meets, err := x.read()
	if err != nil {
		return err
	}
	t := now.eventType(x.space, eventgateway.CanonicalEvent(x.id))
	if t == nil {
		return noEventType(x.space, x.id)
	}
	x.w.Header().Set("ETag", t.etag())
	if err := meets.checkRead(t.etag()); err != nil {
		return err
	}
	x.answer(http.StatusOK, now.state.revision, t.EventType)
	return nil
}

func (x *exchange) updateEventType() error {
	body, err := x.body()
	if err != nil {
		return err
	}
	t, err := readEventType(body, x.space, x.id)
	if err != nil {
		return err
	}
	meets, err := readConditions(x.r.Header)
	if err != nil {
		return err
	}
	t, revision, err := x.service().updateEventType(x.r.Context(), t, meets)
	if err != nil {
		return err
	}
	x.answerWritten(http.StatusOK, revision, t)
	return nil
}

func (x *exchange) deleteEventType() error {
	meets, err := x.conditions()
	if err != nil {
		return err
	}
	revision, err := x.service().deleteEventType(x.r.Context(), x.space, x.id, meets)
	if err != nil {
		return err
	}
	x.answerDeleted(revision)
	return nil
}
