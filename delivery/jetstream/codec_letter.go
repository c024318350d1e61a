package jetstream

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/eventgateway/eventgateway/delivery"
)

// wireLetter is a dead letter in its stream, after a version byte. Its ID is its place there.
type wireLetter struct {
	Space          string      `cbor:"1,keyasint,omitempty"`
	SubscriptionID string      `cbor:"2,keyasint,omitempty"`
	FunctionID     string      `cbor:"3,keyasint,omitempty"`
	Event          wireEvent   `cbor:"4,keyasint"`
	Params         []wireParam `cbor:"5,keyasint,omitempty"`
	OrderingKey    string      `cbor:"6,keyasint,omitempty"`
	Reason         string      `cbor:"7,keyasint,omitempty"`
	Error          string      `cbor:"8,keyasint,omitempty"`
	Status         int         `cbor:"9,keyasint,omitempty"`
	Attempts       int         `cbor:"10,keyasint,omitempty"`
	At             int64       `cbor:"11,keyasint,omitempty"`
}

const letterVersion = 1

func encodeLetter(d *delivery.DeadLetter) ([]byte, error) {
	var buf bytes.Buffer
	buf.Grow(512 + len(d.Event.Data))
	buf.WriteByte(letterVersion)
	err := encoder.MarshalToBuffer(&wireLetter{
		Space: d.Space, SubscriptionID: d.SubscriptionID, FunctionID: d.FunctionID, Event: newWireEvent(d.Event),
		Params: newWireParams(d.Params), OrderingKey: d.OrderingKey, Reason: d.Reason, Error: d.Error, Status: d.Status,
		Attempts: d.Attempts, At: toNanos(d.At),
	}, &buf)
	if err != nil {
		return nil, fmt.Errorf("encoding a dead letter: %w", err)
	}
	return buf.Bytes(), nil
}

func decodeLetter(data []byte) (*delivery.DeadLetter, error) {
	if len(data) == 0 {
		return nil, errors.New("it is empty")
	}
	if data[0] != letterVersion {
		return nil, fmt.Errorf("%w: format %d", errVersion, data[0])
	}
	var w wireLetter
	if err := decoder.Unmarshal(data[1:], &w); err != nil {
		return nil, codecError(err)
	}
	ev, err := w.Event.event()
	if err != nil {
		return nil, err
	}
	return &delivery.DeadLetter{
		Space: w.Space, SubscriptionID: w.SubscriptionID, FunctionID: w.FunctionID, Event: ev,
		Params: pathParams(w.Params), OrderingKey: w.OrderingKey, Reason: w.Reason, Error: w.Error, Status: w.Status,
		Attempts: w.Attempts, At: fromNanos(w.At),
	}, nil
}
