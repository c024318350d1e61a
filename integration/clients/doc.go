// Package clients proves that the clients written for earlier event gateways work with this one: the packages themselves,
// installed from the npm registry at the versions of package-lock.json, drive a running gateway through every method they
// have. What else needs Node.js is here too, such as the sample plugin in JavaScript and kinesalite.
//
// The tests need Node.js 20 or newer and npm, and fail where they are missing. So they run only when asked to:
//
//	go test -tags clients ./integration/clients
package clients
