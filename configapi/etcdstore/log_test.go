package etcdstore

import (
	"bytes"
	"errors"
	"log/slog"
	"testing"

	"go.uber.org/zap"
)

func TestLog(t *testing.T) {
	var out bytes.Buffer
	handler := slog.NewTextHandler(&out, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	})
	server := newZap(slog.New(handler), serverLevel)
	server.Debug("one")
	server.Info("two", zap.String("b", "x"), zap.Int("a", 1))
	server.With(zap.Bool("with", true)).Warn("three")
	server.Error("four", zap.Error(errors.New("why")))
	server.Warn("simple token is not cryptographically signed")
	newZap(slog.New(handler), clientLevel).Error("five")
	want := `level=DEBUG msg="etcd: two" b=x a=1
level=WARN msg="etcd: three" with=true
level=ERROR msg="etcd: four" error=why
level=DEBUG msg="etcd: simple token is not cryptographically signed"
level=DEBUG msg="etcd: five"
`
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
	quiet := newZap(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelWarn})), serverLevel)
	out.Reset()
	quiet.Info("not shown")
	quiet.Warn("simple token is not cryptographically signed")
	if out.Len() > 0 {
		t.Errorf("logged %s", out.String())
	}
}
