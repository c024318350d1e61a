package expression

import "sync"

// maxRecent is how many transforms recent keeps at least; it keeps no more than twice as many.
const maxRecent = 4096

// recent keeps the transforms used last compiled. There may be one for each of very many subscriptions, of which few are
// used at a time, and a program takes more memory than all the rest of a subscription.
var recent recentPrograms

// recentPrograms has two generations: what is used moves to the young one, and when that is full the old one is forgotten.
type recentPrograms struct {
	mu         sync.Mutex
	young, old map[recentKey]*Program
}

type recentKey struct {
	kind   Kind
	source string
}

// get returns the program of an expression that was compiled when it was written.
func (r *recentPrograms) get(kind Kind, field, source string) (*Program, error) {
	key := recentKey{kind, source}
	r.mu.Lock()
	program := r.young[key]
	if program == nil {
		if program = r.old[key]; program != nil {
			r.keep(key, program)
		}
	}
	r.mu.Unlock()
	if program != nil {
		return program, nil
	}
	program, err := Compile(kind, field, source, Scope{})
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keep(key, program)
	return program, nil
}

func (r *recentPrograms) keep(key recentKey, program *Program) {
	if r.young == nil || len(r.young) >= maxRecent {
		r.young, r.old = make(map[recentKey]*Program, 16), r.young
	}
	r.young[key] = program
}
