package configapi

import (
	"maps"
	"net/http"
)

// getStatus answers how this instance is, whatever the state of the store: that it answers is the news.
func (x *exchange) getStatus() error {
	now := x.View.current.Load()
	spaces, eventTypes := 0, 0
	for _, count := range now.counts {
		spaces++
		eventTypes += count.EventTypes
	}
	answer := map[string]any{
		"revision":      now.state.revision,
		"loaded":        now.state.loaded,
		"store":         x.Store.Status(),
		"spaces":        spaces,
		"functions":     now.snapshot.Functions.Len(),
		"subscriptions": now.snapshot.Table.Len(),
		"eventTypes":    eventTypes,
		"cors":          now.snapshot.CORS.Len(),
		"skipped":       now.state.skipped.Len(),
	}
	if x.Status != nil {
		maps.Copy(answer, x.Status())
	}
	x.answer(http.StatusOK, now.state.revision, answer)
	return nil
}

// getMetrics lets the metrics handler answer.
func (x *exchange) getMetrics() error {
	if x.Metrics == nil {
		return refusef(http.StatusNotFound, "path: metrics are not served here")
	}
	x.Metrics.ServeHTTP(x.w, x.r)
	return nil
}
