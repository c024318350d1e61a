package caddymodule

import (
	"encoding/json"
	"fmt"
	"maps"

	"github.com/caddyserver/caddy/v2"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/configapi"
)

// expandStatic returns the app's resources with placeholders expanded in the functions' provider fields. The Configuration API shows those fields as they are written here, so that nobody reads the server's
// environment through it.
func (a *App) expandStatic() (configapi.Static, error) {
	repl := caddy.NewReplacer()
	static := configapi.Static{Shown: map[eventgateway.FunctionKey]json.RawMessage{}}
	for i, configured := range a.Functions {
		if configured == nil {
			return static, fmt.Errorf("functions[%d]: null is not accepted: want a function", i)
		}
		fn := *configured
		fn.Metadata = maps.Clone(configured.Metadata)
		fn.Normalize()
		provider, err := expandJSON(repl, fn.Provider)
		if err != nil {
			return static, fmt.Errorf("function %s: provider: %w", eventgateway.Quote(fn.ID), err)
		}
		static.Shown[fn.Key()] = fn.Provider
		fn.Provider = provider
		static.Functions = append(static.Functions, &fn)
	}
	for i, configured := range a.Subscriptions {
		if configured == nil {
			return static, fmt.Errorf("subscriptions[%d]: null is not accepted: want a subscription", i)
		}
		sub := *configured
		if configured.CORS != nil {
			cors := *configured.CORS
			sub.CORS = &cors
		}
		sub.Delivery = configured.Delivery.Clone()
		sub.CreateRevision = 0
		static.Subscriptions = append(static.Subscriptions, &sub)
	}
	for i, configured := range a.EventTypes {
		if configured == nil {
			return static, fmt.Errorf("event_types[%d]: null is not accepted: want an event type", i)
		}
	}
	for i, configured := range a.CORS {
		if configured == nil {
			return static, fmt.Errorf("cors[%d]: null is not accepted: want a CORS resource", i)
		}
	}
	static.EventTypes, static.CORS = a.EventTypes, a.CORS
	return static, nil
}

// expandJSON expands placeholders in every string of a JSON document. A known placeholder without a value, such as an
// unset environment variable, is an error; unknown ones stay as they are.
func expandJSON(repl *caddy.Replacer, doc json.RawMessage) (json.RawMessage, error) {
	if len(doc) == 0 {
		return doc, nil
	}
	var value any
	if err := json.Unmarshal(doc, &value); err != nil {
		return nil, err
	}
	value, err := expandValue(repl, value)
	if err != nil {
		return nil, err
	}
	return json.Marshal(value)
}

func expandValue(repl *caddy.Replacer, value any) (any, error) {
	var err error
	switch v := value.(type) {
	case string:
		return repl.ReplaceOrErr(v, true, false)
	case []any:
		for i := range v {
			if v[i], err = expandValue(repl, v[i]); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for name := range v {
			if v[name], err = expandValue(repl, v[name]); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return value, nil
}
