// Package expression is CEL over events: filters, which say whether a subscription gets an event, and transforms, which say
// what its function gets.
//
// An expression sees these variables:
//
//	event     type, id, source, subject, time, dataType, extensions
//	data      the event's data: JSON as it is, text and forms as a string, anything else as bytes; null if there is none
//	request   method, path, host, headers, query, params; only of http events
//	response  status, headers, data; only in a transform of a function's answer
//
// event.time is a timestamp: the sender's if it gave a valid one, else when the gateway received the event. Other attributes
// an event does not have are empty strings, and has(event.subject) tells. The names of request.headers are in lower case and
// a header's values are joined with ", "; request.query has a list of values by name.
//
// A JSON number is an int when it is written without fraction and exponent and fits one, else a double. Comparisons work
// across both; arithmetic does not, so write double(data.price) * 1.1. Of members with one name the last counts.
package expression
