package spec

// This file says what is wrong with a configuration. One document can hold many mistakes, and a person wants to see them
// all at once: each Error names place, key, found and wanted, and Errors is their list in the order of the document.
// Text that comes from the document is quoted, so that a hostile file cannot drive a terminal.

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Error is one mistake in what a user wrote.
type Error struct {
	Pos     Pos
	Path    string // the key, such as "model[2].units"; "" for the whole document
	Problem string // found, wanted, remedy
	Err     error  // the cause, when a type's own UnmarshalSpec or Validate reported it
}

// Error gives "file:line:col: key: found ..., wanted ...".
func (e *Error) Error() string {
	var b strings.Builder
	if at := e.Pos.String(); at != "" {
		b.WriteString(at + ": ")
	}
	// Below a flag that sets the key itself the path says nothing new: "--lr: ..." and not "--lr: optimizer.lr: ...".
	if e.Path != "" && !(strings.HasPrefix(e.Pos.Source, "-") && namesSame(e.Pos.Source, e.Path)) {
		b.WriteString(e.Path + ": ")
	}
	b.WriteString(e.Problem)
	return b.String()
}

// Unwrap gives the cause, if there is one.
func (e *Error) Unwrap() error { return e.Err }

func namesSame(flag, path string) bool {
	flag = strings.ReplaceAll(strings.TrimLeft(flag, "-"), "-", "_")
	return path == flag || strings.HasSuffix(path, "."+flag)
}

// Errors are all mistakes of one decoding, in the order of the document.
type Errors []*Error

// maxErrors is where a decoder stops: nobody reads more, and a hostile document must not buy unbounded work.
const maxErrors = 50

// Error gives one line a mistake.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, x := range e {
		lines[i] = x.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.Is and errors.As look at each.
func (e Errors) Unwrap() []error {
	out := make([]error, len(e))
	for i, x := range e {
		out[i] = x
	}
	return out
}

// sorted orders by position inside a source; sources keep the order in which they first reported something.
func (e Errors) sorted() Errors {
	rank := map[string]int{}
	for _, x := range e {
		if _, seen := rank[x.Pos.Source]; !seen {
			rank[x.Pos.Source] = len(rank)
		}
	}
	slices.SortStableFunc(e, func(a, b *Error) int {
		if d := rank[a.Pos.Source] - rank[b.Pos.Source]; d != 0 {
			return d
		}
		if d := a.Pos.Line - b.Pos.Line; d != 0 {
			return int(d)
		}
		return int(a.Pos.Col - b.Pos.Col)
	})
	return e
}

func errorAt(at Pos, format string, args ...any) *Error {
	return &Error{Pos: at, Problem: fmt.Sprintf(format, args...)}
}

// shown is how many characters of a document's text an error repeats.
const shown = 60

// quote shows text from a document: in quotes, escapes for whatever a terminal might act on, and not longer than a line.
func quote(s string) string {
	if short, cut := shorten(s); cut {
		return strconv.Quote(short) + "..."
	}
	return strconv.Quote(s)
}

// bare shows a name or a number without quotes where every character is printable, else like quote.
func bare(s string) string {
	short, cut := shorten(s)
	for _, r := range short {
		if !unicode.IsPrint(r) || r == utf8.RuneError {
			return quote(s)
		}
	}
	if cut {
		return short + "..."
	}
	return s
}

func shorten(s string) (short string, cut bool) {
	n := 0
	for i := range s {
		if n == shown {
			return s[:i], true
		}
		n++
	}
	return s, false
}
