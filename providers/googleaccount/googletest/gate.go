package googletest

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"
)

// Gate stands in front of functions at backend as Google does: it lets in who shows an ID token for its own URL, which it returns.
func (g *Google) Gate(t testing.TB, backend string) string {
	t.Helper()
	to, err := url.Parse(backend)
	if err != nil {
		t.Fatal(err)
	}
	behind := httputil.NewSingleHostReverseProxy(to)
	var own string
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := g.CheckIdentity(r, own); err != nil {
			w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			http.Error(w, "401 Unauthorized", http.StatusUnauthorized)
			return
		}
		behind.ServeHTTP(w, r)
	}))
	own = "http://" + server.Listener.Addr().String()
	server.Start()
	t.Cleanup(server.Close)
	return own
}
