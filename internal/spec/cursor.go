package spec

// This file walks through text once and keeps count of lines and columns on the way, for both grammars (text and JSON).
// Columns are counted while moving, never by looking back to the start of the line, which would be quadratic on a
// document of one long line.

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

type cursor struct {
	s     string
	i     int
	at    Pos
	nodes int
}

// check refuses what no grammar here accepts: too long, not UTF-8, NUL. It drops a byte order mark at the start.
func check(source, s string) (string, *Error) {
	at := Pos{Source: source}
	if len(s) > MaxBytes {
		return "", errorAt(at, "found %d bytes, wanted at most %d", len(s), MaxBytes)
	}
	s = strings.TrimPrefix(s, "\ufeff")
	if i := invalidUTF8(s); i >= 0 {
		at.Line = int32(1 + strings.Count(s[:i], "\n"))
		at.Col = int32(1 + utf8.RuneCountInString(s[strings.LastIndexByte(s[:i], '\n')+1:i]))
		return "", errorAt(at, "found the byte 0x%02x, which is not UTF-8; save the text as UTF-8", s[i])
	}
	if i := strings.IndexByte(s, 0); i >= 0 {
		at.Line = int32(1 + strings.Count(s[:i], "\n"))
		at.Col = int32(1 + utf8.RuneCountInString(s[strings.LastIndexByte(s[:i], '\n')+1:i]))
		return "", errorAt(at, "found a NUL character, wanted text")
	}
	return s, nil
}

// Check refuses what no reader accepts (over MaxBytes, not UTF-8, NUL) and drops a byte order mark at the start: the
// first thing that a reader in another package does.
func Check(source string, data []byte) ([]byte, error) {
	if len(data) > MaxBytes {
		return nil, Errors{errorAt(Pos{Source: source}, "found %d bytes, wanted at most %d", len(data), MaxBytes)}
	}
	if _, err := check(source, string(data)); err != nil {
		return nil, Errors{err}
	}
	return bytes.TrimPrefix(data, []byte("\ufeff")), nil
}

func invalidUTF8(s string) int {
	if utf8.ValidString(s) {
		return -1
	}
	for i, r := range s {
		if r == utf8.RuneError {
			if _, n := utf8.DecodeRuneInString(s[i:]); n == 1 {
				return i
			}
		}
	}
	return -1
}

// step moves over n bytes.
func (c *cursor) step(n int) {
	for _, b := range []byte(c.s[c.i : c.i+n]) {
		switch {
		case b == '\n':
			c.at.Line++
			c.at.Col = 1
		case b&0xc0 != 0x80: // not a continuation byte: one more character
			c.at.Col++
		}
	}
	c.i += n
}

func (c *cursor) space() {
	n := c.i
	for n < len(c.s) && (c.s[n] == ' ' || c.s[n] == '\t' || c.s[n] == '\n' || c.s[n] == '\r') {
		n++
	}
	c.step(n - c.i)
}

// peek is the next byte, 0 at the end (NUL itself was refused by check).
func (c *cursor) peek() byte {
	if c.i < len(c.s) {
		return c.s[c.i]
	}
	return 0
}

// take moves over b if it comes next.
func (c *cursor) take(b byte) bool {
	if c.peek() != b {
		return false
	}
	c.step(1)
	return true
}

// next shows the character at the cursor, for errors.
func (c *cursor) next() string {
	if c.i == len(c.s) {
		return "the end"
	}
	_, n := utf8.DecodeRuneInString(c.s[c.i:])
	return quote(c.s[c.i : c.i+n])
}

// count keeps the limits on size; depth counts from 0.
func (c *cursor) count(depth int) *Error {
	if c.nodes++; c.nodes > MaxNodes {
		return errorAt(c.at, "found more than %d values, which is the most a document may hold", MaxNodes)
	}
	if depth > MaxDepth {
		return errorAt(c.at, "found more than %d levels inside each other, which is the most", MaxDepth)
	}
	return nil
}

// quoted reads a string in double quotes with JSON's escapes. The cursor stands on the opening quote.
func (c *cursor) quoted() (string, *Error) {
	open := c.at
	c.step(1)
	var b strings.Builder
	for {
		n := c.i
		for n < len(c.s) && c.s[n] != '"' && c.s[n] != '\\' && c.s[n] >= ' ' {
			n++
		}
		b.WriteString(c.s[c.i:n])
		c.step(n - c.i)
		switch {
		case c.i == len(c.s):
			return "", errorAt(open, "found a quote that is never closed")
		case c.peek() == '"':
			c.step(1)
			return b.String(), nil
		case c.peek() == '\\':
			r, err := c.escape()
			if err != nil {
				return "", err
			}
			b.WriteRune(r)
		default:
			return "", errorAt(c.at, "found the control character %s inside quotes; write it as an escape such as \\n", c.next())
		}
	}
}

func (c *cursor) escape() (rune, *Error) {
	at := c.at
	rest := c.s[c.i:]
	if len(rest) >= 2 {
		if i := strings.IndexByte(`"\/bfnrt`, rest[1]); i >= 0 {
			c.step(2)
			return rune("\"\\/\b\f\n\r\t"[i]), nil
		}
		if r, ok := hex4(rest); ok {
			c.step(6)
			switch {
			case r < 0xd800 || r > 0xdfff:
				if r == 0 {
					return 0, errorAt(at, `found \u0000, wanted text without NUL`)
				}
				return r, nil
			case r < 0xdc00: // the first half of a surrogate pair
				if low, ok := hex4(c.s[c.i:]); ok && low >= 0xdc00 && low <= 0xdfff {
					c.step(6)
					return (r-0xd800)<<10 + (low - 0xdc00) + 0x10000, nil
				}
			}
			return 0, errorAt(at, "found half of a surrogate pair, wanted a whole character")
		}
	}
	return 0, errorAt(at, "found an unknown escape after the backslash; known: %s", `\" \\ \/ \b \f \n \r \t \uXXXX`)
}

func hex4(s string) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, b := range []byte(s[2:6]) {
		switch {
		case b >= '0' && b <= '9':
			r = r<<4 | rune(b-'0')
		case b >= 'a' && b <= 'f':
			r = r<<4 | rune(b-'a'+10)
		case b >= 'A' && b <= 'F':
			r = r<<4 | rune(b-'A'+10)
		default:
			return 0, false
		}
	}
	return r, true
}
