package googlecloudfunctions

import (
	"context"
	"net/http"

	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/googleaccount"
	"github.com/eventgateway/eventgateway/providers/httpcall"
)

// invoker calls one function.
type invoker struct {
	*httpcall.Caller
	tokens *googleaccount.Source
	// roles names what the gateway's identity needs, for messages.
	roles string
	// denied says why a token must not go there now; nil where it may. It is asked before every call, since the answer may
	// change.
	denied func() *providers.Error
}

// authorize puts the ID token among the headers of a call.
func (f *invoker) authorize(ctx context.Context, header http.Header, _ *providers.Call) error {
	if f.denied != nil {
		if err := f.denied(); err != nil {
			return err
		}
	}
	value, err := f.tokens.Authorization(ctx)
	if err != nil {
		return err
	}
	header["Authorization"] = value
	return nil
}

// Close implements io.Closer.
func (f *invoker) Close() error {
	f.tokens.Release()
	return nil
}
