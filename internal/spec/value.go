// Package spec is the one place where names become values and values become names again: `adamw(lr=1e-3)` in a flag,
// the same in YAML, the same in config.json, the same in help text, all from one registry entry a thing.
//
// The way in is always: a reader (ParseText, ParseJSON, the command's YAML reader, Flag) makes a neutral tree of Values
// that know where they were written; a Set decodes the tree into plain Go structs; whatever is wrong is reported together.
// The way out is Set.Encode, then Value.JSON for files or Value.Text for people.
package spec

// This file holds the neutral tree: what a reader produces and a decoder consumes. It knows nothing about wanted types,
// so the same tree can come from YAML, JSON, a flag or a Go struct.

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Limits that every reader of untrusted text keeps. They are far above any honest configuration and far below what
// would hurt: Go's stack overflow cannot be recovered, so depth is refused before recursion.
const (
	MaxBytes = 1 << 20 // bytes of one document or text
	MaxDepth = 100     // lists, maps and calls inside each other
	MaxNodes = 50_000  // values in one document
)

// Kind says what a Value is.
type Kind uint8

// The kinds. Word is text whose meaning the wanted type decides (the argument of a flag): a string field takes it as it
// is, anything else parses it by ParseText.
const (
	Null Kind = iota
	Bool
	Number
	String
	List
	Map
	Call
	Word
)

// Pos is where a value was written. Source is a file name or a flag ("--lr"); Line and Col count from 1, Col in characters.
// The zero Pos means nowhere: the value was made by Go code.
type Pos struct {
	Source    string
	Line, Col int32
}

// String gives "file:line:col", or the flag's name, with the column inside its argument when that is not the first.
func (p Pos) String() string {
	source := bare(p.Source)
	switch {
	case p.Line == 0:
		return source
	case strings.HasPrefix(source, "-") && p.Line == 1:
		if p.Col <= 1 {
			return source
		}
		return fmt.Sprintf("%s:%d", source, p.Col)
	case source == "":
		return fmt.Sprintf("%d:%d", p.Line, p.Col)
	}
	return fmt.Sprintf("%s:%d:%d", source, p.Line, p.Col)
}

// Value is one node of the tree.
type Value struct {
	Kind  Kind
	Text  string  // Bool: "true" or "false"; Number: as written; String, Word: the text; Call: the name
	Items []Value // List: the elements; Call: the positional arguments
	Pairs []Pair  // Map: the entries; Call: the named arguments; keys are unique
	Pos   Pos
}

// Pair is one entry of a map or one named argument of a call.
type Pair struct {
	Key   string
	Pos   Pos // of the key
	Value Value
}

// Get returns the value under key and whether there is one.
func (v Value) Get(key string) (Value, bool) {
	for _, p := range v.Pairs {
		if p.Key == key {
			return p.Value, true
		}
	}
	return Value{}, false
}

// Flag wraps the argument of a command-line flag: source is the flag's name ("--lr"). Nothing is parsed yet, since only
// the wanted type can tell whether "10" is a number or a file name.
func Flag(source, arg string) Value {
	return Value{Kind: Word, Text: arg, Pos: Pos{Source: source, Line: 1, Col: 1}}
}

// StringValue makes a String, for Marshalers.
func StringValue(s string) Value { return Value{Kind: String, Text: s} }

// NumberValue makes a Number with the fewest digits that give x back, for Marshalers. x must be finite.
func NumberValue(x float64) Value { return Value{Kind: Number, Text: formatFloat(x, 64)} }

// BoolValue makes a Bool, for Marshalers.
func BoolValue(b bool) Value { return Value{Kind: Bool, Text: strconv.FormatBool(b)} }

// Bare classifies an unquoted scalar by the one rule that all readers share: null, true and false, decimal numbers,
// and everything else (inf, nan, 0x10, 007, 10m) is a String, which a decoder that wants a number refuses by name.
func Bare(text string, at Pos) Value {
	v := Value{Kind: String, Text: text, Pos: at}
	switch {
	case text == "null":
		return Value{Pos: at}
	case text == "true" || text == "false":
		v.Kind = Bool
	case isNumber(text):
		v.Kind = Number
	}
	return v
}

// isNumber accepts decimal numbers as people write them: JSON's, and also +1, .5 and 5. No leading zeros, because YAML
// 1.1 reads 010 as eight; no hexadecimal, no underscores, no infinities.
func isNumber(s string) bool {
	if s != "" && (s[0] == '+' || s[0] == '-') {
		s = s[1:]
	}
	whole := digits(s)
	if whole > 1 && s[0] == '0' {
		return false
	}
	s = s[whole:]
	fraction := 0
	if s != "" && s[0] == '.' {
		fraction = digits(s[1:])
		s = s[1+fraction:]
	}
	if whole+fraction == 0 {
		return false
	}
	if s != "" && (s[0] == 'e' || s[0] == 'E') {
		s = s[1:]
		if s != "" && (s[0] == '+' || s[0] == '-') {
			s = s[1:]
		}
		n := digits(s)
		if n == 0 {
			return false
		}
		s = s[n:]
	}
	return s == ""
}

func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

// describe says what was found, for errors: short and with control characters escaped.
func (v Value) describe() string {
	switch v.Kind {
	case Null:
		return "nothing (null)"
	case Bool, Number:
		return bare(v.Text)
	case List:
		return fmt.Sprintf("a list of %d", len(v.Items))
	case Map:
		if len(v.Pairs) == 0 {
			return "an empty map"
		}
		return "a map with " + keysOf(v)
	case Call:
		return bare(v.Text) + "(...)"
	}
	return quote(v.Text)
}

func keysOf(v Value) string {
	keys := make([]string, 0, 4)
	for _, p := range v.Pairs {
		if len(keys) == 3 {
			keys = append(keys, "...")
			break
		}
		keys = append(keys, bare(p.Key))
	}
	word := "keys "
	if len(v.Pairs) == 1 {
		word = "the key "
	}
	return word + strings.Join(keys, ", ")
}

// Merge lays override over base, key by key and recursively where both are maps; anything else of override replaces what
// base has. Positions stay with the values, so an error names the file or flag that it came from. A registry thing
// written as a map (`{adamw: {lr: 1}}`) can't be told from a plain map here: to set one key of a thing that is already
// chosen, give Set.Decode an Override.
func Merge(base, override Value) Value {
	if base.Kind != Map || override.Kind != Map {
		return override
	}
	at := make(map[string]int, len(base.Pairs))
	out := base
	out.Pairs = slices.Clone(base.Pairs)
	for i, p := range out.Pairs {
		at[p.Key] = i
	}
	for _, p := range override.Pairs {
		i, both := at[p.Key]
		if !both {
			out.Pairs = append(out.Pairs, p)
			continue
		}
		out.Pairs[i] = Pair{p.Key, p.Pos, Merge(out.Pairs[i].Value, p.Value)}
	}
	return out
}
