package spec

// This file turns a tree of values into Go structs. What a struct holds before are its defaults; only what the tree names
// is changed. All mistakes are collected, each with its place; on any, the target is left as it was.

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Override sets one key after the document is read: Path is "optimizer.lr", whatever the document says there, be it
// a name, a call, a map or nothing (then the default is changed). The position of Value ("--lr") is what errors name.
type Override struct {
	Path  string
	Value Value
}

// Decode sets what into points to from a tree, with overrides applied in order. Keys that the tree does not name keep
// what into holds. The error is an Errors with every mistake, and into is then unchanged.
func (s *Set) Decode(v Value, into any, over ...Override) error {
	target := reflect.ValueOf(into)
	if target.Kind() != reflect.Pointer || target.IsNil() {
		return fmt.Errorf("decoding into %T: wanted a pointer", into)
	}
	d := decoder{set: s}
	later := make([]override, len(over))
	for i, o := range over {
		later[i] = override{strings.Split(o.Path, "."), o.Value}
	}
	work := reflect.New(target.Elem().Type()).Elem()
	work.Set(clone(target.Elem()))
	d.value(place{v: work}, &v, later)
	if len(d.errs) > 0 {
		return d.errs.sorted()
	}
	target.Elem().Set(work)
	return nil
}

// Decode gives a T from a tree: a registry thing when T has a registry, else a plain struct that starts from zero.
func Decode[T any](s *Set, v Value) (T, error) {
	var t T
	err := s.Decode(v, &t)
	return t, err
}

type decoder struct {
	set   *Set
	errs  Errors
	depth int
}

// place is where a value goes: the settable Go value, its key in the document, and what the tag accepts.
type place struct {
	v      reflect.Value
	path   string
	limits limits
}

func (p place) under(key string) string {
	if p.path == "" {
		return bare(key)
	}
	return p.path + "." + bare(key)
}

// override is an Override on its way down: path is what is left of it.
type override struct {
	path  []string
	value Value
}

func (d *decoder) fail(at Pos, path, format string, args ...any) {
	if !d.full() {
		d.errs = append(d.errs, &Error{Pos: at, Path: path, Problem: fmt.Sprintf(format, args...)})
	}
}

func (d *decoder) full() bool { return len(d.errs) >= maxErrors }

// wanted reports the usual mistake.
func (d *decoder) wanted(p place, v *Value, more string) {
	d.fail(v.Pos, p.path, "found %s, wanted %s%s", v.describe(), d.set.describeType(p.v.Type(), p.limits), more)
}

// value sets one place. v is nil where the document says nothing; then only overrides apply.
func (d *decoder) value(p place, v *Value, over []override) {
	var deeper []override
	for _, o := range over {
		if len(o.path) == 0 {
			v, deeper = &o.value, nil // a later override of the whole takes the place of everything before
		} else {
			deeper = append(deeper, o)
		}
	}
	if v == nil && len(deeper) == 0 || d.full() {
		return
	}
	if d.depth++; d.depth > 4*MaxDepth {
		d.fail(v.at(), p.path, "found too many levels inside each other")
	} else {
		d.set1(p, v, deeper)
	}
	d.depth--
}

func (v *Value) at() Pos {
	if v == nil {
		return Pos{}
	}
	return v.Pos
}

func (d *decoder) set1(p place, v *Value, over []override) {
	t := p.v.Type()
	if v != nil && v.Kind == Word {
		if v = d.word(p, v); v == nil {
			return
		}
	}
	registry := d.set.registry(t, p.limits.kind)
	switch {
	case t.Kind() == reflect.Pointer:
		d.pointer(p, v, over)
	case registry != nil:
		d.thing(registry, p, v, over)
	case own(t):
		d.own(p, v, over)
	case t.Kind() == reflect.Struct:
		d.structure(p, v, over)
	case len(over) > 0:
		d.fail(over[0].value.Pos, p.path, "has no key %s: it is %s", quote(over[0].path[0]), d.set.describeType(t, p.limits))
	case t.Kind() == reflect.Slice:
		d.slice(p, v)
	case t.Kind() == reflect.Map:
		d.mapping(p, v)
	case t.Kind() == reflect.Interface:
		d.fail(v.Pos, p.path, "cannot be set here: no list of things for %v", t)
	default:
		d.scalar(p, v)
	}
}

// word decides what a flag's argument is by what is wanted: text as it is for a string, else by the grammar.
func (d *decoder) word(p place, v *Value) *Value {
	t := p.v.Type()
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	plain := Value{Kind: String, Text: v.Text, Pos: v.Pos}
	if d.set.registry(t, p.limits.kind) == nil && !own(t) && t.Kind() == reflect.String {
		return &plain
	}
	parsed, err := parseText(v.Pos, v.Text)
	switch {
	case err != nil && own(t):
		return &plain
	case err != nil:
		d.fail(err.Pos, p.path, "%s", err.Problem)
		return nil
	}
	if t.Kind() == reflect.Slice && d.set.registry(t, p.limits.kind) == nil && parsed.Kind != List && parsed.Kind != Null {
		return &Value{Kind: List, Items: []Value{parsed}, Pos: v.Pos} // --metrics accuracy
	}
	return &parsed
}

func (d *decoder) pointer(p place, v *Value, over []override) {
	if v != nil && v.Kind == Null && len(over) == 0 {
		p.v.SetZero()
		return
	}
	if p.v.IsNil() {
		p.v.Set(reflect.New(p.v.Type().Elem()))
	}
	p.v = p.v.Elem()
	d.value(p, v, over)
}

// own lets a type read its own spelling and adds place and key to what it complains about.
func (d *decoder) own(p place, v *Value, over []override) {
	if len(over) > 0 {
		d.fail(over[0].value.Pos, p.path, "has no key %s", quote(over[0].path[0]))
		return
	}
	var err error
	switch x := p.v.Addr().Interface().(type) {
	case Unmarshaler:
		err = x.UnmarshalSpec(*v)
	case encoding.TextUnmarshaler:
		if v.Kind != String && v.Kind != Number && v.Kind != Bool {
			d.wanted(p, v, "")
			return
		}
		err = x.UnmarshalText([]byte(v.Text))
	}
	switch err := err.(type) {
	case nil:
	case Errors:
		for _, e := range err {
			if e.Pos == (Pos{}) {
				e.Pos = v.Pos
			}
			e.Path = strings.TrimSuffix(p.path+"."+e.Path, ".")
			if !d.full() {
				d.errs = append(d.errs, e)
			}
		}
	default:
		if !d.full() {
			d.errs = append(d.errs, &Error{Pos: v.Pos, Path: p.path, Problem: err.Error(), Err: err})
		}
	}
}

// structure sets a struct that is not on any list: a map of its keys, or a single value for its first argument.
func (d *decoder) structure(p place, v *Value, over []override) {
	call := Value{}
	switch {
	case v == nil:
	case v.Kind == Map:
		call = *v
	case v.Kind == Null:
		d.wanted(p, v, "")
		return
	default:
		list, _ := slots(p.v)
		if !slices.ContainsFunc(list, func(s slot) bool { return s.arg }) {
			d.wanted(p, v, "")
			return
		}
		call.Items = []Value{*v}
	}
	d.arguments(p, "", call, over)
}

// arguments sets the keys of a struct from positional and named arguments and overrides. name is the thing's, for errors.
func (d *decoder) arguments(p place, name string, call Value, over []override) {
	list, commit := slots(p.v)
	keys := make([]string, len(list))
	at := make(map[string]int, len(list))
	for i, s := range list {
		keys[i], at[s.key] = s.key, i
	}
	type given struct {
		v    *Value
		over []override
	}
	values := make([]given, len(list))

	args := slices.DeleteFunc(append([]slot(nil), list...), func(s slot) bool { return !s.arg })
	items := call.Items
	if n := len(args); n > 0 && len(items) >= n && d.set.variadic(args[n-1]) {
		items = append(slices.Clone(items[:n-1]), rest(items[n-1:]))
	}
	for i := range items {
		if i == len(args) {
			d.fail(items[i].Pos, p.path, "found %s without a name, wanted %s", items[i].describe(), positional(name, args))
			break
		}
		values[at[args[i].key]] = given{v: &items[i]}
	}
	for i := range call.Pairs {
		if d.full() {
			return
		}
		pair := &call.Pairs[i]
		k, known := at[pair.Key]
		switch {
		case !known:
			d.unknownKey(pair.Pos, p, name, pair.Key, keys)
		case values[k].v != nil:
			d.fail(pair.Pos, p.under(pair.Key), "given twice: by position and by name")
		default:
			values[k].v = &pair.Value
		}
	}
	for _, o := range over {
		if k, known := at[o.path[0]]; known {
			values[k].over = append(values[k].over, override{o.path[1:], o.value})
		} else {
			d.unknownKey(o.value.Pos, p, name, o.path[0], keys)
		}
	}
	for i, s := range list {
		g := values[i]
		if s.required && g.v == nil && len(g.over) == 0 && s.v.IsZero() {
			d.fail(call.Pos, p.under(s.key), "missing, wanted %s", d.set.describeType(s.typ, s.limits))
		}
		d.value(place{s.v, p.under(s.key), s.limits}, g.v, g.over)
	}
	commit()
}

// variadic: a list that comes last among the positional arguments takes all that are left: mlp(512, 512).
func (s *Set) variadic(arg slot) bool {
	return arg.typ.Kind() == reflect.Slice && s.registry(arg.typ, arg.limits.kind) == nil && !own(arg.typ)
}

// rest makes the list of a variadic argument; one list in its place is that list.
func rest(items []Value) Value {
	if len(items) == 1 && (items[0].Kind == List || items[0].Kind == Null) {
		return items[0]
	}
	return Value{Kind: List, Items: items, Pos: items[0].Pos}
}

func positional(name string, args []slot) string {
	if name == "" {
		name = "this"
	}
	switch len(args) {
	case 0:
		return "key=value: " + name + " takes no argument without a name"
	case 1:
		return "key=value: " + name + " takes only " + args[0].key + " without a name"
	}
	names := make([]string, len(args))
	for i, a := range args {
		names[i] = a.key
	}
	return "key=value: " + name + " takes only " + strings.Join(names, ", ") + " without a name"
}

func (d *decoder) unknownKey(at Pos, p place, name, key string, keys []string) {
	if name != "" {
		name += " has "
	}
	if len(keys) == 0 {
		d.fail(at, p.path, "unknown key %s; %sno keys", quote(key), name)
		return
	}
	d.fail(at, p.path, "unknown key %s%s", quote(key), strings.Replace(didYouMean(key, keys), "known:", name+"the keys:", 1))
}
