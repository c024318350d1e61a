package configapi

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
)

// deadLetterPage is how many dead letters are in memory at a time, with their events.
const deadLetterPage = 100

// eachDeadLetter calls visit for every dead letter of a query, and reports whether there are more than its limit. An error is
// that of visit, or of the log.
func (x *exchange) eachDeadLetter(letters delivery.DeadLetters, q delivery.DeadLetterQuery,
	visit func(*delivery.DeadLetter) error,
) (more bool, err error) {
	for left := cmp.Or(q.Limit, int(^uint(0)>>1)); ; {
		q.Limit = min(left, deadLetterPage)
		list, more, err := letters.List(x.r.Context(), &q)
		if err != nil {
			return false, err
		}
		for _, d := range list {
			if err := visit(d); err != nil {
				return false, err
			}
			q.After = d.ID
		}
		if left -= len(list); left <= 0 || !more || len(list) == 0 {
			return more, nil
		}
	}
}

// listDeadLetters answers with a list that is sent while it is read. Where the log fails half way the list ends there, and
// names where to go on.
func (x *exchange) listDeadLetters() error {
	deliveries, err := x.deliveries()
	if err != nil {
		return err
	}
	q, err := x.readDeadLetterQuery(true)
	if err != nil {
		return err
	}
	list := deadLetterList{x: x}
	list.encoder = newEncoder(&list.buffer)
	more, err := x.eachDeadLetter(deliveries.DeadLetters(), q.DeadLetterQuery, func(d *delivery.DeadLetter) error {
		return list.add(showDeadLetter(d, q.payload))
	})
	if err != nil && list.last == "" {
		return queueError("", err)
	}
	list.end(more || err != nil)
	return nil
}

// deadLetterList writes a list.
type deadLetterList struct {
	x       *exchange
	buffer  bytes.Buffer
	encoder *json.Encoder
	// last is the ID of the last one added.
	last string
}

func (l *deadLetterList) begin() {
	x := l.x
	x.status = http.StatusOK
	x.w.Header().Set(revisionHeader, strconv.FormatInt(x.Mirror.Revision(), 10))
	x.setHeader()
	x.w.WriteHeader(x.status)
	l.buffer.WriteString(`{"deadLetters":[`)
}

func (l *deadLetterList) add(d deadLetterAnswer) error {
	if l.last == "" {
		l.begin()
	} else {
		l.buffer.WriteByte(',')
	}
	l.last = d.ID
	mustEncode(l.encoder, d)
	l.buffer.Truncate(l.buffer.Len() - 1) // the line break after each value
	if l.buffer.Len() < listBuffer {
		return nil
	}
	return l.send()
}

func (l *deadLetterList) end(more bool) {
	if l.last == "" {
		l.begin()
	}
	l.buffer.WriteByte(']')
	if more {
		l.buffer.WriteString(`,"next":`)
		l.buffer.Write(eventgateway.AppendJSONString(nil, l.last))
	}
	l.buffer.WriteString("}\n")
	_ = l.send() // an error means that the client is gone
}

func (l *deadLetterList) send() error {
	defer l.buffer.Reset()
	if l.x.r.Method == http.MethodHead {
		return nil
	}
	_, err := l.x.w.Write(l.buffer.Bytes())
	return err
}

func (x *exchange) getDeadLetter() error {
	_, d, err := x.deadLetter()
	if err != nil {
		return err
	}
	x.answer(http.StatusOK, x.Mirror.Revision(), showDeadLetter(d, true))
	return nil
}

// deadLetter returns the one the path names.
func (x *exchange) deadLetter() (Deliveries, *delivery.DeadLetter, error) {
	if err := x.noQuery(); err != nil {
		return nil, nil, err
	}
	deliveries, err := x.deliveries()
	if err != nil {
		return nil, nil, err
	}
	d, err := deliveries.DeadLetters().Get(x.r.Context(), x.space, x.id)
	if err != nil {
		return nil, nil, queueError("", err)
	}
	if d == nil {
		return nil, nil, x.noDeadLetter()
	}
	return deliveries, d, nil
}

func (x *exchange) noDeadLetter() error {
	return eventgateway.Errorf(eventgateway.NotFound, "dead letter %s does not exist in space %q", eventgateway.Quote(x.id), x.space)
}

func (x *exchange) deleteDeadLetter() error {
	if err := x.noQuery(); err != nil {
		return err
	}
	deliveries, err := x.deliveries()
	if err != nil {
		return err
	}
	existed, err := deliveries.DeadLetters().Delete(x.r.Context(), x.space, x.id)
	if err != nil {
		return queueError("", err)
	}
	if !existed {
		return x.noDeadLetter()
	}
	x.answerDeleted(x.Mirror.Revision())
	return nil
}

// deleteDeadLetters removes all that a query chooses.
func (x *exchange) deleteDeadLetters() error {
	deliveries, err := x.deliveries()
	if err != nil {
		return err
	}
	q, err := x.readDeadLetterQuery(false)
	if err != nil {
		return err
	}
	deleted := 0
	err = x.eachOfNow(deliveries, q, func(d *delivery.DeadLetter) error {
		existed, err := deliveries.DeadLetters().Delete(x.r.Context(), x.space, d.ID)
		if existed {
			deleted++
		}
		return err
	})
	if err != nil {
		return queueError(fmt.Sprintf("%d dead letters were deleted, then: ", deleted), err)
	}
	x.answer(http.StatusOK, x.Mirror.Revision(), map[string]int{"deleted": deleted})
	return nil
}

// redriven is what redriving came to.
type redriven struct {
	Redriven int `json:"redriven"`
	// TooLarge counts those that stay dead letters because the queue can never take them.
	TooLarge int `json:"tooLarge,omitempty"`
}

func (x *exchange) redriveDeadLetter() error {
	deliveries, d, err := x.deadLetter()
	if err != nil {
		return err
	}
	if err := deliveries.Redrive(x.r.Context(), d); err != nil {
		return queueError("", err)
	}
	x.answer(http.StatusAccepted, x.Mirror.Revision(), redriven{Redriven: 1})
	return nil
}

// redriveDeadLetters redrives all that the body chooses.
func (x *exchange) redriveDeadLetters() error {
	deliveries, err := x.deliveries()
	if err != nil {
		return err
	}
	q, err := x.readDeadLetterBody()
	if err != nil {
		return err
	}
	var done redriven
	err = x.eachOfNow(deliveries, q, func(d *delivery.DeadLetter) error {
		err := deliveries.Redrive(x.r.Context(), d)
		switch {
		case err == nil:
			done.Redriven++
		case errors.Is(err, delivery.ErrTooLarge):
			done.TooLarge++
			return nil
		}
		return err
	})
	if err != nil {
		return queueError(fmt.Sprintf("%d dead letters were redriven, then: ", done.Redriven), err)
	}
	x.answer(http.StatusAccepted, x.Mirror.Revision(), done)
	return nil
}

// eachOfNow visits the dead letters there are now: not those that are redriven and die again meanwhile, of which there would
// be no end.
func (x *exchange) eachOfNow(deliveries Deliveries, q *deadLetterQuery, visit func(*delivery.DeadLetter) error) error {
	if now := time.Now(); q.Until.IsZero() || q.Until.After(now) {
		q.Until = now
	}
	_, err := x.eachDeadLetter(deliveries.DeadLetters(), q.DeadLetterQuery, visit)
	return err
}
