// Package surface has functions of two variables on which one sees what an optimizer does: a ravine, a saddle, the banana-shaped valley.
// [Follow] walks down one of them with the rules of package optim themselves, on weights in float64: nothing of a rule is written twice.
package surface

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/descent-go/descent/internal/spec"
)

// Function is a function of two variables, with what one must know to start an optimizer on it and to tell where it ended.
type Function struct {
	Name    string // as text has it: "rosenbrock"
	Formula string // of x and y
	Source  string // where it comes from
	// Value at a point, and Gradient, which it writes to the second slice. Slices have two elements; x and to may not be the same.
	Value    func(x []float64) float64
	Gradient func(x, to []float64)
	// Start is where one usually begins.
	Start []float64
	// Minima are all points with the least value, Least. Without any the function falls without end, and Least is -Inf.
	Minima [][]float64
	Least  float64
	// Region is what a picture shows.
	Region Region
	// Condition is the condition number at the minimum, largest by smallest curvature; 0 where there is no minimum, or several.
	Condition float64
	// Steps is how many steps a picture wants, and Rates the learning rate of an optimizer, by its name, that shows what it does here.
	Steps int
	Rates map[string]float64
}

// Region is a rectangle: Low is its corner at the bottom left, High the one at the top right.
type Region struct{ Low, High [2]float64 }

// Contains tells whether a point lies in r. NaN lies nowhere.
func (r Region) Contains(x []float64) bool {
	for i := range 2 {
		if !(x[i] >= r.Low[i] && x[i] <= r.High[i]) {
			return false
		}
	}
	return true
}

// diagonal is the length of r from corner to corner.
func (r Region) diagonal() float64 { return math.Hypot(r.High[0]-r.Low[0], r.High[1]-r.Low[1]) }

// Functions lists all functions, with the ravine at its usual condition number. The list is the caller's own.
func Functions() []Function {
	ravine, err := Ravine(usualCondition)
	if err != nil {
		panic(err) // our own number is out of our own range
	}
	return []Function{ravine, rosenbrock(), beale(), saddle(), himmelblau(), booth()}
}

// Names are the names of all functions, in the order of [Functions].
func Names() []string {
	var names []string
	for _, f := range Functions() {
		names = append(names, f.Name)
	}
	return names
}

// Lookup finds a function by name. The error names the nearest name and all of them.
func Lookup(name string) (Function, error) {
	all := Functions()
	if i := slices.IndexFunc(all, func(f Function) bool { return f.Name == name }); i >= 0 {
		return all[i], nil
	}
	text := fmt.Sprintf("unknown function %q", name)
	if near := spec.Nearest(name, Names()); near != "" {
		text += fmt.Sprintf("; did you mean %q?", near)
	} else {
		text += ";"
	}
	return Function{}, fmt.Errorf("%s known: %s", text, strings.Join(Names(), ", "))
}

// Distance is how far a point is from the nearest minimum; +Inf where the function has none, or the point isn't finite.
func (f Function) Distance(x []float64) float64 {
	least := math.Inf(1)
	for _, m := range f.Minima {
		if d := math.Hypot(x[0]-m[0], x[1]-m[1]); d < least {
			least = d
		}
	}
	return least
}
