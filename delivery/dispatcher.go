package delivery

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eventgateway/eventgateway"
)

// Dispatcher is the Queue: it makes the deliveries that its Log keeps.
//
// Every function has a lane of its own, so a slow one holds up nobody else. A delivery is a task: ready in its lane,
// running, delayed until its next attempt, held while its subscription is paused, or chained behind an earlier one of its
// ordering key. One mutex guards all of that; neither functions, the log nor the observer are called while it is held.
type Dispatcher struct {
	log       Log
	durable   bool
	resources Resources
	observer  Observer
	journal   *Journal
	logger    *slog.Logger
	// failures bounds what is logged of failed deliveries, objections of plugins' errors that came too late, and loops of
	// events that functions cause each other without end.
	failures, objections, loops *failureLog
	// window holds the keys of events put here, owned those of records received: where several instances share a log, an
	// event may be put at one and again at another.
	window, owned *window
	// defaults is the policy of the options.
	defaults atomic.Pointer[Policy]
	// stages are those of the options; nil when there are none.
	stages atomic.Pointer[Stages]

	// ctx is the context of every call; cancel gives up those that run.
	ctx    context.Context
	cancel context.CancelFunc

	mu      sync.Mutex
	options Options
	// opened tells that the resources are in.
	opened  bool
	lanes   map[eventgateway.FunctionKey]*lane
	shares  map[string]*share
	crowded bool
	starved starved
	delayed delays
	held    map[subscriptionKey]*taskQueue
	chains  map[chainKey]*chain
	// manyChains tells that the map of chains has grown large.
	manyChains bool
	// recovering holds the chains of the partitions that are not caught up, current the partitions that are.
	recovering map[int]map[*chain]struct{}
	current    map[int]bool
	// behind are the records that the log has fallen behind with, those first for which that is so for longest.
	behind []*Record
	// asWritten tells that the log does not replace records.
	asWritten atomic.Bool
	stats     Stats
	ready     int
	// reserved counts the deliveries, and reservedBytes the bytes, that were put and have not come from the log.
	reserved      int
	reservedBytes int64
	// accepted is the bytes of works that are not done, and loaded those of them in memory.
	accepted, loaded int64
	// aborted counts the deliveries that ran when the dispatcher was shut down.
	aborted  int
	draining bool
	// idle is closed when the dispatcher drains and has nothing left that it waits for.
	idle chan struct{}

	// tending are the goroutines that ctx ends.
	tending sync.WaitGroup
	// ending tells that somebody ends the dispatcher, ended is closed once it has; lost and left are what it left undone.
	ending     atomic.Bool
	ended      chan struct{}
	lost, left int
}

// Options are what of a Dispatcher may change while it works. What is not positive means the default.
type Options struct {
	Limits Limits
	// Policy is what applies to subscriptions that do not say otherwise.
	Policy Policy
	// Stages is told what happens to events. Default: nobody is.
	Stages Stages
	// MaxDepth is how many deliveries may lead to an event, one after the other: it bounds which dead letters for ReasonLoop
	// are sent to functions. Default: eventgateway.MaxDepth.
	MaxDepth int
	// Window is how long events are compared with those accepted before; see Item.Key. Default: 2m.
	Window time.Duration
}

// DefaultWindow is how long events are compared with those accepted before.
const DefaultWindow = 2 * time.Minute

func (o Options) withDefaults() Options {
	o.Limits = o.Limits.withDefaults()
	if o.Policy.Attempts == 0 {
		o.Policy = DefaultPolicy()
	}
	if o.MaxDepth <= 0 {
		o.MaxDepth = eventgateway.MaxDepth
	}
	if o.Window <= 0 {
		o.Window = DefaultWindow
	}
	return o
}

// Stats is what a queue holds now, at this instance.
type Stats struct {
	// Waiting and Running count deliveries. Those that wait for a retry, and those of paused subscriptions, wait too.
	Waiting int `json:"waiting"`
	Running int `json:"running"`
	// Bytes is the size of their events; see Limits.Bytes.
	Bytes int64 `json:"bytes"`
	// Memory is how many of those bytes are in memory.
	Memory int64 `json:"memory"`
	// Paused counts the deliveries among those waiting whose subscription is paused.
	Paused int `json:"paused"`
}

// windowKeys is how many keys of publishers are remembered at most.
const windowKeys = 1 << 20

// NewDispatcher returns a dispatcher for log. resources are asked at every attempt, so that an event meets the function and
// the subscription as they are then. journal may be nil. logger gets failed deliveries, without payloads.
func NewDispatcher(
	log Log, resources Resources, observer Observer, journal *Journal, o Options, logger *slog.Logger,
) *Dispatcher {
	d := &Dispatcher{
		log:        log,
		durable:    log.Status().Durable,
		resources:  resources,
		observer:   observer,
		journal:    journal,
		logger:     logger,
		failures:   newFailureLog(logger),
		objections: newFailureLog(logger),
		loops:      newFailureLog(logger),
		window:     newWindow(windowKeys),
		owned:      newWindow(windowKeys),
		options:    o.withDefaults(),
		lanes:      map[eventgateway.FunctionKey]*lane{},
		shares:     map[string]*share{},
		held:       map[subscriptionKey]*taskQueue{},
		chains:     map[chainKey]*chain{},
		recovering: map[int]map[*chain]struct{}{},
		current:    map[int]bool{},
		idle:       make(chan struct{}),
		ended:      make(chan struct{}),
	}
	policy := d.options.Policy
	d.defaults.Store(&policy)
	d.setStages(d.options.Stages)
	d.window.setWindow(d.options.Window)
	d.owned.setWindow(d.options.Window)
	d.delayed.wake = make(chan struct{}, 1)
	d.ctx, d.cancel = context.WithCancel(context.Background())
	return d
}

// Start begins to deliver. It is called once.
func (d *Dispatcher) Start() {
	d.mu.Lock()
	d.opened = d.resources.Loaded()
	d.mu.Unlock()
	d.tending.Go(d.runDelays)
	d.tending.Go(d.tend)
	if d.durable {
		d.tending.Go(d.tendLog)
	}
	d.log.Start((*receiver)(d))
}

// SetOptions changes the options; what is accepted already stays. More concurrency takes effect at once, less as the
// deliveries that run end.
func (d *Dispatcher) SetOptions(o Options) {
	o = o.withDefaults()
	policy := o.Policy
	d.setStages(o.Stages)
	d.window.setWindow(o.Window)
	d.owned.setWindow(o.Window)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.options = o
	d.defaults.Store(&policy)
	for _, l := range d.lanes {
		l.configure(d.concurrency(l.key))
	}
	d.startAll()
}

// Stats returns what the queue holds now.
func (d *Dispatcher) Stats() Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.stats
	s.Bytes, s.Memory = d.accepted, d.loaded
	return s
}

// tend does, now and then, what need not be done at once: it looks whether the resources are in and what is held may go on,
// and forgets idle lanes.
func (d *Dispatcher) tend() {
	resume := time.NewTicker(resumeInterval)
	defer resume.Stop()
	rest := time.NewTicker(laneRest)
	defer rest.Stop()
	for {
		select {
		case <-d.ctx.Done():
			return
		case <-resume.C:
			d.open()
			d.resumeHeld()
		case now := <-rest.C:
			d.forgetIdle(now)
		}
	}
}

// open begins to deliver what is there once the resources are in.
func (d *Dispatcher) open() {
	loaded := d.resources.Loaded()
	d.mu.Lock()
	defer d.mu.Unlock()
	if loaded && !d.opened {
		d.opened = true
		for _, l := range d.lanes {
			l.configure(d.concurrency(l.key))
		}
		d.startAll()
	}
}
