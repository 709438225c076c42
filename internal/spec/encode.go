package spec

// This file turns Go structs into a tree, in the form that Decode reads back to the same value: complete for config.json,
// or only what differs from the defaults for people.

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Encode gives the complete tree of x: every key, with things as calls; x itself may be a thing of any list. A value that no registry names, a number that is
// not finite and text that is not UTF-8 are errors.
func (s *Set) Encode(x any) (Value, error) {
	e := encoder{set: s, all: true}
	return e.top(reflect.ValueOf(x), reflect.Value{})
}

// EncodeShort gives the tree with only what differs from the defaults: in things, those of their prototypes; in x
// itself, those of base, which is of x's type, or nil for zero. Decoding it into a copy of base gives x.
func (s *Set) EncodeShort(x, base any) (Value, error) {
	e := encoder{set: s}
	return e.top(reflect.ValueOf(x), reflect.ValueOf(base))
}

// listed finds the registry that has a value of a concrete type, in the order of the set.
func (s *Set) listed(v reflect.Value) *Registry {
	if s == nil || s.registry(v.Type(), "") != nil {
		return nil
	}
	for _, r := range s.lists {
		if r.typ.Kind() == reflect.Interface && v.Type().Implements(r.typ) {
			if _, _, ok := s.entryOf(r, v); ok {
				return r
			}
		}
	}
	return nil
}

type encoder struct {
	set   *Set
	all   bool
	depth int
	err   error
}

func (e *encoder) top(v, base reflect.Value) (Value, error) {
	if !v.IsValid() {
		return Value{}, nil
	}
	var out Value
	if r := e.set.listed(v); r != nil {
		out = e.thing(r, v, "")
	} else if v = pointee(v); v.Kind() != reflect.Pointer {
		if base = pointee(base); !base.IsValid() || base.Type() != v.Type() {
			base = reflect.Zero(v.Type())
		}
		if r := e.set.listed(v); r != nil {
			out = e.thing(r, v, "")
		} else {
			out = e.any(v, base, "", "")
		}
	}
	if e.err != nil {
		return Value{}, e.err
	}
	return out, nil
}

func (e *encoder) fail(path, format string, args ...any) Value {
	if e.err == nil {
		if path == "" {
			path = "value"
		}
		e.err = fmt.Errorf("writing %s: %s", path, fmt.Sprintf(format, args...))
	}
	return Value{}
}

// any encodes what lies in a place of v's type. base is the default in that place.
func (e *encoder) any(v, base reflect.Value, path, kind string) Value {
	if e.depth++; e.depth > MaxDepth {
		return e.fail(path, "found more than %d levels inside each other", MaxDepth)
	}
	defer func() { e.depth-- }()
	t := v.Type()
	if r := e.set.registry(t, kind); r != nil {
		return e.thing(r, v, path)
	}
	if out, ok := e.own(v, path); ok {
		return out
	}
	switch t.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return Value{}
		}
		below := reflect.Zero(t.Elem())
		if base.IsValid() && !base.IsNil() {
			below = base.Elem()
		}
		return e.any(v.Elem(), below, path, kind)
	case reflect.Interface:
		if v.IsNil() {
			return Value{}
		}
		return e.fail(path, "no list of things for %v", t)
	case reflect.Struct:
		return Value{Kind: Map, Pairs: e.pairs(v, base, path)}
	case reflect.Slice:
		return e.list(v, path, kind)
	case reflect.Map:
		return e.mapping(v, path, kind)
	}
	return e.scalar(v, path)
}

// own asks types that spell themselves.
func (e *encoder) own(v reflect.Value, path string) (Value, bool) {
	if !own(v.Type()) {
		return Value{}, false
	}
	p := reflect.New(v.Type())
	p.Elem().Set(v)
	switch x := p.Interface().(type) {
	case Marshaler:
		return x.MarshalSpec(), true
	case encoding.TextMarshaler:
		text, err := x.MarshalText()
		if err != nil {
			return e.fail(path, "%v", err), true
		}
		return e.string(string(text), path), true
	}
	return e.fail(path, "%v can read its spelling but not write it", v.Type()), true
}

func (e *encoder) scalar(v reflect.Value, path string) Value {
	switch {
	case v.Type() == durationType:
		return StringValue(shortDuration(time.Duration(v.Int())))
	case v.Kind() == reflect.Bool:
		return BoolValue(v.Bool())
	case v.Kind() == reflect.String:
		return e.string(v.String(), path)
	case v.CanInt():
		return Value{Kind: Number, Text: strconv.FormatInt(v.Int(), 10)}
	case v.CanUint():
		return Value{Kind: Number, Text: strconv.FormatUint(v.Uint(), 10)}
	case v.CanFloat():
		x := v.Float()
		if math.IsInf(x, 0) || math.IsNaN(x) {
			return e.fail(path, "found %v, wanted a finite number", x)
		}
		return Value{Kind: Number, Text: formatFloat(x, v.Type().Bits())}
	}
	return e.fail(path, "%v has no spelling", v.Type())
}

// shortDuration leaves away the zeros that time.Duration prints: 10m, not 10m0s.
func shortDuration(t time.Duration) string {
	s := t.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func (e *encoder) string(s, path string) Value {
	if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
		return e.fail(path, "found %s, wanted UTF-8 text", quote(s))
	}
	return StringValue(s)
}

func (e *encoder) list(v reflect.Value, path, kind string) Value {
	if v.IsNil() {
		return Value{}
	}
	out := Value{Kind: List, Items: make([]Value, v.Len())}
	for i := range out.Items {
		out.Items[i] = e.any(v.Index(i), reflect.Zero(v.Type().Elem()), fmt.Sprintf("%s[%d]", path, i), kind)
	}
	return out
}

func (e *encoder) mapping(v reflect.Value, path, kind string) Value {
	if v.IsNil() {
		return Value{}
	}
	out := Value{Kind: Map}
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	for _, k := range keys {
		item := e.any(v.MapIndex(k), reflect.Zero(v.Type().Elem()), path+"."+k.String(), kind)
		out.Pairs = append(out.Pairs, Pair{Key: e.string(k.String(), path).Text, Value: item})
	}
	return out
}

// pairs encodes the keys of a struct: all of them, or those that differ from base.
func (e *encoder) pairs(v, base reflect.Value, path string) []Pair {
	mine, _ := slots(settable(v))
	theirs, _ := slots(settable(base))
	var out []Pair
	for i, s := range mine {
		below := reflect.Zero(s.typ)
		if i < len(theirs) && theirs[i].typ == s.typ {
			below = theirs[i].v
			if !e.all && reflect.DeepEqual(s.v.Interface(), below.Interface()) {
				continue
			}
		}
		inner := s.key
		if path != "" {
			inner = path + "." + s.key
		}
		out = append(out, Pair{Key: s.key, Value: e.any(s.v, below, inner, s.limits.kind)})
	}
	return out
}

// thing encodes the member of a registry as a call of its name.
func (e *encoder) thing(r *Registry, v reflect.Value, path string) Value {
	if v.Kind() == reflect.Interface && v.IsNil() {
		return Value{}
	}
	entry, proto, ok := e.set.entryOf(r, v)
	if !ok {
		held := v
		if v.Kind() == reflect.Interface {
			held = v.Elem()
		}
		types := signature(held)
		return e.fail(path, "%v is not on the list of %s names: register it", types[len(types)-1], r.kind)
	}
	if v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	v, proto = pointee(v), pointee(proto)
	call := Value{Kind: Call, Text: entry.Name}
	switch {
	case v.Kind() == reflect.Struct && !own(v.Type()):
		call.Pairs = e.pairs(v, proto, path)
		if !e.all {
			byPosition(&call, v, e.set)
		}
	// A number says more than the name of what it stands for, and a complete tree leaves nothing to defaults.
	case (v.Kind() == reflect.Slice || !e.all && !entry.Number) && reflect.DeepEqual(v.Interface(), proto.Interface()):
	case v.Kind() == reflect.Slice && !own(v.Type()):
		call.Items = []Value{e.list(v, path, "")}
	default:
		call.Items = []Value{e.plain(v, path)}
	}
	if len(call.Items) == 1 && len(call.Pairs) == 0 {
		if short, ok := r.shorthand(call.Items[0].Kind); ok && short.Name == entry.Name {
			return call.Items[0]
		}
	}
	return call
}

// plain encodes the one value inside a thing that is not a struct.
func (e *encoder) plain(v reflect.Value, path string) Value {
	if out, ok := e.own(v, path); ok {
		return out
	}
	return e.scalar(v, path)
}

// byPosition drops the names of leading positional arguments, as a person would: dense(512), mlp(512, 512).
func byPosition(call *Value, v reflect.Value, s *Set) {
	list, _ := slots(settable(v))
	args := slices.DeleteFunc(list, func(sl slot) bool { return !sl.arg })
	for i, sl := range args {
		if len(call.Pairs) == 0 || call.Pairs[0].Key != sl.key {
			return
		}
		arg := call.Pairs[0].Value
		call.Pairs = call.Pairs[1:]
		if i == len(args)-1 && s.variadic(sl) && arg.Kind == List && len(arg.Items) > 1 {
			call.Items = append(call.Items, arg.Items...)
		} else {
			call.Items = append(call.Items, arg)
		}
	}
}
