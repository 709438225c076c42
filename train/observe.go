package train

import (
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/descent-go/descent/nn"
	"github.com/descent-go/descent/run"
)

// Events: what a run tells of itself. Their form is documented in docs/run-folder.md; everything that is shown or judged later is read from
// them.

// form is the version of the events' form.
const form = 1

func (t *training) event(kind string, data map[string]any) run.Event {
	s := t.session
	return run.Event{Type: kind, Step: s.progress.step, Epoch: s.Epoch(), Time: time.Now(), Data: data}
}

// tell appends an event to the run and shows it to the observers.
func (t *training) tell(e run.Event) error {
	if err := t.folder.Append(e); err != nil {
		return err
	}
	for _, o := range t.observers {
		o.Observe(e)
	}
	return nil
}

// warn tells something that a person should know; that it cannot be written is no reason to stop.
func (t *training) warn(message string) {
	if err := t.tell(t.event("warning", map[string]any{"message": message})); err != nil {
		t.session.log.Warn("event not written", "error", err)
	}
}

func (t *training) start() (run.Event, error) {
	s := t.session
	c := s.config
	train, validation, test := s.Rows()
	part, rows := s.source.scored()
	features := 0
	for _, f := range s.source.inputs {
		features += f.Type.Shape.Size()
	}
	made := s.made()
	d := map[string]any{
		"form": form, "dir": t.folder.Dir(), "data": c.Data,
		"rows":     map[string]any{"train": train, "validation": validation, "test": test},
		"features": features, "fingerprint": made.Fingerprint,
		"model": nn.Text(c.Model), "optimizer": c.Optimizer.String(), "parameters": s.weights.Count(),
		"batch": s.loader.Size(0), "steps": s.Planned(), "epochs": c.Epochs, "steps_per_epoch": s.loader.Steps(),
		"seed": c.Seed, "threads": s.threads, "precision": c.Precision.String(), "kernels": made.Kernels,
		"memory": s.memory.Total, "every": c.Report,
		"version": made.Version, "commit": made.Commit, "go": made.Go, "os": made.OS, "arch": made.Arch, "cpu": made.CPU,
		"part": part,
	}
	if s.source.classification() {
		d["classes"] = s.source.classes()
		majority, err := s.source.majority(rows)
		if err != nil {
			return run.Event{}, err
		}
		d["majority"] = majority
	}
	d["task"], d["loss"] = s.source.task(), nn.Text(s.loss())
	if v, err := Registries().Encode(c.Optimizer.LR); err == nil {
		d["schedule"] = v.String()
	}
	return t.event("start", d), nil
}

// report tells of the step that was just done.
func (t *training) report() error {
	s := t.session
	now := time.Now()
	d := map[string]any{
		"train/loss": t.step.Mean(), "optimizer/lr": s.stepper.LR(), "time/seconds": t.seconds(now),
		"time/samples_per_second": float64(t.lastRows) / max(1e-9, now.Sub(t.lastTime).Seconds()),
	}
	t.lastTime, t.lastRows = now, 0
	if s.watch {
		for _, r := range s.plan.Readings() {
			if len(r.Values) == 1 && !strings.HasSuffix(r.What, "nonfinite") {
				d["layer/"+r.Path+"/"+r.What] = r.Values[0]
			}
		}
	}
	for _, r := range s.stepper.Readings() {
		switch {
		case r.Path == "" && r.What == "gradient_norm":
			d["grad/norm"] = r.Values[0]
		case r.What == "update_ratio" && s.watch:
			d["layer/"+r.Path+"/update_ratio"] = r.Values[0]
		}
	}
	return t.tell(t.event("step", d))
}

func (t *training) evaluation(scores Scores, mean float64, best bool) run.Event {
	d := map[string]any{"train/loss": mean, "time/seconds": t.seconds(time.Now()), "best": best}
	for name, v := range scores.Metrics() {
		d["val/"+name] = v
	}
	return t.event("eval", d)
}

func (t *training) done(r *Result) run.Event {
	s := t.session
	p := s.progress
	d := map[string]any{
		"reason": r.Reason, "part": r.Scores.Part, "rows": r.Scores.Rows, "best_step": r.BestStep, "best_epoch": float64(r.BestStep) / float64(s.loader.Steps()),
		"seconds": r.Seconds, "model": modelFile, "dir": t.folder.Dir(),
	}
	if r.Seconds > 0 {
		d["samples_per_second"] = r.Epochs * float64(len(s.source.parts.Train)) / r.Seconds
	}
	for name, v := range r.Scores.Metrics() {
		d[name], d[r.Scores.Part+"/"+name] = v, v
	}
	if len(p.evaluations) > 0 {
		d["val/loss"] = p.bestLoss
		if s.source.classification() {
			d["val/accuracy"] = p.bestMetric
		} else {
			d["val/r2"] = p.bestMetric
		}
	}
	for name, v := range r.Scores.Details(s.source.classes()) {
		d[name] = v
	}
	return t.event("done", d)
}

// Details are the scores that don't fit one number: of a classification the interval of the accuracy, the share of the largest class, the
// confusion matrix and the numbers of each class; of a regression nothing.
func (s Scores) Details(classes []string) map[string]any {
	if s.Confusion == nil {
		return nil
	}
	a := s.Confusion.Accuracy()
	d := map[string]any{"accuracy_low": a.Low, "accuracy_high": a.High, "majority": s.Majority, "confusion": s.Confusion.Matrix()}
	var list []map[string]any
	for i := range s.Confusion.Classes() {
		c := s.Confusion.Class(i)
		entry := map[string]any{"rows": c.Rows, "precision": c.Precision.Value, "recall": c.Recall.Value, "f1": c.F1}
		if i < len(classes) {
			entry["class"] = classes[i]
		}
		list = append(list, entry)
	}
	d["per_class"] = list
	return d
}

func (t *training) warnOfSpace() {
	need, available, err := run.Space(t.folder.Dir(), t.session.memory.checkpoint())
	if err == nil && need > available {
		t.warn("the run may need " + byteCount(need) + " on the disk of " + t.folder.Dir() + ", which has " + byteCount(available) + " left")
	}
}

func (s *Session) made() Made {
	return Made{
		Version: s.config.Version, Commit: commit(), Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH, CPU: CPU(),
		Kernels: s.kernels, Fingerprint: s.source.print(),
	}
}

// commit is the version control revision that the program was built from, "" where it is not known.
func commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	revision, modified := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			modified = "+"
		}
	}
	return revision + modified
}
