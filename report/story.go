package report

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/descent-go/descent/run"
)

// The story is what the events so far say about a run. The terminal builds it event by event while the run goes on, Show from a folder later.

type story struct {
	start, resume, end run.Event // end: done, failed or stop; Type is empty where there was none
	last               run.Event // of any kind
	task               string
	dir, name          string
	epochs             float64
	steps, perEpoch    float64
	validation         bool // evaluations are to be expected
	lr                 float64
	speed              float64 // samples a second
	spent              float64 // seconds of training
	evaluations        []evaluation
	best               int // index of the best evaluation, -1 for none
	curve              []point
	losses             float64 // sum of step losses since the last permanent line
	lossCount          int
	warnings           []string
}

// evaluation is one eval event.
type evaluation struct {
	step    uint64
	epoch   float64
	values  map[string]float64 // all metrics
	best    bool
	seconds float64
}

type point struct{ x, y float64 }

func newStory() *story { return &story{best: -1, lr: math.NaN()} }

// take adds one event. Types and keys that it does not know are skipped.
func (s *story) take(e run.Event) {
	s.last = e
	switch e.Type {
	case "start":
		s.start = e
		s.task, s.dir, s.name = text(e, "task"), text(e, "dir"), text(e, "name")
		s.epochs, s.steps, s.perEpoch = number(e, "epochs", 0), number(e, "steps", 0), number(e, "steps_per_epoch", 0)
		s.validation = number(run.Event{Data: object(e, "rows")}, "validation", 0) > 0
	case "resume":
		s.resume, s.end = e, run.Event{}
	case "step":
		s.lr = number(e, "optimizer/lr", s.lr)
		s.speed = number(e, "time/samples_per_second", s.speed)
		s.spent = number(e, "time/seconds", s.spent)
		if loss, ok := e.Number("train/loss"); ok {
			s.losses += loss
			s.lossCount++
			s.curve = append(s.curve, point{e.Epoch, loss})
			s.thin()
		}
	case "eval":
		v := evaluation{step: e.Step, epoch: e.Epoch, values: map[string]float64{}}
		for _, key := range slices.Sorted(maps.Keys(e.Data)) {
			if x, ok := e.Number(key); ok {
				v.values[key] = x
			}
		}
		v.best, _ = e.Data["best"].(bool)
		s.spent = number(e, "time/seconds", s.spent)
		v.seconds = s.spent
		if v.best {
			s.best = len(s.evaluations)
		}
		s.evaluations = append(s.evaluations, v)
	case "warning":
		s.warnings = append(s.warnings, text(e, "message"))
	case "done", "failed", "stop":
		s.end = e
	}
}

// curvePoints bounds the memory of the curve: at twice as many points each pair becomes one.
const curvePoints = 2000

func (s *story) thin() {
	if len(s.curve) < 2*curvePoints {
		return
	}
	for i := range curvePoints {
		a, b := s.curve[2*i], s.curve[2*i+1]
		s.curve[i] = point{(a.x + b.x) / 2, (a.y + b.y) / 2}
	}
	s.curve = s.curve[:curvePoints]
}

// trainLoss is the mean of the step losses since the last call, NaN without any.
func (s *story) trainLoss() float64 {
	mean := s.losses / float64(s.lossCount)
	s.losses, s.lossCount = 0, 0
	return mean
}

// folder is where the run is, as a shell takes it.
func (s *story) folder() string {
	if s.dir == "" {
		return "DIR"
	}
	return word(s.dir)
}

// score is the metric that the task is judged by.
func (s *story) score() string {
	if s.task == "regression" {
		return "r2"
	}
	return "accuracy"
}

// Reading an event: a key that is missing or holds something else gives the default.

func number(e run.Event, key string, otherwise float64) float64 {
	if v, ok := e.Number(key); ok {
		return v
	}
	return otherwise
}

// text cleans nothing: whoever prints it does.
func text(e run.Event, key string) string {
	s, _ := e.Text(key)
	return s
}

// whole is number for what must be whole and not negative.
func whole(e run.Event, key string) (int, bool) {
	v, ok := e.Number(key)
	if !ok || !(v >= 0 && v < 1<<53) {
		return 0, false
	}
	return int(v), true
}

// nested reads a list or an object in the form that a line of the log gives, whatever the Go type of the one who made the event.
func nested(e run.Event, key string) any {
	v, ok := e.Data[key]
	if !ok {
		return nil
	}
	switch v.(type) {
	case []any, map[string]any:
		return v
	}
	line, err := json.Marshal(run.Event{Time: time.Unix(0, 0).UTC(), Data: map[string]any{key: v}})
	var back run.Event
	if err != nil || json.Unmarshal(line, &back) != nil {
		return nil
	}
	return back.Data[key]
}

func list(e run.Event, key string) []any {
	l, _ := nested(e, key).([]any)
	return l
}

func object(e run.Event, key string) map[string]any {
	m, _ := nested(e, key).(map[string]any)
	return m
}

// metricName is a metric's key for people: "val/r2" is R2.
func metricName(key string) string {
	_, name, found := strings.Cut(key, "/")
	if !found {
		name = key
	}
	switch name {
	case "r2", "mae", "rmse", "f1":
		return strings.ToUpper(name)
	}
	// Beside the accuracy the word is said already.
	return Clean(strings.ReplaceAll(strings.TrimSuffix(name, "_accuracy"), "_", " "))
}

// metricValue writes a metric's number: what is a share by its name in percent.
func metricValue(key string, v float64) string {
	if strings.HasSuffix(key, "accuracy") || strings.HasSuffix(key, "/f1") || key == "f1" || key == "majority" {
		return Percent(v)
	}
	return Number(v)
}
