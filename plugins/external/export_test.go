package external

import "log/slog"

// SetLogger has p log elsewhere. It is called after Provision.
func (p *Plugin) SetLogger(logger *slog.Logger) { p.logger = logger }

// ReadLine is readLine.
var ReadLine = readLine
