package main

import (
	"bufio"
	"strings"
	"testing"
)

func TestReadAnswer(t *testing.T) {
	const next = "HTTP/1.1 299 Next\r\nContent-Length: 0\r\n\r\n"
	tests := []struct {
		name, answer string
		status       int
		length       int
		err          string
	}{
		{"length", "HTTP/1.1 200 OK\r\nA: b\r\ncontent-length: 5\r\n\r\nhello", 200, 5, ""},
		{
			"chunks", "HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n" +
				"5\r\nhello\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n",
			202, 21, "",
		},
		{"no body", "HTTP/1.1 204 No Content\r\n\r\n", 204, 0, ""},
		{"no length", "HTTP/1.1 200 OK\r\n\r\n", 0, 0, "without a length"},
		{"bad length", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", 0, 0, "not a length"},
		{"bad chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 0, 0, "not a chunk size"},
		{"bad status", "HTTP/1.1 abc\r\n\r\n", 0, 0, "not an HTTP status"},
		{"other protocol", "SSH-2.0-x\r\n", 0, 0, "not an HTTP/1.1 answer"},
		{"close", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", 0, 0, "closes the connection"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := bufio.NewReader(strings.NewReader(tt.answer + next))
			status, length, err := readAnswer(r)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error %v, want one with %q", err, tt.err)
				}
				return
			}
			if err != nil || status != tt.status || length != tt.length {
				t.Fatalf("got %d with %d bytes, %v, want %d with %d", status, length, err, tt.status, tt.length)
			}
			if status, _, err := readAnswer(r); status != 299 || err != nil {
				t.Errorf("the next answer is read as %d, %v", status, err)
			}
		})
	}
	t.Run("cut", func(t *testing.T) {
		whole := tests[1].answer
		for i := range len(whole) {
			if _, _, err := readAnswer(bufio.NewReader(strings.NewReader(whole[:i]))); err == nil {
				t.Fatalf("no error for %q", whole[:i])
			}
		}
	})
}

func TestSpread(t *testing.T) {
	for _, tt := range []struct {
		all  []float64
		want spread
	}{
		{[]float64{3}, spread{3, 3, 3}},
		{[]float64{4, 1}, spread{2.5, 1, 4}},
		{[]float64{9, 1, 2}, spread{2, 1, 9}},
	} {
		if got := spreadOf(tt.all); got != tt.want {
			t.Errorf("spread of %v: %v, want %v", tt.all, got, tt.want)
		}
	}
}
