package spec

// This file describes: what a field takes, in the words that errors and help texts share, and the list of a thing's
// parameters, from which the command makes flags and the documentation its tables.

import (
	"reflect"
	"strings"
)

// Parameter describes one key for help texts, flags and tables.
type Parameter struct {
	Key      string // dotted inside plain structs: "decay.rate"
	Type     string // "a number", "a whole number", "a schedule", ...
	Range    string // ">= 0", "in [0, 1)", "mean or sum"; "" for any
	Default  string // as text that could be typed; "" when there is none
	Help     string
	Arg      bool // may stand by position
	Required bool
	Switch   bool   // true or false: a flag without an argument
	Kind     string // the registry's word when it is a thing ("schedule"), else ""
}

// Parameters lists the keys of x, a struct or a thing, with the values in x as defaults. Plain structs inside give their
// keys too, dotted, after the key of the whole.
func (s *Set) Parameters(x any) []Parameter {
	v := reflect.ValueOf(x)
	if !v.IsValid() {
		return nil
	}
	v = pointee(settable(v))
	if v.Kind() != reflect.Struct || own(v.Type()) {
		return []Parameter{{Type: s.typeWords(v.Type(), ""), Default: s.defaultText(v, ""), Arg: true}}
	}
	return s.parameters(v, "", 0)
}

// Usage gives the line that shows how an entry is written: dense(units, no_bias=false, init=...). Keys without a default
// text stand as key=..., positional arguments by their bare key.
func (s *Set) Usage(e Entry) string {
	var args []string
	for _, p := range s.Parameters(e.Prototype) {
		switch {
		case strings.Contains(p.Key, "."):
		case p.Key == "":
			args = append(args, strings.TrimPrefix(strings.TrimPrefix(p.Type, "a "), "an "))
		case p.Required:
			args = append(args, p.Key)
		case p.Default == "":
			args = append(args, p.Key+"=...")
		default:
			args = append(args, p.Key+"="+p.Default)
		}
	}
	if len(args) == 0 {
		return e.Name
	}
	return e.Name + "(" + strings.Join(args, ", ") + ")"
}

func (s *Set) parameters(v reflect.Value, prefix string, depth int) []Parameter {
	if v.Kind() != reflect.Struct || own(v.Type()) || depth > MaxDepth {
		return nil
	}
	var out []Parameter
	list, _ := slots(v)
	for _, sl := range list {
		t := sl.typ
		for t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		p := Parameter{
			Key: prefix + sl.key, Type: s.describeType(t, limits{kind: sl.limits.kind}), Range: sl.limits.String(), Help: sl.help,
			Arg: sl.arg, Required: sl.required, Switch: t.Kind() == reflect.Bool,
		}
		if sl.limits.choices != nil {
			p.Range = either(sl.limits.choices)
		}
		r := s.registry(t, sl.limits.kind)
		if r != nil {
			p.Kind = r.kind
		}
		p.Default = s.defaultText(sl.v, sl.limits.kind)
		out = append(out, p)
		if r == nil {
			out = append(out, s.parameters(pointee(settable(sl.v)), p.Key+".", depth+1)...)
		}
	}
	return out
}

// defaultText gives what one would type for the value in a place; "" for nothing.
func (s *Set) defaultText(v reflect.Value, kind string) string {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface, reflect.Slice, reflect.Map:
		if v.IsNil() {
			return ""
		}
	}
	e := encoder{set: s}
	out := e.any(v, reflect.Zero(v.Type()), "", kind)
	if e.err != nil || out.Kind == String && out.Text == "" || out.Kind == Map && len(out.Pairs) == 0 {
		return ""
	}
	return out.String()
}

// describeType says what a place of type t takes: "a whole number >= 1".
func (s *Set) describeType(t reflect.Type, l limits) string {
	if l.choices != nil && t.Kind() == reflect.String {
		return either(l.choices)
	}
	words := s.typeWords(t, l.kind)
	if r := l.String(); r != "" {
		words += " " + r
	}
	return words
}

func (s *Set) typeWords(t reflect.Type, kind string) string {
	if r := s.registry(t, kind); r != nil {
		return article(r.kind)
	}
	if own(t) {
		if w, ok := reflect.New(t).Interface().(Wanter); ok {
			return w.WantSpec()
		}
		return article(Key(t.Name()))
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.typeWords(t.Elem(), kind)
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "text"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "a list, each " + s.typeWords(t.Elem(), kind)
	case reflect.Map:
		return "a map, each " + s.typeWords(t.Elem(), kind)
	case reflect.Struct:
		list, keys := keyFields(t), []string{}
		for _, f := range list {
			keys = append(keys, f.key)
		}
		words := "a map of " + strings.Join(keys, ", ")
		for _, f := range list {
			if f.arg {
				return s.typeWords(f.typ, f.limits.kind) + ", or " + words
			}
		}
		return words
	case reflect.Interface:
		return "nothing"
	}
	if t == durationType {
		return "a duration such as 90s, 10m or 1h30m"
	}
	return "a whole number"
}

// keyFields are the fields of t that text names, as slots lists those of a value: inlined structs give theirs in their place. An inlined
// interface gives none, since its keys are those of the value that it holds.
func keyFields(t reflect.Type) (list []field) {
	for _, f := range fieldsOf(t) {
		switch {
		case !f.inline:
			list = append(list, f)
		case f.typ.Kind() == reflect.Struct:
			list = append(list, keyFields(f.typ)...)
		}
	}
	return list
}

func article(word string) string {
	if word != "" && strings.ContainsRune("aeiou", rune(word[0])) {
		return "an " + word
	}
	return "a " + word
}

func either(choices []string) string {
	if len(choices) < 2 {
		return strings.Join(choices, "")
	}
	last := len(choices) - 1
	return strings.Join(choices[:last], ", ") + " or " + choices[last]
}
