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

	// Secrets that functions of the space may refer to in their provider's fields, as `{secret.<name>}`. They are read when a
	// configuration is loaded.
	Secrets map[string]*SecretSource `json:"secrets,omitempty"`

	// Where functions of the space may use the server's own identity in a cloud, such as a managed identity of Azure: for each
	// resource that its tokens are good for, the hosts that may see them; `*.example.com` stands for all below it. Who sees a token
	// can use it wherever it is good. Default: nowhere but at hosts of the cloud's own.
	ServerIdentity map[string][]string `json:"server_identity,omitempty"`
}

func (a *App) checkSpaces() error {
	for name, space := range a.Spaces {
		if err := eventgateway.ValidateID("spaces", name); err != nil {
			return err
		}
		if space == nil {
			return fmt.Errorf("spaces.%s: null is not accepted: want an object", name)
		}
		if err := space.checkServerIdentity(name); err != nil {
			return err
		}
	}
	return nil
}

// strict reports whether a space accepts only registered event types.
func (a *App) strict(space string) bool {
	config := a.Spaces[space]
	return config != nil && config.Strict
}
