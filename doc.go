// Package eventgateway holds the nouns of the Event Gateway and their rules: events, functions, subscriptions and spaces;
// how they are read, checked and written. It knows no server, no store and no cloud.
package eventgateway
