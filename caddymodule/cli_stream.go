package caddymodule

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/configapi"
)

// runStream tries the events of a stream: JSON objects one after the other, or a list of them. An error is one of reading
// the stream or writing the result, and ends the run.
func (j *filterJob) runStream(r io.Reader) error {
	in := bufio.NewReader(r)
	list, err := startsList(in)
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(in)
	if list {
		if _, err := decoder.Token(); err != nil {
			return err
		}
	}
	for n := 1; !list || decoder.More(); n++ {
		var document json.RawMessage
		if err := decoder.Decode(&document); err == io.EOF && !list {
			return nil
		} else if err != nil {
			return fmt.Errorf("event %d: %w", n, readable(err))
		}
		if err := j.try(fmt.Sprint("event ", n), document); err != nil {
			return err
		}
	}
	if _, err := decoder.Token(); err != nil { // the end of the list
		return readable(err)
	}
	if decoder.More() {
		return errors.New("more follows the list: want nothing after it")
	}
	return nil
}

// startsList skips white space and reports whether a list follows.
func startsList(in *bufio.Reader) (bool, error) {
	for {
		b, err := in.ReadByte()
		switch {
		case err == io.EOF:
			return false, nil
		case err != nil:
			return false, err
		case b == ' ' || b == '\n' || b == '\r' || b == '\t':
			continue
		}
		return b == '[', in.UnreadByte()
	}
}

// readable puts an error of the JSON decoder in terms of a stream.
func readable(err error) error {
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("not valid JSON at byte %d: %w", syntax.Offset, err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("not valid JSON: it ends too early")
	}
	return err
}

// try tries one event and prints it, or what it becomes, if it matches.
func (j *filterJob) try(name string, document []byte) error {
	ev, params, err := eventgateway.ParseDocument(name, document, time.Now())
	if err != nil {
		j.fail("%v", err)
		return nil
	}
	o := j.trial.Try(ev, params, nil)
	for _, p := range o.Problems {
		_, _ = fmt.Fprintf(j.problems, "%s: %s: %s\n", name, p.Field, p.Message)
		j.failed = j.failed || p.Field != "filter"
	}
	if !o.Matches || len(o.Problems) > 0 {
		return nil
	}
	j.matched = true
	return j.print(document, o)
}

// print prints the event on a line, or the value of the transform: a text as it is, bytes in base64, anything else as JSON.
func (j *filterJob) print(document []byte, o configapi.Outcome) error {
	var line bytes.Buffer
	switch {
	case o.EncodedValue == nil:
		if err := json.Compact(&line, document); err != nil {
			return err
		}
	case eventgateway.IsJSON(o.ContentType):
		line.Write(o.Value)
	default:
		text, _ := eventgateway.JSONText(o.Value)
		line.Write(text)
	}
	line.WriteByte('\n')
	_, err := j.out.Write(line.Bytes())
	return err
}
