package eventgateway_test

import (
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
)

func TestValidTraceParent(t *testing.T) {
	trace, span := strings.Repeat("0af7651916cd43dd", 2), "b7ad6b7169203331"
	for parent, want := range map[string]bool{
		"00-" + trace + "-" + span + "-01":                  true,
		"00-" + trace + "-" + span + "-00":                  true,
		"cc-" + trace + "-" + span + "-01":                  true,
		"cc-" + trace + "-" + span + "-01-what-comes-later": true,
		"":          false,
		"00-1-2-01": false,
		"00-" + trace + "-" + span + "-01-what-comes-later":            false,
		"cc-" + trace + "-" + span + "-01.later":                       false,
		"cc-" + trace + "-" + span + "-01-\r\n":                        false,
		"cc-" + trace + "-" + span + "-01-" + strings.Repeat("a", 100): false,
		"ff-" + trace + "-" + span + "-01":                             false,
		"0x-" + trace + "-" + span + "-01":                             false,
		"00-" + strings.ToUpper(trace) + "-" + span + "-01":            false,
		"00-" + strings.Repeat("0", 32) + "-" + span + "-01":           false,
		"00-" + trace + "-0000000000000000-01":                         false,
		"00-" + trace + "-" + span + "-0g":                             false,
		"00_" + trace + "-" + span + "-01":                             false,
		"00-" + trace + "_" + span + "-01":                             false,
		"00-" + trace + "-" + span + "_01":                             false,
	} {
		if got := eventgateway.ValidTraceParent(parent); got != want {
			t.Errorf("%q: got %v, want %v", parent, got, want)
		}
	}
}

func TestTraceDepth(t *testing.T) {
	for state, want := range map[string]int{
		"":                                  0,
		"a=b":                               0,
		"eventgateway=d:7":                  7,
		"a=b, eventgateway=d:7 ,c=d":        7,
		"eventgateway=d:1,eventgateway=d:2": 1,
		"eventgateway=d:":                   0,
		"eventgateway=d:-1":                 0,
		"eventgateway=d:1x":                 0,
		"eventgateway=7":                    0,
		"x@eventgateway=d:7":                0,
		"eventgateway=d:" + strings.Repeat("9", 300): 1 << 20,
	} {
		if got := (eventgateway.TraceContext{State: state}).Depth(); got != want {
			t.Errorf("%.40q: got %d, want %d", state, got, want)
		}
	}
}

func TestTraceStateAt(t *testing.T) {
	many := strings.TrimSuffix(strings.Repeat("a=b,", 40), ",")
	for _, test := range []struct{ state, want string }{
		{"", "eventgateway=d:3"},
		{"a=b", "eventgateway=d:3,a=b"},
		{"a=b , eventgateway=d:2,\tc=d", "eventgateway=d:3,a=b,c=d"},
		{",,what is this,a=b", "eventgateway=d:3,a=b"},
		{"a=b\r\nX: y", "eventgateway=d:3"},
		{many, "eventgateway=d:3" + strings.Repeat(",a=b", 31)},
		{"a=" + strings.Repeat("x", 256) + ",b=" + strings.Repeat("x", 256) + ",c=d", "eventgateway=d:3,a=" + strings.Repeat("x", 256)},
	} {
		got := eventgateway.TraceContext{State: test.state}.StateAt(3)
		if got != test.want {
			t.Errorf("%.40q: got %q, want %q", test.state, got, test.want)
		}
		if depth := (eventgateway.TraceContext{State: got}).Depth(); depth != 3 {
			t.Errorf("%.40q: the depth is read back as %d", got, depth)
		}
	}
}

// FuzzTraceStateAt holds that any state can be passed on, and that the depth is read back from it.
func FuzzTraceStateAt(f *testing.F) {
	f.Add("a=b,eventgateway=d:7", 1)
	f.Add("eventgateway", 16)
	f.Fuzz(func(t *testing.T, state string, depth int) {
		depth &= 1<<20 - 1
		next := eventgateway.TraceContext{State: eventgateway.TraceContext{State: state}.StateAt(depth)}
		if got := next.Depth(); got != depth || len(next.State) > 512 || !eventgateway.ValidHeaderValue(next.State) {
			t.Errorf("%q at %d became %q, which tells %d", state, depth, next.State, got)
		}
		if again := next.StateAt(depth); again != next.State {
			t.Errorf("%q became %q", next.State, again)
		}
	})
}

func TestParseDepth(t *testing.T) {
	for text, want := range map[string]int{"0": 0, "7": 7, "0016": 16, "1048577": 1 << 20, strings.Repeat("9", 99): 1 << 20} {
		if got, ok := eventgateway.ParseDepth(text); got != want || !ok {
			t.Errorf("%.20q: got %d, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "-1", "+1", "1.0", " 1", "x"} {
		if got, ok := eventgateway.ParseDepth(text); ok {
			t.Errorf("%q is read as %d", text, got)
		}
	}
}
