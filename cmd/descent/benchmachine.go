package main

// Plain descent bench: what this machine can do at most, and how near to it products, updates and whole steps come. Every figure stands
// beside a limit that was measured right before and after it, since clocks move with the load of the machine and of its host; the larger of
// the two counts. What runs on several threads stands beside the round trip between cores, for the same reason.

import (
	"context"
	"slices"
	"time"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/kernel"
	"github.com/descent-go/descent/internal/limits"
	"github.com/descent-go/descent/internal/spec"
	"github.com/descent-go/descent/nn"
	"github.com/descent-go/descent/optim"
	"github.com/descent-go/descent/train"
)

// figure is a rate on a number of threads, beside its limit.
type figure struct {
	threads   int
	rate      float64
	limit     float64 // 0: not known
	roundTrip float64 // of the cores, in ns; 0 with one thread
}

// share is the part of the limit, 0 where that is not known.
func (f figure) share() float64 {
	if f.limit == 0 {
		return 0
	}
	return f.rate / f.limit
}

// machine is all that was measured.
type machine struct {
	kernels   string
	threads   []int
	adds      []measuredAdds // of each set, on each number of threads
	levels    []measuredLevel
	roundTrip float64
	products  []measured
	updates   []measured
	work      []measured
	madeUp    bool // the workloads' images
}

// measuredAdds is the rate of multiply-adds of a kernel set.
type measuredAdds struct {
	set      string
	bfloat16 bool // of products in bfloat16, not in float32
	rates    []float64
}

func (a measuredAdds) precision() string {
	if a.bfloat16 {
		return "bfloat16"
	}
	return "float32"
}

// measuredLevel is a level of the memory on one number of threads after the other.
type measuredLevel struct {
	name  string
	bytes []int // gone over
	rates []limits.Rates
}

// measured is one thing on one number of threads after the other.
type measured struct {
	name       string
	form, size string // of a product
	figures    []figure
}

// gauges are the instruments of a measurement: a gauge a number of threads.
type gauges map[int]*limits.Gauge

func openGauges(set string, threads []int) (gauges, error) {
	list := gauges{}
	for _, n := range threads {
		g, err := limits.New(set, n)
		if err != nil {
			return nil, err
		}
		list[n] = g
	}
	return list, nil
}

// between measures the limit and the round trip before and after something.
func (l gauges) between(threads int, limit func() float64, do func() (float64, error)) (figure, error) {
	f := figure{threads: threads, limit: limit()}
	if threads > 1 {
		f.roundTrip = limits.RoundTrip()
	}
	var err error
	if f.rate, err = do(); err != nil {
		return f, err
	}
	f.limit = max(f.limit, limit())
	if threads > 1 { // the farther phase explains the figure
		f.roundTrip = max(f.roundTrip, limits.RoundTrip())
	}
	return f, nil
}

// benchMachine measures all of it.
func (p *program) benchMachine(ctx context.Context, o benchOptions, live *benchLine) error {
	m := machine{threads: o.threads}
	var err error
	if m.kernels, err = engine.Kernels(); err != nil {
		return err
	}
	// Data first: what is wrong with it is said before the rest is measured.
	live.show("reading images")
	set, err := openOrMake(o.data)
	if err != nil {
		return err
	}
	m.madeUp = set.madeUp
	l, err := openGauges(m.kernels, o.threads)
	if err != nil {
		return err
	}
	for _, part := range []func(context.Context, gauges, *benchLine) error{
		m.measureLimits,
		func(ctx context.Context, l gauges, live *benchLine) error {
			return m.measureProducts(ctx, l, engine.Precision(o.precision), live)
		},
		m.measureUpdates,
		func(ctx context.Context, l gauges, live *benchLine) error { return m.measureWork(ctx, l, set, o, live) },
	} {
		if err := part(ctx, l, live); err != nil {
			return err
		}
	}
	live.wipe()
	if o.json {
		return p.printJSON(m.json())
	}
	return m.tell(p)
}

// productLimit is the limit of products in a precision.
func productLimit(g *limits.Gauge, p train.Precision) float64 {
	if p == train.BFloat16 {
		return g.BFloat16()
	}
	return g.MultiplyAdds()
}

func (m *machine) measureLimits(ctx context.Context, l gauges, live *benchLine) error {
	for _, set := range kernel.Names() {
		live.show("limit of multiply-adds, %s", set)
		own, err := openGauges(set, m.threads)
		if err != nil {
			return err
		}
		a := measuredAdds{set: set}
		for _, n := range m.threads {
			a.rates = append(a.rates, own[n].MultiplyAdds())
		}
		if a.rates[0] > 0 {
			m.adds = append(m.adds, a)
		}
		half := measuredAdds{set: set, bfloat16: true}
		for _, n := range m.threads {
			half.rates = append(half.rates, own[n].BFloat16())
		}
		if half.rates[0] > 1.2*a.rates[0] { // elsewhere they are float32 products of rounded numbers
			m.adds = append(m.adds, half)
		}
	}
	for k := range limits.Levels(1) {
		var level measuredLevel
		for _, n := range m.threads {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			at := limits.Levels(n)[k]
			live.show("limit of %s, %s", at.Name, countText(n, "thread"))
			level.name, level.bytes = at.Name, append(level.bytes, at.Bytes)
			level.rates = append(level.rates, l[n].Bandwidth(at.Bytes))
		}
		m.levels = append(m.levels, level)
	}
	m.roundTrip = limits.RoundTrip()
	return nil
}

// sampleTime is about how long a product or an update is measured.
const sampleTime = 60 * time.Millisecond

// timed is the median of the seconds that do says, after it has been done for a while.
func timed(do func() time.Duration) float64 {
	var times []time.Duration
	for begin := time.Now(); time.Since(begin) < sampleTime/3; {
		do()
	}
	for begin := time.Now(); len(times) < 5 || time.Since(begin) < sampleTime; {
		times = append(times, do())
	}
	slices.Sort(times)
	return times[len(times)/2].Seconds()
}

// updatedInputs by updatedUnits are the weights of an update.
const updatedInputs, updatedUnits = 1000, 10_000

func (m *machine) measureUpdates(ctx context.Context, l gauges, live *benchLine) error {
	live.show("ten million weights")
	weights, err := updatedWeights()
	if err != nil {
		return err
	}
	areas := map[int]*limits.Area{}
	for _, n := range m.threads {
		areas[n] = l[n].Area(12 * updatedInputs * updatedUnits / n) // as much as the leanest rule moves
	}
	registry, _ := spec.NewSet(optim.Lists()...).Registry("optimizer")
	for _, name := range registry.Names() {
		o, err := optim.Parse(name)
		if err != nil {
			return err
		}
		again := 0.0
		if o.Rule.Info().Sums > 0 {
			again = 2 * 4 * updatedInputs * updatedUnits // weights and gradient are read once more, to be measured first
		}
		row := measured{name: name}
		for _, n := range m.threads {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			live.show("update by %s, %s", name, countText(n, "thread"))
			pool := engine.NewPool(n)
			f, err := l.between(n, areas[n].Update, func() (float64, error) {
				s, err := o.Bind(weights, pool)
				if err != nil {
					return 0, err
				}
				moment := optim.Moment{Sum: engine.Sum{Weight: 1}}
				var failed error
				seconds := timed(func() time.Duration {
					begin := time.Now()
					if err := s.Step(&moment); err != nil {
						failed = err
					}
					return time.Since(begin)
				})
				// Weights are read and written, the gradient read, state read and written.
				return (3*4*updatedInputs*updatedUnits + 2*float64(s.Bytes()) + again) / seconds, failed
			})
			pool.Close()
			if err != nil {
				return err
			}
			row.figures = append(row.figures, f)
		}
		m.updates = append(m.updates, row)
	}
	return nil
}

// updatedWeights are weights of a layer with a gradient.
func updatedWeights() (*engine.Weights, error) {
	g := engine.NewGraph()
	in := engine.Type{Shape: engine.Shape{updatedInputs}}
	out := engine.Type{Shape: engine.Shape{updatedUnits}}
	x, y := g.Input(engine.Field{Name: "x", Type: in}), g.Input(engine.Field{Name: "y", Type: out, Use: engine.Target})
	g.Objective(nn.MeanSquares{}.Build(g.In("loss"), nn.Network(g, nn.Dense{Units: updatedUnits, NoBias: true, Init: pattern{}}, x), y), engine.Value{})
	plan, err := engine.Compile(g, engine.Options{Rows: 1})
	if err != nil {
		return nil, err
	}
	b := batchOfPattern(plan, 1)
	if _, err := plan.Forward(&b); err != nil {
		return nil, err
	}
	return plan.Weights(), plan.Backward()
}

// briefSteps are the steps of a workload that are timed here: enough for five parts.
var briefSteps = map[string]int{"W1": 2000, "W2": 200, "W3": 10}

func (m *machine) measureWork(ctx context.Context, l gauges, set benchSet, o benchOptions, live *benchLine) error {
	for _, w := range o.workloads {
		row := measured{name: w.String()}
		for _, n := range m.threads {
			live.show("%s, %s", w, countText(n, "thread"))
			f, err := m.work1(ctx, l, w, set, n, o)
			if err != nil {
				return err
			}
			row.figures = append(row.figures, f)
		}
		m.work = append(m.work, row)
	}
	return nil
}

// work1 trains a workload on a number of threads, with the limit measured between the parts of the run.
func (m *machine) work1(ctx context.Context, l gauges, w workload, set benchSet, threads int, o benchOptions) (figure, error) {
	f := figure{threads: threads}
	t := trial{threads: threads, steps: o.steps, precision: o.precision, called: o.called}
	if t.steps == 0 {
		t.steps = briefSteps[w.name]
	}
	var trips []float64
	t.limit = func() {
		f.limit = max(f.limit, productLimit(l[threads], t.precision)/w.flop())
		if threads > 1 {
			trips = append(trips, limits.RoundTrip())
		}
	}
	t.limit()
	r, err := w.train(ctx, set, t)
	f.rate = r.rate
	if slices.Sort(trips); len(trips) > 0 {
		f.roundTrip = trips[len(trips)/2]
	}
	return f, err
}
