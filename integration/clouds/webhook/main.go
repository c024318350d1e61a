// Command webhook is an OAuth 2.0 server and functions behind it, made of what people use for both: tokens of go-oauth2, and the
// reference library of Standard Webhooks, which checks every call before it is answered with its body.
//
//	webhook <client_id> <client_secret> <whsec_...>...
//
// It writes its URL and ends with its standard input. /token is the token endpoint; /0, /1 and so on are functions with the secret
// of that number; /revoke takes the token back that was used last.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/go-oauth2/oauth2/v4"
	"github.com/go-oauth2/oauth2/v4/manage"
	"github.com/go-oauth2/oauth2/v4/models"
	"github.com/go-oauth2/oauth2/v4/server"
	"github.com/go-oauth2/oauth2/v4/store"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

func main() {
	if err := run(os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		log.Fatal(err)
	}
}

func run(clientID, clientSecret string, secrets []string) error {
	manager := manage.NewDefaultManager()
	manager.MustTokenStorage(store.NewMemoryTokenStore())
	clients := store.NewClientStore()
	if err := clients.Set(clientID, &models.Client{ID: clientID, Secret: clientSecret}); err != nil {
		return err
	}
	manager.MapClientStorage(clients)
	issuer := server.NewDefaultServer(manager)
	issuer.SetAllowedGrantType(oauth2.ClientCredentials)
	issuer.SetClientInfoHandler(server.ClientBasicHandler)

	var used atomic.Pointer[string]
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) { _ = issuer.HandleTokenRequest(w, r) })
	mux.HandleFunc("POST /revoke", func(w http.ResponseWriter, r *http.Request) {
		if err := manager.RemoveAccessToken(context.WithoutCancel(r.Context()), *used.Load()); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	for i, secret := range secrets {
		webhook, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			return err
		}
		mux.HandleFunc("POST /"+strconv.Itoa(i), func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return
			}
			if err := webhook.Verify(body, r.Header); err != nil {
				http.Error(w, err.Error(), http.StatusForbidden)
				return
			}
			if _, err := issuer.ValidationBearerToken(r); err != nil {
				http.Error(w, err.Error(), http.StatusUnauthorized)
				return
			}
			token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
			used.Store(&token)
			_, _ = w.Write(body)
		})
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("http://" + listener.Addr().String())
	go func() { _ = http.Serve(listener, mux) }()
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}
