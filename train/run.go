package train

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/spec"
	"github.com/descent-go/descent/run"
)

// Result is what a training came to.
type Result struct {
	Dir    string
	Reason string // epochs, steps, time, until or early; of a training that was stopped, SIGINT and the like
	// Stopped says that the training was interrupted and can be resumed. The other fields then tell how far it has come.
	Stopped bool
	Steps   int
	Epochs  float64
	Seconds float64
	// Scores are those of the best weights on the test part, where there is none on validation, where there is none on the training part.
	Scores Scores
	// BestStep is the step whose weights are in the model.
	BestStep int
	// Model is the path of model.safetensors.
	Model string
}

// Run trains into the new run folder dir and tells observers what happens. A canceled context finishes the step, writes a checkpoint and
// returns a Result that is Stopped, with the context's cause as the error; [Resume] goes on to the same bits. Loss, gradients and weights that
// stop being finite end the training with a [NonFinite] error; the last checkpoint stays.
func Run(ctx context.Context, c Config, dir string, observers ...run.Observer) (*Result, error) {
	s, err := Bind(c)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	text, err := s.record().JSON()
	if err != nil {
		return nil, err
	}
	folder, err := run.Create(dir, text)
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	t := newTraining(s, folder, observers)
	return t.begin(ctx, true)
}

// begin trains from the initial weights: it tells of the start, unless that was told before the process was killed, and writes checkpoint 0.
func (t *training) begin(ctx context.Context, tell bool) (*Result, error) {
	if tell {
		start, err := t.start()
		if err != nil {
			return nil, err
		}
		if err := t.tell(start); err != nil {
			return nil, err
		}
		t.warnOfSpace()
	}
	if err := t.write(); err != nil {
		return nil, t.failed(err)
	}
	return t.loop(ctx)
}

// record is the configuration that repeats this run from its folder alone, wherever it is called from.
func (s *Session) record() Config {
	c := s.config
	if c.Made == (Made{}) {
		c.Made = s.made()
	}
	for _, path := range []*string{&c.Data, &c.From} {
		if _, err := os.Stat(*path); *path != "" && err == nil {
			if absolute, err := filepath.Abs(*path); err == nil {
				*path = absolute
			}
		}
	}
	return c
}

// Read reads the configuration of a run folder.
func Read(folder *run.Folder) (Config, error) {
	var c Config
	v, err := spec.ParseJSON(filepath.Join(folder.Dir(), "config.json"), folder.Config())
	if err == nil {
		err = c.Parse(v)
	}
	return c, err
}

// Resume goes on with the run in dir from its last checkpoint. C nil takes the configuration from the folder; a change in it, such as
// more epochs, is a new configuration and is written there. A training that was resumed ends with the same bits as one that was never
// stopped.
func Resume(ctx context.Context, c *Config, dir string, observers ...run.Observer) (*Result, error) {
	folder, err := run.Open(dir)
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	recorded, err := Read(folder)
	if c == nil {
		if err != nil {
			return nil, err
		}
		c = &recorded
	}
	going := *c
	going.Made = recorded.Made // of the run's beginning
	s, err := Bind(going)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	t := newTraining(s, folder, observers)
	past, err := t.compare()
	if err != nil {
		return nil, err
	}
	if reason := t.overSince(past.done, recorded); reason != "" {
		return nil, fmt.Errorf("the run in %s is over after %d steps: %s", dir, past.done.Step, reason)
	}
	checkpoint, err := folder.Latest(t.keepers())
	if errors.Is(err, run.ErrNoCheckpoint) && past.done == nil {
		return t.begin(ctx, !past.started) // it was killed before its first checkpoint
	}
	if err != nil {
		return nil, fmt.Errorf("%s cannot be resumed: %w", dir, err)
	}
	if text, err := s.record().JSON(); err == nil && string(text) != string(folder.Config()) {
		if err := folder.SetConfig(text); err != nil {
			return nil, err
		}
	}
	t.saved = checkpoint.File
	data := map[string]any{"from": checkpoint.File, "kernels": s.kernels, "threads": s.threads}
	if past.note != "" {
		data["note"] = past.note
	}
	if err := t.tell(t.event("resume", data)); err != nil {
		return nil, err
	}
	for _, note := range checkpoint.Notes {
		// A last checkpoint that is not there is what a kill between two renames leaves: the previous one is whole and nothing is lost.
		if !errors.Is(note, fs.ErrNotExist) {
			t.warn(note.Error())
		}
	}
	return t.loop(ctx)
}

// past is what a run's events say of it.
type past struct {
	started bool
	done    *run.Event // its last event, if it was over
	note    string     // what differs now from the start
}

// compare reads the run's events for what differs now: other data cannot go on, other kernels are noted.
func (t *training) compare() (past, error) {
	var p past
	for e, err := range t.folder.Events() {
		if err != nil {
			continue
		}
		switch e.Type {
		case "start":
			p.started = true
			if old, ok := e.Text("fingerprint"); ok && old != t.session.source.print() {
				return p, fmt.Errorf("the data is not what the run was started on: its fingerprint is %.12s, the run's is %.12s; bring back the data, or start a new run from this one's weights (--from %s)",
					t.session.source.print(), old, t.folder.Dir())
			}
			if old, ok := e.Text("kernels"); ok && old != t.session.kernels {
				p.note = fmt.Sprintf("the run was started with the kernels %s and goes on with %s: results agree to rounding, not to the bit", old, t.session.kernels)
			}
		case "done":
			p.done = &e
		default:
			p.done = nil
		}
	}
	return p, nil
}

// overSince says why a run that was over is still over under the present configuration, and what to do about it, "" if it can go on.
func (t *training) overSince(done *run.Event, recorded Config) string {
	if done == nil {
		return ""
	}
	c, step := t.session.config, done.Step
	seconds, _ := done.Number("seconds")
	reason, _ := done.Text("reason")
	dir := t.folder.Dir()
	switch {
	case c.Epochs > 0 && step >= uint64(c.Epochs)*uint64(t.session.loader.Steps()):
		return fmt.Sprintf("all %d epochs are done; give more to go on longer, as in: descent resume %s --epochs %d", c.Epochs, dir, 2*c.Epochs)
	case c.Steps > 0 && step >= uint64(c.Steps):
		return fmt.Sprintf("all %d steps are done; give more to go on longer, as in: descent resume %s --steps %d", c.Steps, dir, 2*c.Steps)
	case c.Time > 0 && seconds >= c.Time.Seconds():
		return fmt.Sprintf("its time of %v is over; give more to go on longer, as in: descent resume %s --time %v", c.Time, dir, 2*c.Time)
	case reason == "until" && c.Until == recorded.Until:
		return fmt.Sprintf("%s=%v was reached; a new run can start from its weights: --from %s", c.Until.Metric, c.Until.Value, dir)
	case reason == "early" && c.EarlyStop == recorded.EarlyStop:
		return fmt.Sprintf("%d evaluations brought no improvement; a new run can start from its weights: --from %s", c.EarlyStop, dir)
	}
	return ""
}

// startFrom takes initial weights from a model file or a run folder. Parameters must agree in name and shape.
func (s *Session) startFrom(path string) error {
	tensors, err := weightsOf(path)
	if err != nil {
		return fmt.Errorf("from %s: %w", path, err)
	}
	if err := s.weights.Restore(tensors); err != nil {
		return fmt.Errorf("from %s: %w", path, err)
	}
	return nil
}

// keepers are all that a checkpoint holds.
func (t *training) keepers() map[string]engine.Keeper {
	k := map[string]engine.Keeper{"weights": t.session.weights, "optimizer": t.session.stepper, "progress": t.session.progress, "best": t.best}
	for i, o := range t.observers {
		if keeper, ok := o.(engine.Keeper); ok {
			k[fmt.Sprintf("observer%d", i)] = keeper
		}
	}
	return k
}

// failed tells observers of an error that ends the training, and returns it.
func (t *training) failed(err error) error {
	d := map[string]any{"message": err.Error()}
	var odd *NonFinite
	if errors.As(err, &odd) {
		d["layer"], d["where"] = odd.Layer, odd.Where
	}
	if t.saved != "" {
		d["file"] = t.saved
	}
	if e := t.tell(t.event("failed", d)); e != nil && !errors.Is(err, e) {
		return errors.Join(err, e)
	}
	return err
}
