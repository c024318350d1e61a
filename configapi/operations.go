package configapi

import (
	"net/http"
	"strconv"

	"github.com/eventgateway/eventgateway"
)

// body reads the request's body.
func (x *exchange) body() ([]byte, error) {
	if err := x.noQuery(); err != nil {
		return nil, err
	}
	return readBody(x.w, x.r, x.maxBody())
}

func (x *exchange) maxBody() int64 {
	if x.MaxBody == 0 {
		return defaultMaxBody
	}
	return x.MaxBody
}

func (x *exchange) createFunction() error {
	body, err := x.body()
	if err != nil {
		return err
	}
	fn, err := readFunction(body, x.space, "")
	if err != nil {
		return err
	}
	revision, err := x.service().createFunction(x.r.Context(), fn)
	if err != nil {
		return err
	}
	x.answerWritten(x.created(), revision, showFunction(fn, x.generation))
	return nil
}

func (x *exchange) getFunction() error {
	now, meets, err := x.read()
	if err != nil {
		return err
	}
	f := now.function(eventgateway.FunctionKey{Space: x.space, ID: x.id})
	if f == nil {
		return noFunction(eventgateway.FunctionKey{Space: x.space, ID: x.id})
	}
	x.w.Header().Set("ETag", f.etag())
	if err := meets.checkRead(f.etag()); err != nil {
		return err
	}
	x.answer(http.StatusOK, now.state.revision, f.show(x.generation))
	return nil
}

func (x *exchange) updateFunction() error {
	body, err := x.body()
	if err != nil {
		return err
	}
	fn, err := readFunction(body, x.space, x.id)
	if err != nil {
		return err
	}
	meets, err := readConditions(x.r.Header)
	if err != nil {
		return err
	}
	revision, err := x.service().updateFunction(x.r.Context(), fn, meets)
	if err != nil {
		return err
	}
	x.answerWritten(http.StatusOK, revision, showFunction(fn, x.generation))
	return nil
}

func (x *exchange) deleteFunction() error {
	meets, err := x.conditions()
	if err != nil {
		return err
	}
	key := eventgateway.FunctionKey{Space: x.space, ID: x.id}
	revision, err := x.service().deleteFunction(x.r.Context(), key, meets)
	if err != nil {
		return err
	}
	x.answerDeleted(revision)
	return nil
}

func (x *exchange) createSubscription() error {
	body, err := x.body()
	if err != nil {
		return err
	}
	b, err := readSubscription(body, x.space)
	if err != nil {
		return err
	}
	sub, err := b.subscription(x.space)
	if err != nil {
		return err
	}
	revision, err := x.service().createSubscription(x.r.Context(), sub)
	if err != nil {
		return err
	}
	x.answerWritten(x.created(), revision, showSubscription(sub, x.generation))
	return nil
}

func (x *exchange) getSubscription() error {
	now, meets, err := x.read()
	if err != nil {
		return err
	}
	s := now.subscription(x.space, x.id)
	if s == nil {
		return noSubscription(x.space, x.id)
	}
	x.w.Header().Set("ETag", s.etag())
	if err := meets.checkRead(s.etag()); err != nil {
		return err
	}
	x.answer(http.StatusOK, now.state.revision, showSubscription(&s.Subscription, x.generation))
	return nil
}

func (x *exchange) updateSubscription() error {
	body, err := x.body()
	if err != nil {
		return err
	}
	b, err := readSubscription(body, x.space)
	if err != nil {
		return err
	}
	meets, err := readConditions(x.r.Header)
	if err != nil {
		return err
	}
	sub, revision, err := x.service().updateSubscription(x.r.Context(), x.space, x.id, meets, b.change)
	if err != nil {
		return err
	}
	x.answerWritten(http.StatusOK, revision, showSubscription(sub, x.generation))
	return nil
}

func (x *exchange) deleteSubscription() error {
	meets, err := x.conditions()
	if err != nil {
		return err
	}
	revision, err := x.service().deleteSubscription(x.r.Context(), x.space, x.id, meets)
	if err != nil {
		return err
	}
	x.answerDeleted(revision)
	return nil
}

func (x *exchange) pauseSubscription() error  { return x.setPaused(true) }
func (x *exchange) resumeSubscription() error { return x.setPaused(false) }

func (x *exchange) setPaused(paused bool) error {
	meets, err := x.conditions()
	if err != nil {
		return err
	}
	sub, tag, revision, err := x.service().pauseSubscription(x.r.Context(), x.space, x.id, meets, paused)
	if err != nil {
		return err
	}
	x.w.Header().Set("ETag", tag)
	x.answer(http.StatusOK, revision, showSubscription(sub, x.generation))
	return nil
}

// read returns what there is now and what the request demands of it.
func (x *exchange) read() (*merged, conditions, error) {
	meets, err := x.conditions()
	if err != nil {
		return nil, meets, err
	}
	now, err := x.service().load()
	return now, meets, err
}

// conditions reads what a request without a body demands.
func (x *exchange) conditions() (conditions, error) {
	if err := x.noQuery(); err != nil {
		return conditions{}, err
	}
	return readConditions(x.r.Header)
}

// created is the status of a successful POST.
func (x *exchange) created() int {
	if x.generation == first {
		return http.StatusOK
	}
	return http.StatusCreated
}

// answerWritten answers with a resource as it was just written.
func (x *exchange) answerWritten(status int, revision int64, body any) {
	x.w.Header().Set("ETag", etag(revision, 0, false))
	x.answer(status, revision, body)
}

func (x *exchange) answerDeleted(revision int64) {
	x.w.Header().Set(revisionHeader, strconv.FormatInt(revision, 10))
	x.status = http.StatusNoContent
	x.w.WriteHeader(x.status)
}
