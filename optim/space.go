package optim

// Space over a stepper's vectors, and the chain of wrappers.

import (
	"fmt"
	"slices"
	"strings"
)

type vector struct {
	name    string // as saved; "" for scratch
	scratch bool
}

type number struct {
	name  string
	value *float64
}

// wrap builds the chain from the inside out, so that the first wrapper stands outermost. Memory is given out in the order of the list.
func (s *Stepper) wrap() error {
	s.next = s.step
	spaces := make([]*space, len(s.optimizer.Wrap))
	for i, w := range s.optimizer.Wrap {
		name := wrapperName(w)
		same := 1
		for _, before := range s.optimizer.Wrap[:i] {
			if wrapperName(before) == name {
				same++
			}
		}
		if same > 1 {
			name += fmt.Sprint(same)
		}
		spaces[i] = &space{s: s, name: name}
	}
	for i, w := range slices.Backward(s.optimizer.Wrap) {
		s.next = w.Wrap(spaces[i], s.next)
		if spaces[i].err != nil {
			return spaces[i].err
		}
		if s.next == nil {
			return fmt.Errorf("wrapper %s returned no step", spaces[i].name)
		}
	}
	return nil
}

// wrapperName is the type's name in lower case, without its package.
func wrapperName(w Wrapper) string {
	name := fmt.Sprintf("%T", w)
	return strings.ToLower(strings.TrimPrefix(name[strings.LastIndexByte(name, '.')+1:], "*"))
}

// space is what one wrapper sees. Its first error is kept until the chain is built.
type space struct {
	s    *Stepper
	name string
	err  error
}

func (p *space) Weights() Vec  { return weightsVec }
func (p *space) Gradient() Vec { return gradientVec }

func (p *space) New(name string) Vec {
	full := p.full(name)
	for _, v := range p.s.vectors {
		p.unique(full, v.name)
	}
	return p.add(vector{name: full})
}

func (p *space) Scratch() Vec { return p.add(vector{scratch: true}) }

func (p *space) add(v vector) Vec {
	p.s.vectors = append(p.s.vectors, v)
	p.s.run.newVector()
	return firstNew + Vec(len(p.s.vectors)-1)
}

func (p *space) Number(name string) *float64 {
	full := p.full(name)
	for _, n := range p.s.numbers {
		p.unique(full, n.name)
	}
	x := new(float64)
	p.s.numbers = append(p.s.numbers, number{full, x})
	return x
}

// full keeps a wrapper's names apart from slots, which have no dot, and from other wrappers'.
func (p *space) full(name string) string {
	if !word(name) && p.err == nil {
		p.err = fmt.Errorf("wrapper %s: name %q: a word of letters, digits and _ is wanted", p.name, name)
	}
	return p.name + "." + name
}

func (p *space) unique(name, other string) {
	if name == other && p.err == nil {
		p.err = fmt.Errorf("wrapper %s: %q is there already", p.name, name)
	}
}

func (p *space) EvaluateAt(v Vec) { p.s.evaluate = v }

func (p *space) Dot(x, y Vec) float64 { return p.s.run.dot(x, y) }

func (p *space) Axpy(a float64, x, y Vec) {
	p.s.run.axpy(a, x, y)
	p.wrote(y)
}

func (p *space) Mix(keep float64, x, y Vec) {
	p.s.run.mix(keep, x, y)
	p.wrote(y)
}

func (p *space) Copy(dst, src Vec) {
	p.s.run.copy(dst, src)
	p.wrote(dst)
}

func (p *space) Map(dst Vec, f func(a, b float64) float64, x, y Vec) {
	p.s.run.apply(dst, f, x, y)
	p.wrote(dst)
}

// wrote makes plans refill their packed copies before a wrapper asks for another gradient.
func (p *space) wrote(v Vec) {
	if v == weightsVec {
		p.s.weights.Changed()
	}
}
