// Package prep holds what is fitted on the training part of a data set and travels with the model: how each input column becomes numbers
// that a network can use, and what the network's answers mean. A model that is loaded elsewhere scales its inputs exactly as they were
// scaled in training, because the [Pipeline] is stored beside the weights.
//
// The package knows no files. Its numbers are the same on every target: sums have one order, products are never fused with additions.
package prep

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/kernel"
)

// The kinds of a [Column].
const (
	Number   = "number"   // a feature: a number, or an array of them such as an image
	Category = "category" // a feature with few known values; reserved, no pipeline of this version takes it
	Class    = "class"    // the target of a classification; Categories are its classes in the order of the network's outputs
	Target   = "target"   // the target of a regression: a number
)

// X and Y are the names of the two fields that a pipeline makes: features and target. The network's inputs carry the same names.
const (
	X = "x"
	Y = "y"
)

// Column is a column of raw data, before any scaling. An image, or any other array whose values belong together, is one column with a
// Shape; a nil Shape is a single number. Categories are the names that the whole numbers 0, 1, ... of a class column stand for.
type Column struct {
	Name       string
	Kind       string
	Shape      engine.Shape
	Categories []string
}

// Size is how many numbers, or cells, a row of the column has: 1 without a Shape.
func (c Column) Size() int { return c.Shape.Size() }

// Pipeline turns raw rows into what a network takes, and says what its outputs stand for. It is immutable; any number of goroutines may
// use one. Make it with [Fit] or from its JSON form.
type Pipeline struct {
	inputs  []Column
	target  Column
	scaling string

	// A feature becomes (value - subtract) / divide. Both have one element for all features, or one a feature.
	subtract, divide []float64
	bytes            []float64 // the 256 results, where one element serves all features and so a byte says everything
	divides          bool      // the kernel that divides bytes gives the float32 of them all
	quotient         bool      // scaling is a division by a number of float32
	mean, sd         float64   // of a regression's targets, which become (value - mean) / sd; 0 and 1: they stay as they are

	width   int
	classes map[string]int
}

// maxWidth bounds the values of a row (an image of 16,000 by 16,000), so that sizes never overflow, whatever a file says.
const maxWidth = 1 << 28

// build checks a pipeline's parts and derives the rest. Both doors, fitting and JSON, end here.
func build(p Pipeline) (*Pipeline, error) {
	width, err := checkColumns(p.inputs, p.target)
	if err != nil {
		return nil, err
	}
	p.width = width
	if !slices.Contains(scalings, p.scaling) {
		return nil, fmt.Errorf("unknown scaling %s; there are %s", quote(p.scaling), strings.Join(scalings, ", "))
	}
	if n := len(p.subtract); n != len(p.divide) || n != 1 && n != width {
		return nil, fmt.Errorf("scaling has %d numbers to subtract and %d to divide by; one of each, or %d, one a feature, are wanted",
			n, len(p.divide), width)
	}
	for i := range p.subtract {
		if !finite(p.subtract[i]) || !finite(p.divide[i]) || p.divide[i] <= 0 {
			return nil, fmt.Errorf("scaling of feature %d subtracts %v and divides by %v; a finite number and a positive one are wanted",
				i+1, p.subtract[i], p.divide[i])
		}
	}
	if !finite(p.mean) || !finite(p.sd) || p.sd <= 0 {
		return nil, fmt.Errorf("target %s has mean %v and standard deviation %v; a finite number and a positive one are wanted",
			quote(p.target.Name), p.mean, p.sd)
	}
	if len(p.subtract) == 1 {
		p.bytes = make([]float64, 256)
		for b := range p.bytes {
			p.bytes[b] = (float64(b) - p.subtract[0]) / p.divide[0]
		}
		p.divides = dividesTo(p.bytes, float32(p.divide[0]))
		p.quotient = p.subtract[0] == 0 && float64(float32(p.divide[0])) == p.divide[0]
	}
	if p.target.Kind == Class {
		p.classes = make(map[string]int, len(p.target.Categories))
		for i, name := range p.target.Categories {
			p.classes[name] = i
		}
	}
	return &p, nil
}

func checkColumns(inputs []Column, target Column) (width int, err error) {
	if len(inputs) == 0 {
		return 0, fmt.Errorf("there is no input column; at least one is wanted beside the target")
	}
	names := make(map[string]bool, len(inputs)+1)
	for i, c := range append(slices.Clone(inputs), target) {
		if c.Name == "" {
			return 0, fmt.Errorf("column %d has no name", i+1)
		}
		if names[c.Name] {
			return 0, fmt.Errorf("two columns have the name %s", quote(c.Name))
		}
		names[c.Name] = true
		if i == len(inputs) {
			break
		}
		switch {
		case c.Kind == Category:
			return 0, fmt.Errorf("column %s has kind %q, which this version does not encode; give it as numbers, one column of 0 and 1 a category",
				quote(c.Name), Category)
		case c.Kind != Number:
			return 0, fmt.Errorf("input column %s has kind %s; %q is wanted", quote(c.Name), quote(c.Kind), Number)
		case len(c.Categories) > 0:
			return 0, fmt.Errorf("column %s is a number and has categories", quote(c.Name))
		case c.Size() < 1 || c.Size() > maxWidth || width+c.Size() > maxWidth:
			return 0, fmt.Errorf("column %s has shape %v; dimensions from 1 and at most %d values a row are possible", quote(c.Name), c.Shape, maxWidth)
		}
		width += c.Size()
	}
	if len(target.Shape) > 0 {
		return 0, fmt.Errorf("target %s has shape %v; one value a row is wanted", quote(target.Name), target.Shape)
	}
	switch target.Kind {
	case Target:
		if len(target.Categories) > 0 {
			return 0, fmt.Errorf("target %s is a number and has categories", quote(target.Name))
		}
	case Class:
		if n := len(target.Categories); n < 2 || n > engine.MaxIndex {
			return 0, fmt.Errorf("target %s has %d classes; 2 to %d are possible", quote(target.Name), n, engine.MaxIndex)
		}
		seen := make(map[string]bool, len(target.Categories))
		for _, name := range target.Categories {
			if name == "" || seen[name] {
				return 0, fmt.Errorf("target %s has class %s twice, or without a name", quote(target.Name), quote(name))
			}
			seen[name] = true
		}
	default:
		return 0, fmt.Errorf("target column %s has kind %s; %q or %q is wanted", quote(target.Name), quote(target.Kind), Class, Target)
	}
	return width, nil
}

// Inputs are the raw columns that a prediction is made from, in order.
func (p *Pipeline) Inputs() []Column { return slices.Clone(p.inputs) }

// Target is the column that is predicted.
func (p *Pipeline) Target() Column { return p.target }

// Classes are the names of the network's outputs in order, nil for a regression.
func (p *Pipeline) Classes() []string { return slices.Clone(p.target.Categories) }

// Scaling is the kind of scaling: see [Options].
func (p *Pipeline) Scaling() string { return p.scaling }

// Width is how many numbers or cells a raw row has, the target apart.
func (p *Pipeline) Width() int { return p.width }

// Fields are what the pipeline makes: X, of the only column's shape or else a vector, and Y, an index below the number of classes or a
// real number.
func (p *Pipeline) Fields() []engine.Field {
	shape := engine.Shape{p.width}
	if len(p.inputs) == 1 && len(p.inputs[0].Shape) > 0 {
		shape = slices.Clone(p.inputs[0].Shape)
	}
	y := engine.Type{Shape: engine.Shape{1}}
	if p.target.Kind == Class {
		y.Kind, y.Below = engine.Index, len(p.target.Categories)
	}
	return []engine.Field{
		{Name: X, Type: engine.Type{Shape: shape}, Use: engine.Feature},
		{Name: Y, Type: y, Use: engine.Target},
	}
}

// TargetScale says how a regression's targets were scaled: the network's answer a stands for a*sd + mean ([Pipeline.Unscale]), an error
// or a standard deviation s for s*sd. It is 0 and 1 where they were not scaled, and for classes.
func (p *Pipeline) TargetScale() (mean, sd float64) { return p.mean, p.sd }

// Unscale turns a regression network's answer into the target's own unit.
func (p *Pipeline) Unscale(answer float64) float64 { return float64(answer*p.sd) + p.mean }

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// quote writes a name or a cell for a message: short, and with control characters escaped, so that data cannot drive a terminal.
func quote(s string) string {
	const most = 40
	if len(s) > 4*most {
		s = s[:4*most]
	}
	if r := []rune(s); len(r) > most {
		return strconv.Quote(string(r[:most])) + "..."
	}
	return strconv.Quote(s)
}

// kernels are those of the best set: which one it is cannot be told from what is used of them here.
var kernels = sync.OnceValue(func() *kernel.Table[float32] {
	k, err := kernel.For[float32]("")
	if err != nil {
		panic("prep: " + err.Error())
	}
	return k
})

// dividesTo reports whether the kernel turns every byte into what stands in the table, rounded.
func dividesTo(table []float64, divisor float32) bool {
	var all [256]byte
	var got [256]float32
	for b := range all {
		all[b] = byte(b)
	}
	kernels().Bytes(got[:], all[:], divisor)
	for b, v := range got {
		if v != float32(table[b]) {
			return false
		}
	}
	return true
}
