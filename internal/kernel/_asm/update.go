package main

// Optimizer updates. The loops read parameters of the step from memory, where
// they are as fast as in registers, of which there are too few.

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// times is x *= the argument of that name.
func (t *target) times(x Register, name string) { VMULPS(t.broadcast(argument(name)), x, x) }

// decayed is g = scale*grad, plus decay*w unless decay is 0.
func (t *target) decayed(p place, grad, w, flag Register, label string) Register {
	g := p.load(grad)
	t.times(g, "scale")
	TESTQ(flag, flag)
	JZ(LabelRef(label))
	r := t.vec()
	VMULPS(t.broadcast(argument("decay")), w, r)
	VADDPS(r, g, g)
	Label(label)
	return g
}

func (t *target) updates() {
	labels := 0
	label := func(name string) string {
		labels++
		return name + hex(uint32(labels))
	}
	n := func() Register { return Load(Param("n"), GP64()) }
	flag := func(bit int) Register {
		r := Load(Param("flags"), GP64())
		ANDQ(U8(bit), r)
		return r
	}

	t.function("SGD", "func(n int, w, grad *float32, lr, scale, decay float32, flags int)",
		"is sgd for n values. Flag 1: decay is not 0.")
	w, grad, decay := Load(Param("w"), GP64()), Load(Param("grad"), GP64()), flag(1)
	t.each(n(), 2, func(p place) {
		x := p.load(w)
		g := t.decayed(p, grad, x, decay, label("decayed"))
		t.times(g, "lr")
		VSUBPS(g, x, x)
		p.store(x, w)
	})
	t.end()

	t.function("Momentum", "func(n int, w, v, grad *float32, scale, decay, mu, into, fresh, out float32, flags int)",
		"is momentum for n values. Flag 1: decay is not 0; flag 2: Nesterov's form.")
	w, grad, decay = Load(Param("w"), GP64()), Load(Param("grad"), GP64()), flag(1)
	v, nesterov := Load(Param("v"), GP64()), flag(2)
	t.each(n(), 2, func(p place) {
		x := p.load(w)
		g := t.decayed(p, grad, x, decay, label("decayed"))
		d, r := p.load(v), t.vec()
		t.times(d, "mu")
		VMULPS(t.broadcast(argument("fresh")), g, r)
		t.times(r, "into")
		VADDPS(r, d, d)
		p.store(d, v)
		plain := label("plain")
		TESTQ(nesterov, nesterov)
		JZ(LabelRef(plain))
		t.times(g, "into")
		t.times(d, "mu")
		VADDPS(d, g, d)
		Label(plain)
		t.times(d, "out")
		VSUBPS(d, x, x)
		p.store(x, w)
	})
	t.end()

	t.function("Adam", "func(n int, w, m, v, grad *float32, scale, decay, keep, beta1, fresh1, beta2, fresh2, step, rise, correction2, eps float32, flags int)",
		"is adam for n values. Flag 1: decay is not 0; flag 2: 1-Beta1 >= 0.5; flag 4: EpsInside.")
	w, grad, decay = Load(Param("w"), GP64()), Load(Param("grad"), GP64()), flag(1)
	m, other, inside := Load(Param("m"), GP64()), flag(2), flag(4)
	v = Load(Param("v"), GP64())
	t.each(n(), 1, func(p place) {
		x := p.load(w)
		t.times(x, "keep")
		g := t.decayed(p, grad, x, decay, label("decayed"))

		m1, d := p.load(m), t.vec()
		VSUBPS(m1, g, d)
		far, moment := label("far"), label("moment")
		TESTQ(other, other)
		JNZ(LabelRef(far))
		t.times(d, "fresh1")
		VADDPS(d, m1, m1)
		JMP(LabelRef(moment))
		Label(far)
		t.times(d, "beta1")
		VSUBPS(d, g, m1)
		Label(moment)
		p.store(m1, m)

		v1, q := p.load(v), t.vec()
		t.times(v1, "beta2")
		VMULPS(t.broadcast(argument("fresh2")), g, q)
		VMULPS(g, q, q)
		VADDPS(q, v1, v1)
		p.store(v1, v)

		eps := t.broadcast(argument("eps"))
		within, denominator := label("within"), label("denominator")
		TESTQ(inside, inside)
		JNZ(LabelRef(within))
		VSQRTPS(v1, v1)
		t.times(v1, "rise")
		VADDPS(eps, v1, v1)
		JMP(LabelRef(denominator))
		Label(within)
		VDIVPS(t.broadcast(argument("correction2")), v1, v1)
		VADDPS(eps, v1, v1)
		VSQRTPS(v1, v1)
		Label(denominator)
		t.times(m1, "step")
		VDIVPS(v1, m1, m1)
		VSUBPS(m1, x, x)
		p.store(x, w)
	})
	t.end()

	// root turns x into sqrt(x) + eps, or sqrt(x + eps).
	root := func(x, inside Register) {
		eps := t.broadcast(argument("eps"))
		within, done := label("within"), label("root")
		TESTQ(inside, inside)
		JNZ(LabelRef(within))
		VSQRTPS(x, x)
		VADDPS(eps, x, x)
		JMP(LabelRef(done))
		Label(within)
		VADDPS(eps, x, x)
		VSQRTPS(x, x)
		Label(done)
	}

	t.function("RMSProp", "func(n int, w, v, mean, velocity, grad *float32, scale, decay, rho, fresh, mu, into, out, eps float32, flags int)",
		"is rmsprop for n values; mean and velocity may be nil. Flag 1: decay is not 0; flag 2: eps inside the root.")
	w, grad, decay = Load(Param("w"), GP64()), Load(Param("grad"), GP64()), flag(1)
	v, inside = Load(Param("v"), GP64()), flag(2)
	mean, velocity := Load(Param("mean"), GP64()), Load(Param("velocity"), GP64())
	t.each(n(), 1, func(p place) {
		x := p.load(w)
		g := t.decayed(p, grad, x, decay, label("decayed"))
		s, q := p.load(v), t.vec()
		t.times(s, "rho")
		VMULPS(t.broadcast(argument("fresh")), g, q)
		VMULPS(g, q, q)
		VADDPS(q, s, s)
		p.store(s, v)
		plain := label("plain")
		TESTQ(mean, mean)
		JZ(LabelRef(plain))
		a, d := p.load(mean), t.vec()
		VSUBPS(a, g, d)
		t.times(d, "fresh")
		VADDPS(d, a, a)
		p.store(a, mean)
		VMULPS(a, a, a)
		VSUBPS(a, s, s)
		zero := t.vec()
		t.zero(zero)
		VMAXPS(s, zero, s) // NaN stays
		Label(plain)
		root(s, inside)
		t.times(g, "into")
		VDIVPS(s, g, g)
		still := label("still")
		TESTQ(velocity, velocity)
		JZ(LabelRef(still))
		r := p.load(velocity)
		t.times(r, "mu")
		VADDPS(r, g, g)
		p.store(g, velocity)
		Label(still)
		t.times(g, "out")
		VSUBPS(g, x, x)
		p.store(x, w)
	})
	t.end()

	t.function("AdaGrad", "func(n int, w, sum, grad *float32, lr, scale, decay, eps float32, flags int)",
		"is adagrad for n values. Flag 1: decay is not 0; flag 2: eps inside the root.")
	w, grad, decay = Load(Param("w"), GP64()), Load(Param("grad"), GP64()), flag(1)
	v, inside = Load(Param("sum"), GP64()), flag(2)
	t.each(n(), 1, func(p place) {
		x := p.load(w)
		g := t.decayed(p, grad, x, decay, label("decayed"))
		s, q := p.load(v), t.vec()
		VMULPS(g, g, q)
		VADDPS(q, s, s)
		p.store(s, v)
		root(s, inside)
		t.times(g, "lr")
		VDIVPS(s, g, g)
		VSUBPS(g, x, x)
		p.store(x, w)
	})
	t.end()

	t.function("Adadelta", "func(n int, w, v, steps, grad *float32, lr, scale, decay, rho, fresh, eps float32, flags int)",
		"is adadelta for n values. Flag 1: decay is not 0.")
	w, grad, decay = Load(Param("w"), GP64()), Load(Param("grad"), GP64()), flag(1)
	v = Load(Param("v"), GP64())
	steps := Load(Param("steps"), GP64())
	t.each(n(), 1, func(p place) {
		x := p.load(w)
		g := t.decayed(p, grad, x, decay, label("decayed"))
		// square is s = rho*s + fresh*g*g.
		square := func(s, g Register) {
			q := t.vec()
			t.times(s, "rho")
			VMULPS(t.broadcast(argument("fresh")), g, q)
			VMULPS(g, q, q)
			VADDPS(q, s, s)
		}
		e := p.load(v)
		square(e, g)
		p.store(e, v)
		eps := t.broadcast(argument("eps"))
		VADDPS(eps, e, e)
		VSQRTPS(e, e)
		s, d := p.load(steps), t.vec()
		VADDPS(eps, s, d)
		VSQRTPS(d, d)
		VDIVPS(e, d, d)
		VMULPS(g, d, d)
		square(s, d)
		p.store(s, steps)
		t.times(d, "lr")
		VSUBPS(d, x, x)
		p.store(x, w)
	})
	t.end()

	t.function("AMSGrad", "func(n int, w, m, v, largest, grad *float32, scale, decay, fresh1, beta2, fresh2, step, fall, eps float32, flags int)",
		"is amsgrad for n values. Flag 1: decay is not 0.")
	w, grad, decay = Load(Param("w"), GP64()), Load(Param("grad"), GP64()), flag(1)
	m, v = Load(Param("m"), GP64()), Load(Param("v"), GP64())
	largest := Load(Param("largest"), GP64())
	t.each(n(), 1, func(p place) {
		x := p.load(w)
		g := t.decayed(p, grad, x, decay, label("decayed"))
		m1, d := p.load(m), t.vec()
		VSUBPS(m1, g, d)
		t.times(d, "fresh1")
		VADDPS(d, m1, m1)
		p.store(m1, m)
		v1, q := p.load(v), t.vec()
		t.times(v1, "beta2")
		VMULPS(t.broadcast(argument("fresh2")), g, q)
		VMULPS(g, q, q)
		VADDPS(q, v1, v1)
		p.store(v1, v)
		most, was := t.vec(), p.load(largest)
		VMAXPS(v1, was, most) // v1 where either is NaN
		t.where(unordered, was, was, most, was)
		p.store(most, largest)
		VSQRTPS(most, most)
		VDIVPS(t.broadcast(argument("fall")), most, most)
		VADDPS(t.broadcast(argument("eps")), most, most)
		t.times(m1, "step")
		VDIVPS(most, m1, m1)
		VSUBPS(m1, x, x)
		p.store(x, w)
	})
	t.end()
}
