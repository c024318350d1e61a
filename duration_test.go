package eventgateway_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway"
)

func TestDurationJSON(t *testing.T) {
	for text, want := range map[string]time.Duration{
		`"250ms"`: 250 * time.Millisecond, `"30s"`: 30 * time.Second, `"24h"`: 24 * time.Hour, `"1h30m"`: 90 * time.Minute,
		`"0"`: 0, `"-1s"`: -time.Second,
	} {
		var got eventgateway.Duration
		if err := json.Unmarshal([]byte(text), &got); err != nil || time.Duration(got) != want {
			t.Errorf("%s is read as %v, %v, want %v", text, time.Duration(got), err, want)
		}
		written, err := json.Marshal(got)
		var again eventgateway.Duration
		if err != nil || json.Unmarshal(written, &again) != nil || again != got {
			t.Errorf("%s is written as %s, %v", text, written, err)
		}
	}
	for text, shown := range map[string]string{
		`""`: `""`, `"30"`: `"30"`, `"thirty"`: `"thirty"`, `30`: `"30"`, `{"a":1}`: `"{\"a\":1}"`, `true`: `"true"`,
		`"9999999h"`: `"9999999h"`,
	} {
		got := eventgateway.Duration(1)
		wantError(t, text, json.Unmarshal([]byte(text), &got),
			shown+` is not accepted as a duration: want a string such as "250ms", "30s" or "24h"`)
		if got != 1 {
			t.Errorf("%s is refused, but makes it %v", text, time.Duration(got))
		}
	}
	kept := eventgateway.Duration(1)
	if err := json.Unmarshal([]byte("null"), &kept); err != nil || kept != 1 {
		t.Errorf("null is read as %v, %v", time.Duration(kept), err)
	}
}
