package archive

import (
	"bytes"
	"errors"
	"sync"

	"github.com/eventgateway/eventgateway"
)

// lines are buffers in which lines are made.
var lines = sync.Pool{New: func() any { return new([]byte) }}

// recycle gives a buffer back, unless one large event would keep its size in memory for ever.
func recycle(buf *[]byte) {
	if cap(*buf) <= 256<<10 {
		lines.Put(buf)
	}
}

var errNoEvent = errors.New("the system event holds no event")

// appendLine appends what is kept of a system event, and the end of the line.
func appendLine(buf []byte, content string, ev *eventgateway.Event) ([]byte, error) {
	start := len(buf)
	if content == ContentSystemEvent {
		buf = ev.Encode(buf, eventgateway.FormatEvent, nil).Payload
	} else {
		about := member(ev.Data, "event")
		if about == nil {
			return nil, errNoEvent
		}
		buf = append(buf, about...)
	}
	unwrap(buf[start:])
	return append(buf, '\n'), nil
}

// unwrap makes one line of a JSON text. In valid JSON a line's end stands only between tokens, where a space does as well.
func unwrap(text []byte) {
	for {
		i := bytes.IndexAny(text, "\n\r")
		if i < 0 {
			return
		}
		text[i] = ' '
		text = text[i+1:]
	}
}

// spaceOf returns the space that a system event tells; empty where it tells none.
func spaceOf(ev *eventgateway.Event) string {
	space, _ := eventgateway.JSONText(member(ev.Data, "space"))
	return string(space)
}

// member returns the value of one member of a JSON object, or nil.
func member(object []byte, name string) []byte {
	for key, value := range eventgateway.JSONMembers(object) {
		if text, ok := eventgateway.JSONText(key); ok && string(text) == name {
			return value
		}
	}
	return nil
}
