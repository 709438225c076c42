package prep

// This file applies a pipeline: to text cells, as a CSV file or a web form has them, and to numbers. The number path allocates nothing. All
// arithmetic is in float64 and rounded once, so that float32 and float64 plans see the same inputs to rounding.

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/spec"
)

// Raw are the numbers in which rows are held before scaling.
type Raw interface{ byte | float32 | float64 }

// Apply scales one row of cells, in the order of Inputs, into row at of the tensor named [X] among to; tensors of other names are left
// alone. Errors name the column and the cell; the caller knows the row's place.
func (p *Pipeline) Apply(row []string, to []engine.Tensor, at int) error {
	if len(row) != p.width {
		return p.wrongWidth(len(row), "cells")
	}
	x, err := p.x(to, at)
	if err != nil {
		return err
	}
	for i, cell := range row {
		v, err := ParseNumber(cell)
		if err == nil {
			err = p.store(x, at*p.width+i, i, v)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", place(p.inputs, i), err)
		}
	}
	return nil
}

// ApplyNumbers is [Pipeline.Apply] for a row that consists of numbers. NaN and infinities are errors.
func (p *Pipeline) ApplyNumbers(row []float32, to []engine.Tensor, at int) error {
	if len(row) != p.width {
		return p.wrongWidth(len(row), "values")
	}
	x, err := p.x(to, at)
	if err != nil {
		return err
	}
	if x.F32 != nil {
		to := x.F32[at*p.width : (at+1)*p.width]
		p.Numbers(to, row) // what is not finite stays so, and what is beyond float32 becomes infinite
		if kernels().NonFinite(to) < 0 {
			return nil
		}
	}
	for i, v := range row {
		if v-v != 0 {
			return fmt.Errorf("%s: %v is no finite number", place(p.inputs, i), v)
		}
		if err := p.store(x, at*p.width+i, i, float64(v)); err != nil {
			return fmt.Errorf("%s: %w", place(p.inputs, i), err)
		}
	}
	return nil
}

// Features scales one raw row into to. It is the inner loop of reading batches: both slices must have [Pipeline.Width] elements. Numbers
// that are not finite give numbers that are not.
func Features[R Raw, T engine.Float](p *Pipeline, to []T, row []R) {
	to, row = to[:p.width], row[:p.width]
	if p.bytes != nil {
		if row, ok := any(row).([]byte); ok {
			table := (*[256]float64)(p.bytes)
			for i, b := range row {
				to[i] = T(table[b])
			}
			return
		}
		subtract, divide := p.subtract[0], p.divide[0]
		for i, v := range row {
			to[i] = T((float64(v) - subtract) / divide)
		}
		return
	}
	subtract, divide := p.subtract[:p.width], p.divide[:p.width]
	for i, v := range row {
		to[i] = T((float64(v) - subtract[i]) / divide[i])
	}
}

// Bytes is [Features] from bytes to float32, as images are read: many values at a time where that gives the same bits.
func (p *Pipeline) Bytes(to []float32, row []byte) {
	if !p.divides {
		Features(p, to, row)
		return
	}
	kernels().Bytes(to[:p.width], row, float32(p.divide[0]))
}

// Numbers is [Features] from float32 to float32, with the same bits, many values at a time. A quotient of two numbers of float32 that is rounded to
// float64 first is rounded to the same float32 (Figueroa, "When is double rounding innocuous?", 1995).
func (p *Pipeline) Numbers(to, row []float32) {
	to, row = to[:p.width], row[:p.width]
	switch {
	case p.quotient:
		kernels().Divide(to, row, float32(p.divide[0]))
	case len(p.subtract) == p.width:
		kernels().Standardize(to, row, p.subtract, p.divide)
	default:
		Features(p, to, row)
	}
}

// TargetValue is what a raw target, a class number or a number, is in the tensor named [Y].
func (p *Pipeline) TargetValue(raw float64) float64 { return (raw - p.mean) / p.sd }

// ParseTarget reads a target's cell: the place of a class, or a number in the target's own unit. [Pipeline.TargetValue] scales it.
func (p *Pipeline) ParseTarget(cell string) (float64, error) {
	if p.target.Kind == Target {
		v, err := ParseNumber(cell)
		if err != nil {
			return 0, fmt.Errorf("target %s: %w", quote(p.target.Name), err)
		}
		return v, nil
	}
	cell = strings.TrimSpace(cell)
	if i, ok := p.classes[cell]; ok {
		return float64(i), nil
	}
	if v, err := ParseNumber(cell); err == nil {
		if i, ok := p.classes[NumberName(v)]; ok {
			return float64(i), nil
		}
	}
	return 0, fmt.Errorf("target %s: %s is no class of this model; %s", quote(p.target.Name), quote(cell), known("its classes are", cell, p.target.Categories))
}

// Match finds the input columns in the header of a table by name: element i of the result is the place of input i. Columns that are not
// inputs are ignored. An input with a shape stands for many cells and cannot be found by name: then the header must have exactly Width
// columns, in order.
func (p *Pipeline) Match(header []string) ([]int, error) {
	order := make([]int, p.width)
	if p.width != len(p.inputs) {
		if len(header) != p.width {
			return nil, p.wrongWidth(len(header), "columns")
		}
		for i := range order {
			order[i] = i
		}
		return order, nil
	}
	at := make(map[string]int, len(header))
	for i, name := range header {
		if _, ok := at[name]; ok {
			return nil, fmt.Errorf("two columns have the name %s", quote(name))
		}
		at[name] = i
	}
	var missing []string
	for i, c := range p.inputs {
		j, ok := at[c.Name]
		if !ok {
			missing = append(missing, c.Name)
		}
		order[i] = j
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("column %s, which the model was trained on, is missing%s; %s", quote(missing[0]), more(len(missing)-1), known("the columns are", missing[0], header))
	}
	return order, nil
}

// ParseNumber reads a decimal number such as 12, -0.5 or 1e-3; blanks around it are allowed. Nothing else is a number: no hexadecimal, no
// NaN, no infinity, nothing beyond float32. The error quotes the cell and says what to do.
func ParseNumber(cell string) (float64, error) {
	s := strings.TrimSpace(cell)
	digits := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			digits = true
		case c == '.' || c == '-' || c == '+' || digits && (c == 'e' || c == 'E'):
		default:
			return 0, notNumber(s)
		}
	}
	if !digits {
		return 0, notNumber(s)
	}
	v, err := strconv.ParseFloat(s, 64)
	if math.Abs(v) > math.MaxFloat32 {
		return 0, fmt.Errorf("%s is beyond the largest number possible, %.3g", quote(s), math.MaxFloat32)
	}
	if err != nil {
		return 0, notNumber(s)
	}
	return v, nil
}

// Missing reports whether a cell is one of the usual ways to write that there is no value.
func Missing(cell string) bool {
	switch strings.ToLower(strings.TrimSpace(cell)) {
	case "", "na", "n/a", "nan", "null", "none", "?":
		return true
	}
	return false
}

// NumberName is a number as the name of a class: the shortest decimal form, so that 3, 3.0 and 03 are one class.
func NumberName(v float64) string {
	if v == 0 {
		return "0" // also for -0
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

func notNumber(s string) error {
	switch {
	case strings.TrimSpace(s) == "":
		return fmt.Errorf("the cell is empty; missing values are not filled in, so remove the row or put a number there")
	case Missing(s):
		return fmt.Errorf("%s is a missing value; missing values are not filled in, so remove the row or put a number there", quote(s))
	case strings.Count(s, ",") == 1 && strings.Trim(s, "0123456789,-+") == "":
		return fmt.Errorf("%s is not a number; write decimals with a point, as in 1.5", quote(s))
	case strings.EqualFold(strings.TrimLeft(s, "+-"), "inf") || strings.EqualFold(strings.TrimLeft(s, "+-"), "infinity"):
		return fmt.Errorf("%s is no finite number", quote(s))
	}
	return fmt.Errorf("%s is not a number", quote(s))
}

func (p *Pipeline) wrongWidth(found int, what string) error {
	if p.width == len(p.inputs) {
		names := make([]string, len(p.inputs))
		for i, c := range p.inputs {
			names[i] = c.Name
		}
		return fmt.Errorf("the row has %d %s; %d are wanted: %s", found, what, p.width, list(names))
	}
	return fmt.Errorf("the row has %d %s; %d are wanted (%v)", found, what, p.width, p.Fields()[0].Type.Shape)
}

// x finds the tensor of the features and checks that it has a row at.
func (p *Pipeline) x(to []engine.Tensor, at int) (engine.Tensor, error) {
	for _, t := range to {
		if t.Name != X {
			continue
		}
		if n := max(len(t.F32), len(t.F64)); at < 0 || at >= n/p.width {
			return t, fmt.Errorf("tensor %q has room for %d rows of %d numbers, and row %d is asked for", X, n/p.width, p.width, at)
		}
		return t, nil
	}
	return engine.Tensor{}, fmt.Errorf("no tensor is named %q", X)
}

// store scales value v of feature i into element k of x.
func (p *Pipeline) store(x engine.Tensor, k, i int, v float64) error {
	j := i
	if len(p.subtract) == 1 {
		j = 0
	}
	scaled := (v - p.subtract[j]) / p.divide[j]
	if math.Abs(scaled) > math.MaxFloat32 {
		return fmt.Errorf("%v is %.3g after scaling, beyond the largest number possible", v, scaled)
	}
	if x.F32 != nil {
		x.F32[k] = float32(scaled)
	} else {
		x.F64[k] = scaled
	}
	return nil
}

// known lists what would have been accepted, the nearest name first.
func known(lead, name string, names []string) string {
	text := lead + " " + list(names)
	if near := spec.Nearest(name, names); near != "" {
		text = "did you mean " + quote(near) + "? " + text
	}
	return text
}

func list(names []string) string {
	const most = 12
	quoted := make([]string, 0, most)
	for i, name := range names {
		if i == most {
			break
		}
		quoted = append(quoted, quote(name))
	}
	return strings.Join(quoted, ", ") + more(len(names)-len(quoted))
}

func more(n int) string {
	if n < 1 {
		return ""
	}
	return fmt.Sprintf(" and %d more", n)
}
