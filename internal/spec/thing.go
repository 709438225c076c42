package spec

// This file decodes the members of registries. All of these say the same: relu, "dense(512)", {dense: 512} and
// {dense: {units: 512}}; besides, a bare number or a list may stand for the entry that the registry declares for it.

import (
	"reflect"
	"slices"
	"strings"
)

// thing sets a place from a registry: the name chooses the prototype, a copy of which takes the arguments.
func (d *decoder) thing(r *Registry, p place, v *Value, over []override) {
	if v == nil { // only overrides: change what is there
		d.adjust(r, p, over)
		return
	}
	if v.Kind == String {
		parsed, err := parseText(v.Pos, v.Text)
		if err != nil {
			d.fail(err.Pos, p.path, "%s", err.Problem)
			return
		}
		v = &parsed
	}
	if v.Kind == Null && p.v.Kind() == reflect.Interface {
		p.v.SetZero()
		if len(over) > 0 {
			d.adjust(r, p, over)
		}
		return
	}
	call, ok := d.call(r, p, v)
	if !ok {
		return
	}
	e, err := r.Lookup(call.Text)
	if err != nil {
		d.fail(call.Pos, p.path, "%s", err)
		return
	}
	proto := reflect.ValueOf(e.Prototype)
	made := reflect.New(proto.Type()).Elem()
	made.Set(clone(proto))
	if r.typ != p.v.Type() { // a struct around an inline interface: its own fields keep their defaults
		outer := reflect.New(p.v.Type()).Elem()
		outer.Set(p.v)
		inlined(outer).Set(made)
		made = outer
	}
	d.fill(p, made, e.Name, call, over)
}

// adjust changes single keys of the thing that a place holds already.
func (d *decoder) adjust(r *Registry, p place, over []override) {
	held := p.v
	if held.Kind() == reflect.Interface {
		held = held.Elem()
	}
	if !held.IsValid() {
		d.fail(over[0].value.Pos, p.path, "no %s is chosen whose %s could be set", r.kind, bare(over[0].path[0]))
		return
	}
	made := reflect.New(held.Type()).Elem()
	made.Set(clone(held))
	name := r.kind
	if e, _, ok := d.set.entryOf(r, held); ok {
		name = e.Name
	}
	d.fill(p, made, name, Value{Pos: over[0].value.Pos}, over)
}

// fill gives a thing its arguments, lets it check itself once everything inside is in order, and stores it.
func (d *decoder) fill(p place, made reflect.Value, name string, call Value, over []override) {
	before := len(d.errs)
	target := pointee(made)
	if target.Kind() == reflect.Struct && !own(target.Type()) {
		d.arguments(place{target, p.path, p.limits}, name, call, over)
	} else {
		d.single(place{target, p.path, p.limits}, name, call, over)
	}
	p.v.Set(made)
	if len(d.errs) > before {
		return
	}
	x, ok := p.v.Interface().(interface{ Validate() error })
	if !ok {
		x, ok = p.v.Addr().Interface().(interface{ Validate() error })
	}
	if ok {
		if err := x.Validate(); err != nil {
			d.errs = append(d.errs, &Error{Pos: call.Pos, Path: p.path, Problem: err.Error(), Err: err})
		}
	}
}

// single fills a thing that is one value (constant(0.1), get(length)) or one list (sequence(dense(8), relu)).
func (d *decoder) single(p place, name string, call Value, over []override) {
	items := call.Items
	if p.v.Kind() == reflect.Slice && !own(p.v.Type()) && len(items) > 0 {
		items = []Value{rest(items)}
	}
	switch {
	case len(over) > 0:
		d.fail(over[0].value.Pos, p.path, "%s has no key %s: it takes one value", name, quote(over[0].path[0]))
	case len(call.Pairs) > 0:
		pair := call.Pairs[0]
		d.fail(pair.Pos, p.path, "%s has no key %s: it takes one value, as in %s(...)", name, quote(pair.Key), name)
	case len(items) > 1:
		d.fail(items[1].Pos, p.path, "found %s, but %s takes one value", items[1].describe(), name)
	case len(items) == 1:
		v := &items[0]
		if p.v.Kind() == reflect.Slice && !own(p.v.Type()) {
			d.slice(p, v)
		} else {
			d.value(p, v, nil)
		}
	}
}

// call brings every form of a thing to a Call.
func (d *decoder) call(r *Registry, p place, v *Value) (Value, bool) {
	call := Value{Kind: Call, Text: v.Text, Pos: v.Pos}
	switch v.Kind {
	case Call:
		return *v, true
	case String:
		return call, true
	case Number, List:
		if e, ok := r.shorthand(v.Kind); ok {
			call.Text, call.Items = e.Name, []Value{*v}
			return call, true
		}
	case Map:
		if len(v.Pairs) != 1 {
			d.fail(v.Pos, p.path, "found %s, wanted one %s: write %s", v.describe(), r.kind, remedy(r, v))
			return call, false
		}
		pair := v.Pairs[0]
		call.Text, call.Pos = pair.Key, pair.Pos
		switch pair.Value.Kind {
		case Null:
		case Map:
			call.Pairs = pair.Value.Pairs
		default:
			call.Items = []Value{pair.Value}
		}
		return call, true
	}
	d.fail(v.Pos, p.path, "found %s, wanted %s such as %s", v.describe(), article(r.kind), example(r))
	return call, false
}

// remedy shows how a map of several keys is to be written: around the known name in it if there is one.
func remedy(r *Registry, v *Value) string {
	name, others := example(r), []string{}
	for _, pair := range v.Pairs {
		if e, err := r.Lookup(pair.Key); err == nil {
			name = e.Name
		} else if len(others) < 2 {
			others = append(others, bare(pair.Key)+": ...")
		}
	}
	if len(others) == 0 {
		others = []string{"key: value"}
	}
	return "{" + name + ": {" + strings.Join(others, ", ") + "}}"
}

func example(r *Registry) string {
	if names := r.Names(); len(names) > 0 {
		return names[0]
	}
	return "NAME"
}

// inlined gives the interface field that a struct has inline.
func inlined(v reflect.Value) reflect.Value {
	for _, f := range fieldsOf(v.Type()) {
		if f.inline && f.typ.Kind() == reflect.Interface {
			return v.Field(f.index)
		}
	}
	return reflect.Value{}
}

// signature lists the concrete types that tell the entries of a registry apart: the type of the thing and of what it
// holds inline.
func signature(v reflect.Value) []reflect.Type {
	if v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	if !v.IsValid() {
		return []reflect.Type{nil}
	}
	types := []reflect.Type{v.Type()}
	if v.Kind() == reflect.Struct {
		if in := inlined(v); in.IsValid() {
			types = append(types, signature(in)...)
		}
	}
	return types
}

// entryOf finds the entry that a value is written as: among those of its types, the one whose defaults it shares most.
// kept is the entry's prototype, brought to the type of v.
func (s *Set) entryOf(r *Registry, v reflect.Value) (best Entry, kept reflect.Value, ok bool) {
	if v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	want, inner := v, v.IsValid() && v.Kind() == reflect.Struct && r.typ.Kind() == reflect.Interface && r.typ != v.Type() && inlined(v).IsValid()
	if inner && !v.Type().Implements(r.typ) {
		want = inlined(v)
	} else {
		inner = false
	}
	types := signature(want)
	fewest := 1 << 30
	for _, e := range r.Entries() {
		proto := reflect.ValueOf(e.Prototype)
		if !slices.Equal(signature(proto), types) {
			continue
		}
		if inner {
			outer := reflect.New(v.Type()).Elem()
			inlined(outer).Set(proto)
			proto = outer
		}
		if n := differences(v, proto); n < fewest {
			best, kept, fewest, ok = e, proto, n, true
		}
	}
	return best, kept, ok
}

// differences counts the keys in which two values of the same types differ.
func differences(a, b reflect.Value) int {
	a, b = pointee(settable(a)), pointee(settable(b))
	if a.Type() != b.Type() || a.Kind() != reflect.Struct || own(a.Type()) {
		if reflect.DeepEqual(a.Interface(), b.Interface()) {
			return 0
		}
		return 1
	}
	as, _ := slots(a)
	bs, _ := slots(b)
	n := 0
	for i := range as {
		if !reflect.DeepEqual(as[i].v.Interface(), bs[i].v.Interface()) {
			n++
		}
	}
	return n
}

// settable gives a copy whose fields can be reached and set.
func settable(v reflect.Value) reflect.Value {
	c := reflect.New(v.Type()).Elem()
	c.Set(v)
	return c
}
