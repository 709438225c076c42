package spec

// This file writes a tree out again: as JSON for files, in a fixed order so that the same value gives the same bytes, and
// as the one-line text that a person could type. Whatever is written here is read back equal (tested as a law).

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// JSON writes the tree as indented JSON with a newline at the end; what fits into a line stands on one. A call is written
// so that a decoder reads it back the same: "relu", {"dense": {"units": 512}}, {"sequence": [...]}, or, where arguments
// stand by position that JSON can't tell apart, as its text "dense(512, true)".
func (v Value) JSON() []byte {
	var b bytes.Buffer
	writeJSON(&b, v, "\n")
	b.WriteByte('\n')
	return b.Bytes()
}

// writeJSON writes one value. newline is the line break with the indentation of the value, or "" to stay on the line.
func writeJSON(b *bytes.Buffer, v Value, newline string) {
	if newline != "" && width(v) <= lineWidth {
		newline = ""
	}
	switch v.Kind {
	case Null:
		b.WriteString("null")
	case Bool:
		b.WriteString(v.Text)
	case Number:
		b.WriteString(canonicalNumber(v.Text))
	case List:
		bracketed(b, "[]", len(v.Items), newline, func(i int, inner string) { writeJSON(b, v.Items[i], inner) })
	case Map:
		bracketed(b, "{}", len(v.Pairs), newline, func(i int, inner string) { writeEntry(b, v.Pairs[i].Key, v.Pairs[i].Value, inner) })
	case Call:
		arg := Value{Kind: Map, Pairs: v.Pairs}
		if len(v.Items) == 1 {
			arg = v.Items[0]
		}
		if object(v) {
			bracketed(b, "{}", 1, newline, func(_ int, inner string) { writeEntry(b, v.Text, arg, inner) })
		} else {
			writeString(b, v.String())
		}
	default:
		writeString(b, v.Text)
	}
}

func writeEntry(b *bytes.Buffer, key string, v Value, newline string) {
	writeString(b, key)
	b.WriteString(": ")
	writeJSON(b, v, newline)
}

// bracketed writes n members between two brackets.
func bracketed(b *bytes.Buffer, brackets string, n int, newline string, member func(i int, newline string)) {
	b.WriteByte(brackets[0])
	inner := newline
	if newline != "" && n > 0 {
		inner += "  "
	}
	for i := range n {
		switch {
		case i == 0:
			b.WriteString(inner)
		case newline == "":
			b.WriteString(", ")
		default:
			b.WriteString("," + inner)
		}
		member(i, inner)
	}
	if n > 0 {
		b.WriteString(newline)
	}
	b.WriteByte(brackets[1])
}

// lineWidth is how long a list or map may be to stand on one line.
const lineWidth = 76

// width estimates the length of a value on one line; it stops counting soon after lineWidth.
func width(v Value) int {
	if v.Kind == Call {
		if !object(v) {
			return len(v.String()) + 2
		}
		arg := Value{Kind: Map, Pairs: v.Pairs}
		if len(v.Items) == 1 {
			arg = v.Items[0]
		}
		return 8 + len(v.Text) + width(arg)
	}
	n := len(v.Text) + 2
	for i := 0; i < len(v.Items) && n <= lineWidth; i++ {
		n += width(v.Items[i]) + 2
	}
	for i := 0; i < len(v.Pairs) && n <= lineWidth; i++ {
		n += len(v.Pairs[i].Key) + 6 + width(v.Pairs[i].Value)
	}
	return n
}

// object says whether an argument is written as a JSON object or null, which under a name would read as named arguments.
func object(v Value) bool {
	switch v.Kind {
	case Null, Map:
		return true
	case Call:
		return len(v.Items) == 0 && len(v.Pairs) > 0 || len(v.Items) == 1 && len(v.Pairs) == 0 && !object(v.Items[0])
	}
	return false
}

func writeString(b *bytes.Buffer, s string) {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)  // a file for people; whoever puts it into a page escapes it there
	_ = e.Encode(s)         // a string into memory cannot fail
	b.Truncate(b.Len() - 1) // Encode ends with a newline
}

// String gives the one-line spelling that a person could type: adamw(lr=0.001, beta2=0.99). ParseText reads it back.
func (v Value) String() string {
	var b strings.Builder
	writeText(&b, v)
	return b.String()
}

func writeText(b *strings.Builder, v Value) {
	switch v.Kind {
	case Null:
		b.WriteString("null")
	case Bool, Number:
		b.WriteString(v.Text)
	case List:
		b.WriteByte('[')
		writeArgs(b, v)
		b.WriteByte(']')
	case Map:
		b.WriteByte('{')
		writeArgs(b, v)
		b.WriteByte('}')
	case Call:
		b.WriteString(v.Text)
		if len(v.Items)+len(v.Pairs) > 0 || Bare(v.Text, Pos{}).Kind != String {
			b.WriteByte('(')
			writeArgs(b, v)
			b.WriteByte(')')
		}
	default:
		b.WriteString(textString(v.Text, false))
	}
}

func writeArgs(b *strings.Builder, v Value) {
	for i, item := range v.Items {
		if i > 0 {
			b.WriteString(", ")
		}
		writeText(b, item)
	}
	for i, p := range v.Pairs {
		if i > 0 || len(v.Items) > 0 {
			b.WriteString(", ")
		}
		b.WriteString(textString(p.Key, true))
		b.WriteByte('=')
		writeText(b, p.Value)
	}
}

// textString writes s bare where that reads back as the same string, else in double quotes.
func textString(s string, key bool) string {
	bare := s != "" && strings.IndexFunc(s, func(r rune) bool { return !inWord(r) }) < 0
	if key {
		bare = bare && !strings.HasSuffix(s, ":")
	} else {
		bare = bare && Bare(s, Pos{}).Kind == String
	}
	if bare {
		return s
	}
	var b bytes.Buffer
	writeString(&b, s)
	return b.String()
}

// canonicalNumber turns what isNumber accepts into what JSON accepts, leaving JSON's own numbers as they are.
func canonicalNumber(s string) string {
	s = strings.TrimPrefix(s, "+")
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	if strings.HasPrefix(s, ".") {
		s = "0" + s
	}
	if i := strings.IndexByte(s, '.'); i >= 0 && digits(s[i+1:]) == 0 {
		s = s[:i] + s[i+1:]
	}
	return sign + s
}

// formatFloat gives the fewest digits that read back as the same number, with the exponent as people write it (1e-5).
func formatFloat(x float64, bits int) string {
	s := strconv.FormatFloat(x, 'g', -1, bits)
	s = strings.Replace(s, "e-0", "e-", 1)
	s = strings.Replace(s, "e+0", "e+", 1)
	return strings.Replace(s, "e+", "e", 1)
}
