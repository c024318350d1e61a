package processtest

import "sync"

// Group are the processes of a cluster, by its members' indexes; nil for one that does not run. Where its methods take indexes,
// none are all.
type Group []*Process

// Launch starts those that do not run.
func (g Group) Launch(start func(index int) *Process, indexes ...int) {
	for _, i := range g.all(indexes) {
		if g[i] == nil {
			g[i] = start(i)
		}
	}
}

// Kill ends them at once, as a crash does.
func (g Group) Kill(indexes ...int) { g.end(indexes, (*Process).Kill) }

// Stop ends them as a shutdown does.
func (g Group) Stop(indexes ...int) { g.end(indexes, (*Process).Stop) }

func (g Group) end(indexes []int, how func(*Process)) {
	indexes = g.all(indexes)
	var ended sync.WaitGroup
	for _, i := range indexes {
		if p := g[i]; p != nil {
			ended.Go(func() { how(p) })
		}
	}
	ended.Wait()
	for _, i := range indexes {
		g[i] = nil
	}
}

func (g Group) all(indexes []int) []int {
	if len(indexes) > 0 {
		return indexes
	}
	for i := range g {
		indexes = append(indexes, i)
	}
	return indexes
}
