package yamltree

// This file is the guard in front of the foreign reader: it counts what costs that reader time or memory, first on the
// bytes and then on the tokens, before anything recursive or quadratic sees the document.

import (
	"fmt"
	"strings"

	"github.com/goccy/go-yaml/token"

	"github.com/descent-go/descent/internal/spec"
)

const (
	// maxMarks limits the characters that can begin a token: a token costs about 300 bytes.
	maxMarks = 60_000
	// maxValues limits scalars, keys and brackets of a document.
	maxValues = 20_000
	// maxKeys limits the keys of all maps: the reader copies a map for each of its keys, which at 10,000 keys
	// takes 160 ms and 420 MB and grows with the square.
	maxKeys = 3_000
	// maxPaths limits the summed lengths of the paths ($.a.b.c), since the reader keeps one for each value.
	maxPaths = 8 << 20
)

// beforeLexing bounds the number of tokens without understanding the text.
func (r *reader) beforeLexing(text string) *spec.Error {
	marks, line := 0, int32(1)
	for i := range len(text) {
		switch b := text[i]; {
		case b == '\n':
			line++
		case strings.IndexByte("[]{},:-?#&*!|>'\"%@`", b) >= 0:
			marks++
		case b < ' ' && b != '\t' && b != '\r' || b == 0x7f:
			return &spec.Error{
				Pos:     spec.Pos{Source: r.source, Line: line, Col: int32(i - strings.LastIndexByte(text[:i], '\n'))},
				Problem: fmt.Sprintf("found the control character 0x%02x, wanted text", b),
			}
		}
	}
	// Each line can hold plain text too, which the brackets and colons around it do not count.
	if marks+int(line) > maxMarks {
		return &spec.Error{Pos: spec.Pos{Source: r.source}, Problem: fmt.Sprintf(
			"found %d brackets, commas, colons and lines, wanted at most %d in one document", marks+int(line), maxMarks)}
	}
	return nil
}

// level is one open list or map: its bracket, or the column at which its entries stand, and how long its part of the
// path is.
type level struct {
	flow   bool
	column int
	length int
}

// guard refuses what is not for configurations, and counts levels, keys, values and paths.
func (r *reader) guard(tokens token.Tokens) *spec.Error {
	var (
		open                      []level
		values, keys, path, paths int
		content, header, ended    bool
		tooMany                   = "found more than %d %s, which is the most a document may hold"
		pop                       = func() {
			path -= open[len(open)-1].length
			open = open[:len(open)-1]
		}
		push = func(l level) {
			path += l.length
			open = append(open, l)
		}
		closeEntries = func() { // inside brackets: what follows the last opened one
			for len(open) > 0 && !open[len(open)-1].flow {
				pop()
			}
		}
		enter = func(column, length int) { // a block entry closes the deeper ones before it
			for len(open) > 0 && !open[len(open)-1].flow && open[len(open)-1].column >= column {
				pop()
			}
			push(level{column: column, length: length})
		}
	)
	for _, t := range tokens {
		if t.Type == token.CommentType {
			continue
		}
		if ended || t.Type == token.DocumentHeaderType && (content || header) {
			return r.fail(t, "found a second document, wanted one")
		}
		if problem := r.refused(t); problem != nil {
			return problem
		}
		switch t.Type {
		case token.DocumentHeaderType:
			header = true
			continue
		case token.DocumentEndType:
			ended = true
			continue
		case token.CollectEntryType:
			closeEntries()
			continue
		case token.SequenceStartType, token.MappingStartType:
			push(level{flow: true, length: 4})
		case token.SequenceEndType, token.MappingEndType:
			closeEntries()
			if len(open) > 0 {
				pop()
			}
		case token.SequenceEntryType:
			enter(t.Position.Column, 6)
		case token.MappingValueType:
			if keys++; keys > maxKeys {
				return r.fail(t, tooMany, maxKeys, "keys")
			}
			if key := t.Prev; key != nil {
				enter(key.Position.Column, len(key.Value)+1)
			}
		}
		content = true
		values++
		paths += path
		switch {
		case values > maxValues:
			return r.fail(t, tooMany, maxValues, "values")
		case paths > maxPaths:
			return r.fail(t, "found too many long keys inside each other")
		case len(open) > 2*spec.MaxDepth: // a map in braces counts twice; value counts exactly
			return r.fail(t, "found more than %d levels inside each other, which is the most", spec.MaxDepth)
		}
	}
	return nil
}

// refused names what is legal YAML and not accepted here.
func (r *reader) refused(t *token.Token) *spec.Error {
	switch t.Type {
	case token.AnchorType:
		return r.fail(t, "found an anchor (&), which is not accepted; write the value out, or quote text that begins with &")
	case token.AliasType:
		return r.fail(t, "found an alias (*), which is not accepted; write the value out, or quote text that begins with *")
	case token.MergeKeyType:
		return r.fail(t, "found a merge key (<<), which is not accepted; write the keys out")
	case token.TagType:
		return r.fail(t, "found a tag (!), which is not accepted; leave it away, or quote text that begins with !")
	case token.DirectiveType:
		return r.fail(t, "found a directive (%%), which is not accepted; leave it away")
	case token.MappingKeyType:
		return r.fail(t, "found a complex key (?), which is not accepted; write key: value")
	case token.InvalidType:
		return r.fail(t, "not YAML: %s", printable(t.Error))
	}
	return nil
}
