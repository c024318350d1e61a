package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

func microseconds(d time.Duration) float64 { return float64(float64(d) / float64(time.Microsecond)) }

// spread is the median of some numbers, with the least and the greatest.
type spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// spreadOf returns the spread of at least one number.
func spreadOf(all []float64) spread {
	all = slices.Sorted(slices.Values(all))
	n := len(all)
	return spread{(all[(n-1)/2] + all[n/2]) / 2, all[0], all[n-1]}
}

func (s spread) format(format string) string {
	return fmt.Sprintf(format+" ("+format+" – "+format+")", s.Median, s.Min, s.Max)
}

// pairs joins the numbers of the same rounds.
func pairs(a, b []float64, join func(a, b float64) float64) []float64 {
	joined := make([]float64, min(len(a), len(b)))
	for i := range joined {
		joined[i] = join(a[i], b[i])
	}
	return joined
}

// page collects lines; tabs in them separate columns.
type page struct{ text strings.Builder }

func (p *page) line(format string, args ...any) { fmt.Fprintf(&p.text, format+"\n", args...) }

// result adds a line for a figure that has a target.
func (p *page) result(name, value, target string, met bool) {
	verdict := "missed"
	if met {
		verdict = "met"
	}
	p.line("%s\t%s\ttarget %s: %s\t", name, value, target, verdict)
}

// print writes the report for people. Every number is a median over the rounds, in brackets the least and the greatest.
func (r *report) print(w io.Writer) error {
	p := &page{}
	p.line("%d cores, %s, %s", r.Machine.Cores, r.Machine.Go, r.Machine.Platform)
	if r.HTTP != nil {
		p.line("%d rounds of %s, %d connections\n", r.Settings.Rounds, r.Settings.Duration, r.Settings.Connections)
		r.HTTP.print(p)
	}
	if r.Table != nil {
		p.line("")
		r.Table.print(p)
	}
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	if _, err := io.WriteString(t, p.text.String()); err != nil {
		return err
	}
	return t.Flush()
}

func (r *httpReport) print(p *page) {
	p.line("\trequests/s\tp50 µs\tp99 µs\t")
	for _, row := range r.Rows {
		p50, p99 := "", ""
		if len(row.P50) > 0 {
			p50, p99 = spreadOf(row.P50).format("%.0f"), spreadOf(row.P99).format("%.0f")
		}
		p.line("%s\t%s\t%s\t%s\t", row.Name, spreadOf(row.PerSecond).format("%.0f"), p50, p99)
	}
	p.line("")
	p.result("sync / reverse_proxy", r.SyncToProxy.format("%.2f"), "≥ 1.0", r.SyncToProxy.Median >= 1)
	p.result("p50 added by the gateway, 1 connection, µs", r.AddedP50.format("%.0f"), "≤ 150", r.AddedP50.Median <= 150)
	for _, q := range r.Queues {
		q.print(p)
	}
}

func (r *tableReport) print(p *page) {
	p.line("%d subscriptions", r.Subscriptions)
	for _, l := range r.Lookups {
		target := "≤ 500 ns"
		if !l.Hit {
			target += " and none"
		}
		p.result(fmt.Sprintf("%s, among %d", l.Name, l.Routes), fmt.Sprintf("%.0f ns, %d allocations", l.Nanoseconds, l.Allocations),
			target, l.Nanoseconds <= 500 && (l.Hit || l.Allocations == 0))
	}
	p.result("one change applied, µs", r.Change.format("%.1f"), "≤ 100", r.Change.Median <= 100)
	p.result("cold load", fmt.Sprintf("%.2f s", r.LoadSeconds), "≤ 10 s", r.LoadSeconds <= 10)
	p.result("heap for each subscription", fmt.Sprintf("%.0f bytes", r.BytesEach), "≤ 1024", r.BytesEach <= 1024)
}
