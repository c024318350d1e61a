package configapi

import (
	"cmp"
	"context"
	"net/http"
	"slices"

	"github.com/eventgateway/eventgateway"
)

// resealedAtOnce is how many functions are written anew in one change of a space, and resealedBytes about how large they may be
// together: etcd takes no more than 1.5 MB in one request, and encrypted they are larger by a third.
const (
	resealedAtOnce = 50
	resealedBytes  = 512 << 10
)

// reseal writes anew the functions that are not encrypted with the key in force, and answers how many those were.
func (x *exchange) reseal() error {
	if x.Outdated == nil {
		return refusef(http.StatusNotFound, "path: the store of this gateway encrypts nothing")
	}
	outdated := x.Outdated()
	slices.SortFunc(outdated, func(a, b eventgateway.FunctionKey) int {
		return cmp.Or(cmp.Compare(a.Space, b.Space), cmp.Compare(a.ID, b.ID))
	})
	revision, count := x.View.current.Load().state.revision, 0
	for len(outdated) > 0 {
		space, n := outdated[0].Space, 1
		for n < min(len(outdated), resealedAtOnce) && outdated[n].Space == space {
			n++
		}
		done, written, at, err := x.service().rewriteFunctions(x.r.Context(), space, outdated[:n])
		if err != nil {
			return err
		}
		count, revision, outdated = count+written, max(revision, at), outdated[done:]
	}
	x.answer(http.StatusOK, revision, map[string]int{"resealed": count})
	return nil
}

// rewriteFunctions writes functions of a space as they are, the first of them up to resealedBytes. It returns for how many that is
// done, and how many of those there still were.
func (s service) rewriteFunctions(ctx context.Context, space string, keys []eventgateway.FunctionKey) (
	done, count int, revision int64, err error,
) {
	revision, err = s.write(ctx, space, func(now *merged) (Write, error) {
		var w Write
		size := 0
		for done = 0; done < len(keys); done++ {
			f := now.state.function(keys[done])
			if f == nil {
				continue
			}
			puts := putFunction(f.Function).Puts
			if size += len(puts[0].Value); size > resealedBytes && len(w.Puts) > 0 {
				break
			}
			w.Puts = append(w.Puts, puts...)
		}
		count = len(w.Puts)
		return w, nil
	})
	return done, count, revision, err
}
