package archive

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/eventgateway/eventgateway/plugins"
)

// Start implements plugins.Starter. It makes the directory, and asks no store.
func (a *Archive) Start(ctx context.Context) error {
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	a.troubles.log = a.log
	prefix, err := parsePrefix(a.Prefix)
	if err != nil {
		return err
	}
	var to store
	if a.S3 != nil {
		if to, err = a.S3.open(ctx); err != nil {
			return err
		}
	}
	root := a.directory()
	if a.session, err = openSession(root); err != nil {
		return err
	}
	a.writer = newWriter(prefix)
	a.mender = newMender(a)
	if a.S3 != nil {
		a.spool = &spool{root: root, max: orDefault(a.MaxSpool, defaultMaxSpool), drop: !a.Sync}
		a.sender = newSender(a, to)
		a.look()
	}
	fs := &files{
		Archive: a, open: make(map[string]*file),
		maxSize: orDefault(a.MaxSize, defaultMaxSize), maxAge: orDefault(time.Duration(a.MaxAge), defaultMaxAge),
	}
	if !a.Sync {
		fs.interval = orDefault(time.Duration(a.FlushInterval), defaultFlushInterval)
	}
	background, cancel := context.WithCancel(context.Background())
	a.mender.cancel = cancel
	go fs.write(a.writer)
	go a.mender.run(background)
	if a.sender != nil {
		sending, stopSending := context.WithCancel(context.Background())
		a.stopSending = stopSending
		go a.sender.run(sending)
	}
	return nil
}

// Stop implements plugins.Starter. It completes the files and uploads as much of what waits as ctx allows; the rest waits
// for the next start.
func (a *Archive) Stop(ctx context.Context) error {
	if a.writer == nil {
		return nil
	}
	a.writer.stop()
	err := within(ctx, a.writer.done)
	a.mender.cancel()
	err = errors.Join(err, within(ctx, a.mender.done))
	if a.sender != nil {
		a.stopSender(ctx)
	}
	if err != nil {
		// Whoever still writes keeps the lock; it goes with the process.
		return err
	}
	a.session.close()
	return nil
}

// stopSender uploads as much as ctx allows.
func (a *Archive) stopSender(ctx context.Context) {
	close(a.sender.quit)
	_ = within(ctx, a.sender.done)
	a.stopSending()
	<-a.sender.done
	if left := a.look(); len(left) > 0 {
		a.log.Warn("files of the archive wait for the next start to be uploaded", "files", len(left), "bucket", a.S3.Bucket)
	}
}

// within waits until done is closed or ctx is done. What is done already is never too late.
func within(ctx context.Context, done <-chan struct{}) error {
	select {
	case <-done:
	case <-ctx.Done():
		select {
		case <-done:
		default:
			return ctx.Err()
		}
	}
	return nil
}

// Tuning implements plugins.Tuned: lines come in the order of the events where those do not wait.
func (a *Archive) Tuning() plugins.Tuning { return plugins.Tuning{Workers: 1} }

// directory is where the files are.
func (a *Archive) directory() string {
	if a.Directory == "" {
		return filepath.Join(caddy.AppDataDir(), "event_gateway", "archive", a.S3.Bucket)
	}
	return filepath.Clean(a.Directory)
}

// completed is called when a file has been put in its place.
func (a *Archive) completed() {
	if a.sender == nil {
		return
	}
	a.look()
	select {
	case a.sender.wake <- struct{}{}:
	default:
	}
}

// look looks through the spool, and says what was dropped.
func (a *Archive) look() []spooled {
	list, dropped, err := a.spool.look(&a.counts)
	if err != nil {
		a.troubles.warn("the archive cannot read its directory", "error", err)
		return nil
	}
	for _, f := range dropped {
		a.counts.droppedFiles.Add(1)
		a.counts.droppedBytes.Add(uint64(f.size))
		a.log.Error("the archive has dropped a file that was not uploaded: more than max_spool waits", "file", f.rel, "bytes", f.size)
	}
	return list
}

func (a *Archive) time() time.Time {
	if a.now != nil {
		return a.now()
	}
	return time.Now()
}
