package optim

// Groups treat some parameters apart: another rule (Muon for matrices, AdamW for the rest), another rate, no decay. Parameters are named
// by role and by path.

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/descent-go/descent/engine"
)

// Group overrides settings of the optimizer for the parameters that it matches. What is not set stays the optimizer's.
type Group struct {
	Match    Match    `spec:",inline"`
	Rule     Rule     `help:"another rule"`
	LR       Schedule `help:"another learning rate or schedule"`
	LRFactor float64  `spec:",min=0" help:"multiplies the learning rate; not set: 1"`
	Decay    *Decay   `help:"another weight decay; it reaches biases and norms only where roles names them or decay_all is set"`
	Clip     *Clip    `help:"clip these parameters by their own norm; the others are measured without them"`
}

func (g Group) validate(o Optimizer) error {
	var p problems
	p.add("", g.Match.validate())
	decay := o.Decay
	if g.Decay != nil {
		decay = *g.Decay
		p.add("", decay.Validate())
	}
	if g.Rule != nil {
		p.add("", checkRule(g.Rule, decay))
	} else if g.Decay != nil && o.Rule != nil && o.Rule.Info().OwnDecay && decay.Coupled {
		p.add("", checkRule(o.Rule, decay))
	}
	p.add("", checkSchedule(g.LR))
	if g.LRFactor != 0 {
		p.positive("lr factor", g.LRFactor)
	}
	if g.Clip != nil {
		p.add("", g.Clip.Validate())
	}
	return errors.Join(p...)
}

// Match chooses parameters: those with one of the roles and one of the paths. An empty list asks for nothing, so that the zero Match
// takes every parameter.
//
// A path is a pattern of names between slashes: * stands for any characters within a name, ? for one, [a-c] for a range, ** for any
// number of names. A pattern that ends early takes everything below: "encoder" and "encoder/**" match "encoder/dense1/weight".
type Match struct {
	Roles []engine.Role `help:"weight, bias, norm, embedding, output"`
	Paths []string      `help:"patterns such as encoder/** or */bias"`
}

// String says what is matched, for messages.
func (m Match) String() string {
	var parts []string
	if len(m.Roles) > 0 {
		parts = append(parts, fmt.Sprintf("roles %v", m.Roles))
	}
	if len(m.Paths) > 0 {
		parts = append(parts, fmt.Sprintf("paths %q", m.Paths))
	}
	if parts == nil {
		return "every parameter"
	}
	return strings.Join(parts, ", ")
}

func (m Match) validate() error {
	var p problems
	for _, r := range m.Roles {
		if _, err := engine.ParseRole(r.String()); err != nil {
			p.addf("%v: no such role", r)
		}
	}
	for _, pattern := range m.Paths {
		if _, err := path.Match(pattern, ""); err != nil || pattern == "" {
			p.addf("path pattern %q: names between slashes with *, ?, [a-c] and ** are wanted", pattern)
		}
	}
	return errors.Join(p...)
}

// Matches reports whether m takes the parameter.
func (m Match) Matches(p engine.Param) bool {
	if len(m.Roles) > 0 && !slices.Contains(m.Roles, p.Role) {
		return false
	}
	return len(m.Paths) == 0 || slices.ContainsFunc(m.Paths, func(pattern string) bool { return matchPath(pattern, p.Path) })
}

// matchPath fills, pattern name by pattern name, the list of places in the path that can have been reached, so that hostile patterns of
// many ** cost no more than their length times the path's.
func matchPath(pattern, name string) bool {
	names := strings.Split(name, "/")
	reached := make([]bool, len(names)+1)
	reached[0] = true
	for _, part := range strings.Split(strings.TrimSuffix(pattern, "/"), "/") {
		next := make([]bool, len(names)+1)
		for at, here := range reached {
			switch {
			case part == "**":
				next[at] = here || at > 0 && next[at-1]
			case here && at < len(names):
				ok, err := path.Match(part, names[at])
				next[at+1] = ok && err == nil
			}
		}
		reached = next
	}
	return slices.Contains(reached, true)
}

// resolve finds what holds for a parameter: the number of its group, -1 for none.
func (o Optimizer) resolve(p engine.Param) int {
	return slices.IndexFunc(o.Groups, func(g Group) bool { return g.Match.Matches(p) })
}

// apply gives the settings of group i, of the optimizer itself for -1.
func (o Optimizer) apply(i int) settings {
	s := settings{rule: o.Rule, lr: o.LR, factor: 1, decay: o.Decay}
	if i >= 0 {
		g := o.Groups[i]
		s.named = g.Match.Roles
		if g.Rule != nil {
			s.rule = g.Rule
		}
		if g.LR != nil {
			s.lr = g.LR
		}
		if g.LRFactor != 0 {
			s.factor = g.LRFactor
		}
		if g.Decay != nil {
			s.decay = *g.Decay
		}
	}
	s.info = s.rule.Info()
	return s
}
