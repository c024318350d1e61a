package configapi

import "net/http"

func (x *exchange) listCORS() error {
	now, filter, err := x.readList()
	if err != nil {
		return err
	}
	list := sorted(now.corsOf(x.space), func(c *corsResource) (string, bool) { return c.ID, filter.accepts(c.Metadata) })
	x.answerList("cors", now.state.revision, len(list), func(i int) any { return &list[i].CORSResource })
	return nil
}

func (x *exchange) createCORS() error {
	body, err := x.body()
	if err != nil {
		return err
	}
	b, err := readCORSResource(body, x.space)
	if err != nil {
		return err
	}
	c, err := b.resource(x.space)
	if err != nil {
		return err
	}
	revision, err := x.service().createCORS(x.r.Context(), c)
	if err != nil {
		return err
	}
	x.answerWritten(x.created(), revision, c)
	return nil
}

func (x *exchange) getCORS() error {
	now, meets, err := x.read()
	if err != nil {
		return err
	}
	c := now.corsResource(x.space, x.id)
	if c == nil {
		return noCORS(x.space, x.id)
	}
	x.w.Header().Set("ETag", c.etag())
	if err := meets.checkRead(c.etag()); err != nil {
		return err
	}
	x.answer(http.StatusOK, now.state.revision, &c.CORSResource)
	return nil
}

func (x *exchange) updateCORS() error {
	body, err := x.body()
	if err != nil {
		return err
	}
	b, err := readCORSResource(body, x.space)
	if err != nil {
		return err
	}
	meets, err := readConditions(x.r.Header)
	if err != nil {
		return err
	}
	c, revision, err := x.service().updateCORS(x.r.Context(), x.space, x.id, meets, b)
	if err != nil {
		return err
	}
	x.answerWritten(http.StatusOK, revision, c)
	return nil
}

func (x *exchange) deleteCORS() error {
	meets, err := x.conditions()
	if err != nil {
		return err
	}
	revision, err := x.service().deleteCORS(x.r.Context(), x.space, x.id, meets)
	if err != nil {
		return err
	}
	x.answerDeleted(revision)
	return nil
}
