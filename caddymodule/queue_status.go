package caddymodule

import (
	"time"

	"github.com/eventgateway/eventgateway/delivery"
)

// queueStatus is what /v1/status says of the queue.
func (a *App) queueStatus() map[string]any {
	d, log := a.host.dispatcher.Load(), a.host.log.Load()
	if d == nil || log == nil {
		return map[string]any{"queue": map[string]any{"state": "opening"}}
	}
	status, stats := (*log).Status(), d.Stats()
	letters, letterBytes := (*log).DeadLetters().Count()
	queue := map[string]any{
		"type": status.Name, "durable": status.Durable, "state": status.State,
		"waiting": stats.Waiting, "running": stats.Running, "paused": stats.Paused,
		"bytes": stats.Bytes, "memory": stats.Memory, "stored": status.Bytes, "records": status.Records,
		"deadLetters": map[string]any{"count": letters, "bytes": letterBytes},
	}
	if status.Error != "" {
		queue["error"] = status.Error
	}
	if status.Partitions != nil {
		queue["partitions"] = status.Partitions
	}
	if circuits := openCircuits(d); len(circuits) > 0 {
		queue["circuits"] = circuits
	}
	return map[string]any{"queue": queue}
}

// circuitStatus is a circuit that is not closed, for /v1/status.
type circuitStatus struct {
	Space      string    `json:"space"`
	FunctionID string    `json:"functionId"`
	State      string    `json:"state"`
	Until      time.Time `json:"until,omitzero"`
}

func openCircuits(d *delivery.Dispatcher) []circuitStatus {
	const most = 100
	var open []circuitStatus
	for _, l := range d.Lanes() {
		if l.Circuit != delivery.CircuitClosed && len(open) < most {
			open = append(open, circuitStatus{l.Key.Space, l.Key.ID, l.Circuit, l.Until})
		}
	}
	return open
}
