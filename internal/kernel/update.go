// Optimizer updates, one pass over weights, gradient and state. Hyperparameters
// are float64 and converted once before the loop. The order of operations is
// that of PyTorch's torch.optim (sgd.py, adam.py, the single-tensor form), so that in
// float64 trajectories agree to rounding (but see [Adam]): neither is more right, but agreement
// shows that nothing else differs.

package kernel

import "math"

// SGD is the parameters of one step of stochastic gradient descent:
//
//	g = Scale*grad
//	g = g + Decay*w
//	w = w - LR*g
//
// Without decay it is w - (LR*Scale)*grad, whose number in brackets is rounded once.
type SGD struct {
	LR    float64
	Scale float64 // multiplies the gradient: 1/weight of the batch times clipping
	Decay float64 // coupled weight decay (L2): added to the gradient
}

// folded is what the gradient and then its sum with the decay is multiplied by.
func (h *SGD) folded(decays bool) (scale, lr float64) {
	if decays {
		return h.Scale, h.LR
	}
	return h.LR * h.Scale, 1
}

// Momentum is the parameters of one step of stochastic gradient descent with
// momentum:
//
//	g = Scale*grad
//	g = g + Decay*w
//	v = Mu*v + (1-Dampening)*g        with Folded: v = Mu*v + LR*((1-Dampening)*g)
//	d = v, with Nesterov g + Mu*v     with Folded and Nesterov: LR*g + Mu*v
//	w = w - LR*d                      with Folded: w = w - d
//
// The forms give the same weights while LR stays as it is. When it changes, the
// folded form (Polyak 1964; Sutskever et al. 2013) keeps in v the steps at the
// old rate, the other (PyTorch, Optax) rescales them.
//
// PyTorch starts with v = g, without dampening; with v = 0 the caller gets that
// by a first step with Dampening 0.
type Momentum struct {
	LR        float64
	Scale     float64 // multiplies the gradient
	Decay     float64 // coupled weight decay (L2)
	Mu        float64
	Dampening float64
	Nesterov  bool
	Folded    bool // the learning rate is folded into the velocity
}

// Adam is the parameters of one step of Adam (Kingma and Ba 2015) or AdamW
// (Loshchilov and Hutter 2019):
//
//	g = Scale*grad
//	w = w*(1-Decoupled)
//	g = g + Decay*w
//	m = m + (1-Beta1)*(g-m)
//	v = v + (1-Beta2)*(g*g-v)
//	w = w - step*(m/(sqrt(v) + eps)), with EpsInside step*(m/sqrt(v + eps))
//
// The bias corrections of step t = 1, 2, ... are 1-Beta1^t and 1-Beta2^t; 1
// leaves a correction out. They go into two numbers of the step, as at the end of
// section 2 of Adam's paper:
//
//	step = LR*sqrt(Correction2)/Correction1
//	eps = Eps*sqrt(Correction2), with EpsInside Eps*Correction2; the smallest normal number where that is more
//
// It is PyTorch's formula with fewer multiplications, and the same to rounding.
// For 1-Beta1 >= 0.5 the first moment is computed as g - (g-m)*Beta1, as PyTorch's
// lerp does, so that nothing cancels; the second one likewise. Where g*g overflows,
// v is infinite and the weight stays where it is; the next step makes it NaN.
type Adam struct {
	LR          float64
	Scale       float64 // multiplies the gradient
	Beta1       float64
	Beta2       float64
	Correction1 float64
	Correction2 float64
	Eps         float64
	EpsInside   bool
	Decay       float64 // coupled weight decay (L2)
	Decoupled   float64 // decoupled weight decay, learning rate included: lr*decay in PyTorch's AdamW
}

// folded is step and eps.
func folded[T Float](h *Adam) (step, eps float64) {
	root, least := math.Sqrt(h.Correction2), 0x1p-1022
	if _, ok := any(T(0)).(float32); ok {
		least = 0x1p-126
	}
	eps = h.Eps * root
	if h.EpsInside {
		eps = h.Eps * h.Correction2
	}
	return h.LR * root / h.Correction1, max(eps, least)
}

// short reports whether a mean keeps no more than half of what it was.
func short[T Float](beta float64) bool { return T(1-beta) >= 0.5 }

// An Update is what a gradient is for, where a product forms it: one of SGD,
// Momentum and Adam is set. The bits are those of the product and Table.SGD,
// Momentum or Adam one after the other.
type Update[T Float] struct {
	W        []T // weights
	M, V     []T // Momentum's velocity is M; Adam's moments are both
	SGD      *SGD
	Momentum *Momentum
	Adam     *Adam
}

// Usual reports whether products end in this update quickly: with other settings
// they do it row by row.
func (h Momentum) Usual() bool { return !h.Nesterov && !h.Folded && float32(1-h.Dampening) == 1 }

// Usual is the same for Adam.
func (h Adam) Usual() bool {
	return !h.EpsInside && !short[float32](h.Beta1) && !short[float32](h.Beta2)
}

// check panics unless the slices hold a block.
func (u *Update[T]) check(rows, cols, at, stride int) {
	checkMatrix(rows, cols, u.W[at:], stride)
	if u.Momentum != nil || u.Adam != nil {
		checkMatrix(rows, cols, u.M[at:], stride)
	}
	if u.Adam != nil {
		checkMatrix(rows, cols, u.V[at:], stride)
	}
}

// update does u for some weights from number at on.
func (t *Table[T]) update(u *Update[T], at int, grad []T) {
	w := u.W[at:][:len(grad)]
	switch {
	case u.SGD != nil:
		t.SGD(w, grad, *u.SGD)
	case u.Momentum != nil:
		t.Momentum(w, u.M[at:], grad, *u.Momentum)
	default:
		t.Adam(w, u.M[at:], u.V[at:], grad, *u.Adam)
	}
}

func sgd[T Float](w, grad []T, h SGD) {
	grad = grad[:len(w):len(grad)]
	decay := T(h.Decay)
	rate, after := h.folded(decay != 0)
	scale, lr := T(rate), T(after)
	if decay == 0 { // not only faster: 0*w is NaN for an infinite w
		for i := range w {
			w[i] -= T(scale * grad[i])
		}
		return
	}
	for i := range w {
		g := T(scale*grad[i]) + T(decay*w[i])
		w[i] -= T(lr * g)
	}
}

func momentum[T Float](w, v, grad []T, h Momentum) {
	v, grad = v[:len(w):len(v)], grad[:len(w):len(grad)]
	lr, scale, decay := T(h.LR), T(h.Scale), T(h.Decay)
	mu, fresh := T(h.Mu), T(1-h.Dampening)
	// into is what a gradient is multiplied by on its way into the velocity,
	// out what a velocity is on its way into the weights.
	into, out := T(1), lr
	if h.Folded {
		into, out = lr, 1
	}
	if decay == 0 && !h.Nesterov && into == 1 && fresh == 1 { // the usual: same bits, twice as fast
		for i := range w {
			d := T(mu*v[i]) + T(scale*grad[i])
			v[i] = d
			w[i] -= T(out * d)
		}
		return
	}
	for i := range w {
		g := T(scale * grad[i])
		if decay != 0 {
			g += T(decay * w[i])
		}
		d := T(mu*v[i]) + T(into*T(fresh*g))
		v[i] = d
		if h.Nesterov {
			d = T(into*g) + T(mu*d)
		}
		w[i] -= T(out * d)
	}
}

func adam[T Float](w, m, v, grad []T, h Adam) {
	m, v, grad = m[:len(w):len(m)], v[:len(w):len(v)], grad[:len(w):len(grad)]
	if short[T](h.Beta1) || short[T](h.Beta2) || h.EpsInside {
		adamOtherwise(w, m, v, grad, h)
		return
	}
	scale, decay, keep := T(h.Scale), T(h.Decay), T(1-h.Decoupled)
	fresh1, fresh2 := T(1-h.Beta1), T(1-h.Beta2)
	wide, least := folded[T](&h)
	step, eps := T(wide), T(least)
	for i := range w {
		x := T(w[i] * keep)
		g := T(scale * grad[i])
		if decay != 0 {
			g += T(decay * x)
		}
		m1 := m[i] + T(fresh1*(g-m[i]))
		v1 := v[i] + T(fresh2*(T(g*g)-v[i]))
		m[i], v[i] = m1, v1
		w[i] = x - T(step*(m1/(sqrt(v1)+eps)))
	}
}

// adamOtherwise is adam with all its forms in the loop. Apart from that of most
// trainings, which so keeps all its numbers in registers.
func adamOtherwise[T Float](w, m, v, grad []T, h Adam) {
	scale, decay, keep := T(h.Scale), T(h.Decay), T(1-h.Decoupled)
	wide, least := folded[T](&h)
	step, eps := T(wide), T(least)
	for i := range w {
		x := T(w[i] * keep)
		g := T(scale * grad[i])
		if decay != 0 {
			g += T(decay * x)
		}
		m1, v1 := toward(m[i], g, h.Beta1), toward(v[i], T(g*g), h.Beta2)
		m[i], v[i] = m1, v1
		w[i] = x - T(step*(m1/root(v1, eps, h.EpsInside)))
	}
}

// toward is a mean that keeps the share beta of what it was.
func toward[T Float](m, g T, beta float64) T {
	if short[T](beta) {
		return g - T((g-m)*T(beta))
	}
	return m + T(T(1-beta)*(g-m))
}

// sqrt is exact to the last bit in either precision: the square root in float64
// of a float32 has enough bits that rounding it again changes nothing.
func sqrt[T Float](x T) T { return T(math.Sqrt(float64(x))) }
