package spec

// This file reads what a struct says about its fields: key, order of positional arguments, ranges, help.
//
//	LR     Schedule `spec:",arg" help:"learning rate"`          key lr, first positional argument
//	Beta2  float64  `spec:",min=0,lt=1"`                        key beta2, 0 <= x < 1
//	Units  []int    `spec:",arg,min=1,required"`                the range is that of each element
//	Rule   Rule     `spec:",inline"`                            the keys of the struct that it holds stand beside ours
//	Reduce string   `spec:",choices=mean|sum"`
//	Loss   Layer    `spec:",kind=loss"`                         from the list of losses, not that of layers
//	Data   Dataset  `spec:"-"`                                  not from text
//
// Without a name in the tag the key is the Go name in snake case: LR lr, NoBias no_bias, LRFactor lr_factor. Embedded
// structs are inline. Unexported fields are left alone.

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Unmarshaler is for types with a spelling of their own, such as a batch that is "full" or a number. The value is never
// a Word. What it returns gets place and key added.
type Unmarshaler interface{ UnmarshalSpec(Value) error }

// Marshaler is the way back of Unmarshaler: what it gives, UnmarshalSpec must take.
type Marshaler interface{ MarshalSpec() Value }

// Wanter is optional beside Unmarshaler: the words for what the type takes, in help and errors: `"full" or a number >= 1`.
type Wanter interface{ WantSpec() string }

var (
	durationType        = reflect.TypeFor[time.Duration]()
	unmarshalerType     = reflect.TypeFor[Unmarshaler]()
	textUnmarshalerType = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// field is what the tag of one struct field says.
type field struct {
	key      string
	index    int
	typ      reflect.Type
	help     string
	arg      bool
	inline   bool
	required bool
	limits   limits
}

// limits is what a field accepts beyond its type: the range of a number (of each, in a list), the choices of a text, the
// registry of a thing.
type limits struct {
	min, max         float64
	hasMin, hasMax   bool
	openMin, openMax bool // the end itself is not accepted
	choices          []string
	kind             string
}

// fieldsOf reads the tags of a struct type. A wrong tag is reported by checkType, which registration calls.
func fieldsOf(t reflect.Type) []field {
	fields, _ := readFields(t)
	return fields
}

func readFields(t reflect.Type) (fields []field, err error) {
	for i := range t.NumField() {
		sf := t.Field(i)
		tag := sf.Tag.Get("spec")
		if !sf.IsExported() || tag == "-" {
			continue
		}
		name, options, _ := strings.Cut(tag, ",")
		f := field{key: name, index: i, typ: sf.Type, help: sf.Tag.Get("help")}
		if name == "" {
			f.key = Key(sf.Name)
			f.inline = sf.Anonymous && sf.Type.Kind() == reflect.Struct
		}
		for _, o := range strings.Split(options, ",") {
			if e := f.option(o); e != nil && err == nil {
				err = fmt.Errorf("field %v.%s: %w", t, sf.Name, e)
			}
		}
		fields = append(fields, f)
	}
	return fields, err
}

func (f *field) option(o string) error {
	name, text, _ := strings.Cut(o, "=")
	switch name {
	case "":
		return nil
	case "arg":
		f.arg = true
		return nil
	case "inline":
		f.inline = true
		return nil
	case "required":
		f.required = true
		return nil
	case "choices":
		f.limits.choices = strings.Split(text, "|")
		return nil
	case "kind":
		f.limits.kind = text
		return nil
	case "min", "gt", "max", "lt":
	default:
		return fmt.Errorf("unknown option %q in its spec tag", o)
	}
	x, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return fmt.Errorf("option %q in its spec tag: %w", o, err)
	}
	l := &f.limits
	if name == "min" || name == "gt" {
		l.min, l.hasMin, l.openMin = x, true, name == "gt"
	} else {
		l.max, l.hasMax, l.openMax = x, true, name == "lt"
	}
	return nil
}

func (l limits) accept(x float64) bool {
	return !(l.hasMin && (x < l.min || l.openMin && x == l.min) || l.hasMax && (x > l.max || l.openMax && x == l.max))
}

// String gives the range as mathematics writes it: ">= 1", "in [0, 1)"; "" without limits.
func (l limits) String() string {
	low, high := formatFloat(l.min, 64), formatFloat(l.max, 64)
	switch {
	case l.hasMin && l.hasMax:
		open, shut := "[", "]"
		if l.openMin {
			open = "("
		}
		if l.openMax {
			shut = ")"
		}
		return "in " + open + low + ", " + high + shut
	case l.hasMin && l.openMin:
		return "> " + low
	case l.hasMin:
		return ">= " + low
	case l.hasMax && l.openMax:
		return "< " + high
	case l.hasMax:
		return "<= " + high
	}
	return ""
}

// Key gives the key of a Go field name: LR lr, Beta2 beta2, NoBias no_bias, LRFactor lr_factor.
func Key(name string) string {
	runes := []rune(name)
	var b strings.Builder
	for i, r := range runes {
		if i > 0 && unicode.IsUpper(r) {
			prev := runes[i-1]
			nextLower := i+1 < len(runes) && unicode.IsLower(runes[i+1])
			if unicode.IsLower(prev) || (unicode.IsUpper(prev) || unicode.IsDigit(prev)) && nextLower {
				b.WriteByte('_')
			}
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// slot is one key of a value in hand, with the place that it sets.
type slot struct {
	field
	v reflect.Value
}

// slots lists the keys of an addressable struct, those of inlined structs and interfaces among them, in order. What an
// inlined interface holds is copied out to be settable; commit puts the copies back and is called after setting.
func slots(v reflect.Value) (list []slot, commit func()) {
	var back []func()
	add := func(v reflect.Value) {
		inner, c := slots(v)
		for _, s := range inner {
			if !slices.ContainsFunc(list, func(o slot) bool { return o.key == s.key }) {
				list = append(list, s)
			}
		}
		back = append(back, c)
	}
	for _, f := range fieldsOf(v.Type()) {
		fv := v.Field(f.index)
		switch {
		case !f.inline:
			list = append(list, slot{f, fv})
		case fv.Kind() == reflect.Struct:
			add(fv)
		case fv.Kind() == reflect.Interface && !fv.IsNil():
			held := reflect.New(fv.Elem().Type()).Elem()
			held.Set(fv.Elem())
			if target := pointee(held); target.Kind() == reflect.Struct {
				add(target)
			}
			back = append(back, func() { fv.Set(held) })
		}
	}
	return list, func() {
		for _, c := range back {
			c()
		}
	}
}

// pointee follows non-nil pointers.
func pointee(v reflect.Value) reflect.Value {
	for v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	return v
}

// own says whether a type spells itself (Unmarshaler or TextUnmarshaler, on the value or its pointer).
func own(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return t.Kind() != reflect.Interface && (p.Implements(unmarshalerType) || p.Implements(textUnmarshalerType))
}

// checkType looks at a prototype before anybody types its name: every field must be of a kind that text can set, tags
// must be readable, and keys unique.
func checkType(v reflect.Value) error {
	held := reflect.New(v.Type()).Elem()
	held.Set(v)
	v = pointee(held)
	t := v.Type()
	if own(t) || t.Kind() != reflect.Struct {
		return checkKind(t, map[reflect.Type]bool{})
	}
	keys := map[string]bool{}
	list, _ := rawSlots(v)
	for _, s := range list {
		if keys[s.key] {
			return fmt.Errorf("two fields have the key %q", s.key)
		}
		keys[s.key] = true
	}
	if err := checkKind(t, map[reflect.Type]bool{}); err != nil {
		return err
	}
	for _, f := range fieldsOf(t) {
		if fv := v.Field(f.index); f.inline && fv.Kind() == reflect.Interface && !fv.IsNil() {
			if err := checkType(fv.Elem()); err != nil {
				return err
			}
		}
	}
	return nil
}

// rawSlots is slots with double keys kept, for the check.
func rawSlots(v reflect.Value) (list []slot, err error) {
	for _, f := range fieldsOf(v.Type()) {
		fv := v.Field(f.index)
		if f.inline && fv.Kind() == reflect.Interface && !fv.IsNil() {
			held := reflect.New(fv.Elem().Type()).Elem()
			held.Set(fv.Elem())
			fv = pointee(held)
		}
		if f.inline && fv.Kind() == reflect.Struct {
			inner, _ := rawSlots(fv)
			list = append(list, inner...)
		} else if !f.inline {
			list = append(list, slot{f, fv})
		}
	}
	return list, nil
}

func checkKind(t reflect.Type, seen map[reflect.Type]bool) error {
	if seen[t] || own(t) {
		return nil
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Bool, reflect.String, reflect.Interface, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return nil
	case reflect.Slice, reflect.Pointer:
		return checkKind(t.Elem(), seen)
	case reflect.Map:
		if t.Key().Kind() != reflect.String {
			return fmt.Errorf("%v: keys of a map must be strings", t)
		}
		return checkKind(t.Elem(), seen)
	case reflect.Struct:
		fields, err := readFields(t)
		if err != nil {
			return err
		}
		for _, f := range fields {
			if err := checkKind(f.typ, seen); err != nil {
				return fmt.Errorf("%s: %w", f.key, err)
			}
		}
		return nil
	}
	return fmt.Errorf(`%v cannot be set from text; tag the field spec:"-"`, t)
}
