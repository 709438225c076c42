package spec

// The sample things of the tests: the shapes that layers, schedules, optimizers and configurations really have.

import (
	"errors"
	"fmt"
	"time"
)

type layer interface{ layer() }
type initializer interface{ initializer() }
type schedule interface{ schedule() }
type rule interface{ rule() }

type relu struct{}
type dense struct {
	Units  int         `spec:",arg,min=1,required" help:"outputs"`
	NoBias bool        `help:"no bias"`
	Init   initializer `help:"how weights start"`
}
type dropout struct {
	Rate float64 `spec:",arg,min=0,lt=1"`
}
type mlp struct {
	Units  []int `spec:",arg,min=1"`
	Act    layer
	Reduce string `spec:",choices=mean|sum"`
}
type sequence []layer
type residual struct {
	Body     layer `spec:",arg"`
	Shortcut layer `spec:",arg"`
}
type get string
type crossEntropy struct {
	Smoothing float64 `spec:",min=0,lt=1"`
}

func (relu) layer()         {}
func (dense) layer()        {}
func (dropout) layer()      {}
func (mlp) layer()          {}
func (sequence) layer()     {}
func (residual) layer()     {}
func (get) layer()          {}
func (crossEntropy) layer() {}

type he struct {
	Gain float64 `spec:",gt=0"`
}
type zeros struct{}

func (he) initializer()    {}
func (zeros) initializer() {}

type constant float64
type warmup struct {
	Steps int      `spec:",arg,min=0"`
	Then  schedule `spec:",arg"`
}
type plateau struct {
	Patience int
	Factors  []float32
}

func (constant) schedule() {}
func (warmup) schedule()   {}
func (*plateau) schedule() {}

type adamw struct {
	Beta1 float64 `spec:",min=0,lt=1" help:"decay of the first moment"`
	Beta2 float64 `spec:",min=0,lt=1"`
	Eps   float64 `spec:",min=0"`
}
type sgd struct {
	Momentum float64 `spec:",min=0,lt=1"`
	Nesterov bool
}

func (adamw) rule() {}
func (sgd) rule()   {}
func (s sgd) Validate() error {
	if s.Nesterov && s.Momentum == 0 {
		return errNesterov
	}
	return nil
}

var errNesterov = errors.New("nesterov needs momentum > 0")

type decay struct {
	Rate    float64 `spec:",arg,min=0"`
	Coupled bool
}
type group struct {
	Roles    []role
	Rule     rule
	LRFactor float64
	Decay    *decay
}
type optimizer struct {
	Rule   rule     `spec:",inline"`
	LR     schedule `spec:",arg" help:"learning rate"`
	Decay  decay
	Groups []group
}

// Validate hands on what the rule says.
func (o optimizer) Validate() error {
	if v, ok := o.Rule.(interface{ Validate() error }); ok {
		return v.Validate()
	}
	return nil
}

// role spells itself through encoding.TextMarshaler, as an enumeration would.
type role uint8

func (r role) MarshalText() ([]byte, error) { return []byte([]string{"weight", "bias"}[r]), nil }
func (r *role) UnmarshalText(b []byte) error {
	switch string(b) {
	case "weight":
		*r = 0
	case "bias":
		*r = 1
	default:
		return fmt.Errorf("found %q, wanted weight or bias", b)
	}
	return nil
}

// batch is "full" or a number.
type batch int

func (b *batch) UnmarshalSpec(v Value) error {
	if v.Kind == String && v.Text == "full" {
		*b = -1
		return nil
	}
	var n struct {
		N int `spec:",arg,min=1"`
	}
	if err := (*Set)(nil).Decode(v, &n); err != nil {
		return fmt.Errorf("found %s, wanted \"full\" or a whole number >= 1", v.describe())
	}
	*b = batch(n.N)
	return nil
}

func (b batch) MarshalSpec() Value {
	if b == -1 {
		return StringValue("full")
	}
	return NumberValue(float64(b))
}
func (batch) WantSpec() string { return `"full" or a whole number >= 1` }

type common struct {
	Seed    uint64
	Threads int8 `spec:",min=0"`
}
type config struct {
	Data         string
	Model        layer
	Loss         layer   `spec:",kind=loss"`
	Losses       []layer `spec:",kind=loss"`
	Optimizer    optimizer
	Batch        batch
	Epochs       int           `spec:",min=0"`
	Time         time.Duration `spec:",min=0"`
	Frozen       []string
	ClassWeights map[string]float64
	Scale        float32
	Limit        *int
	Common       common `spec:",inline"`
	Dataset      func() `spec:"-"`
}

var (
	layers = NewRegistry[layer]("layer",
		Entry{Name: "dense", Prototype: dense{}, Help: "fully connected", Aliases: []string{"linear"}},
		Entry{Name: "relu", Prototype: relu{}},
		Entry{Name: "dropout", Prototype: dropout{Rate: 0.5}},
		Entry{Name: "mlp", Prototype: mlp{Act: relu{}, Reduce: "mean"}},
		Entry{Name: "sequence", Prototype: sequence(nil), List: true},
		Entry{Name: "residual", Prototype: residual{}},
		Entry{Name: "get", Prototype: get("")},
	)
	losses = NewRegistry[layer]("loss",
		Entry{Name: "cross_entropy", Prototype: crossEntropy{}},
		Entry{Name: "smooth", Prototype: crossEntropy{Smoothing: 0.1}},
	)
	inits = NewRegistry[initializer]("initializer",
		Entry{Name: "he", Prototype: he{Gain: 1}},
		Entry{Name: "zeros", Prototype: zeros{}},
	)
	schedules = NewRegistry[schedule]("schedule",
		Entry{Name: "constant", Prototype: constant(0), Number: true},
		Entry{Name: "warmup", Prototype: warmup{Steps: 100}},
		Entry{Name: "plateau", Prototype: &plateau{Patience: 3, Factors: []float32{0.1}}},
	)
	rules = NewRegistry[rule]("rule",
		Entry{Name: "adamw", Prototype: adamw{Beta1: 0.9, Beta2: 0.999, Eps: 1e-8}},
		Entry{Name: "sgd", Prototype: sgd{}},
	)
	optimizers = NewRegistry[optimizer]("optimizer",
		Entry{Name: "adamw", Prototype: optimizer{Rule: adamw{Beta1: 0.9, Beta2: 0.999, Eps: 1e-8}, LR: constant(1e-3), Decay: decay{Rate: 0.01}}},
		Entry{Name: "adam", Prototype: optimizer{Rule: adamw{Beta1: 0.9, Beta2: 0.999, Eps: 1e-8}, LR: constant(1e-3)}},
		Entry{Name: "sgd", Prototype: optimizer{Rule: sgd{}, LR: constant(0.1)}},
	)
	set = NewSet(layers, losses, inits, schedules, rules, optimizers)
)
