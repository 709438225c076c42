package surface

// A walk: an optimizer on a function. The two variables are one parameter of a network that computes nothing; at each step the function's
// gradient is laid beside them, and the stepper does the rest, with its schedules, clipping, decay and wrappers.

import (
	"fmt"
	"math"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/optim"
)

// MaxSteps is the longest walk that [Follow] takes.
const MaxSteps = 1_000_000

// Path is where an optimizer went.
type Path struct {
	Function  Function
	Optimizer optim.Optimizer
	// Points has the start and the weights after each step, Values the function there. Past a divergence they are not finite.
	Points [][]float64
	Values []float64
	// Averages are the points at which the optimizer would have its weights evaluated, where these are others than those that it trains
	// (an average over steps); nil else.
	Averages [][]float64
}

// Follow walks so many steps from a start, nil for the function's own. It does all of them, also where the path leads away; see
// [Path.Diverged]. A schedule sees a training of that many steps, each of them an epoch; the loss of a step is the function's value.
func Follow(f Function, o optim.Optimizer, start []float64, steps int) (Path, error) {
	if start == nil {
		start = f.Start
	}
	if err := CheckStart(start); err != nil {
		return Path{}, fmt.Errorf("%s: %w", f.Name, err)
	}
	if steps < 0 || steps > MaxSteps {
		return Path{}, fmt.Errorf("%s: %d steps: a whole number in [0, %d] is wanted", f.Name, steps, MaxSteps)
	}
	w, err := variables()
	if err != nil {
		return Path{}, err
	}
	s, err := o.Bind(w, nil)
	if err != nil {
		return Path{}, err
	}
	v, ok := engine.Vectors[float64](w)
	if !ok {
		panic("surface: weights are not in float64")
	}
	offset := w.Params()[0].Offset
	x, gradient := v.Weight[offset:offset+2], v.Grad[offset:offset+2]
	copy(x, start)
	w.Changed()

	walk := walker{path: Path{Function: f, Optimizer: o}, numbers: make([]float64, 0, 2*(steps+1))}
	walk.record(x)
	evaluate := func() (engine.Sum, error) {
		f.Gradient(x, gradient)
		return engine.Sum{Loss: f.Value(x), Weight: 1}, nil
	}
	average := w.Copy()
	for n := range steps {
		sum, _ := evaluate()
		m := optim.Moment{Progress: optim.Progress{Step: n, Steps: steps, Epoch: float64(n)}, Sum: sum, Again: evaluate}
		if err := s.Step(&m); err != nil {
			return Path{}, fmt.Errorf("%s: step %d: %w", f.Name, n+1, err)
		}
		walk.record(x)
		if s.Average(average) {
			a, _ := engine.Vectors[float64](average)
			walk.average(n+1, a.Weight[offset:offset+2])
		}
	}
	return walk.path, nil
}

// CheckStart wants two finite numbers.
func CheckStart(start []float64) error {
	if len(start) != 2 {
		return fmt.Errorf("start has %d numbers, wanted 2: x and y", len(start))
	}
	for _, v := range start {
		if math.IsNaN(v-v) || math.Abs(v) > 1e100 {
			return fmt.Errorf("start (%v, %v): finite numbers of at most 1e100 are wanted", start[0], start[1])
		}
	}
	return nil
}

// walker records a path.
type walker struct {
	path    Path
	numbers []float64 // what Points are cut from
}

func (w *walker) record(x []float64) {
	w.numbers = append(w.numbers, x...)
	point := w.numbers[len(w.numbers)-2 : len(w.numbers) : len(w.numbers)]
	w.path.Points = append(w.path.Points, point)
	w.path.Values = append(w.path.Values, w.path.Function.Value(point))
}

func (w *walker) average(step int, x []float64) {
	if w.path.Averages == nil {
		w.path.Averages = append(w.path.Averages, w.path.Points[:step]...) // before there was an average
	}
	w.path.Averages = append(w.path.Averages, []float64{x[0], x[1]})
}

// Evaluated are the points that count: the averages where there are some, else the points.
func (p Path) Evaluated() [][]float64 {
	if p.Averages != nil {
		return p.Averages
	}
	return p.Points
}

// Reached is the step from which on the evaluated points stay within a distance of a minimum, to the end of the path. A path that only runs
// through has not reached it.
func (p Path) Reached(distance float64) (step int, ok bool) {
	points := p.Evaluated()
	step = len(points)
	for step > 0 && p.Function.Distance(points[step-1]) <= distance {
		step--
	}
	return step, step < len(points)
}

// Left is the first step that ends outside the function's region.
func (p Path) Left() (step int, ok bool) {
	for i, x := range p.Points {
		if i > 0 && !p.Function.Region.Contains(x) {
			return i, true
		}
	}
	return len(p.Points), false
}

// Diverged is the first step that ends at a point or a value which is not finite, or, on a function with a minimum, a hundred times further
// from it than both the start and the region's size. On a function without one, going far is no failure.
func (p Path) Diverged() (step int, ok bool) {
	far := math.Inf(1)
	if len(p.Function.Minima) > 0 {
		far = 100 * max(p.Function.Region.diagonal(), p.Function.Distance(p.Points[0]))
	}
	for i, x := range p.Points {
		if math.IsNaN(x[0]-x[0]) || math.IsNaN(x[1]-x[1]) || math.IsNaN(p.Values[i]-p.Values[i]) || len(p.Function.Minima) > 0 && !(p.Function.Distance(x) <= far) {
			return i, true
		}
	}
	return len(p.Points), false
}

// variables makes the weights: one parameter of two numbers, in a graph that computes nothing from it.
func variables() (*engine.Weights, error) {
	g := engine.NewGraph()
	row := g.Input(engine.Field{Name: "row", Type: engine.Type{Shape: engine.Shape{1}}})
	xy := g.Param("xy", engine.Shape{2}, engine.Weight, origin{})
	g.Objective(g.Apply(nothing{}, row, xy), engine.Value{})
	plan, err := engine.Compile(g, engine.Options{Precision: engine.Float64, Rows: 1})
	if err != nil {
		return nil, err
	}
	return plan.Weights(), nil
}

// origin is where the variables are before they are set.
type origin struct{}

func (origin) Fill(w []float64, _ engine.Shape, _ engine.Rand) { clear(w) }

// nothing is an operation that is never run.
type nothing struct{}

func (nothing) Type([]engine.Type) (engine.Type, error) {
	return engine.Type{Shape: engine.Shape{1}}, nil
}

func (nothing) Code([]engine.Type, engine.Conditions) engine.Code {
	return engine.Code{F64: nothingBody{}}
}

type nothingBody struct{}

func (nothingBody) Forward(s *engine.Step[float64]) { clear(s.Out) }
func (nothingBody) Backward(*engine.Step[float64])  {}
