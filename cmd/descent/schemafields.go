package main

// What the tags of a struct say about its keys, as internal/spec reads them. A test compares the two for everything that is registered.

import (
	"encoding"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/descent-go/descent/internal/spec"
)

// schemaField is a key of a struct.
type schemaField struct {
	key, help     string
	typ           reflect.Type
	value         reflect.Value // its default
	arg, required bool
	limits        schemaLimits
}

// schemaLimits are those of a number, or of each in a list; the choices of a text; the registry of a thing.
type schemaLimits struct {
	min, above, max, below *float64
	choices                []string
	kind                   string
}

func (l schemaLimits) bound(s *jsonschema.Schema) *jsonschema.Schema {
	s.Minimum, s.ExclusiveMinimum, s.Maximum, s.ExclusiveMaximum = l.min, l.above, l.max, l.below
	return s
}

func (l schemaLimits) accept(x float64) bool {
	return !(l.min != nil && x < *l.min || l.above != nil && x <= *l.above || l.max != nil && x > *l.max || l.below != nil && x >= *l.below)
}

// needed says whether a key must be given: it says so itself, or its default is out of its range.
func (f schemaField) needed() bool { return f.required || !f.hasDefault() }

// hasDefault says whether the default is in range.
func (f schemaField) hasDefault() bool {
	switch {
	case !f.value.IsValid():
		return true
	case f.value.CanFloat():
		return f.limits.accept(f.value.Float())
	case f.value.CanInt() && !spelledByItself(f.typ):
		return f.limits.accept(float64(f.value.Int()))
	}
	return true
}

// schemaFields lists the keys of a struct, those of what is inline among them. The first of a key counts.
func schemaFields(v reflect.Value) []schemaField {
	var list []schemaField
	add := func(more ...schemaField) {
		for _, f := range more {
			if !slices.ContainsFunc(list, func(o schemaField) bool { return o.key == f.key }) {
				list = append(list, f)
			}
		}
	}
	for i := range v.NumField() {
		sf := v.Type().Field(i)
		tag := sf.Tag.Get("spec")
		if !sf.IsExported() || tag == "-" {
			continue
		}
		name, options, _ := strings.Cut(tag, ",")
		f := schemaField{key: name, help: sf.Tag.Get("help"), typ: sf.Type, value: v.Field(i)}
		inline := false
		if name == "" {
			f.key = spec.Key(sf.Name)
			inline = sf.Anonymous && sf.Type.Kind() == reflect.Struct
		}
		for _, o := range strings.Split(options, ",") {
			inline = f.option(o) || inline
		}
		if !inline {
			add(f)
			continue
		}
		inner := v.Field(i)
		for inner.IsValid() && (inner.Kind() == reflect.Interface || inner.Kind() == reflect.Pointer) {
			inner = inner.Elem()
		}
		if inner.IsValid() && inner.Kind() == reflect.Struct {
			add(schemaFields(inner)...)
		}
	}
	return list
}

// option takes one option of a tag; it is true for "inline".
func (f *schemaField) option(o string) bool {
	name, text, _ := strings.Cut(o, "=")
	x, err := strconv.ParseFloat(text, 64)
	if err != nil {
		x = math.NaN()
	}
	switch name {
	case "inline":
		return true
	case "arg":
		f.arg = true
	case "required":
		f.required = true
	case "choices":
		f.limits.choices = strings.Split(text, "|")
	case "kind":
		f.limits.kind = text
	case "min":
		f.limits.min = &x
	case "gt":
		f.limits.above = &x
	case "max":
		f.limits.max = &x
	case "lt":
		f.limits.below = &x
	}
	return false
}

func firstArgument(list []schemaField) (schemaField, bool) {
	i := slices.IndexFunc(list, func(f schemaField) bool { return f.arg })
	if i < 0 {
		return schemaField{}, false
	}
	return list[i], true
}

// spelledByItself says whether a type reads its own spelling.
func spelledByItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return t.Kind() != reflect.Interface && (p.Implements(reflect.TypeFor[spec.Unmarshaler]()) || p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()))
}
