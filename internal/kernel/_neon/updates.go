package main

// Optimizer updates. The parameters of a step rest in registers.

// decayed is g = scale*grad, plus decay*w unless decay is 0. It uses r.
func (c *code) decayed(p place, g vector, grad string, scale, decay, w, r vector, flag string) {
	p.load(grad, g)
	c.fmul(g, g, scale)
	without := c.fresh("without")
	c.op("CBZ", flag, without)
	c.fmul(r, decay, w)
	c.fadd(g, g, r)
	c.label(without)
}

func (c *code) updates() {
	flag := func(bit int) string {
		r := c.load("flags")
		c.op("AND", bit, r)
		return r
	}

	c.function("SGD", "func(n int, w, grad *float32, lr, scale, decay float32, flags int)",
		"is sgd for n values. Flag 1: decay is not 0.")
	n, w, grad, decays := c.load("n"), c.load("w"), c.load("grad"), flag(1)
	lr, scale, decay := c.broadcast("lr"), c.broadcast("scale"), c.broadcast("decay")
	c.each(n, []string{w, grad}, 2, func(p place) {
		t := c.temporaries(3)
		x, g, r := t[0], t[1], t[2]
		p.load(w, x)
		c.decayed(p, g, grad, scale, decay, x, r, decays)
		c.fmul(g, g, lr)
		c.fsub(x, x, g)
		p.store(x, w)
	})
	c.ret()

	c.function("Momentum", "func(n int, w, v, grad *float32, scale, decay, mu, into, fresh, out float32, flags int)",
		"is momentum for n values. Flag 1: decay is not 0; flag 2: Nesterov's form.")
	n, w, grad, decays = c.load("n"), c.load("w"), c.load("grad"), flag(1)
	v, nesterov := c.load("v"), flag(2)
	scale, decay = c.broadcast("scale"), c.broadcast("decay")
	mu, into, fresh, out := c.broadcast("mu"), c.broadcast("into"), c.broadcast("fresh"), c.broadcast("out")
	c.each(n, []string{w, v, grad}, 2, func(p place) {
		t := c.temporaries(4)
		x, g, d, r := t[0], t[1], t[2], t[3]
		p.load(w, x)
		c.decayed(p, g, grad, scale, decay, x, r, decays)
		p.load(v, d)
		c.fmul(d, d, mu)
		c.fmul(r, fresh, g)
		c.fmul(r, r, into)
		c.fadd(d, d, r)
		p.store(d, v)
		plain := c.fresh("plain")
		c.op("CBZ", nesterov, plain)
		c.fmul(g, g, into)
		c.fmul(d, d, mu)
		c.fadd(d, g, d)
		c.label(plain)
		c.fmul(d, d, out)
		c.fsub(x, x, d)
		p.store(x, w)
	})
	c.ret()

	c.function("Adam", "func(n int, w, m, v, grad *float32, scale, decay, keep, beta1, fresh1, beta2, fresh2, step, eps float32, flags int)",
		"is adam for n values. Flag 1: decay is not 0; flag 2: 1-Beta1 >= 0.5; flag 4: EpsInside; flag 8: 1-Beta2 >= 0.5.")
	n, w, grad, decays = c.load("n"), c.load("w"), c.load("grad"), flag(1)
	m, short1, inside, short2 := c.load("m"), flag(2), flag(4), flag(8)
	v = c.load("v")
	scale, decay = c.broadcast("scale"), c.broadcast("decay")
	keep, beta1, fresh1 := c.broadcast("keep"), c.broadcast("beta1"), c.broadcast("fresh1")
	beta2, fresh2, step, eps := c.broadcast("beta2"), c.broadcast("fresh2"), c.broadcast("step"), c.broadcast("eps")
	c.each(n, []string{w, m, v, grad}, 2, func(p place) {
		t := c.temporaries(5)
		x, g, m1, d, v1 := t[0], t[1], t[2], t[3], t[4]
		p.load(w, x)
		c.fmul(x, x, keep)
		c.decayed(p, g, grad, scale, decay, x, d, decays)

		// toward moves a mean toward g.
		toward := func(slice string, mean, beta, fresh vector, short string) {
			p.load(slice, mean)
			c.fsub(d, g, mean)
			far, moved := c.fresh("far"), c.fresh("moved")
			c.op("CBNZ", short, far)
			c.fmul(d, d, fresh)
			c.fadd(mean, mean, d)
			c.op("B", moved)
			c.label(far)
			c.fmul(d, d, beta)
			c.fsub(mean, g, d)
			c.label(moved)
			p.store(mean, slice)
		}
		toward(m, m1, beta1, fresh1, short1)
		c.fmul(g, g, g)
		toward(v, v1, beta2, fresh2, short2)

		within, denominator := c.fresh("within"), c.fresh("denominator")
		c.op("CBNZ", inside, within)
		c.fsqrt(v1, v1)
		c.fadd(v1, v1, eps)
		c.op("B", denominator)
		c.label(within)
		c.fadd(v1, v1, eps)
		c.fsqrt(v1, v1)
		c.label(denominator)
		c.fdiv(m1, m1, v1)
		c.fmul(m1, m1, step)
		c.fsub(x, x, m1)
		p.store(x, w)
	})
	c.ret()
}
