package integration

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/integration/gatewaytest"
)

// A function may answer more than memory holds: many at once must each be cut off at the limit, whether they announce how
// much they send or not.
func TestHardeningGigabyteAnswers(t *testing.T) {
	f := newFortress(t)
	const announced, limit = 1 << 30, 10 << 20
	chunk := []byte(strings.Repeat("x", 64<<10))
	var most, ended atomic.Int64
	flood := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, `{"body":"`)
		sent := int64(0)
		for ; sent < announced; sent += int64(len(chunk)) {
			if _, err := w.Write(chunk); err != nil {
				ended.Add(1)
				break
			}
		}
		for {
			was := most.Load()
			if sent <= was || most.CompareAndSwap(was, sent) {
				return
			}
		}
	}
	f.function("chunked", flood)
	f.function("announced", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(announced))
		flood(w, r)
	})
	f.subscribe("http GET /chunked chunked")
	f.subscribe("http GET /announced announced")
	f.subscribe("invoke POST / chunked")

	n := scaled(50)
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() {
			var a answer
			switch i % 5 {
			case 0:
				a = f.send("GET", "/announced", "")
			case 1:
				a = f.send("POST", "/", "", "Event", "invoke", "Function-ID", "chunked")
			default:
				a = f.send("GET", "/chunked", "")
			}
			a.expect(t, 502, "the answer is larger than the 10485760 bytes accepted")
		})
	}
	wait.Wait()
	gatewaytest.Eventually(t, patience, func() error {
		if got := ended.Load(); got != int64(n) {
			return fmt.Errorf("%d of %d functions noticed that their connection is gone", got, n)
		}
		return nil
	})
	// What a function could send beyond the limit is what the kernel's buffers take, 10 MiB by default on Linux.
	if got := most.Load(); got > limit+(32<<20) {
		t.Errorf("a function sent %d bytes", got)
	}
	// A buffer that grows is there twice for a moment: 10 MiB and 8 more. The garbage collector lets the heap double.
	f.survived(int64(n) * 2 * (10 + 8) << 20)
}

// rawFunction is a function that answers with bytes instead of HTTP. It gets the connection when the request has been read.
func rawFunction(t *testing.T, answer func(net.Conn)) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				r, err := http.ReadRequest(bufio.NewReader(conn))
				if err != nil {
					return
				}
				_, _ = io.Copy(io.Discard, r.Body)
				answer(conn)
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

// bytesOf is a raw answer with a body of the right length.
func bytesOf(status, headers, body string) func(net.Conn) {
	return func(c net.Conn) {
		_, _ = fmt.Fprintf(c, "HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n%s", status, headers, len(body), body)
	}
}

// How answers begin.
const (
	statusOK      = "HTTP/1.1 200 OK\r\n"
	statusChunked = statusOK + "Transfer-Encoding: chunked\r\n\r\n"
)

// forever writes text until the other side has had enough.
func forever(head, text string) func(net.Conn) {
	text = strings.Repeat(text, 1+4096/len(text))
	return func(c net.Conn) {
		_, err := io.WriteString(c, head)
		for err == nil {
			_, err = io.WriteString(c, text)
		}
	}
}

// What comes from a function is not to be trusted: it may be no HTTP, or HTTP that breaks the rules, or an answer that would
// break the sender's connection. All of it is a 502, without a word of what the function said.
func TestHardeningNonsenseAnswers(t *testing.T) {
	f := newFortress(t)
	text := func(s string) func(net.Conn) { return func(c net.Conn) { _, _ = io.WriteString(c, s) } }
	says := func(body string) func(net.Conn) { return bytesOf("200 OK", "Content-Type: application/json\r\n", body) }
	nonsense := map[string]func(net.Conn){
		"nothing":                   func(net.Conn) {},
		"no HTTP":                   text("marker\r\n\r\n"),
		"binary":                    text("\x00\xff\x16\x03\x01"),
		"half a status line":        text("HTTP/1.1 20"),
		"half a header":             text(statusOK + "X-Marker: mar"),
		"a reset":                   func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) },
		"less than it said":         text(statusOK + "Content-Length: 100\r\n\r\n{}marker"),
		"a negative length":         text(statusOK + "Content-Length: -1\r\n\r\n{}"),
		"two lengths":               bytesOf("200 OK", "Content-Length: 1\r\n", "{}"),
		"bad chunks":                text(statusChunked + "marker\r\n"),
		"no last chunk":             text(statusChunked + "2\r\n{}\r\n"),
		"an unknown encoding":       text(statusOK + "Transfer-Encoding: marker\r\n\r\n{}"),
		"an upgrade":                text("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"),
		"HTTP/2":                    text("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
		"a status of 999":           bytesOf("999 Marker", "", "{}"),
		"a redirect":                bytesOf("302 Found", "Location: http://127.0.0.1/marker\r\n", "{}"),
		"unauthorized":              bytesOf("401 Unauthorized", "WWW-Authenticate: marker\r\n", "marker"),
		"an error":                  bytesOf("500 Marker", "", "marker"),
		"a compression bomb":        bytesOf("200 OK", "Content-Encoding: gzip\r\n", "\x1f\x8bmarker"),
		"endless headers":           forever(statusOK, "X-Marker: marker\r\n"),
		"a header without end":      forever(statusOK+"X-Marker: ", "marker"),
		"endless early hints":       forever("", "HTTP/1.1 103 Early Hints\r\nLink: marker\r\n\r\n"),
		"a body without end":        forever(statusOK+"\r\n", "marker"),
		"chunks without end":        forever(statusChunked, "6\r\nmarker\r\n"),
		"a chunk head that goes on": forever(statusChunked+"6;", "marker"),
		"an empty answer":           says(""),
		"text":                      says("marker"),
		"a list":                    says(`["marker"]`),
		"half of it":                says(`{"body":"marker`),
		"more than one":             says(`{} {}`),
		"invalid UTF-8":             says("{\"body\":\"marker\xff\"}"),
		"deep JSON":                 says(strings.Repeat(`{"a":`, 100_000)),
		"a status of 101":           says(`{"statusCode":101}`),
		"a status of 0":             says(`{"statusCode":0}`),
		"a huge status":             says(`{"statusCode":1e400}`),
		"a header with a break":     says(`{"headers":{"X-A":"b\r\nSet-Cookie: marker"}}`),
		"a name with a break":       says(`{"headers":{"X-A\r\nSet-Cookie":"marker"}}`),
		"100,000 headers":           says(`{"headers":{"X-A":["marker"` + strings.Repeat(`,"marker"`, 100_000) + `]}}`),
		"bad base64":                says(`{"isBase64Encoded":true,"body":"marker!"}`),
	}
	// Every field of an answer with every type it cannot have. Null stands for not given.
	for field, accepted := range map[string]string{
		"statusCode": "number", "headers": "object", "body": "string", "isBase64Encoded": "boolean",
	} {
		for kind, value := range wrongTypes {
			if kind != accepted {
				nonsense[field+" that is "+kind] = says(fmt.Sprintf(`{%q:%s}`, field, value))
			}
		}
	}
	for kind, value := range wrongTypes {
		if kind == "object" || kind == "array" {
			nonsense["a header that is "+kind+" in a list"] = says(fmt.Sprintf(`{"headers":{"X-A":[%s]}}`, value))
		}
	}
	i := 0
	for name, answer := range nonsense {
		i++
		id, url := fmt.Sprintf("f%d", i), rawFunction(t, answer)
		f.register(id, url)
		f.subscribe(fmt.Sprintf("http POST /%s %s", id, id))
		t.Run(name, func(t *testing.T) {
			a := f.send("POST", "/"+id, "{}", "Content-Type", jsonType)
			a.expect(t, 502, "did not answer: ")
			if strings.Contains(strings.ToLower(a.body+fmt.Sprint(a.header)), "marker") {
				t.Errorf("the sender sees what the function said: %v %s", a.header, a.body)
			}
		})
	}
	if strings.Contains(f.Log(), "marker") {
		t.Error("the log shows what a function said")
	}
	// One at a time: one answer of 10 MiB, and what the garbage collector has not seen yet.
	f.survived(128 << 20)
}

// wrongTypes is a value of every JSON type.
var wrongTypes = map[string]string{"string": `"x"`, "number": `7`, "boolean": `true`, "object": `{"x":1}`, "array": `[1]`}

// A function may hang before, in or after its answer, or drip for ever: its timeout ends each.
func TestHardeningHangingFunctions(t *testing.T) {
	f := newFortress(t)
	gone := make(chan string, 100)
	wait := func(name string) func(net.Conn) {
		return func(c net.Conn) { // reads until the gateway has closed the connection
			_, _ = io.Copy(io.Discard, c)
			gone <- name
		}
	}
	hangs := map[string]func(net.Conn){
		"silent": wait("silent"),
		"in its headers": func(c net.Conn) {
			_, _ = io.WriteString(c, statusOK+"X-A")
			wait("in its headers")(c)
		},
		"in its body": func(c net.Conn) {
			_, _ = io.WriteString(c, statusOK+"Content-Length: 100\r\n\r\n{")
			wait("in its body")(c)
		},
		"dripping": func(c net.Conn) { // every byte comes sooner than an idle timeout would strike
			_, err := io.WriteString(c, statusChunked)
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			for ; err == nil; <-tick.C {
				_, err = io.WriteString(c, "1\r\n \r\n")
			}
			gone <- "dripping"
		},
	}
	const timeout = 300 * time.Millisecond
	i := 0
	for name, answer := range hangs {
		i++
		id := fmt.Sprintf("f%d", i)
		f.register(id, rawFunction(t, answer), fields{"timeout": timeout.String()})
		f.subscribe(fmt.Sprintf("http POST /%s %s", id, id))
		f.subscribe(fmt.Sprintf("invoke POST / %s", id))
		t.Run(name, func(t *testing.T) {
			started := time.Now()
			f.send("POST", "/"+id, "x").expect(t, 504, "did not answer: ")
			f.send("POST", "/", "x", "Event", "invoke", "Function-ID", id).expect(t, 504, "did not answer: ")
			// Generous at the top, for slow machines, but far from the default of 30s.
			if took := time.Since(started); took < 2*timeout || took > 2*timeout+10*time.Second {
				t.Errorf("two calls took %s with a timeout of %s", took, timeout)
			}
			for range 2 {
				select {
				case got := <-gone:
					if got != name {
						t.Errorf("the connection of %q was closed", got)
					}
				case <-time.After(patience):
					t.Fatal("the function's connection was not closed")
				}
			}
		})
	}
	f.survived(64 << 20)
}

// A sender may leave while its function works. Nobody wants the answer any more, so the call is given up, however the
// sender was connected.
func TestHardeningSenderLeaves(t *testing.T) {
	f := newFortress(t, gatewaytest.Caddyfile(strings.Replace(gatewaytest.DefaultCaddyfile, "debug",
		"debug\n\tskip_install_trust\n\tauto_https disable_redirects", 1)+`
https://localhost:{{.Port1}} {
	tls internal
	event_gateway
}`))
	called, freed := make(chan bool, 100), make(chan bool, 100)
	f.function("hangs", func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		called <- true
		<-r.Context().Done()
		freed <- true
	})
	f.subscribe("http POST /hangs hangs")
	f.subscribe("invoke POST / hangs")
	f.function("floods", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		for err := error(nil); err == nil; {
			_, err = io.WriteString(w, strings.Repeat("x", 64<<10))
		}
		freed <- true
	})
	f.subscribe("http POST /floods floods")

	h2 := &http.Client{Timeout: patience, Transport: &http.Transport{
		ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // a CA made for this process alone
	}}
	t.Cleanup(h2.CloseIdleConnections)
	overTLS := f.Expand("https://localhost:{{.Port1}}")
	gatewaytest.Eventually(t, patience, func() error { // the certificate is made after the start
		res, err := h2.Get(overTLS + "/alive")
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if res.StatusCode != 200 || res.ProtoMajor != 2 {
			return fmt.Errorf("got %d over %s", res.StatusCode, res.Proto)
		}
		return nil
	})

	for name, client := range map[string]struct {
		*http.Client
		base string
	}{"HTTP/1.1": {f.client, f.Events}, "HTTP/2": {h2, overTLS}} {
		for _, request := range []struct{ path, body, event string }{
			{"/hangs", "", ""}, {"/hangs", "a body", ""}, {"/hangs", strings.Repeat("x", 1<<20), ""}, {"/", "x", "invoke"},
		} {
			t.Run(fmt.Sprintf("%s %s %d", name, request.path, len(request.body)), func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				r, _ := http.NewRequestWithContext(ctx, "POST", client.base+request.path, strings.NewReader(request.body))
				if request.event != "" {
					r.Header["Event"], r.Header["Function-Id"] = []string{request.event}, []string{"hangs"}
				}
				ended := make(chan error, 1)
				go func() {
					res, err := client.Do(r)
					if err == nil {
						res.Body.Close()
						err = fmt.Errorf("got %d", res.StatusCode)
					}
					ended <- err
				}()
				await(t, called, "the function was not called")
				cancel()
				await(t, freed, "the call was not given up")
				if err := <-ended; !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			})
		}
	}
	t.Run("HTTP/2 is answered alike", func(t *testing.T) {
		for _, path := range []string{"/floods", "/nothing"} {
			res, err := h2.Post(overTLS+path, "text/plain", strings.NewReader("x"))
			if err != nil {
				t.Fatal(err)
			}
			switch a := read(t, res); path {
			case "/floods":
				a.expect(t, 502, "larger than")
				await(t, freed, "the flooding function's connection was not closed")
			default:
				a.expect(t, 404, "no http subscription")
			}
		}
		res, err := h2.Post(overTLS+"/hangs", "text/plain", strings.NewReader(strings.Repeat("x", 1<<20+1)))
		if err != nil {
			t.Fatal(err)
		}
		read(t, res).expect(t, 413, "body: too large")
	})
	h2.CloseIdleConnections()
	f.survived(128 << 20)
}

// await waits for a signal.
func await(t *testing.T, signal <-chan bool, otherwise string) {
	t.Helper()
	select {
	case <-signal:
	case <-time.After(patience):
		t.Fatal(otherwise)
	}
}
