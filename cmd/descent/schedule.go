package main

// --schedule and --lr say one thing together: a schedule that has no rate of its own starts from the learning rate. The configuration knows
// only the result, a schedule with its rate.

import (
	"fmt"
	"slices"
	"strings"

	"github.com/descent-go/descent/internal/spec"
	"github.com/descent-go/descent/optim"
	"github.com/descent-go/descent/train"
)

const rateKey = "optimizer.lr"

// usualOptimizer is the optimizer where none is chosen, so that its settings can be changed by flags alone.
func usualOptimizer(set *spec.Set) optim.Optimizer {
	r, _ := set.Registry("optimizer")
	e, err := r.Lookup("adamw")
	if err != nil {
		return optim.Optimizer{}
	}
	o, _ := e.Prototype.(optim.Optimizer)
	return o
}

// withSchedule adds a schedule to the overrides, in place of the rate.
func withSchedule(set *spec.Set, base spec.Value, over []spec.Override, text string, rateGiven bool) ([]spec.Override, error) {
	// What the optimizer's rate would be without the schedule.
	c := train.Config{Optimizer: usualOptimizer(set)}
	if err := c.Parse(base, over...); err != nil {
		return nil, err
	}
	rate := spec.Value{}
	if constant, ok := c.Optimizer.LR.(optim.Constant); ok {
		rate = spec.NumberValue(float64(constant))
		rate.Pos = spec.Pos{Source: "--schedule"}
		if rateGiven {
			rate.Pos.Source = "--lr"
		}
	}
	tree, err := spec.ParseText("--schedule", text)
	if err != nil {
		return nil, err
	}
	f := rateFiller{set: set, rate: rate}
	tree = f.thing(tree)
	if f.missing != "" {
		return nil, fmt.Errorf("--schedule: %s needs a rate, and the optimizer's is a schedule already (%s); give --lr", f.missing, scheduleText(set, c.Optimizer.LR))
	}
	over = slices.DeleteFunc(slices.Clone(over), func(o spec.Override) bool { return o.Path == rateKey })
	return append(over, spec.Override{Path: rateKey, Value: tree}), nil
}

// keepsSchedule refuses --lr alone where a schedule is configured: it would be replaced without a word.
func keepsSchedule(base spec.Value, over []spec.Override) error {
	without := slices.DeleteFunc(slices.Clone(over), func(o spec.Override) bool { return o.Path == rateKey })
	set := train.Registries()
	c := train.Config{Optimizer: usualOptimizer(set)}
	if err := c.Parse(base, without...); err != nil {
		return nil // it is told with all other mistakes
	}
	if _, constant := c.Optimizer.LR.(optim.Constant); constant || c.Optimizer.LR == nil {
		return nil
	}
	return fmt.Errorf("--lr: the rate is a schedule, %s; say what it becomes, as in --schedule cosine or --schedule constant", scheduleText(set, c.Optimizer.LR))
}

// scheduleText is a schedule as one would type it, without what is a default.
func scheduleText(set *spec.Set, s optim.Schedule) string {
	if rate, constant := s.(optim.Constant); constant {
		return spec.NumberValue(float64(rate)).String()
	}
	v, err := set.EncodeShort(s, nil)
	if err != nil {
		return fmt.Sprintf("%T", s)
	}
	return v.String()
}

// rateFiller gives a rate to the schedules of a tree that have none.
type rateFiller struct {
	set     *spec.Set
	rate    spec.Value // Null: there is none to give
	missing string     // a schedule that needed one
}

// thing looks at one schedule. What is no schedule, or a wrong one, stays as it is: decoding says what is wrong.
func (f *rateFiller) thing(v spec.Value) spec.Value {
	r, ok := f.set.Registry("schedule")
	if !ok {
		return v
	}
	switch v.Kind {
	case spec.String:
		v = spec.Value{Kind: spec.Call, Text: v.Text, Pos: v.Pos}
	case spec.List:
		return f.list(v)
	case spec.Map:
		if len(v.Pairs) != 1 {
			return v
		}
		call := spec.Value{Kind: spec.Call, Text: v.Pairs[0].Key, Pos: v.Pairs[0].Pos}
		switch inner := v.Pairs[0].Value; inner.Kind {
		case spec.Map:
			call.Pairs = inner.Pairs
		case spec.Null:
		default:
			call.Items = []spec.Value{inner}
		}
		v = call
	}
	if v.Kind != spec.Call {
		return v
	}
	e, err := r.Lookup(v.Text)
	if err != nil {
		return v
	}
	parameters := f.set.Parameters(e.Prototype)
	if e.List {
		v.Items = slices.Clone(v.Items)
		for i := range v.Items {
			v.Items[i] = f.list(v.Items[i])
		}
		return v
	}
	return f.call(v, parameters, e.Name)
}

// call fills the arguments of a schedule that is a struct, or a number.
func (f *rateFiller) call(v spec.Value, parameters []spec.Parameter, name string) spec.Value {
	v.Items, v.Pairs = slices.Clone(v.Items), slices.Clone(v.Pairs)
	position := 0
	for _, p := range parameters {
		if strings.Contains(p.Key, ".") {
			continue
		}
		given := -1 // among the pairs
		for i, pair := range v.Pairs {
			if pair.Key == p.Key {
				given = i
			}
		}
		at := -1 // among the items
		if p.Arg {
			if position < len(v.Items) {
				at = position
			}
			position++
		}
		switch {
		case p.Kind == "schedule" && given >= 0:
			v.Pairs[given].Value = f.thing(v.Pairs[given].Value)
		case p.Kind == "schedule" && at >= 0:
			v.Items[at] = f.thing(v.Items[at])
		case given >= 0 || at >= 0:
		case p.Key == "lr" && p.Kind == "" && f.give(name):
			v.Pairs = append(v.Pairs, spec.Pair{Key: p.Key, Pos: f.rate.Pos, Value: f.rate})
		case p.Key == "" && len(v.Pairs) == 0 && f.give(name):
			v.Items = append(v.Items, f.rate)
		}
	}
	return v
}

// list looks at the stages of a list: maps with a schedule each.
func (f *rateFiller) list(v spec.Value) spec.Value {
	switch v.Kind {
	case spec.List:
		v.Items = slices.Clone(v.Items)
		for i := range v.Items {
			v.Items[i] = f.list(v.Items[i])
		}
	case spec.Map:
		v.Pairs = slices.Clone(v.Pairs)
		found := false
		for i, pair := range v.Pairs {
			if pair.Key == "lr" {
				found = true
				v.Pairs[i].Value = f.thing(pair.Value)
			}
		}
		if !found && f.give("a stage") {
			v.Pairs = append(v.Pairs, spec.Pair{Key: "lr", Pos: f.rate.Pos, Value: f.rate})
		}
	}
	return v
}

func (f *rateFiller) give(name string) bool {
	if f.rate.Kind == spec.Null {
		f.missing = name
		return false
	}
	return true
}
