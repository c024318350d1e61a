package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// readAnswer reads one HTTP/1.1 answer, throws its body away and returns its status and the body's length.
func readAnswer(r *bufio.Reader) (status, length int, err error) {
	line, err := readLine(r)
	if err != nil {
		return 0, 0, err
	}
	if !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) || len(line) < 12 {
		return 0, 0, fmt.Errorf("not an HTTP/1.1 answer: %.40q", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, 0, fmt.Errorf("not an HTTP status: %.40q", line)
	}
	chunked := false
	length = -1
	for {
		if line, err = readLine(r); err != nil {
			return 0, 0, err
		}
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(value)); err != nil || length < 0 {
				return 0, 0, fmt.Errorf("not a length: %.40q", value)
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			chunked = bytes.EqualFold(value, []byte("chunked"))
		case bytes.EqualFold(name, []byte("Connection")) && bytes.EqualFold(value, []byte("close")):
			return 0, 0, fmt.Errorf("the server closes the connection after an answer with status %d", status)
		}
	}
	switch {
	case chunked:
		length, err = discardChunks(r)
		return status, length, err
	case length >= 0:
		_, err = r.Discard(length)
		return status, length, err
	case status == 204 || status == 304:
		return status, 0, nil
	}
	return 0, 0, errors.New("an answer without a length")
}

func discardChunks(r *bufio.Reader) (length int, err error) {
	for {
		line, err := readLine(r)
		if err != nil {
			return 0, err
		}
		size, err := strconv.ParseUint(string(line), 16, 31)
		if err != nil {
			return 0, fmt.Errorf("not a chunk size: %.40q", line)
		}
		length += int(size)
		// The last chunk is followed by an empty line too, where there are no trailers.
		if _, err := r.Discard(int(size) + 2); err != nil {
			return 0, err
		}
		if size == 0 {
			return length, nil
		}
	}
}

// readLine returns the next line without its end; it is valid until the next read.
func readLine(r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(line[:len(line)-1], []byte("\r")), nil
}
