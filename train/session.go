package train

// A session is a configuration with its memory: one step, one evaluation, one fork at a time. The loop that calls it is in loop.go.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"runtime"
	"time"

	"github.com/descent-go/descent/data"
	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/optim"
	"github.com/descent-go/descent/prep"
)

// Session is a configuration bound to data and memory: everything for a loop of one's own.
//
//	s, err := train.Bind(config)
//	...
//	defer s.Close()
//	for s.Epoch() < 10 {
//		if _, err := s.Step(ctx); err != nil {
//			return err
//		}
//	}
//	scores, err := s.Evaluate(ctx)
//
// It is used by one goroutine at a time.
type Session struct {
	config Config
	source source
	pool   *engine.Pool
	log    *slog.Logger

	threads int    // in use, whatever the configuration leaves open
	kernels string // likewise

	weights *engine.Weights
	plan    *engine.Plan
	stepper *optim.Stepper
	loader  *data.Loader
	batch   engine.Batch
	copies  [][]engine.Tensor          // of the batch, itself the first
	again   func() (engine.Sum, error) // made once: a closure in Step would allocate
	moment  optim.Moment

	evaluator *evaluator
	averaged  *engine.Weights // where the optimizer says to evaluate, if not at weights; made when first needed
	probe     *engine.Plan    // of Gradient

	progress *progress
	watch    bool // the next step's instruments are read
	merges   bool // the optimizer takes gradients as they are formed, in steps of one part that nobody watches
	memory   Memory
	at       *engine.Weights // where the last evaluation was
	own      bool            // the pool is ours
}

// prepare does everything that needs no memory for the network: it opens the data, builds the graph and estimates the need.
func prepare(c Config) (*Session, *engine.Graph, error) {
	c.fill()
	if err := c.validate(); err != nil {
		return nil, nil, err
	}
	src, err := c.open()
	if err != nil {
		return nil, nil, err
	}
	if len(src.parts.Validation) == 0 && (c.Until.Metric != "" || c.EarlyStop > 0) {
		return nil, nil, errors.New("until and early_stop need a validation part, and none is held out (split)")
	}
	if err := c.Until.fits(src.task()); err != nil {
		return nil, nil, err
	}
	if c.Snapshots > 0 && c.Epochs == 0 && c.Steps == 0 {
		return nil, nil, errors.New("snapshots need a training of planned length: give epochs or steps")
	}
	g, err := graph(&src, &c)
	if err != nil {
		return nil, nil, err
	}
	s := &Session{config: c, source: src, log: c.Logger, progress: &progress{bestAt: -1}}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.loader, err = data.NewLoader(src.dataset, src.parts.Train, s.loading()); err != nil {
		return nil, nil, err
	}
	if s.threads = c.Threads; s.threads == 0 {
		s.threads = runtime.GOMAXPROCS(0)
	}
	if s.memory, err = s.checkMemory(g, s.options(s.loader.MaxRows(), nil)); err != nil {
		return nil, nil, err
	}
	s.schedule()
	return s, g, nil
}

// Bind opens the data, builds and compiles the network and binds the optimizer to its weights. Everything that can be wrong with the
// configuration is said here, before memory is taken.
func Bind(c Config) (*Session, error) {
	s, g, err := prepare(c)
	if err != nil {
		return nil, err
	}
	s.pool, s.own = engine.NewPool(s.threads), true
	s.loader.Use(s.pool)
	if s.plan, err = engine.Compile(g, s.options(s.loader.MaxRows(), nil)); err != nil {
		s.Close()
		return nil, err
	}
	s.weights, s.kernels = s.plan.Weights(), s.plan.Kernels()
	if err := s.finish(g); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// finish binds what stands on the plan.
func (s *Session) finish(g *engine.Graph) error {
	if s.config.From != "" {
		if err := s.startFrom(s.config.From); err != nil {
			return err
		}
	}
	var err error
	if s.stepper, err = s.config.Optimizer.Bind(s.weights, s.pool); err != nil {
		return fmt.Errorf("optimizer: %w", err)
	}
	s.merges = s.stepper.Merge(s.plan)
	if s.evaluator, err = newEvaluator(&s.source, g, s.options(evaluationRows, s.weights)); err != nil {
		return err
	}
	s.batch = engine.Batch{Mode: engine.Train}
	s.takeBatch()
	s.again = s.gradientAgain
	return nil
}

func (s *Session) loading() data.LoaderOptions {
	o := data.LoaderOptions{Micro: s.config.Micro, Seed: s.config.Seed, Replace: s.config.Replace, DropLast: s.config.DropLast}
	if s.config.Batch != Full {
		o.Batch = int(s.config.Batch)
	}
	return o
}

func (s *Session) options(rows int, w *engine.Weights) engine.Options {
	return engine.Options{
		Precision: engine.Precision(s.config.Precision), Kernels: s.config.Kernels, Rows: rows, Seed: s.config.Seed,
		Pool: s.pool, Weights: w, Frozen: s.config.Frozen, Group: s.config.Group, Late: s.config.Optimizer.CanMerge(),
	}
}

// schedule turns epochs into steps and fixes how often things are reported, from sizes alone, so that the record of a run is the same
// every time.
func (s *Session) schedule() {
	perEpoch := s.loader.Steps()
	planned := s.Planned()
	if s.config.Report == 0 {
		s.config.Report = max(1, perEpoch/10)
		if planned > 0 {
			s.config.Report = max(1, planned/200)
		}
	}
	if s.config.Checkpoint == (Every{}) {
		s.config.Checkpoint = Every{Epochs: 1, Time: 10 * time.Minute}
		if planned > 0 {
			s.config.Checkpoint.Epochs = max(1, math.Ceil(float64(planned)/float64(perEpoch)/10))
		}
	}
}

// Planned is the number of steps after which the training is over, 0 if only time, a metric or patience ends it.
func (s *Session) Planned() int {
	planned := s.config.Steps
	if e := s.config.Epochs; e > 0 {
		if byEpochs := e * s.loader.Steps(); planned == 0 || byEpochs < planned {
			planned = byEpochs
		}
	}
	return planned
}

// Config is the configuration with its defaults filled in.
func (s *Session) Config() Config { return s.config }

// Steps is the number of updates done.
func (s *Session) Steps() int { return int(s.progress.step) }

// StepsPerEpoch is the number of updates in a pass over the training part.
func (s *Session) StepsPerEpoch() int { return s.loader.Steps() }

// Epoch is the number of passes over the training part done, a fraction within one.
func (s *Session) Epoch() float64 { return float64(s.progress.step) / float64(s.loader.Steps()) }

// Weights are those that learn. Read copies (Keep); only the optimizer writes.
func (s *Session) Weights() *engine.Weights { return s.weights }

// Cost is what the training plan needs.
func (s *Session) Cost() engine.Cost { return s.plan.Cost() }

// Pipeline is the scaling fitted on the training part, nil for a data set that is no table.
func (s *Session) Pipeline() *prep.Pipeline { return s.source.pipeline }

// Rows are the numbers of rows for training, validation and test.
func (s *Session) Rows() (train, validation, test int) {
	p := s.source.parts
	return len(p.Train), len(p.Validation), len(p.Test)
}

// Close ends the session's workers.
func (s *Session) Close() {
	if s.own {
		s.pool.Close()
	}
}

// Step does one update and returns the weighted sum of the loss over the step's rows, before the update. An error leaves the weights as they
// were; a loss or gradient that is not finite is a [NonFinite] error. The gradient that lies in the weights afterwards need not be the step's, since an
// update may use it up as it is formed: [Session.Gradient] computes one.
func (s *Session) Step(ctx context.Context) (engine.Sum, error) {
	if err := ctx.Err(); err != nil {
		return engine.Sum{}, context.Cause(ctx)
	}
	merged := s.merges && !s.watch && s.loader.Parts(s.progress.step) == 1
	backward := (*engine.Plan).Backward
	if merged {
		backward = (*engine.Plan).BackwardLate
	}
	sum, err := s.gradient(s.plan, s.progress.step, engine.Train, s.watch, backward)
	if err != nil {
		return sum, err
	}
	s.moment.Progress.Step = int(s.progress.step)
	s.moment.Progress.Steps = s.Planned()
	s.moment.Progress.Epoch = s.Epoch()
	s.moment.Progress.Evaluations = s.progress.evaluations
	s.moment.Sum, s.moment.Again, s.moment.Watch = sum, s.again, s.watch
	if s.config.SumLoss {
		s.moment.Sum.Weight = 1
	}
	if merged && finite(sum.Loss) {
		if merged, err = s.stepper.StepMerged(&s.moment, s.plan); err != nil {
			return sum, fmt.Errorf("step %d: %w", s.progress.step+1, err)
		}
	} else {
		merged = false
	}
	if !merged {
		if err := s.stepWhole(sum); err != nil {
			return sum, err
		}
	}
	s.progress.step++
	s.progress.sum.Loss += sum.Loss
	s.progress.sum.Weight += sum.Weight
	return sum, nil
}

// stepWhole is the update from a gradient that lies in the weights, once the plan has formed what may be left of it.
func (s *Session) stepWhole(sum engine.Sum) error {
	s.plan.BackwardRest()
	if !finite(sum.Loss) || s.stepper.NonFiniteGradient() != "" {
		return s.locate(sum)
	}
	if err := s.stepper.Step(&s.moment); err != nil {
		return fmt.Errorf("step %d: %w", s.progress.step+1, err)
	}
	return nil
}

// gradient runs the parts of a step's batch forward and backward; the gradient of their weighted sum then lies in the plan's weights.
func (s *Session) gradient(p *engine.Plan, step uint64, mode engine.Mode, watch bool, backward func(*engine.Plan) error) (engine.Sum, error) {
	var total engine.Sum
	parts := s.loader.Parts(step)
	b := &s.batch
	b.Step, b.Mode, b.Watch = step, mode, watch
	for part := range parts {
		var err error
		if err = s.read(step, part); err != nil {
			return total, err
		}
		b.Part = partOf(part, parts)
		sum, err := p.Forward(b)
		if err != nil {
			return total, err
		}
		if err := backward(p); err != nil {
			return total, err
		}
		total.Loss += sum.Loss
		total.Weight += sum.Weight
	}
	if g := s.config.Group; g != nil {
		t := engine.Tensor{Name: "sums", Shape: engine.Shape{2}, F64: []float64{total.Loss, total.Weight}}
		if err := g.Sum(t); err != nil {
			return total, fmt.Errorf("sum of losses over %d processes: %w", g.Size(), err)
		}
		total.Loss, total.Weight = t.F64[0], t.F64[1]
	}
	return total, nil
}

func partOf(part, parts int) engine.Part {
	switch {
	case parts == 1:
		return engine.Whole
	case part == 0:
		return engine.First
	case part == parts-1:
		return engine.Last
	}
	return engine.Middle
}

// gradientAgain is the step's gradient once more, for wrappers that move the weights.
func (s *Session) gradientAgain() (engine.Sum, error) {
	return s.gradient(s.plan, s.progress.step, engine.Again, false, (*engine.Plan).Backward)
}

// Gradient computes the gradient of one step's batch at other weights of the same network; it lies in at afterwards. Nothing of the session
// changes. Nil means the session's own weights, whose gradient is then overwritten.
func (s *Session) Gradient(at *engine.Weights, step uint64, m engine.Mode) (engine.Sum, error) {
	if at == nil {
		at = s.weights
	}
	if s.probe == nil || s.probe.Weights() != at {
		s.probe = s.plan.Fork(at)
	}
	return s.gradient(s.probe, step, m, false, (*engine.Plan).Backward)
}

// Fork copies a session between steps: weights, optimizer and progress of its own, the same data and pool. It must be closed before the
// session that it came from, which is without effect on the latter.
func (s *Session) Fork() (*Session, error) {
	f := *s
	f.own, f.probe, f.averaged = false, nil, nil
	f.weights = s.weights.Copy()
	f.plan = s.plan.Fork(f.weights)
	f.moment = optim.Moment{}
	var err error
	if f.stepper, err = f.config.Optimizer.Bind(f.weights, f.pool); err != nil {
		return nil, err
	}
	if err := f.stepper.Restore(s.stepper.Keep()); err != nil {
		return nil, err
	}
	f.merges = f.stepper.Merge(f.plan)
	if f.loader, err = data.NewLoader(f.source.dataset, f.source.parts.Train, f.loading()); err != nil {
		return nil, err
	}
	f.loader.Use(f.pool)
	f.evaluator = s.evaluator.fork(f.weights)
	f.progress = s.progress.copy()
	f.takeBatch()
	f.again = f.gradientAgain
	return &f, nil
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
