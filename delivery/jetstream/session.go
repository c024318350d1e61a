package jetstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// session is a connection under which both streams stand. A connection to a cluster may break and come back within one
// session; that of a server in this process ends with the server.
type session struct {
	nc         *nats.Conn
	js         jetstream.JetStream
	work, dead jetstream.Stream
	// local tells that the server is in this process.
	local bool
	// replicas is how many copies of the streams there are to be.
	replicas int
	// amend changes what the stream of work is to be like; it may be nil.
	amend func(*jetstream.StreamConfig)

	once sync.Once
	lost chan struct{}
	err  error

	mu sync.Mutex
	// away is why the connection is broken for now; a session in this process never is.
	away error
	// poke is called when that changes; it may be nil.
	poke func()
	// breaks is done when the connection breaks, for which breaking is called; nil in a session in this process.
	breaks   context.Context
	breaking context.CancelFunc
}

// setAway notes that the connection is broken for now, and why, or with nil that it is there, or back.
func (s *session) setAway(err error) {
	s.mu.Lock()
	s.away = err
	if s.breaking != nil {
		s.breaking()
	}
	if err == nil {
		s.breaks, s.breaking = context.WithCancel(context.Background())
	}
	poke := s.poke
	s.mu.Unlock()
	if poke != nil {
		poke()
	}
}

// isAway returns why the connection is broken for now; nil when it is not.
func (s *session) isAway() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.away
}

// request bounds a request: it ends when there is no answer in time, or when the connection breaks, as none comes then.
func (s *session) request(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	s.mu.Lock()
	breaks := s.breaks
	s.mu.Unlock()
	if breaks == nil {
		return ctx, cancel
	}
	stop := context.AfterFunc(breaks, cancel)
	return ctx, func() {
		stop()
		cancel()
	}
}

// onChange has poke called when the connection breaks or comes back.
func (s *session) onChange(poke func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.poke = poke
}

// newSession returns a session on a connection. follow makes the streams.
func newSession(nc *nats.Conn, js jetstream.JetStream, replicas int) *session {
	return &session{nc: nc, js: js, replicas: replicas, lost: make(chan struct{})}
}

// fail tells that the session is of no use any more, and why. Another takes its place.
func (s *session) fail(err error) {
	s.once.Do(func() {
		s.err = err
		close(s.lost)
	})
}

// dialer makes sessions, one at a time.
type dialer interface {
	// dial connects and makes sure that the streams stand. It is called again, a while after it failed, and after the
	// session it returned was lost and hung up.
	dial(ctx context.Context) (*session, error)
	// hangUp closes a session's connection and lets go of all that dial took.
	hangUp(s *session)
}

// deleteWork removes a record from the stream of work; one that is not there any more is no error.
func (s *session) deleteWork(ctx context.Context, seq uint64) error {
	err := s.work.DeleteMsg(ctx, seq)
	if err == nil {
		return nil
	}
	if _, missing := s.work.GetMsg(ctx, seq); errors.Is(missing, jetstream.ErrMsgNotFound) {
		return nil
	}
	return err
}

// loadWork reads a record from the stream of work. Its error is jetstream.ErrMsgNotFound when it is not there.
func (s *session) loadWork(ctx context.Context, seq uint64) ([]byte, error) {
	msg, err := s.work.GetMsg(ctx, seq)
	switch {
	case err == nil:
		return msg.Data, nil
	case errors.Is(err, jetstream.ErrMsgNotFound) && !s.local:
		return s.loadFromLeader(ctx, seq)
	}
	return nil, err
}

// lastWork returns the sequence up to which there is work of a partition: of the last record in a cluster, which the
// stream's leader alone knows for sure, or of anything in a stream of its own; 0 when there is none.
func (s *session) lastWork(ctx context.Context, subject string) (uint64, error) {
	if s.local {
		info, err := s.work.Info(ctx)
		if err != nil {
			return 0, err
		}
		return info.State.LastSeq, nil
	}
	request, err := json.Marshal(map[string]string{"last_by_subj": subject})
	if err != nil {
		return 0, err
	}
	seq, _, err := s.askLeader(ctx, request)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return 0, nil
	}
	return seq, err
}

// loadFromLeader asks the server that knows best: any other one that has a copy may be behind.
func (s *session) loadFromLeader(ctx context.Context, seq uint64) ([]byte, error) {
	_, data, err := s.askLeader(ctx, fmt.Appendf(nil, `{"seq":%d}`, seq))
	return data, err
}

// askLeader gets a record from the leader of the stream of work. The error is jetstream.ErrMsgNotFound when there is none.
func (s *session) askLeader(ctx context.Context, request []byte) (seq uint64, data []byte, err error) {
	reply, err := s.nc.RequestWithContext(ctx, "$JS.API.STREAM.MSG.GET."+s.work.CachedInfo().Config.Name, request)
	if err != nil {
		return 0, nil, err
	}
	var answer struct {
		Error   *jetstream.APIError `json:"error"`
		Message struct {
			Seq  uint64 `json:"seq"`
			Data []byte `json:"data"`
		} `json:"message"`
	}
	if err = json.Unmarshal(reply.Data, &answer); err != nil {
		return 0, nil, fmt.Errorf("reading the answer of the stream's leader: %w", err)
	}
	if answer.Error != nil && answer.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound {
		return 0, nil, jetstream.ErrMsgNotFound
	}
	if answer.Error != nil {
		return 0, nil, answer.Error
	}
	return answer.Message.Seq, answer.Message.Data, nil
}
