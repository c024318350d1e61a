//go:build race

package gatewaytest

// RaceEnabled tells that the tests and the gateway run with the race detector.
const RaceEnabled = true
