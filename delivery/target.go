package delivery

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode/utf8"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/expression"
)

// maxKeyText is how many bytes of an ordering key or an id are carried along as they are; of what is longer, a hash is.
const maxKeyText = 512

// TargetOf returns the target for the event of in, which matches s with params. It keeps params. An error says why there is no
// ordering key though the subscription asks for one, see expression.Text; the target is good nevertheless.
//
// The ordering key is the value of the subscription's expression as expression.Text has it: a string as it is, anything else
// as its JSON. Values of different types whose text is the same, such as 1 and "1", share one key, so that order is kept
// among more events than asked for and never among fewer. Where the value is null, missing or empty, or cannot be evaluated,
// no order is kept for the event. A key that is long, or not valid UTF-8, is replaced by its hash.
func TargetOf(s *eventgateway.Subscription, params eventgateway.PathParams, in *expression.Input) (Target, error) {
	t := Target{Space: s.Space, SubscriptionID: s.ID, FunctionID: s.FunctionID, Params: params}
	if s.Delivery == nil || s.Delivery.OrderingKey == "" {
		return t, nil
	}
	in.SetParams(params)
	in.SetSpace(s.Space)
	key, err := expression.Text("delivery.orderingKey", s.Delivery.OrderingKey, in)
	if err == nil {
		t.OrderingKey = boundedText(key)
	}
	return t, err
}

// boundedText returns text in memory of its own if it is short and valid UTF-8, else its hash.
func boundedText(text string) string {
	if len(text) <= maxKeyText && utf8.ValidString(text) {
		return strings.Clone(text)
	}
	return hashText(text)
}

// hashText returns what stands for a text that is too long.
func hashText(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256:" + hex.EncodeToString(sum[:])
}
