package delivery

import "github.com/eventgateway/eventgateway"

// Limits bound a queue. A value that is not positive means the default, unless it says otherwise.
//
// No function may hold more of a bound than is still free, and no space more than seven times that, so that there is always
// room for the others: alone, a function gets half and a space seven eighths.
type Limits struct {
	// Deliveries is how many deliveries (event × target) may wait or run at once. Default: 100,000.
	Deliveries int
	// Bytes is how many bytes of events may wait or run, reckoned from their data, headers and attributes. An event counts
	// once, however many targets it has, until its last delivery has ended. Default: 256 MiB.
	Bytes int64
	// Memory is how many of those bytes stay in memory, where the log can read the others back. Default: no bound.
	Memory int64
	// PerFunction is how many deliveries may wait for one function. Default: no bound of its own.
	PerFunction int
	// Concurrency is how many deliveries to one function may run at once, if the function does not say. Default: 32.
	Concurrency int
	// Running is how many deliveries may run at once, over all functions. Default: 8,192.
	Running int
}

// DefaultLimits returns the defaults.
func DefaultLimits() Limits {
	return Limits{Deliveries: 100_000, Bytes: 256 << 20, Concurrency: 32, Running: 8192}
}

func (l Limits) withDefaults() Limits {
	d := DefaultLimits()
	if l.Deliveries <= 0 {
		l.Deliveries = d.Deliveries
	}
	if l.Bytes <= 0 {
		l.Bytes = d.Bytes
	}
	if l.Concurrency <= 0 {
		l.Concurrency = d.Concurrency
	}
	if l.Running <= 0 {
		l.Running = d.Running
	}
	return l
}

const (
	// eventOverhead is what an event takes beside its text: its structs and what the queue notes about it.
	eventOverhead = 512
	// pairOverhead is what one header, parameter or attribute takes beside its text.
	pairOverhead = 64
)

// SizeOf reckons the memory an event takes, as Limits.Bytes counts it.
func SizeOf(ev *eventgateway.Event) int64 { return sizeOf(ev) }

// sizeOf reckons the memory ev takes. It counts everything a sender can make large, so that neither many headers nor
// many extension attributes get around Limits.Bytes.
func sizeOf(ev *eventgateway.Event) int64 {
	n := eventOverhead + len(ev.Type) + len(ev.ID) + len(ev.DataType) + len(ev.Data)
	n += len(ev.Cause) + len(ev.Trace.Parent) + len(ev.Trace.State) + len(ev.Authorization) + len(ev.SchemaViolation)
	if ce := ev.CloudEvent; ce != nil {
		n += len(ce.Source) + len(ce.Subject) + len(ce.Time) + len(ce.DataSchema)
		for name, value := range ce.Extensions {
			n += pairOverhead + len(name)
			if s, ok := value.(string); ok {
				n += len(s)
			}
		}
	}
	if r := ev.HTTP; r != nil {
		n += len(r.Path) + len(r.Method) + len(r.Host) + sizeOfLists(r.Header) + sizeOfLists(r.Query)
		n += len(r.RawPath) + len(r.RawQuery) + len(r.Protocol) + len(r.Scheme) + len(r.ClientIP)
	}
	return int64(n)
}

func sizeOfLists(m map[string][]string) int {
	n := 0
	for name, values := range m {
		n += pairOverhead + len(name)
		for _, v := range values {
			n += 16 + len(v)
		}
	}
	return n
}
