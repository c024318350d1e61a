package tokens

import "sync"

// Shared holds the caches that functions of equal settings share, so that a change of one of them, or a reload, does not ask
// for its token again. The zero value is empty.
type Shared[K comparable] struct {
	mu   sync.Mutex
	open map[K]*shared
}

type shared struct {
	*Cache
	users int
}

// Open returns the cache of settings, made by build if there is none. Each user calls release once done; the last one closes it.
func (s *Shared[K]) Open(settings K, build func() *Cache) (cache *Cache, release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.open[settings]
	if c == nil {
		c = &shared{Cache: build()}
		if s.open == nil {
			s.open = make(map[K]*shared)
		}
		s.open[settings] = c
	}
	c.users++
	return c.Cache, sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if c.users--; c.users == 0 {
			delete(s.open, settings)
			c.Close()
		}
	})
}
