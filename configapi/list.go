package configapi

import (
	"bytes"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/eventgateway/eventgateway"
)

// listBuffer is how much of a list is encoded before it is sent.
const listBuffer = 32 << 10

func (x *exchange) listFunctions() error {
	now, filter, err := x.readList()
	if err != nil {
		return err
	}
	list := sorted(now.functionsOf(x.space), func(f *function) (string, bool) { return f.ID, filter.accepts(f.Metadata) })
	x.answerList("functions", now.state.revision, len(list), func(i int) any { return list[i].show(x.generation) })
	return nil
}

func (x *exchange) listSubscriptions() error {
	now, filter, err := x.readList()
	if err != nil {
		return err
	}
	list := sorted(now.subscriptionsOf(x.space), func(s *subscription) (string, bool) { return s.ID, filter.accepts(s.Metadata) })
	x.answerList("subscriptions", now.state.revision, len(list), func(i int) any {
		return showSubscription(&list[i].Subscription, x.generation)
	})
	return nil
}

func (x *exchange) readList() (*merged, metadataFilter, error) {
	filter, err := readFilter(x.r.URL)
	if err != nil {
		return nil, nil, err
	}
	now, err := x.service().load()
	return now, filter, err
}

// sorted returns what is to be listed in the order of its ids. look tells a resource's id and whether it is wanted.
func sorted[T any](all iter.Seq[T], look func(T) (id string, wanted bool)) []T {
	var list []T
	for resource := range all {
		if _, wanted := look(resource); wanted {
			list = append(list, resource)
		}
	}
	slices.SortFunc(list, func(a, b T) int {
		x, _ := look(a)
		y, _ := look(b)
		return strings.Compare(x, y)
	})
	return list
}

// answerList answers with n resources. Each is encoded when it is its turn: a list may hold a million.
func (x *exchange) answerList(name string, revision int64, n int, resource func(i int) any) {
	x.status = http.StatusOK
	x.w.Header().Set(revisionHeader, strconv.FormatInt(revision, 10))
	x.setHeader()
	x.w.WriteHeader(x.status)
	if x.r.Method == http.MethodHead {
		return
	}
	var b bytes.Buffer
	encoder := newEncoder(&b)
	b.WriteString(`{"` + name + `":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		mustEncode(encoder, resource(i))
		b.Truncate(b.Len() - 1) // the line break after each value
		if b.Len() < listBuffer {
			continue
		}
		if _, err := x.w.Write(b.Bytes()); err != nil {
			return // the client is gone
		}
		b.Reset()
	}
	b.WriteString("]}\n")
	_, _ = x.w.Write(b.Bytes())
}

// metadataFilter are the metadata entries a listed resource must have.
type metadataFilter map[string]string

func (f metadataFilter) accepts(metadata map[string]string) bool {
	for key, want := range f {
		if got, ok := metadata[key]; !ok || got != want {
			return false
		}
	}
	return true
}

const filterPrefix = "metadata."

// readFilter reads a list's query parameters.
func readFilter(u *url.URL) (metadataFilter, error) {
	values, err := parseQuery(u)
	if err != nil {
		return nil, err
	}
	filter := metadataFilter{}
	for name, given := range values {
		key, ok := strings.CutPrefix(name, filterPrefix)
		if !ok || key == "" {
			return nil, eventgateway.Errorf(eventgateway.Invalid, "unknown query parameter %s: want only metadata.<key>=<value>",
				eventgateway.Quote(name))
		}
		if len(given) > 1 {
			return nil, eventgateway.Errorf(eventgateway.Invalid, "query parameter %s: given %d times: want it once",
				eventgateway.Quote(name), len(given))
		}
		filter[key] = given[0]
	}
	return filter, nil
}

// noQuery refuses query parameters where none has a meaning.
func (x *exchange) noQuery() error {
	values, err := parseQuery(x.r.URL)
	if err != nil {
		return err
	}
	for name := range values {
		return eventgateway.Errorf(eventgateway.Invalid, "unknown query parameter %s: want none here", eventgateway.Quote(name))
	}
	return nil
}

func parseQuery(u *url.URL) (url.Values, error) {
	values, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, eventgateway.InvalidField("query", u.RawQuery, "name=value pairs with valid percent-encoding, separated by &")
	}
	return values, nil
}
