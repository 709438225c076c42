package spec

// This file reads the one-line spelling that people type in flags and inside YAML strings:
//
//	text  = value { "," value }                   more than one value makes a list
//	value = quoted | word | word "(" args ")" | "[" values "]" | "{" named "}"
//	args  = { value "," } { key "=" value "," }   positional before named
//	named = { key "=" value "," }                 "key: value" is taken too
//
// A word is any run without spaces, quotes, brackets, comma and equals sign, so paths, durations and names need no
// quotes. Double quotes take JSON's escapes, single quotes take everything up to the next one.

import (
	"strings"
	"unicode"
)

// ParseText reads the one-line spelling. source is the flag's or file's name for positions. The error is an Errors.
func ParseText(source, s string) (Value, error) {
	v, err := parseText(Pos{Source: source, Line: 1, Col: 1}, s)
	if err != nil {
		return Value{}, Errors{err}
	}
	return v, nil
}

// parseText reads text that starts at a known place of a document.
func parseText(at Pos, s string) (Value, *Error) {
	s, err := check(at.Source, s)
	if err != nil {
		return Value{}, err
	}
	p := textParser{cursor{s: s, at: at}}
	p.space()
	if p.i == len(s) {
		return Value{}, errorAt(at, "found nothing, wanted a name or a value")
	}
	start := p.at
	values, err := p.values(0, 0)
	if err != nil {
		return Value{}, err
	}
	if p.i < len(s) {
		return Value{}, errorAt(p.at, "found %s after the value, wanted the end; text with spaces or brackets needs quotes", p.next())
	}
	if len(values) == 1 {
		return values[0], nil
	}
	return Value{Kind: List, Items: values, Pos: start}, nil
}

type textParser struct{ cursor }

// values reads comma-separated values up to the closing byte (which it leaves), or to the end if that is 0.
func (p *textParser) values(closing byte, depth int) ([]Value, *Error) {
	var out []Value
	for p.space(); p.peek() != closing; p.space() {
		v, _, err := p.value(depth)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
		p.space()
		if !p.take(',') {
			break
		}
	}
	return out, nil
}

// value reads one value; key is its text, and named true, when it could be the name of an argument.
func (p *textParser) value(depth int) (v Value, named bool, err *Error) {
	if err := p.count(depth); err != nil {
		return v, false, err
	}
	v.Pos = p.at
	switch p.peek() {
	case '"':
		v.Kind, v.Pos.Col = String, v.Pos.Col+1 // positions in text inside text count from after the quote
		v.Text, err = p.quoted()
		return v, true, err
	case '\'':
		p.step(1)
		n := strings.IndexByte(p.s[p.i:], '\'')
		if n < 0 {
			return v, false, errorAt(v.Pos, "found a quote that is never closed")
		}
		v.Kind, v.Text, v.Pos.Col = String, p.s[p.i:p.i+n], v.Pos.Col+1
		p.step(n + 1)
		return v, true, nil
	case '[':
		p.step(1)
		v.Kind = List
		v.Items, err = p.values(']', depth+1)
		return v, false, p.close(']', v.Pos, err)
	case '{':
		p.step(1)
		v.Kind = Map
		v.Pairs, err = p.named(depth + 1)
		return v, false, p.close('}', v.Pos, err)
	}
	word := p.word()
	if word == "" {
		return v, false, errorAt(p.at, "found %s, wanted a value", p.next())
	}
	if p.peek() != '(' {
		return Bare(word, v.Pos), true, nil
	}
	p.step(1)
	v.Kind, v.Text = Call, word
	v.Items, v.Pairs, err = p.args(depth + 1)
	return v, false, p.close(')', v.Pos, err)
}

func (p *textParser) close(b byte, open Pos, err *Error) *Error {
	if err != nil {
		return err
	}
	if !p.take(b) {
		return errorAt(p.at, `found %s, wanted "," or "%c" to close what column %d opens`, p.next(), b, open.Col)
	}
	return nil
}

func (p *textParser) args(depth int) (items []Value, pairs []Pair, err *Error) {
	seen := map[string]bool{}
	for p.space(); p.peek() != ')'; p.space() {
		v, named, err := p.value(depth)
		if err != nil {
			return nil, nil, err
		}
		p.space()
		switch {
		case named && p.take('='):
			key := v.Text
			if v.Kind == Null {
				key = "null"
			}
			if seen[key] {
				return nil, nil, errorAt(v.Pos, "found the key %s twice", quote(key))
			}
			seen[key] = true
			at := v.Pos
			p.space()
			if v, _, err = p.value(depth); err != nil {
				return nil, nil, err
			}
			pairs = append(pairs, Pair{key, at, v})
		case len(pairs) > 0:
			return nil, nil, errorAt(v.Pos, "found %s after a named argument; arguments without a name come first", v.describe())
		default:
			items = append(items, v)
		}
		p.space()
		if !p.take(',') {
			break
		}
	}
	return items, pairs, nil
}

func (p *textParser) named(depth int) (pairs []Pair, err *Error) {
	seen := map[string]bool{}
	for p.space(); p.peek() != '}'; p.space() {
		at := p.at
		var key string
		colon, quoted := false, false
		switch p.peek() {
		case '"', '\'':
			k, _, err := p.value(depth)
			if err != nil {
				return nil, err
			}
			key, quoted = k.Text, true
		default:
			key = p.word()
			if k, found := strings.CutSuffix(key, ":"); found {
				key, colon = k, true
			}
		}
		p.space()
		if key == "" && !quoted || !(colon || p.take('=') || p.take(':')) {
			return nil, errorAt(p.at, "found %s, wanted key=value", p.next())
		}
		if seen[key] {
			return nil, errorAt(at, "found the key %s twice", quote(key))
		}
		seen[key] = true
		p.space()
		v, _, err := p.value(depth)
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, Pair{key, at, v})
		p.space()
		if !p.take(',') {
			break
		}
	}
	return pairs, nil
}

func (p *textParser) word() string {
	n := strings.IndexFunc(p.s[p.i:], func(r rune) bool { return !inWord(r) })
	if n < 0 {
		n = len(p.s) - p.i
	}
	w := p.s[p.i : p.i+n]
	p.step(n)
	return w
}

func inWord(r rune) bool {
	return unicode.IsPrint(r) && r != ' ' && !strings.ContainsRune("()[]{},=\"'", r)
}
