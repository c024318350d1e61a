package natsprovider

import (
	"bytes"
	"errors"
	"net"
	"strconv"
)

const (
	// maxMessage is the largest message that is taken from a server. The largest that servers let others send is a setting of
	// theirs, of 1 MiB by default, and said to be at most 8 MiB with good sense.
	maxMessage = 64 << 20
	// maxLine is the largest line of the protocol, which is one about the server itself.
	maxLine = 1 << 20
)

var errLarge = errors.New("the server announced a message that is too large")

// limitedConn ends a connection whose server announces more than may be taken: the library makes room for a message before it is
// there.
type limitedConn struct {
	net.Conn
	// first is read before what the connection has.
	first []byte
	// line is the part that was read of the line that is being read, as far as it matters; length is all of it.
	line   []byte
	length int
	// message is how much is left of the message that is being read.
	message int
}

func (c *limitedConn) Read(p []byte) (n int, err error) {
	if len(c.first) > 0 {
		n = copy(p, c.first)
		c.first = c.first[n:]
	} else {
		n, err = c.Conn.Read(p)
	}
	if !c.check(p[:n]) {
		return 0, errLarge
	}
	return n, err
}

// Write ends the connection when it fails: part of a message may have gone out.
func (c *limitedConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if err != nil {
		_ = c.Conn.Close()
	}
	return n, err
}

// check follows the protocol in what was read, and reports whether it keeps to the limits.
func (c *limitedConn) check(p []byte) bool {
	// kept is enough of a line to have a message's size in it: a subject, a reply and two numbers.
	const kept = 16 << 10
	for len(p) > 0 {
		if c.message > 0 {
			n := min(c.message, len(p))
			c.message -= n
			p = p[n:]
			continue
		}
		part, rest, whole := bytes.Cut(p, []byte("\n"))
		c.length += len(part)
		c.line = append(c.line, part[:min(len(part), max(kept-len(c.line), 0))]...)
		p = rest
		if c.length > maxLine {
			return false
		}
		if whole {
			size, ok := messageSize(c.line)
			if !ok || c.length > kept && size > 0 {
				return false
			}
			c.message, c.length, c.line = size, 0, c.line[:0]
		}
	}
	return true
}

// messageSize returns how many bytes follow a line of the protocol, 0 for one that announces no message.
func messageSize(line []byte) (size int, ok bool) {
	end := bytes.IndexAny(line, " \t")
	if end < 0 || !bytes.EqualFold(line[:end], []byte("MSG")) && !bytes.EqualFold(line[:end], []byte("HMSG")) {
		return 0, true
	}
	fields := bytes.Fields(line)
	n, err := strconv.ParseUint(string(fields[len(fields)-1]), 10, 64)
	return int(n) + 2, err == nil && n <= maxMessage // the line ends with the message
}
