package external_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/eventgateway/eventgateway/plugins/external"
)

func TestWhatAProgramWritesIsLogged(t *testing.T) {
	host, log := startLogged(t, program(t, "sdk"))
	if err := host.Emit(t.Context(), ordering("log")); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`level=INFO msg="to standard output"`,
		`level=WARN msg="to standard error"`,
		`level=ERROR msg="in JSON" fields=map[n:1]`,
	} {
		eventually(t, want, func() bool { return strings.Contains(log.String(), want) })
	}
}

func TestReadLine(t *testing.T) {
	for line, want := range map[string]string{
		`plain`:                               "INFO plain []",
		`[DEBUG] d`:                           "DEBUG d []",
		`[error]e`:                            "ERROR e []",
		`[x] y`:                               "INFO [x] y []",
		`[`:                                   "INFO [ []",
		`{"level":"WARN","msg":"m","time":1}`: "WARN m []",
		`{"@level":"trace","@message":"m","@timestamp":"t","n":1}`: "DEBUG m [fields=map[n:1]]",
		`{"level":30,"message":"pino"}`:                            "INFO pino []",
		`{"level":60,"msg":"m","message":"n"}`:                     "ERROR m [fields=map[message:n]]",
		`{"level":"loud"}`:                                         "INFO  []",
		`{"msg":7}`:                                                "INFO  [fields=map[msg:7]]",
		`{not json}`:                                               "INFO {not json} []",
		"\xff":                                                     "INFO \uFFFD []",
	} {
		level, message, attrs := external.ReadLine([]byte(line), slog.LevelInfo)
		if got := fmt.Sprintf("%s %s %v", level, message, attrs); got != want {
			t.Errorf("%s: got %q, want %q", line, got, want)
		}
	}
}

func FuzzReadLine(f *testing.F) {
	for _, line := range []string{`{"level":"info","msg":"m"}`, "[INFO] x", "{", "[", `{"@level":1e400}`} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		if len(line) == 0 {
			t.Skip()
		}
		if _, message, _ := external.ReadLine(line, slog.LevelInfo); !utf8.ValidString(message) {
			t.Errorf("%q is not valid UTF-8", message)
		}
	})
}
