package main

// The optimizer of a case of descent optimizers replay: its settings, a rate a step or a schedule, and a group for each parameter that has
// settings of its own.

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/spec"
	"github.com/descent-go/descent/optim"
)

// readOptimizer reads everything that says how the weights move. Parameters and steps are read before.
func (c *replayCase) readOptimizer(keys map[string]json.RawMessage) error {
	raw, given := keys["optimizer"]
	if !given {
		return errors.New("optimizer is missing: a name such as adam")
	}
	name, err := textOf("optimizer", raw)
	if err != nil {
		return err
	}
	tree, err := spec.ParseText("optimizer", name)
	if err != nil {
		return err
	}
	settings := spec.Value{Kind: spec.Map}
	if raw, given := keys["settings"]; given {
		if settings, err = settingsOf("settings", raw); err != nil {
			return err
		}
	}
	b := replayBuilder{set: spec.NewSet(optim.Lists()...), tree: tree, over: overridesOf(settings)}
	if c.optimizer, err = b.build(nil); err != nil {
		return err
	}
	if err := c.readRates(keys, b); err != nil {
		return err
	}
	var groups []optim.Group
	for i, p := range c.parameters {
		if p.settings == nil {
			continue
		}
		g, err := b.group(p)
		if err != nil {
			return fmt.Errorf("parameters[%d] (%q): %w", i, p.Path, err)
		}
		groups = append(groups, g)
	}
	c.optimizer.Groups = append(groups, c.optimizer.Groups...)
	return nil
}

// readRates reads lr or schedule into the optimizer.
func (c *replayCase) readRates(keys map[string]json.RawMessage, b replayBuilder) error {
	rates, list := keys["lr"]
	schedule, scheduled := keys["schedule"]
	switch {
	case list && scheduled:
		return errors.New("lr and schedule are both given; one is wanted")
	case list: // in place of a rate in the settings
		if kind := kindOf(rates); kind != "a list" {
			return fmt.Errorf("lr: found %s, wanted a list with one rate a step; one rate for all steps is lr in settings", kind)
		}
		list, err := numberList("lr", rates)
		if err != nil {
			return err
		}
		if len(list) != c.steps {
			return fmt.Errorf("lr: found %d numbers, wanted %d: one a step", len(list), c.steps)
		}
		c.optimizer.LR = rateList(list)
	case scheduled:
		tree, err := scheduleOf(schedule)
		if err != nil {
			return err
		}
		f := rateFiller{set: b.set}
		if rate, constant := c.optimizer.LR.(optim.Constant); constant {
			f.rate = spec.NumberValue(float64(rate))
		}
		tree = f.thing(tree)
		if f.missing != "" {
			return fmt.Errorf("schedule: %s needs lr, and settings have a schedule as well", f.missing)
		}
		if c.optimizer.LR, err = spec.Decode[optim.Schedule](b.set, tree); err != nil {
			return err
		}
	}
	return nil
}

// scheduleOf reads a schedule: its text, or an object of name and settings.
func scheduleOf(raw json.RawMessage) (spec.Value, error) {
	if kindOf(raw) == "a text" {
		text, err := textOf("schedule", raw)
		if err != nil {
			return spec.Value{}, err
		}
		return spec.ParseText("schedule", text)
	}
	keys, err := objectOf("schedule", raw, []string{"name", "settings"})
	if err != nil {
		return spec.Value{}, err
	}
	name, given := keys["name"]
	if !given {
		return spec.Value{}, errors.New("schedule: name is missing")
	}
	text, err := textOf("schedule.name", name)
	if err != nil {
		return spec.Value{}, err
	}
	tree := spec.Value{Kind: spec.Call, Text: text, Pos: spec.Pos{Source: "schedule"}}
	if raw, given := keys["settings"]; given {
		v, err := settingsOf("schedule.settings", raw)
		if err != nil {
			return spec.Value{}, err
		}
		tree.Pairs = v.Pairs
	}
	return tree, nil
}

// settingsOf reads an object of settings. Errors name the key that it stands under, in place of a line and column within it.
func settingsOf(at string, raw json.RawMessage) (spec.Value, error) {
	v, err := spec.ParseJSON(at, raw)
	if err != nil {
		return v, err
	}
	if v.Kind != spec.Map {
		return v, fmt.Errorf("%s: found %s, wanted an object of settings", at, kindOf(raw))
	}
	placed(&v, spec.Pos{Source: at})
	return v, nil
}

// placed sets the position of a whole tree.
func placed(v *spec.Value, at spec.Pos) {
	v.Pos = at
	for i := range v.Items {
		placed(&v.Items[i], at)
	}
	for i := range v.Pairs {
		v.Pairs[i].Pos = at
		placed(&v.Pairs[i].Value, at)
	}
}

func overridesOf(settings spec.Value) []spec.Override {
	var over []spec.Override
	for _, pair := range settings.Pairs {
		v := pair.Value
		v.Pos = pair.Pos
		over = append(over, spec.Override{Path: pair.Key, Value: v})
	}
	return over
}

// replayBuilder makes optimizers of one name with different settings.
type replayBuilder struct {
	set  *spec.Set
	tree spec.Value
	over []spec.Override
}

func (b replayBuilder) build(more []spec.Override) (optim.Optimizer, error) {
	var o optim.Optimizer
	err := b.set.Decode(b.tree, &o, slices.Concat(b.over, more)...)
	return o, err
}

// group is what settings of its own mean for a parameter: its own rule, and rate, decay and clipping where it names them.
func (b replayBuilder) group(p replayParameter) (optim.Group, error) {
	g := optim.Group{Match: optim.Match{Paths: []string{escaped(p.Path)}}}
	own := spec.Value{Kind: spec.Map, Pos: p.settings.Pos}
	given := map[string]bool{}
	for _, pair := range p.settings.Pairs {
		given[pair.Key] = true
		switch pair.Key {
		case "groups", "wrap":
			return g, fmt.Errorf("settings: %s is of all parameters; it stands in the settings of the case", pair.Key)
		case "lr_factor":
			factor, err := spec.Decode[float64](b.set, pair.Value)
			if err != nil {
				return g, err
			}
			if !(factor > 0) {
				return g, fmt.Errorf("settings: lr_factor: found %v, wanted a number > 0", factor)
			}
			g.LRFactor = factor
		default:
			own.Pairs = append(own.Pairs, pair)
		}
	}
	o, err := b.build(overridesOf(own))
	if err != nil {
		return g, err
	}
	g.Rule = o.Rule
	if given["lr"] {
		g.LR = o.LR
	}
	if given["decay"] || given["coupled"] || given["decay_all"] {
		g.Decay = &o.Decay
	}
	if given["decay"] {
		g.Match.Roles = []engine.Role{p.Role} // asked for by name, it reaches a bias too
	}
	if given["clip_norm"] || given["clip_value"] {
		g.Clip = &o.Clip
	}
	return g, nil
}

// escaped is a path as a pattern that matches it alone.
func escaped(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}
