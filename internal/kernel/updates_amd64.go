// Updates of the vector sets: they do the operations of the portable ones in the same order and give the same bits.

package kernel

func (v *vectors) runSGD(w, grad []float32, h SGD) {
	grad = grad[:len(w):len(grad)]
	flags := 0
	if float32(h.Decay) != 0 {
		flags = 1
	}
	for i := 0; i < len(w); i += piece {
		v.callSGD(min(piece, len(w)-i), &w[i], &grad[i], &h, flags)
	}
}

//go:noinline
func (v *vectors) callSGD(n int, w, grad *float32, h *SGD, flags int) {
	scale, lr := h.folded(flags != 0)
	v.sgd(n, w, grad, float32(lr), float32(scale), float32(h.Decay), flags)
}

func (v *vectors) runMomentum(w, vel, grad []float32, h Momentum) {
	vel, grad = vel[:len(w):len(vel)], grad[:len(w):len(grad)]
	flags := 0
	if float32(h.Decay) != 0 {
		flags |= 1
	}
	if h.Nesterov {
		flags |= 2
	}
	if float32(1-h.Dampening) == 1 && (!h.Folded || float32(h.LR) == 1) { // multiplications by 1 are left out
		flags |= 4
	}
	for i := 0; i < len(w); i += piece {
		v.callMomentum(min(piece, len(w)-i), &w[i], &vel[i], &grad[i], &h, flags)
	}
}

//go:noinline
func (v *vectors) callMomentum(n int, w, vel, grad *float32, h *Momentum, flags int) {
	into, out := float32(1), float32(h.LR)
	if h.Folded {
		into, out = out, 1
	}
	v.momentum(n, w, vel, grad, float32(h.Scale), float32(h.Decay), float32(h.Mu), into, float32(1-h.Dampening), out, flags)
}

func (v *vectors) runAdam(w, m, s, grad []float32, h Adam) {
	m, s, grad = m[:len(w):len(m)], s[:len(w):len(s)], grad[:len(w):len(grad)]
	flags := 0
	if float32(h.Decay) != 0 {
		flags |= 1
	}
	if short[float32](h.Beta1) {
		flags |= 2
	}
	if h.EpsInside {
		flags |= 4
	}
	if short[float32](h.Beta2) {
		flags |= 8
	}
	for i := 0; i < len(w); i += piece {
		v.callAdam(min(piece, len(w)-i), &w[i], &m[i], &s[i], &grad[i], &h, flags)
	}
}

//go:noinline
func (v *vectors) callAdam(n int, w, m, s, grad *float32, h *Adam, flags int) {
	step, eps := folded[float32](h)
	v.adam(n, w, m, s, grad, float32(h.Scale), float32(h.Decay), float32(1-h.Decoupled),
		float32(h.Beta1), float32(1-h.Beta1), float32(h.Beta2), float32(1-h.Beta2), float32(step), float32(eps), flags)
}

// decayFlags are flag 1 for a decay that is not 0, and flag 2.
func decayFlags(decay float64, second bool) int {
	flags := 0
	if float32(decay) != 0 {
		flags = 1
	}
	if second {
		flags |= 2
	}
	return flags
}

func (v *vectors) runRMSProp(w, s, mean, velocity, grad []float32, h RMSProp) {
	s, grad = s[:len(w):len(s)], grad[:len(w):len(grad)]
	if mean != nil {
		mean = mean[:len(w):len(mean)]
	}
	if velocity != nil {
		velocity = velocity[:len(w):len(velocity)]
	}
	for i := 0; i < len(w); i += piece {
		var m, u *float32
		if mean != nil {
			m = &mean[i]
		}
		if velocity != nil {
			u = &velocity[i]
		}
		v.callRMSProp(min(piece, len(w)-i), &w[i], &s[i], m, u, &grad[i], &h)
	}
}

//go:noinline
func (v *vectors) callRMSProp(n int, w, s, mean, velocity, grad *float32, h *RMSProp) {
	v.rmsprop(n, w, s, mean, velocity, grad, float32(h.Scale), float32(h.Decay), float32(h.Rho), float32(1-h.Rho),
		float32(h.Mu), float32(h.Into), float32(h.Out), float32(h.Eps), decayFlags(h.Decay, h.EpsInside))
}

func (v *vectors) runAdaGrad(w, sum, grad []float32, h AdaGrad) {
	sum, grad = sum[:len(w):len(sum)], grad[:len(w):len(grad)]
	for i := 0; i < len(w); i += piece {
		v.callAdaGrad(min(piece, len(w)-i), &w[i], &sum[i], &grad[i], &h)
	}
}

//go:noinline
func (v *vectors) callAdaGrad(n int, w, sum, grad *float32, h *AdaGrad) {
	v.adagrad(n, w, sum, grad, float32(h.LR), float32(h.Scale), float32(h.Decay), float32(h.Eps), decayFlags(h.Decay, h.EpsInside))
}

func (v *vectors) runAdadelta(w, s, steps, grad []float32, h Adadelta) {
	s, steps, grad = s[:len(w):len(s)], steps[:len(w):len(steps)], grad[:len(w):len(grad)]
	for i := 0; i < len(w); i += piece {
		v.callAdadelta(min(piece, len(w)-i), &w[i], &s[i], &steps[i], &grad[i], &h)
	}
}

//go:noinline
func (v *vectors) callAdadelta(n int, w, s, steps, grad *float32, h *Adadelta) {
	v.adadelta(n, w, s, steps, grad, float32(h.LR), float32(h.Scale), float32(h.Decay), float32(h.Rho), float32(1-h.Rho), float32(h.Eps),
		decayFlags(h.Decay, false))
}

func (v *vectors) runAMSGrad(w, m, s, largest, grad []float32, h AMSGrad) {
	m, s, largest, grad = m[:len(w):len(m)], s[:len(w):len(s)], largest[:len(w):len(largest)], grad[:len(w):len(grad)]
	for i := 0; i < len(w); i += piece {
		v.callAMSGrad(min(piece, len(w)-i), &w[i], &m[i], &s[i], &largest[i], &grad[i], &h)
	}
}

//go:noinline
func (v *vectors) callAMSGrad(n int, w, m, s, largest, grad *float32, h *AMSGrad) {
	v.amsgrad(n, w, m, s, largest, grad, float32(h.Scale), float32(h.Decay), float32(1-h.Beta1), float32(h.Beta2), float32(1-h.Beta2),
		float32(h.LR/h.Correction1), float32(sqrt(h.Correction2)), float32(h.Eps), decayFlags(h.Decay, false))
}
