package eventsapi_test

import (
	"encoding/json"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/schema"
	"github.com/eventgateway/eventgateway/snapshot"
)

// eventType registers an event type. name may be "space/name".
func (g *gateway) eventType(t testing.TB, name string, change func(*eventgateway.EventType)) *gateway {
	t.Helper()
	kind := &eventgateway.EventType{}
	kind.Space, kind.Name = spaceOf(name)
	if change != nil {
		change(kind)
	}
	kind.Normalize()
	if err := kind.Validate(); err != nil {
		t.Fatal(err)
	}
	ready := &snapshot.EventType{EventType: kind}
	if kind.Schema != nil {
		var err error
		if ready.Schema, err = schema.Compile(kind.Schema); err != nil {
			t.Fatal(err)
		}
	}
	g.eventTypes.Store(kind.Space+"/"+kind.ID(), ready)
	return g.change(func(s *snapshot.Snapshot) {
		s.EventType = func(space, name string) *snapshot.EventType {
			found, _ := g.eventTypes.Load(space + "/" + eventgateway.CanonicalEvent(name))
			ready, _ := found.(*snapshot.EventType)
			return ready
		}
	})
}

// schemaOf returns what gives an event type a schema.
func schemaOf(text string, mode eventgateway.SchemaMode) func(*eventgateway.EventType) {
	return func(kind *eventgateway.EventType) { kind.Schema, kind.SchemaMode = json.RawMessage(text), mode }
}

// authorizedBy returns what gives an event type an authorizer.
func authorizedBy(function string) func(*eventgateway.EventType) {
	return func(kind *eventgateway.EventType) { kind.AuthorizerID = function }
}

// resource adds a CORS resource. space may be empty for the default one.
func (g *gateway) resource(t testing.TB, space, method, path string, cors eventgateway.CORS) *gateway {
	t.Helper()
	r := &eventgateway.CORSResource{
		Space: space, Method: method, Path: path, AllowedOrigins: cors.Origins, AllowedMethods: cors.Methods,
		AllowedHeaders: cors.Headers, AllowCredentials: cors.AllowCredentials,
	}
	r.Normalize()
	if err := r.Validate(); err != nil {
		t.Fatal(err)
	}
	return g.change(func(s *snapshot.Snapshot) {
		s.CORS = s.CORS.Insert(&eventgateway.Subscription{
			Space: r.Space, ID: r.ID, Type: eventgateway.Sync, Event: eventgateway.EventHTTP, Method: r.Method, Path: r.Path, CORS: r.CORS(),
		})
	})
}
