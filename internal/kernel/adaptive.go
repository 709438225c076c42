// Updates of the rules that divide by the root of a mean or a sum of squares, besides Adam (see update.go for what holds for all).

package kernel

// RMSProp is the parameters of one step of RMSProp (Tieleman and Hinton 2012; with mean, centered, Graves 2013):
//
//	g = Scale*grad
//	g = g + Decay*w
//	v = Rho*v + (1-Rho)*g*g
//	mean = mean + (1-Rho)*(g-mean); s = max(v - mean*mean, 0)     without mean: s = v
//	d = Into*g/(sqrt(s) + Eps)                                     with EpsInside: Into*g/sqrt(s + Eps)
//	velocity = Mu*velocity + d; d = velocity                       without velocity: d stays
//	w = w - Out*d
//
// Of Into and Out one is the learning rate and the other 1.
type RMSProp struct {
	Into, Out float64
	Scale     float64 // multiplies the gradient
	Decay     float64 // coupled weight decay (L2)
	Rho       float64
	Mu        float64
	Eps       float64
	EpsInside bool
}

// AdaGrad is the parameters of one step of AdaGrad (Duchi, Hazan and Singer 2011):
//
//	g = Scale*grad
//	g = g + Decay*w
//	sum = sum + g*g
//	w = w - LR*g/(sqrt(sum) + Eps)                                 with EpsInside: LR*g/sqrt(sum + Eps)
type AdaGrad struct {
	LR        float64
	Scale     float64 // multiplies the gradient
	Decay     float64 // coupled weight decay (L2)
	Eps       float64
	EpsInside bool
}

// Adadelta is the parameters of one step of Adadelta (Zeiler 2012, algorithm 1):
//
//	g = Scale*grad
//	g = g + Decay*w
//	v = Rho*v + (1-Rho)*g*g
//	d = sqrt(steps + Eps)/sqrt(v + Eps)*g
//	steps = Rho*steps + (1-Rho)*d*d
//	w = w - LR*d
type Adadelta struct {
	LR    float64
	Scale float64 // multiplies the gradient
	Decay float64 // coupled weight decay (L2)
	Rho   float64
	Eps   float64
}

// AMSGrad is the parameters of one step of AMSGrad (Reddi, Kale and Kumar 2018):
//
//	g = Scale*grad
//	g = g + Decay*w
//	m = m + (1-Beta1)*(g-m)
//	v = v*Beta2 + (1-Beta2)*g*g
//	largest = max(largest, v)
//	w = w - (LR/Correction1)*m/(sqrt(largest)/sqrt(Correction2) + Eps)
type AMSGrad struct {
	LR          float64
	Scale       float64 // multiplies the gradient
	Decay       float64 // coupled weight decay (L2)
	Beta1       float64
	Beta2       float64
	Correction1 float64
	Correction2 float64
	Eps         float64
}

// root is sqrt(x) + eps, or sqrt(x + eps).
func root[T Float](x, eps T, inside bool) T {
	if inside {
		return sqrt(x + eps)
	}
	return sqrt(x) + eps
}

func rmsprop[T Float](w, v, mean, velocity, grad []T, h RMSProp) {
	v, grad = v[:len(w):len(v)], grad[:len(w):len(grad)]
	if mean != nil {
		mean = mean[:len(w):len(mean)]
	}
	if velocity != nil {
		velocity = velocity[:len(w):len(velocity)]
	}
	scale, decay, rho, fresh := T(h.Scale), T(h.Decay), T(h.Rho), T(1-h.Rho)
	mu, into, out, eps := T(h.Mu), T(h.Into), T(h.Out), T(h.Eps)
	for i := range w {
		g := T(scale * grad[i])
		if decay != 0 {
			g += T(decay * w[i])
		}
		s := T(rho*v[i]) + T(T(fresh*g)*g)
		v[i] = s
		if mean != nil {
			a := mean[i] + T(fresh*(g-mean[i]))
			mean[i] = a
			s = max(s-T(a*a), 0) // NaN stays NaN
		}
		d := T(into*g) / root(s, eps, h.EpsInside)
		if velocity != nil {
			d += T(mu * velocity[i])
			velocity[i] = d
		}
		w[i] -= T(out * d)
	}
}

func adagrad[T Float](w, sum, grad []T, h AdaGrad) {
	sum, grad = sum[:len(w):len(sum)], grad[:len(w):len(grad)]
	lr, scale, decay, eps := T(h.LR), T(h.Scale), T(h.Decay), T(h.Eps)
	for i := range w {
		g := T(scale * grad[i])
		if decay != 0 {
			g += T(decay * w[i])
		}
		s := sum[i] + T(g*g)
		sum[i] = s
		w[i] -= T(lr*g) / root(s, eps, h.EpsInside)
	}
}

func adadelta[T Float](w, v, steps, grad []T, h Adadelta) {
	v, steps, grad = v[:len(w):len(v)], steps[:len(w):len(steps)], grad[:len(w):len(grad)]
	lr, scale, decay := T(h.LR), T(h.Scale), T(h.Decay)
	rho, fresh, eps := T(h.Rho), T(1-h.Rho), T(h.Eps)
	for i := range w {
		g := T(scale * grad[i])
		if decay != 0 {
			g += T(decay * w[i])
		}
		e := T(rho*v[i]) + T(T(fresh*g)*g)
		d := T(sqrt(steps[i]+eps)/sqrt(e+eps)) * g
		v[i], steps[i] = e, T(rho*steps[i])+T(T(fresh*d)*d)
		w[i] -= T(lr * d)
	}
}

func amsgrad[T Float](w, m, v, largest, grad []T, h AMSGrad) {
	m, v, largest, grad = m[:len(w):len(m)], v[:len(w):len(v)], largest[:len(w):len(largest)], grad[:len(w):len(grad)]
	scale, decay := T(h.Scale), T(h.Decay)
	fresh1, beta2, fresh2 := T(1-h.Beta1), T(h.Beta2), T(1-h.Beta2)
	step, fall, eps := T(h.LR/h.Correction1), T(sqrt(h.Correction2)), T(h.Eps)
	for i := range w {
		g := T(scale * grad[i])
		if decay != 0 {
			g += T(decay * w[i])
		}
		m1 := m[i] + T(fresh1*(g-m[i]))
		v1 := T(v[i]*beta2) + T(T(fresh2*g)*g)
		most := max(largest[i], v1)
		m[i], v[i], largest[i] = m1, v1, most
		w[i] -= T(step*m1) / (sqrt(most)/fall + eps)
	}
}
