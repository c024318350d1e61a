package eventgateway

import (
	"encoding/json"
	"hash/maphash"
	"time"
)

// FunctionKey is the identity of a function.
type FunctionKey struct{ Space, ID string }

var hashSeed = maphash.MakeSeed()

// Hash is the same for equal keys within one process.
func (k FunctionKey) Hash() uint64 {
	return maphash.String(hashSeed, k.Space)*31 + maphash.String(hashSeed, k.ID)
}

// Function is something that can be called: what it is called, of which type, and how its events are written.
type Function struct {
	// Space is the sandbox the function lives in. Default: "default".
	Space string `json:"space,omitempty"`
	// ID names the function within its space. Required.
	ID string `json:"functionId"`
	// Type is the provider that calls it: "http", "awslambda", … Required.
	Type string `json:"type"`
	// Provider holds the fields of that provider, as it defines them. Required.
	Provider json.RawMessage `json:"provider"`
	// Format is how an event is written for the function. Default: "event".
	Format Format `json:"format,omitempty"`
	// Timeout bounds one call, from the request's first byte to the answer's last. Default: 30s. At most 15 minutes.
	Timeout Duration `json:"timeout,omitempty"`
	// Concurrency is how many asynchronous deliveries to the function may run at once. Default: the gateway's. At most
	// 10,000.
	Concurrency int `json:"concurrency,omitempty"`
	// Metadata is the user's own; lists can be filtered by it.
	Metadata map[string]string `json:"metadata,omitempty"`
}

const (
	// DefaultTimeout bounds a call of a function that sets no timeout.
	DefaultTimeout = 30 * time.Second
	// MaxTimeout is the longest timeout a function may set, which is the longest a Lambda function may run.
	MaxTimeout = 15 * time.Minute
	// MaxConcurrency is how many asynchronous deliveries a function may allow at once.
	MaxConcurrency = 10_000
)

// Key returns the function's identity.
func (f *Function) Key() FunctionKey { return FunctionKey{f.Space, f.ID} }

// CallTimeout returns Timeout, or the default when it is not set.
func (f *Function) CallTimeout() time.Duration {
	if f.Timeout > 0 {
		return time.Duration(f.Timeout)
	}
	return DefaultTimeout
}

// Normalize fills in what has a default.
func (f *Function) Normalize() {
	if f.Space == "" {
		f.Space = DefaultSpace
	}
	if f.Format == FormatEvent {
		f.Format = ""
	}
}

// Validate checks everything but the provider's own fields, which only the provider knows. Call Normalize first.
func (f *Function) Validate() error {
	if err := ValidateID("space", f.Space); err != nil {
		return err
	}
	if err := ValidateID("functionId", f.ID); err != nil {
		return err
	}
	if f.Type == "" {
		return Errorf(Invalid, "type: missing: want the name of a provider such as http or awslambda")
	}
	if len(f.Provider) == 0 || string(f.Provider) == "null" {
		return Errorf(Invalid, "provider: missing: want an object with the fields of type %s", Quote(f.Type))
	}
	if err := f.Format.Validate(); err != nil {
		return err
	}
	if f.Timeout < 0 || time.Duration(f.Timeout) > MaxTimeout {
		return InvalidField("timeout", time.Duration(f.Timeout).String(), "more than 0s and at most 15m")
	}
	if f.Concurrency < 0 || f.Concurrency > MaxConcurrency {
		return Errorf(Invalid, "concurrency: %d is not accepted: want 1 to %d, or 0 for the gateway's default",
			f.Concurrency, MaxConcurrency)
	}
	return ValidateMetadata(f.Metadata)
}

// ValidateMetadata checks the user's own fields of a resource: at most 64 entries, keys of at most 128 bytes, values of
// at most 1,024.
func ValidateMetadata(m map[string]string) error {
	if len(m) > 64 {
		return Errorf(Invalid, "metadata: %d entries are not accepted: want at most 64", len(m))
	}
	for k, v := range m {
		if k == "" || len(k) > 128 {
			return InvalidField("metadata key", k, "1 to 128 bytes")
		}
		if len(v) > 1024 {
			return InvalidField("metadata."+k, v, "at most 1024 bytes")
		}
	}
	return nil
}
