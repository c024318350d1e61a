package httpcall

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/eventgateway/eventgateway/providers"
)

// Read returns the body of an answer of host, of at most limit bytes, which ends the use of its connection: whole it goes back
// to the pool, else it is to be dropped by closing the body. A failure is a *providers.Error.
func Read(ctx context.Context, resp *http.Response, host string, limit int64) ([]byte, error) {
	// A stated length is believed up to this size; memory for more is taken as it arrives.
	const believed = 64 << 10
	size := resp.ContentLength
	switch {
	case compressed(resp):
		return nil, providers.Errorf(providers.BadAnswer, "the answer is compressed, which was not asked for")
	case size == 0 || resp.Request != nil && resp.Request.Method == http.MethodHead:
		return nil, nil
	case size > limit:
		return nil, providers.TooLarge(limit)
	case size < 0:
		size = 511
	}
	body := make([]byte, 0, min(size, believed)+1)
	for {
		n, err := resp.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case int64(len(body)) > limit:
			return nil, providers.TooLarge(limit)
		case err == io.EOF:
			return body, nil
		case err != nil:
			return nil, providers.NetworkError(ctx, host, err)
		case len(body) == cap(body):
			body = append(body, 0)[:len(body)]
		}
	}
}

// Drain reads what is left of a short body, so that its connection can be used again. It gives up after 64 KiB or 50 ms.
func Drain(body io.ReadCloser) {
	const enough, patience = 64 << 10, 50 * time.Millisecond
	defer time.AfterFunc(patience, func() { body.Close() }).Stop()
	_, _ = io.CopyN(io.Discard, body, enough)
}
