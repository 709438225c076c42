// Package train is the loop: batch, forward, backward, step; evaluation, stopping, checkpoints, resuming, events to observers. It knows
// nothing of diagnosis, choice or printing.
//
// A [Config] says everything about a training; it alone repeats it. [Run] trains into a run folder, [Resume] goes on with one, and [Bind]
// gives a [Session] for a loop of one's own.
package train

import (
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/descent-go/descent/data"
	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/spec"
	"github.com/descent-go/descent/metric"
	"github.com/descent-go/descent/nn"
	"github.com/descent-go/descent/optim"
	"github.com/descent-go/descent/prep"
)

// Config describes a training. The zero value of a field means its default, except where zero is a setting of its own; the comments name
// the defaults. As YAML or JSON the keys are the names in lower case: early_stop, drop_last.
type Config struct {
	// Data is a name, a file or a folder; see data.Open. From Go, Dataset may be given instead.
	Data    string       `help:"data set: a name, a file or a folder"`
	Dataset data.Dataset `spec:"-"`
	// Label, Task, Drop and NoHeader say how to read a table of text; see data.Options.
	Label    string   `help:"column to predict; the last if not given"`
	Task     string   `spec:",choices=|auto|classification|regression" help:"classification or regression; found out if not given"`
	Drop     []string `help:"columns to leave out"`
	NoHeader bool     `help:"the first line of a table is a row"`
	// Scaling of the features: see prep.Options.
	Scaling string `spec:",choices=|none|standardize|range|minmax" help:"scaling of the features; fits the data if not given"`
	// RawTarget leaves a regression's target as it is; otherwise the network learns it standardized and answers are scaled back.
	RawTarget bool       `help:"of a regression: learn the target as it is, not standardized"`
	Split     data.Split `help:"what is held out: by default the given test part or a fifth, then a tenth for validation"`

	// Model from the features to the outputs; nil: two hidden layers of 128 and 64 rectifiers with dropout 0.1.
	Model nn.Layer `help:"network; mlp(128, 64, dropout=0.1) if not given"`
	// Loss from output and target; nil: cross-entropy for classes, mean squares for numbers.
	Loss nn.Layer `spec:",kind=loss" help:"loss; cross_entropy for classes, mean_squares for numbers if not given"`
	// SumLoss divides a step's gradient by nothing: the loss is the sum over the batch, as the survey defines it, not the mean.
	SumLoss bool `help:"the loss of a batch is the sum over its rows, not the mean"`
	// ClassWeight says how much the rows of a class count in the loss: "balanced" makes all classes count alike, whatever their sizes.
	ClassWeight ClassWeight `help:"balanced, or a weight for each class; all rows count alike if not given"`
	// Optimizer; without a rule AdamW with rate 0.001.
	Optimizer optim.Optimizer `help:"optimizer; adamw(lr=0.001) if not given"`
	// From is a saved model or a run whose weights are the initial ones.
	From   string   `help:"model file or run whose weights to start from"`
	Frozen []string `help:"paths of parameters or layers that stay as they are"`

	Batch    Batch `help:"rows a step: a number or full"`
	Micro    int   `spec:",min=0" help:"rows at once; larger batches are accumulated from parts; 0: the whole batch"`
	Replace  bool  `help:"draw the rows of each batch with replacement"`
	DropLast bool  `help:"leave out an epoch's last batch when it is short"`

	// The training ends at the first of these that is reached; 0 is no limit; all 0: 30 epochs.
	Epochs    int           `spec:",min=0" help:"passes over the training part"`
	Steps     int           `spec:",min=0" help:"updates"`
	Time      time.Duration `spec:",min=0" help:"time of training, such as 10m"`
	Until     Until         `help:"validation metric that ends the training, such as accuracy=0.97"`
	EarlyStop int           `spec:",min=0" help:"evaluations without improvement that end the training; 0: never"`

	// Evaluate on validation and Checkpoint: how often. Zero: each epoch, and about ten times a training.
	Evaluate   Every `help:"how often to evaluate on validation; each epoch if not given"`
	Checkpoint Every `help:"how often to write a checkpoint; about ten times a training if not given"`
	// Report is the number of steps between step events; 0: about two hundred in a training.
	Report int `spec:",min=0" help:"steps between step events; about two hundred in a training if 0"`

	// Snapshots is how many times the weights are kept as an attachment, spread evenly over a training of planned length.
	Snapshots int `spec:",min=0" help:"how many times to keep the weights, spread over the training"`
	// Watch reads the instruments of every layer at each report, not only at the first ten and every tenth.
	Watch bool `help:"read every layer's instruments at each report"`

	Seed      uint64    `help:"of weights, order, masks and splits"`
	Threads   int       `spec:",min=0" help:"0: all cores; results do not depend on it"`
	Precision Precision `help:"float32, bfloat16 (of products only) or float64"`
	Kernels   string    `help:"kernel set; the best of this machine if not given"`

	// Made says what a run was made with. It is written into the run folder and changes nothing when it is read.
	Made Made `help:"what a run was made with, for the record; changes nothing"`

	Group  engine.Group `spec:"-"`
	Logger *slog.Logger `spec:"-"`
	// Version is of the program, for the record.
	Version string `spec:"-"`
}

// Made is the circumstances of a run that its results may depend on.
type Made struct {
	Version, Commit, Go, OS, Arch, CPU string
	Kernels                            string // the set in use
	Fingerprint                        string // of the data
}

// Batch is the number of rows of a step; Full is all of the training part. Zero means 32.
type Batch int

// Full makes every step see the whole training part, in one order.
const Full Batch = -1

const defaultBatch = 32

// UnmarshalSpec reads "full" or a number.
func (b *Batch) UnmarshalSpec(v spec.Value) error {
	if v.Kind == spec.String && v.Text == "full" {
		*b = Full
		return nil
	}
	n, err := spec.Decode[int](nil, v)
	if err != nil || n < 1 {
		return fmt.Errorf("found %s, wanted %s", v, b.WantSpec())
	}
	*b = Batch(n)
	return nil
}

// MarshalSpec is the way back.
func (b Batch) MarshalSpec() spec.Value {
	if b == Full {
		return spec.StringValue("full")
	}
	return spec.NumberValue(float64(max(b, 1)))
}

// WantSpec says what UnmarshalSpec takes.
func (Batch) WantSpec() string { return "full or a whole number of at least 1" }

// Every is how often something happens: the first of its limits that is reached. Zero is the default of what it belongs to.
type Every struct {
	Steps  int           `spec:",min=0"`
	Epochs float64       `spec:",min=0"`
	Time   time.Duration `spec:",min=0"`
}

// Until is a metric on the validation part and the value that is enough: "accuracy=0.97", "loss=0.1". A loss or an error is enough when it
// is as small. The zero value never ends a training.
type Until struct {
	Metric string
	Value  float64
}

// UnmarshalSpec reads metric=value.
func (u *Until) UnmarshalSpec(v spec.Value) error {
	if v.Kind == spec.Null || v.Kind == spec.String && v.Text == "" {
		*u = Until{}
		return nil
	}
	name, value, ok := strings.Cut(v.Text, "=")
	x, err := spec.Decode[float64](nil, spec.Bare(strings.TrimSpace(value), v.Pos))
	if name = strings.TrimSpace(name); !ok || err != nil || v.Kind != spec.String {
		return fmt.Errorf("found %s, wanted %s", v, u.WantSpec())
	}
	var known []string
	for _, e := range metric.List() {
		known = append(known, e.Name)
	}
	if !slices.Contains(known, name) {
		return fmt.Errorf("unknown metric %q; %s are possible", name, strings.Join(known, ", "))
	}
	*u = Until{name, x}
	return nil
}

// MarshalSpec is the way back.
func (u Until) MarshalSpec() spec.Value {
	if u == (Until{}) {
		return spec.Value{}
	}
	return spec.StringValue(u.Metric + "=" + spec.NumberValue(u.Value).String())
}

// WantSpec says what UnmarshalSpec takes.
func (Until) WantSpec() string { return "a metric and a value, such as accuracy=0.97" }

// fits refuses a metric that the task has not.
func (u Until) fits(task string) error {
	var known []string
	for _, e := range metric.List() {
		if e.Task == "" || e.Task == task {
			known = append(known, e.Name)
		}
	}
	if u.Metric != "" && !slices.Contains(known, u.Metric) {
		return fmt.Errorf("until %s=%v: a %s has the metrics %s", u.Metric, u.Value, task, strings.Join(known, ", "))
	}
	return nil
}

// Precision is what the network computes in, as text.
type Precision engine.Precision

// The precisions that a training can have.
const (
	Float32 = Precision(engine.Float32)
	// BFloat16 multiplies matrices of numbers rounded to bfloat16, twice as fast as float32 where the processor has AVX512-BF16. Sums, weights and
	// everything else are float32. Results have the same bits on every kernel set as far as these products go.
	BFloat16 = Precision(engine.BFloat16)
	Float64  = Precision(engine.Float64)
)

// UnmarshalText reads float32, bfloat16 or float64, or fp32, bf16, fp64.
func (p *Precision) UnmarshalText(text []byte) error {
	q, err := engine.ParsePrecision(string(text))
	if err == nil {
		*p = Precision(q)
	}
	return err
}

// MarshalText is the way back.
func (p Precision) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// String is float32, bfloat16 or float64.
func (p Precision) String() string { return engine.Precision(p).String() }

// Registries are the lists of all things that a configuration names.
func Registries() *spec.Set {
	return spec.NewSet(append(nn.Lists(), optim.Lists()...)...)
}

// Parse reads a configuration from a tree, JSON's or another reader's, and applies overrides, such as flags. Keys that are not given keep
// what c holds. All mistakes are reported together.
func (c *Config) Parse(v spec.Value, over ...spec.Override) error {
	return Registries().Decode(v, c, over...)
}

// JSON is the complete configuration, which Parse reads back.
func (c Config) JSON() ([]byte, error) {
	v, err := Registries().Encode(c)
	if err != nil {
		return nil, fmt.Errorf("writing the configuration: %w (a layer, loss, rule or schedule of your own needs a name: nn.Register, optim.Register)", err)
	}
	return v.JSON(), nil
}

// fill puts the defaults that need no data in place of zeros.
func (c *Config) fill() {
	if c.Model == nil {
		c.Model = nn.MLP{Units: []int{128, 64}, Dropout: 0.1}
	}
	if c.Optimizer.Rule == nil {
		given := c.Optimizer
		c.Optimizer = optim.NewAdamW(0.001)
		c.Optimizer.Groups, c.Optimizer.Wrap = given.Groups, given.Wrap
		if given.LR != nil {
			c.Optimizer.LR = given.LR
		}
	}
	if c.Batch == 0 {
		c.Batch = defaultBatch
	}
	if c.Epochs == 0 && c.Steps == 0 && c.Time == 0 {
		c.Epochs = 30
	}
	if c.Evaluate == (Every{}) {
		c.Evaluate.Epochs = 1
	}
}

// validate reports what cannot be, beyond what reading text has refused: a Config may come from Go.
func (c *Config) validate() error {
	switch {
	case c.Data == "" && c.Dataset == nil:
		return fmt.Errorf("no data: give a data set by name, a file or a folder")
	case c.Batch < Full:
		return fmt.Errorf("batch is %d; %s is wanted", c.Batch, c.Batch.WantSpec())
	case c.Micro < 0 || c.Epochs < 0 || c.Steps < 0 || c.Time < 0 || c.EarlyStop < 0 || c.Threads < 0 || c.Report < 0 || c.Snapshots < 0:
		return fmt.Errorf("micro, epochs, steps, time, early_stop, threads, report and snapshots may not be negative")
	case c.Threads > 1024:
		return fmt.Errorf("threads is %d; 0 (all cores) to 1024 is possible", c.Threads)
	case c.Precision > Float64:
		return fmt.Errorf("precision is %v; float32, bfloat16 and float64 are possible", c.Precision)
	case math.IsNaN(c.Until.Value) || math.IsInf(c.Until.Value, 0):
		return fmt.Errorf("until %s=%v; a finite value is wanted", c.Until.Metric, c.Until.Value)
	}
	for name, e := range map[string]Every{"evaluate": c.Evaluate, "checkpoint": c.Checkpoint} {
		if e.Steps < 0 || !(e.Epochs >= 0) || math.IsInf(e.Epochs, 0) || e.Time < 0 {
			return fmt.Errorf("%s: steps, epochs and time may not be negative", name)
		}
	}
	if err := c.Optimizer.Validate(); err != nil {
		return fmt.Errorf("optimizer: %w", err)
	}
	return nil
}

func (c *Config) dataOptions() data.Options {
	return data.Options{Label: c.Label, Task: c.Task, Drop: c.Drop, NoHeader: c.NoHeader}
}

func (c *Config) prepOptions() prep.Options {
	return prep.Options{Scaling: c.Scaling, RawTarget: c.RawTarget}
}
