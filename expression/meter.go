package expression

import (
	"math"
	"time"

	"cel.dev/cel-go/interpreter"
)

// slowestStep is how long a step may take, on a machine of 2026; most take about 25 ns.
const slowestStep = 40 * time.Nanosecond

// What may be used, in steps as Program.Cost has them.
const (
	// quickCost is what an evaluation may cost that does not wait for others.
	quickCost = 10_000
	// freeCost is what such evaluations for one event and space may cost together, about 1 ms; those after it wait.
	freeCost = 40_000
	// callCost is what one call of a function may cost, as nothing can break it off.
	callCost = 100_000
	// stepsPerByte is what the JSON of a value may cost beside all else, for each byte of the event: about what writes its data as
	// it came.
	stepsPerByte = 2
	// breathCost is after how many steps a long evaluation looks at the clock and rests.
	breathCost = 8_000
	// restPerWork is how many times as long as it worked it rests.
	restPerWork = 3
)

// TimePerEvent is how long the costly expressions of one event and space may take together; those after it fail. What they
// wait for others does not count.
const TimePerEvent = 25 * time.Millisecond

// meter counts what an evaluation costs while it goes on, and breaks it off where that is too much.
type meter struct {
	used, limit, breath uint64
	// worked and rested are how long a full evaluation did so, up to its last breath; then it may work for within.
	worked, rested, within time.Duration
	resumed                time.Time
}

// meterName is the variable under which the calls of an expression find its meter; no expression can name it.
const meterName = "@meter"

var (
	overCost = interpreter.EvalCancelledError{Cause: interpreter.CostLimitExceeded, Message: "too costly"}
	overTime = interpreter.EvalCancelledError{Cause: interpreter.ContextCancelled, Message: "took too long"}
)

// quickMeter is for an evaluation that does not wait for others.
func quickMeter() meter { return meter{limit: quickCost, breath: math.MaxUint64} }

// fullMeter is for an evaluation in the slow lane that may work so long.
func fullMeter(within time.Duration) meter {
	return meter{limit: MaxCost, breath: breathCost, within: within, resumed: time.Now()}
}

// meterOf returns the meter of the evaluation that a frame is of.
func meterOf(frame *interpreter.ExecutionFrame) *meter {
	v, _ := frame.ResolveName(meterName)
	return v.(*meter)
}

// charge counts what is about to be done. It panics, as CEL's own limits do, to end the evaluation where nothing in the
// expression can take it for an error.
func (m *meter) charge(steps uint64) {
	if err := m.take(steps); err != nil {
		panic(err)
	}
}

// take is charge outside of the expression: it returns the error.
func (m *meter) take(steps uint64) error {
	if m.used += steps; m.used > m.limit {
		return overCost
	}
	if m.used >= m.breath {
		return m.breathe()
	}
	return nil
}

// allow allows for so many steps more, and for the time they take.
func (m *meter) allow(steps uint64) {
	m.limit += steps
	m.within += time.Duration(steps) * slowestStep
}

// breathe rests, so that a long evaluation never keeps a core from others for more than a fraction of a millisecond, but for
// a single call.
func (m *meter) breathe() error {
	m.breath = m.used + breathCost
	worked := m.stop()
	if m.worked > m.within {
		return overTime
	}
	time.Sleep(restPerWork * worked)
	now := time.Now()
	m.rested, m.resumed = m.rested+now.Sub(m.resumed), now
	return nil
}

// stop adds what was worked since the last time, and returns it.
func (m *meter) stop() time.Duration {
	now := time.Now()
	worked := now.Sub(m.resumed)
	m.worked, m.resumed = m.worked+worked, now
	return worked
}

// left is how much may still be charged at once.
func (m *meter) left() uint64 { return min(callCost, m.limit-m.used) }

// usage is what the costly expressions of one event have used so far.
type usage struct {
	// free is what quick evaluations cost.
	free uint64
	// spent is how long those in the slow lane took.
	spent time.Duration
}

// usageKey says whose usage it is: what one space's expressions use must not be missing to another's, nor what filters use to
// the event's transforms.
type usageKey struct {
	space   string
	purpose purpose
}

// purpose is what an expression is evaluated for.
type purpose uint8

const (
	filtering purpose = iota
	transforming
	// naming is what Text is for.
	naming
)

// usages is the usage of whoever is evaluated now, and of those before.
type usages struct {
	of    usageKey
	now   usage
	other map[usageKey]usage
}

func (u *usages) by(who usageKey) *usage {
	if u.of != who {
		if u.now != (usage{}) {
			if u.other == nil {
				u.other = map[usageKey]usage{}
			}
			u.other[u.of] = u.now
		}
		u.of, u.now = who, u.other[who]
	}
	return &u.now
}
