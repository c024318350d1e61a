package caddymodule

import (
	"fmt"

	"github.com/eventgateway/eventgateway"
)

// SpaceConfig is what the server's configuration asks of one space.
type SpaceConfig struct {
	// Accept only events of types that are registered in the space, and only subscriptions to those. The built-in events
	// `http` and `invoke` and system events need no registration. Default: false.
	Strict bool `json:"strict,omitempty"`
}

func (a *App) checkSpaces() error {
	for name, space := range a.Spaces {
		if err := eventgateway.ValidateID("spaces", name); err != nil {
			return err
		}
		if space == nil {
			return fmt.Errorf("spaces.%s: null is not accepted: want an object", name)
		}
	}
	return nil
}

// strict reports whether a space accepts only registered event types.
func (a *App) strict(space string) bool {
	config := a.Spaces[space]
	return config != nil && config.Strict
}
