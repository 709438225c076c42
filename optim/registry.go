package optim

// The table of contents of this room: every rule, schedule and wrapper that text can name, with its defaults.

import (
	"fmt"

	"github.com/descent-go/descent/internal/spec"
)

// optimizers are rules with the settings of an optimizer around them: adamw(lr=1e-3, beta2=0.99, decay=0.05, clip_norm=1).
var optimizers = spec.NewRegistry[Optimizer]("optimizer",
	spec.Entry{Name: "sgd", Prototype: NewSGD(0.01), Help: "stochastic gradient descent"},
	spec.Entry{Name: "momentum", Prototype: NewMomentum(0.01, 0.9), Help: "SGD with momentum; the survey's form is an option"},
	spec.Entry{Name: "nesterov", Prototype: NewNesterov(0.01, 0.9), Help: "momentum that looks ahead"},
	spec.Entry{Name: "adagrad", Prototype: NewAdaGrad(0.01), Help: "rate for each weight from all its gradients so far"},
	spec.Entry{Name: "adadelta", Prototype: NewAdadelta(1), Help: "rate for each weight from the size of its steps"},
	spec.Entry{Name: "rmsprop", Prototype: NewRMSProp(0.001), Help: "rate for each weight from its recent gradients; centered, with momentum"},
	spec.Entry{Name: "adam", Prototype: NewAdam(0.001), Help: "rate for each weight from the moments of its gradient"},
	spec.Entry{Name: "adamw", Prototype: NewAdamW(0.001), Help: "Adam with decoupled weight decay"},
	spec.Entry{Name: "amsgrad", Prototype: NewAMSGrad(0.001), Help: "Adam whose rates never rise"},
	spec.Entry{Name: "lars", Prototype: NewLARS(1), Help: "momentum with a rate for each layer, for large batches"},
)

// rules are the same without what stands around them, for groups.
var rules = spec.NewRegistry[Rule]("rule", rulesOf(optimizers.Entries())...)

func rulesOf(entries []spec.Entry) []spec.Entry {
	for i := range entries {
		entries[i].Prototype = entries[i].Prototype.(Optimizer).Rule
	}
	return entries
}

var schedules = spec.NewRegistry[Schedule]("schedule",
	// Its default is no rate at all, so that every rate is written out.
	spec.Entry{Name: "constant", Prototype: Constant(0), Number: true, Help: "one rate; a plain number means this"},
	spec.Entry{Name: "drop", Prototype: Drop{Factor: 0.1}, Help: "multiply the rate every so many steps or epochs"},
	spec.Entry{Name: "multistep", Prototype: MultiStep{Factor: 0.1}, Help: "multiply the rate at milestones"},
	spec.Entry{Name: "exponential", Prototype: Exponential{}, Help: "multiply the rate smoothly"},
	spec.Entry{Name: "linear", Prototype: Linear{}, Help: "fall along a straight line"},
	spec.Entry{Name: "polynomial", Prototype: Polynomial{Power: 2}, Help: "fall with a power of what is left"},
	spec.Entry{Name: "inverse_root", Prototype: InverseRoot{}, Help: "rise linearly, fall with the root of the step (Transformer)"},
	spec.Entry{Name: "cosine", Prototype: Cosine{}, Help: "fall along half a cosine"},
	spec.Entry{Name: "warmup", Prototype: Warmup{}, Help: "rise linearly to the first rate of another schedule"},
	spec.Entry{Name: "stages", Prototype: Stages{}, List: true, Help: "one schedule after the other"},
)

var wrappers = spec.NewRegistry[Wrapper]("wrapper",
	spec.Entry{Name: "ema", Prototype: NewEMA(), Help: "evaluate at an exponential moving average of the weights"},
)

// Lists are the registries of this room, for a decoder of whole configurations.
func Lists() []*spec.Registry { return []*spec.Registry{optimizers, rules, schedules, wrappers} }

// Parse reads an optimizer from text such as "adamw(lr=cosine(1e-3), decay=0.05)". The keys are those of the rule and of [Optimizer].
func Parse(text string) (Optimizer, error) {
	v, err := spec.ParseText("", text)
	if err != nil {
		return Optimizer{}, err
	}
	return spec.Decode[Optimizer](spec.NewSet(Lists()...), v)
}

// String spells o as text that Parse reads, leaving out what is a default, except for the learning rate, which always stands first.
func (o Optimizer) String() string {
	set := spec.NewSet(Lists()...)
	v, err := set.EncodeShort(o, nil)
	if err != nil {
		name := "optimizer"
		if o.Rule != nil {
			name = o.Rule.Info().Name
		}
		return name
	}
	if len(v.Items) == 0 && o.LR != nil { // it is the default
		if rate, err := set.EncodeShort(o.LR, nil); err == nil {
			v.Items = []spec.Value{rate}
		}
	}
	return v.String()
}

// Register adds a thing of the user's own, so that files and flags can name it. The prototype holds its defaults and is an [Optimizer]
// or a [Rule] (which then has rate 0.001 unless text says otherwise), a [Schedule] or a [Wrapper].
func Register(name string, prototype any) error {
	switch x := prototype.(type) {
	case Optimizer:
		if x.Rule == nil {
			return fmt.Errorf("registering %q: an optimizer without a rule", name)
		}
		if err := optimizers.Register(spec.Entry{Name: name, Prototype: x, Help: x.Rule.Info().Formula}); err != nil {
			return err
		}
		return rules.Register(spec.Entry{Name: name, Prototype: x.Rule, Help: x.Rule.Info().Formula})
	case Rule:
		return Register(name, Optimizer{Rule: x, LR: Constant(0.001)})
	case Schedule:
		return schedules.Register(spec.Entry{Name: name, Prototype: x})
	case Wrapper:
		return wrappers.Register(spec.Entry{Name: name, Prototype: x})
	}
	return fmt.Errorf("registering %q: found %T; a Rule, an Optimizer, a Schedule or a Wrapper is wanted", name, prototype)
}

// UnmarshalSpec reads decay as a number or as keys: a group says decay: 0.1 or decay: {decay: 0.1, decay_all: true}.
func (d *Decay) UnmarshalSpec(v spec.Value) error {
	type keys Decay
	if v.Kind != spec.Number {
		return (*spec.Set)(nil).Decode(v, (*keys)(d))
	}
	var x struct {
		Rate float64 `spec:"decay,arg,min=0"`
	}
	err := (*spec.Set)(nil).Decode(v, &x)
	*d = Decay{Rate: x.Rate}
	return err
}

// MarshalSpec is the way back.
func (d Decay) MarshalSpec() spec.Value {
	if d == (Decay{Rate: d.Rate}) {
		return spec.NumberValue(d.Rate)
	}
	type keys Decay
	v, _ := (*spec.Set)(nil).EncodeShort(keys(d), keys{})
	return v
}

// UnmarshalSpec reads clip as a number, its norm, or as keys.
func (c *Clip) UnmarshalSpec(v spec.Value) error {
	type keys Clip
	if v.Kind != spec.Number {
		return (*spec.Set)(nil).Decode(v, (*keys)(c))
	}
	var x struct {
		Norm float64 `spec:"clip_norm,arg,min=0"`
	}
	err := (*spec.Set)(nil).Decode(v, &x)
	*c = Clip{Norm: x.Norm}
	return err
}

// MarshalSpec is the way back.
func (c Clip) MarshalSpec() spec.Value {
	if c.Value == 0 {
		return spec.NumberValue(c.Norm)
	}
	type keys Clip
	v, _ := (*spec.Set)(nil).EncodeShort(keys(c), keys{})
	return v
}
