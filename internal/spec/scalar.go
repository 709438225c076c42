package spec

// This file decodes what is not a thing and not a struct: numbers, text, switches, durations, lists, maps by name. Each
// refusal says what was found and what range is accepted.

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (d *decoder) scalar(p place, v *Value) {
	switch t := p.v.Type(); {
	case t == durationType:
		d.duration(p, v)
	case t.Kind() == reflect.Bool:
		if v.Kind == Bool {
			p.v.SetBool(v.Text == "true")
			return
		}
		d.wanted(p, v, "")
	case t.Kind() == reflect.String:
		d.text(p, v)
	case p.v.CanFloat():
		d.float(p, v)
	case p.v.CanInt() || p.v.CanUint():
		d.whole(p, v)
	default:
		d.fail(v.Pos, p.path, "cannot be set here: %v has no spelling", t)
	}
}

func (d *decoder) text(p place, v *Value) {
	switch {
	case v.Kind == Number || v.Kind == Bool:
		d.wanted(p, v, fmt.Sprintf("; write \"%s\" in quotes", bare(v.Text)))
	case v.Kind != String:
		d.wanted(p, v, "")
	case p.limits.choices != nil && !slices.Contains(p.limits.choices, v.Text):
		more := ""
		if near := Nearest(v.Text, p.limits.choices); near != "" {
			more = "; did you mean " + quote(near) + "?"
		}
		d.wanted(p, v, more)
	default:
		p.v.SetString(v.Text)
	}
}

func (d *decoder) float(p place, v *Value) {
	// The text is rounded once, to the field's own precision, so that what was written is read back.
	x, ok, problem := number(v, p.v.Type().Bits())
	if !ok || !p.limits.accept(x) {
		d.wanted(p, v, problem)
		return
	}
	p.v.SetFloat(x)
}

// number reads a Number to 32 or 64 bits; problem is what to add to "wanted a number" when there is none.
func number(v *Value, bits int) (x float64, ok bool, problem string) {
	if v.Kind != Number {
		if v.Kind == String {
			switch strings.ToLower(strings.TrimLeft(v.Text, "+-.")) {
			case "inf", "infinity", "nan":
				return 0, false, ": infinite and NaN are not accepted"
			}
			if isNumber(v.Text) {
				return 0, false, "; leave the quotes away"
			}
		}
		return 0, false, ""
	}
	x, err := strconv.ParseFloat(v.Text, bits)
	single := ""
	if bits == 32 {
		single = " for single precision"
	}
	switch {
	case err != nil || math.IsInf(x, 0):
		return 0, false, ": too large" + single
	case x == 0 && strings.ContainsAny(mantissa(v.Text), "123456789"):
		return 0, false, ": too small" + single + ", it would become 0"
	}
	return x, true, ""
}

func mantissa(s string) string {
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		return s[:i]
	}
	return s
}

// whole reads a whole number. 1e6 and 128.0 are whole; beyond 2^53 only plain digits are, since a float would round them.
func (d *decoder) whole(p place, v *Value) {
	x, ok, problem := number(v, 64)
	if !ok || x != math.Trunc(x) || !p.limits.accept(x) {
		d.wanted(p, v, problem)
		return
	}
	digits := strings.TrimPrefix(v.Text, "+")
	exact := math.Abs(x) <= 1<<53
	if p.v.CanUint() {
		n, err := strconv.ParseUint(digits, 10, 64)
		if err != nil && exact && x >= 0 {
			n, err = uint64(x), nil
		}
		if err == nil && !p.v.OverflowUint(n) {
			p.v.SetUint(n)
			return
		}
	} else {
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil && exact {
			n, err = int64(x), nil
		}
		if err == nil && !p.v.OverflowInt(n) {
			p.v.SetInt(n)
			return
		}
	}
	d.fail(v.Pos, p.path, "found %s, wanted a whole number from %s", v.describe(), holds(p.v, p.limits))
}

// holds gives the range that a Go type can hold inside the limits of a field: "0 to 255".
func holds(v reflect.Value, l limits) string {
	bits := v.Type().Bits()
	low, high := "0", strconv.FormatUint(math.MaxUint64>>(64-bits), 10)
	if v.CanInt() {
		low, high = strconv.FormatInt(math.MinInt64>>(64-bits), 10), strconv.FormatInt(math.MaxInt64>>(64-bits), 10)
	}
	if l.hasMin {
		low = formatFloat(l.min, 64)
	}
	if l.hasMax {
		high = formatFloat(l.max, 64)
	}
	return low + " to " + high
}

func (d *decoder) duration(p place, v *Value) {
	if v.Kind == Number && !strings.ContainsAny(v.Text, "123456789") {
		p.v.SetInt(0)
		return
	}
	if v.Kind != String {
		more := ""
		if v.Kind == Number {
			more = fmt.Sprintf("; for seconds write %ss", bare(v.Text))
		}
		d.wanted(p, v, more)
		return
	}
	t, err := time.ParseDuration(v.Text)
	if err != nil || !p.limits.accept(t.Seconds()) {
		d.wanted(p, v, "")
		return
	}
	p.v.SetInt(int64(t))
}

func (d *decoder) slice(p place, v *Value) {
	switch v.Kind {
	case Null:
		p.v.SetZero()
		return
	case List:
	default:
		more := ""
		if v.Kind == String || v.Kind == Number || v.Kind == Bool {
			more = "; write [" + bare(v.Text) + "]"
		}
		d.wanted(p, v, more)
		return
	}
	made := reflect.MakeSlice(p.v.Type(), len(v.Items), len(v.Items))
	for i := range v.Items {
		if d.full() {
			return
		}
		d.value(place{made.Index(i), fmt.Sprintf("%s[%d]", p.path, i), p.limits}, &v.Items[i], nil)
	}
	p.v.Set(made)
}

func (d *decoder) mapping(p place, v *Value) {
	switch v.Kind {
	case Null:
		p.v.SetZero()
		return
	case Map:
	default:
		d.wanted(p, v, "")
		return
	}
	made := reflect.MakeMapWithSize(p.v.Type(), len(v.Pairs))
	for i := range v.Pairs {
		if d.full() {
			return
		}
		item := reflect.New(p.v.Type().Elem()).Elem()
		d.value(place{item, p.under(v.Pairs[i].Key), p.limits}, &v.Pairs[i].Value, nil)
		made.SetMapIndex(reflect.ValueOf(v.Pairs[i].Key).Convert(p.v.Type().Key()), item)
	}
	p.v.Set(made)
}

// clone copies what a value holds, so that a decoded thing shares with its prototype no slice, map or pointer that keys
// lead to. What unexported fields point to is shared.
func clone(v reflect.Value) reflect.Value {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return v
		}
		c := reflect.New(v.Type().Elem())
		c.Elem().Set(clone(v.Elem()))
		return c
	case reflect.Interface:
		if v.IsNil() {
			return v
		}
		c := reflect.New(v.Type()).Elem()
		c.Set(clone(v.Elem()))
		return c
	case reflect.Slice:
		if v.IsNil() {
			return v
		}
		c := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			c.Index(i).Set(clone(v.Index(i)))
		}
		return c
	case reflect.Map:
		if v.IsNil() {
			return v
		}
		c := reflect.MakeMapWithSize(v.Type(), v.Len())
		for it := v.MapRange(); it.Next(); {
			c.SetMapIndex(it.Key(), clone(it.Value()))
		}
		return c
	case reflect.Struct:
		c := reflect.New(v.Type()).Elem()
		c.Set(v)
		for _, f := range fieldsOf(v.Type()) {
			c.Field(f.index).Set(clone(v.Field(f.index)))
		}
		return c
	}
	return v
}
