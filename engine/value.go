// Package engine turns a graph of operations into a plan and runs it: order, absorbed neighbours, a place for every activation, gradient
// and scratch buffer, back-propagation, instruments. It knows no layer, no optimizer and no data; it reads no clock and no file and prints
// nothing.
//
// The description of a network ([Graph], [Op]) has no type parameter; its execution ([Body], [Step]) has one, the precision, and the
// [Plan] hides it. What is learned ([Weights]) lies apart from both, so that several plans can run on one set of weights.
package engine

import (
	"fmt"
	"math"
	"strings"
)

// Float is a precision in which plans compute.
type Float interface{ float32 | float64 }

// Shape is the shape of one row, without the row axis: 28 by 28 pixels are Shape{28, 28}, a vector of ten logits is Shape{10}. A nil
// Shape is a scalar a row.
type Shape []int

// Size is the number of elements of one row, 1 for a scalar. It is -1 when the product does not fit an int or a dimension is negative.
func (s Shape) Size() int {
	size := 1
	for _, d := range s {
		if d < 0 || d > 0 && size > math.MaxInt/d {
			return -1
		}
		size *= d
	}
	return size
}

// Equal reports whether two shapes have the same dimensions.
func (s Shape) Equal(t Shape) bool {
	if len(s) != len(t) {
		return false
	}
	for i, d := range s {
		if d != t[i] {
			return false
		}
	}
	return true
}

// String writes a shape as 28x28; a scalar is "scalar".
func (s Shape) String() string {
	if len(s) == 0 {
		return "scalar"
	}
	var b strings.Builder
	for i, d := range s {
		if i > 0 {
			b.WriteByte('x')
		}
		fmt.Fprint(&b, d)
	}
	return b.String()
}

// Kind says what the numbers of a value are.
type Kind uint8

const (
	// Real numbers.
	Real Kind = iota
	// Index numbers are whole and 0 <= v < Type.Below <= 1<<24, so that float32 holds them exactly: classes, words, lengths.
	Index
)

// MaxIndex is the largest Type.Below: whole numbers up to here are exact in float32.
const MaxIndex = 1 << 24

// Type is what the engine knows of a value before any number exists.
type Type struct {
	Shape Shape
	Kind  Kind
	Below int  // of an Index: its values are below this
	Fixed bool // no rows: parameters, states and what is computed from them alone
}

// String writes a type for error messages, such as "28x28" or "index below 10".
func (t Type) String() string {
	s := t.Shape.String()
	if t.Kind == Index {
		s = fmt.Sprintf("%s index below %d", s, t.Below)
	}
	if t.Fixed {
		s += " (fixed)"
	}
	return s
}

// Use is what a field of a data set is for.
type Use uint8

const (
	Feature   Use = iota // what a prediction is made from
	Target               // what is to be predicted
	RowWeight            // how much a row counts in the loss
)

// String is the use's name.
func (u Use) String() string {
	switch u {
	case Feature:
		return "feature"
	case Target:
		return "target"
	case RowWeight:
		return "row weight"
	}
	return fmt.Sprintf("use %d", uint8(u))
}

// Field is a column of a data set or a group of columns, and the input of a graph that it feeds: they meet by Name.
type Field struct {
	Name string
	Type Type
	Use  Use
}

// Tensor is the currency between rooms: a named array of numbers, of which one of F32, F64 and U8 is set. Shape is the whole shape, rows
// included where there are rows.
type Tensor struct {
	Name  string
	Shape Shape
	F32   []float32
	F64   []float64
	U8    []byte
}

// Len is the number of elements that t holds.
func (t Tensor) Len() int { return max(len(t.F32), len(t.F64), len(t.U8)) }

// At reads element i as float64, whatever the precision.
func (t Tensor) At(i int) float64 {
	switch {
	case t.F32 != nil:
		return float64(t.F32[i])
	case t.F64 != nil:
		return t.F64[i]
	}
	return float64(t.U8[i])
}

// Keeper is whatever must survive a stop. Keep returns copies; Restore takes what an earlier Keep returned, also in another process, and
// refuses anything else without changing itself. Single numbers are F64 tensors.
type Keeper interface {
	Keep() []Tensor
	Restore([]Tensor) error
}

// Numbers returns the slice of t that holds precision T; it is nil when t holds another.
func Numbers[T Float](t Tensor) []T {
	var zero T
	switch any(zero).(type) {
	case float32:
		s, _ := any(t.F32).([]T)
		return s
	default:
		s, _ := any(t.F64).([]T)
		return s
	}
}

// TensorOf makes a tensor of x without copying.
func TensorOf[T Float](name string, s Shape, x []T) Tensor {
	t := Tensor{Name: name, Shape: s}
	switch x := any(x).(type) {
	case []float32:
		t.F32 = x
	case []float64:
		t.F64 = x
	}
	return t
}
