package jetstream

import (
	"context"

	"github.com/eventgateway/eventgateway/delivery"
)

// openEmbedded opens a log with a server in this process. An error means that the directory cannot be used; a server that
// does not start, because the disk is full for one, is tried again.
func (q *Queue) openEmbedded(env delivery.Env) (*Log, error) {
	l := newLog(q, env, names{embeddedName}, 1)
	l.disk = &disk{dir: queueDir(env)}
	l.disk.reserve.Store(q.reserve())
	e, err := newEmbedded(env, l.queue.Load, l.disk)
	if err != nil {
		return nil, err
	}
	l.owner, l.release = &sole{l.partitions[0]}, e.release
	l.disk.measure()
	l.run(e)
	l.link.tried(l.ctx)
	return l, nil
}

// sole owns the only partition.
type sole struct {
	p *partition
}

func (o *sole) start(r delivery.Receiver) { o.p.start(r) }
func (o *sole) append(ctx context.Context, s *session, works []*delivery.Work) error {
	return o.p.append(ctx, s, works)
}
func (o *sole) elsewhere([]*delivery.Work) {} // there is nobody else
func (o *sole) reconfigure(*Queue) error   { return nil }
func (o *sole) owned() []int               { return nil }
func (o *sole) stop(context.Context)       { o.p.stop() }
