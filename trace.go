package eventgateway

import (
	"strconv"
	"strings"
)

const (
	// traceMember is the key of the gateway's own member of a tracestate. Its value is d: and the depth of the events that
	// the delivery causes, so that also functions which pass on nothing but W3C trace context keep it.
	traceMember = "eventgateway"
	// maxTraceState and maxTraceMembers are how many bytes and members of a tracestate are passed on.
	maxTraceState, maxTraceMembers = 512, 32
	// maxToldDepth is what a greater depth is read as.
	maxToldDepth = 1 << 20
)

// ValidTraceParent reports whether s is a traceparent of W3C Trace Context, of version 00 or a later one.
func ValidTraceParent(s string) bool {
	const length, longest = len("00-00000000000000000000000000000000-0000000000000000-00"), 128
	if len(s) < length || len(s) > longest || s[2] != '-' || s[35] != '-' || s[52] != '-' {
		return false
	}
	if len(s) > length && (s[:2] == "00" || s[length] != '-' || !ValidHeaderValue(s)) {
		return false
	}
	zero := func(s string) bool { return strings.Trim(s, "0") == "" }
	return isLowerHex(s[:2]) && s[:2] != "ff" && isLowerHex(s[3:35]) && !zero(s[3:35]) &&
		isLowerHex(s[36:52]) && !zero(s[36:52]) && isLowerHex(s[53:length])
}

func isLowerHex(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// ParseDepth reads a depth as it is told in a header: the digits of a number, which is cut off at 2^20. It returns false for
// anything else.
func ParseDepth(s string) (depth int, ok bool) {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		depth = min(10*depth+int(s[i]-'0'), maxToldDepth)
	}
	return depth, s != ""
}

// Depth returns the depth that the gateway's own member of State tells; 0 where it tells none.
func (t TraceContext) Depth() int {
	if t.State == "" {
		return 0
	}
	for member := range strings.SplitSeq(t.State, ",") {
		key, value, _ := strings.Cut(strings.Trim(member, " \t"), "=")
		if digits, ok := strings.CutPrefix(value, "d:"); ok && key == traceMember {
			depth, _ := ParseDepth(digits)
			return depth
		}
	}
	return 0
}

// StateAt returns State with the gateway's own member in front, which tells depth. The others are passed on as they are, as
// far as W3C Trace Context obliges to; none are where State could not be a header.
func (t TraceContext) StateAt(depth int) string {
	own := traceMember + "=d:" + strconv.Itoa(depth)
	if t.State == "" || !ValidHeaderValue(t.State) {
		return own
	}
	var all strings.Builder
	all.Grow(min(len(own)+1+len(t.State), maxTraceState))
	all.WriteString(own)
	members := 1
	for member := range strings.SplitSeq(t.State, ",") {
		member = strings.Trim(member, " \t")
		key, _, ok := strings.Cut(member, "=")
		if !ok || key == traceMember {
			continue
		}
		if members == maxTraceMembers || all.Len()+1+len(member) > maxTraceState {
			break
		}
		members++
		all.WriteByte(',')
		all.WriteString(member)
	}
	return all.String()
}
