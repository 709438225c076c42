// Package yamltree reads YAML into the neutral tree of internal/spec. Only the command imports it: the library reads
// config.json and needs no YAML.
//
// The reading itself is done by goccy/go-yaml, behind a guard of our own. Measured on hostile files, that reader takes
// gigabytes for nested brackets and seconds for merge keys or ten thousand keys, reads only the first of two documents,
// and prints source lines with raw escapes in its errors; so nothing reaches it that the guard has not counted, and none
// of its texts reach a terminal unquoted. What configurations have no use for (anchors, aliases, merge keys, tags,
// directives, complex keys) is refused by name.
package yamltree

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/descent-go/descent/internal/spec"
)

// Parse reads one YAML document. source is the file's name for positions. Unquoted scalars are classified by spec.Bare, so
// a number is a number in YAML exactly where it is one in a flag; a document without content is an empty map. The error
// is a spec.Errors.
func Parse(source string, data []byte) (spec.Value, error) {
	data, err := spec.Check(source, data)
	if err != nil {
		return spec.Value{}, err
	}
	r := reader{source: source}
	v, problem := r.document(string(data))
	if problem != nil {
		return spec.Value{}, spec.Errors{problem}
	}
	return v, nil
}

type reader struct{ source string }

func (r *reader) document(text string) (v spec.Value, problem *spec.Error) {
	if problem := r.beforeLexing(text); problem != nil {
		return v, problem
	}
	tokens, problem := r.tokens(text)
	if problem != nil {
		return v, problem
	}
	file, problem := r.parse(tokens)
	if problem != nil {
		return v, problem
	}
	empty := spec.Value{Kind: spec.Map, Pos: spec.Pos{Source: r.source, Line: 1, Col: 1}}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil {
		return empty, nil
	}
	if len(file.Docs) > 1 {
		return v, r.fail(file.Docs[1].GetToken(), "found a second document, wanted one")
	}
	if _, comment := file.Docs[0].Body.(*ast.CommentGroupNode); comment {
		return empty, nil
	}
	return r.value(file.Docs[0].Body, 0)
}

// tokens lexes and guards. A panic of the foreign reader is its mistake about the user's text, not a broken invariant of
// ours, and ends as an error; the same holds in parse.
func (r *reader) tokens(text string) (tokens token.Tokens, problem *spec.Error) {
	defer r.caught(&problem)
	tokens = lexer.Tokenize(text)
	return tokens, r.guard(tokens)
}

func (r *reader) parse(tokens token.Tokens) (file *ast.File, problem *spec.Error) {
	defer r.caught(&problem)
	// Duplicate keys are found in value, with both forms of map and in our words.
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err == nil {
		return file, nil
	}
	var syntax *yaml.SyntaxError
	if errors.As(err, &syntax) {
		return nil, r.fail(syntax.Token, "not YAML: %s", printable(syntax.Message))
	}
	first, _, _ := strings.Cut(err.Error(), "\n")
	return nil, r.fail(nil, "not YAML: %s", printable(first))
}

func (r *reader) caught(problem **spec.Error) {
	if x := recover(); x != nil {
		*problem = r.fail(nil, "not YAML that can be read here: %s", printable(fmt.Sprint(x)))
	}
}

func (r *reader) fail(at *token.Token, format string, args ...any) *spec.Error {
	return &spec.Error{Pos: r.pos(at), Problem: fmt.Sprintf(format, args...)}
}

func (r *reader) pos(t *token.Token) spec.Pos {
	p := spec.Pos{Source: r.source}
	if t != nil && t.Position != nil {
		p.Line, p.Col = int32(t.Position.Line), int32(t.Position.Column)
	}
	return p
}

// value turns a node of the foreign tree into one of ours.
func (r *reader) value(n ast.Node, depth int) (v spec.Value, problem *spec.Error) {
	if depth > spec.MaxDepth {
		return v, r.fail(n.GetToken(), "found more than %d levels inside each other, which is the most", spec.MaxDepth)
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		return r.mapping(n.GetToken(), n.Values, depth)
	case *ast.MappingValueNode:
		return r.mapping(n.GetToken(), []*ast.MappingValueNode{n}, depth)
	case *ast.SequenceNode:
		v = spec.Value{Kind: spec.List, Pos: r.pos(n.GetToken())}
		for _, item := range n.Values {
			x, problem := r.value(item, depth+1)
			if problem != nil {
				return v, problem
			}
			v.Items = append(v.Items, x)
		}
		return v, nil
	}
	return r.scalar(n)
}

func (r *reader) mapping(at *token.Token, values []*ast.MappingValueNode, depth int) (spec.Value, *spec.Error) {
	v := spec.Value{Kind: spec.Map, Pos: r.pos(at)}
	seen := make(map[string]bool, len(values))
	for i, mv := range values {
		if mv.Key.IsMergeKey() {
			return v, r.fail(mv.Key.GetToken(), "found a merge key (<<), which is not accepted; write the keys out")
		}
		key, problem := r.scalar(mv.Key)
		if problem != nil {
			return v, problem
		}
		if i == 0 && at != nil && at.Type == token.MappingValueType {
			v.Pos = key.Pos // a block map begins at its first key, not at that key's colon
		}
		if seen[key.Text] {
			return v, &spec.Error{Pos: key.Pos, Problem: "found the key " + printable(strconv.Quote(key.Text)) + " twice"}
		}
		seen[key.Text] = true
		item, problem := r.value(mv.Value, depth+1)
		if problem != nil {
			return v, problem
		}
		v.Pairs = append(v.Pairs, spec.Pair{Key: key.Text, Pos: key.Pos, Value: item})
	}
	return v, nil
}

// scalar reads a leaf. For a key the text is what counts, so null keeps its spelling there.
func (r *reader) scalar(n ast.Node) (spec.Value, *spec.Error) {
	t := n.GetToken()
	at := r.pos(t)
	var v spec.Value
	switch n := n.(type) {
	case *ast.LiteralNode:
		at.Line, at.Col = at.Line+1, 1 // the text begins on the line after | or >
		v = spec.Value{Kind: spec.String, Text: n.Value.Value, Pos: at}
	case *ast.StringNode:
		if t.Type == token.SingleQuoteType || t.Type == token.DoubleQuoteType {
			at.Col++ // positions in text inside the string count from after the quote
			v = spec.Value{Kind: spec.String, Text: n.Value, Pos: at}
		} else {
			v = plain(n.Value, at)
		}
	case *ast.NullNode, *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		v = plain(t.Value, at)
	default:
		return v, r.fail(t, "found %s, wanted a plain value", strings.ToLower(n.Type().String()))
	}
	if !utf8.ValidString(v.Text) || strings.ContainsRune(v.Text, 0) {
		return v, r.fail(t, "found an escape that makes no text; wanted UTF-8 without NUL")
	}
	return v, nil
}

// plain classifies an unquoted scalar. YAML's core schema has more spellings of null, true and false than a flag.
func plain(text string, at spec.Pos) spec.Value {
	switch text {
	case "", "~", "Null", "NULL":
		return spec.Value{Kind: spec.Null, Text: text, Pos: at}
	case "True", "TRUE":
		return spec.Value{Kind: spec.Bool, Text: "true", Pos: at}
	case "False", "FALSE":
		return spec.Value{Kind: spec.Bool, Text: "false", Pos: at}
	}
	v := spec.Bare(text, at)
	if v.Kind == spec.Null {
		v.Text = text
	}
	return v
}

// printable keeps a foreign message to one short line without control characters.
func printable(s string) string {
	short := []rune{}
	for _, c := range s {
		if len(short) == 120 {
			short = append(short, '.', '.', '.')
			break
		}
		if !unicode.IsPrint(c) || c == utf8.RuneError {
			c = '?'
		}
		short = append(short, c)
	}
	return string(short)
}
