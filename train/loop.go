package train

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/metric"
	"github.com/descent-go/descent/run"
)

// training is a session that is being run into a folder.
type training struct {
	session   *Session
	folder    *run.Folder
	observers []run.Observer
	best      *engine.Weights // of the best evaluation so far
	scores    Scores          // of that evaluation, if it was in this process
	saved     string          // the last checkpoint

	sitting  time.Time // when this process began to train
	before   float64   // seconds of earlier sittings
	lastTime time.Time // of the last step event
	lastRows int       // rows since then
	lastSave time.Time
	lastEval time.Time
	step     engine.Sum
}

func newTraining(s *Session, folder *run.Folder, observers []run.Observer) *training {
	folder.Stamp(s.config.Version, s.kernels)
	return &training{session: s, folder: folder, observers: observers, best: s.weights.Copy()}
}

// loop is what a training is: steps, and after each what is due.
func (t *training) loop(ctx context.Context) (*Result, error) {
	s := t.session
	t.sitting = time.Now()
	t.before, t.lastTime, t.lastSave, t.lastEval = s.progress.seconds, t.sitting, t.sitting, t.sitting
	uncut := context.WithoutCancel(ctx) // a step that has begun is finished
	for {
		if reason := t.over(time.Now()); reason != "" {
			return t.finish(uncut, reason)
		}
		if ctx.Err() != nil {
			return t.stop(context.Cause(ctx))
		}
		reported := (s.progress.step+1)%uint64(s.config.Report) == 0
		s.watch = reported && t.watched()
		var err error
		t.lastRows += s.loader.Size(s.progress.step)
		if t.step, err = s.Step(uncut); err != nil {
			return nil, t.failed(err)
		}
		if reported {
			if err := t.report(); err != nil {
				return nil, t.failed(err)
			}
		}
		if t.due(s.config.Evaluate, t.lastEval) {
			if err := t.evaluate(); err != nil {
				return nil, t.failed(err)
			}
		}
		if t.snapshotDue() {
			if err := t.snapshot(); err != nil {
				return nil, t.failed(err)
			}
		}
		if t.due(s.config.Checkpoint, t.lastSave) {
			if err := t.save(); err != nil {
				return nil, t.failed(err)
			}
		}
	}
}

// over says why the training is over, "" while it is not.
func (t *training) over(now time.Time) string {
	s := t.session
	c, p := &s.config, s.progress
	switch {
	case c.Steps > 0 && p.step >= uint64(c.Steps):
		return "steps"
	case c.Epochs > 0 && p.step >= uint64(c.Epochs)*uint64(s.loader.Steps()):
		return "epochs"
	case c.Time > 0 && t.seconds(now) >= c.Time.Seconds():
		return "time"
	case p.reached:
		return "until"
	case c.EarlyStop > 0 && p.idle() >= c.EarlyStop:
		return "early"
	}
	return ""
}

func (t *training) seconds(now time.Time) float64 {
	if t.sitting.IsZero() {
		return t.session.progress.seconds
	}
	return t.before + now.Sub(t.sitting).Seconds()
}

// due reports whether something is to happen after the step that was just done. Steps and epochs are counted from the beginning of the
// training, whenever it happened last.
func (t *training) due(e Every, last time.Time) bool {
	done := t.session.progress.step
	return e.Steps > 0 && done%uint64(e.Steps) == 0 ||
		e.Epochs > 0 && passed(done-1, done, e.Epochs*float64(t.session.loader.Steps())) ||
		e.Time > 0 && time.Since(last) >= e.Time
}

// passed reports whether a multiple of period lies in (from, to].
func passed(from, to uint64, period float64) bool {
	return math.Floor(float64(to)/period+1e-9) > math.Floor(float64(from)/period+1e-9)
}

// evaluatedAt is the step of the last evaluation.
func (t *training) evaluatedAt() uint64 {
	if e := t.session.progress.evaluations; len(e) > 0 {
		return uint64(e[len(e)-1].Step)
	}
	return 0
}

// watched says whether the step that is to be reported takes readings: the first ten reports, then every tenth.
func (t *training) watched() bool {
	if t.session.config.Watch {
		return true
	}
	n := (t.session.progress.step + 1) / uint64(t.session.config.Report)
	return n <= 10 || n%10 == 0
}

// evaluate measures on validation and keeps the weights if they are the best so far.
func (t *training) evaluate() error {
	s := t.session
	t.lastEval = time.Now()
	if len(s.source.parts.Validation) == 0 {
		return nil
	}
	mean := s.progress.sum.Mean()
	scores, err := s.validate(context.Background())
	if err != nil {
		return err
	}
	if !finite(scores.Loss) {
		return s.oddEvaluation(scores)
	}
	best := s.progress.add(scores)
	if best {
		if err := t.best.Assign(s.at); err != nil {
			return err
		}
		t.scores = scores
	}
	if u := s.config.Until; u.Metric != "" {
		v, ok := scores.Metrics()[u.Metric]
		s.progress.reached = s.progress.reached || ok && enough(u, v)
	}
	return t.tell(t.evaluation(scores, mean, best))
}

// enough reports whether a metric has reached its value, from the side that its own entry says is the better one.
func enough(u Until, v float64) bool {
	for _, e := range metric.List() {
		if e.Name == u.Metric && e.Higher {
			return v >= u.Value
		}
	}
	return v <= u.Value
}

// save writes a checkpoint that belongs to the training's plan: its event comes before it, so that the record of a resumed run has it too.
func (t *training) save() error {
	t.session.progress.checkpoint = t.session.progress.step
	if err := t.tell(t.event("checkpoint", map[string]any{"file": lastCheckpoint})); err != nil {
		return err
	}
	return t.write()
}

// snapshotDue reports whether the step that was just done is one of those, spread evenly, after which the weights are kept.
func (t *training) snapshotDue() bool {
	n, planned, step := uint64(t.session.config.Snapshots), uint64(t.session.Planned()), t.session.progress.step
	return n > 0 && planned > 0 && step*n/planned > (step-1)*n/planned
}

func (t *training) snapshot() error {
	name := fmt.Sprintf("snapshot-%d", t.session.progress.step)
	if err := t.folder.Attach(name, t.session.weights.Keep()); err != nil {
		return err
	}
	return t.tell(t.event("snapshot", map[string]any{"file": "attachments/" + name + ".safetensors"}))
}

const lastCheckpoint = "checkpoints/last.safetensors"

func (t *training) write() error {
	s := t.session
	s.progress.seconds = t.seconds(time.Now())
	c, err := t.folder.Save(s.progress.step, t.keepers())
	if err != nil {
		return err
	}
	t.saved, t.lastSave = c.File, time.Now()
	if s.progress.bestAt >= 0 && len(s.progress.evaluations) > 0 && s.progress.bestStep != s.progress.bestSaved {
		if _, err := t.folder.SaveBest(s.progress.bestStep, map[string]engine.Keeper{"weights": t.best}); err != nil {
			return err
		}
		s.progress.bestSaved = s.progress.bestStep
	}
	return nil
}

// stop ends a training that is not over: a checkpoint outside the plan, which leaves no trace in the record that a resume continues.
func (t *training) stop(cause error) (*Result, error) {
	if err := t.write(); err != nil {
		return nil, t.failed(err)
	}
	r := t.result()
	r.Reason, r.Stopped = cause.Error(), true
	if err := t.tell(t.event("stop", map[string]any{"reason": r.Reason, "file": t.saved})); err != nil {
		return r, err
	}
	return r, cause
}

// finish ends a training that is over: a last evaluation and checkpoint, the model, the scores.
func (t *training) finish(ctx context.Context, reason string) (*Result, error) {
	s := t.session
	if t.evaluatedAt() != s.progress.step {
		if err := t.evaluate(); err != nil {
			return nil, t.failed(err)
		}
	}
	if len(s.progress.evaluations) == 0 {
		// Nothing was held out to choose by: the last weights are the model.
		if _, err := s.averagedEvaluator(); err != nil {
			return nil, t.failed(err)
		}
		if err := t.best.Assign(s.at); err != nil {
			return nil, t.failed(err)
		}
		s.progress.bestStep = s.progress.step
	}
	if s.progress.checkpoint != s.progress.step || s.progress.step == 0 {
		if err := t.save(); err != nil {
			return nil, t.failed(err)
		}
	}
	scores, err := t.score(ctx)
	if err != nil {
		return nil, t.failed(err)
	}
	if err := t.writeModel(); err != nil {
		return nil, t.failed(err)
	}
	r := t.result()
	r.Reason, r.Scores = reason, scores
	return r, t.tell(t.done(r))
}

// score measures the best weights on the held-out part, unless that is the one by which they were chosen: the scores are known then.
func (t *training) score(ctx context.Context) (Scores, error) {
	part, rows := t.session.source.scored()
	if part == t.scores.Part {
		return t.scores, nil
	}
	return t.session.evaluator.fork(t.best).on(ctx, part, rows)
}

func (t *training) result() *Result {
	s := t.session
	return &Result{
		Dir: t.folder.Dir(), Steps: int(s.progress.step), Epochs: s.Epoch(), Seconds: t.seconds(time.Now()),
		BestStep: int(s.progress.bestStep), Model: modelPath(t.folder.Dir()),
	}
}

// oddEvaluation is the error for a validation loss that is not finite while training losses are.
func (s *Session) oddEvaluation(scores Scores) error {
	found := &NonFinite{Step: s.progress.step + 1, Loss: scores.Loss}
	if path := s.stepper.NonFiniteWeight(); path != "" {
		found.Layer, found.Where = path, "weight"
		return found
	}
	return fmt.Errorf("after step %d: the loss on %s is %v while the training's is finite: some of its rows overflow the network", s.progress.step, scores.Part, scores.Loss)
}
