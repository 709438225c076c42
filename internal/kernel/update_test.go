package kernel

import (
	"fmt"
	"math"
	"testing"
)

// The references below are written from the formulas, a parameter at a time, in
// float64, without regard to the order of operations.

func momentumReference(w, v, g float64, h Momentum) (float64, float64) {
	g = h.Scale*g + h.Decay*w
	if h.Folded {
		v = h.Mu*v + h.LR*(1-h.Dampening)*g
		if h.Nesterov {
			return w - (h.LR*g + h.Mu*v), v
		}
		return w - v, v
	}
	v = h.Mu*v + (1-h.Dampening)*g
	if h.Nesterov {
		return w - h.LR*(g+h.Mu*v), v
	}
	return w - h.LR*v, v
}

func adamReference(w, m, v, g float64, h Adam) (float64, float64, float64) {
	w -= h.Decoupled * w
	g = h.Scale*g + h.Decay*w
	m = h.Beta1*m + (1-h.Beta1)*g
	v = h.Beta2*v + (1-h.Beta2)*g*g
	mhat, vhat := m/h.Correction1, v/h.Correction2
	if h.EpsInside {
		return w - h.LR*mhat/math.Sqrt(vhat+h.Eps), m, v
	}
	return w - h.LR*mhat/(math.Sqrt(vhat)+h.Eps), m, v
}

func TestUpdates(t *testing.T) { everySet(t, testUpdates[float32], testUpdates[float64]) }

func testUpdates[T Float](t *testing.T, k *Table[T]) {
	const steps = 20
	for _, n := range []int{0, 1, 3, 8, 9, 33} {
		for bits := range 8 {
			decay := 0.01 * float64(bits&1)

			t.Run(fmt.Sprintf("SGD/%d/%d", n, bits), func(t *testing.T) {
				h := SGD{LR: 0.1, Scale: 0.5, Decay: decay}
				u := newUpdate[T](n)
				for range steps {
					k.SGD(u.w[:n], u.grad, h)
					u.reference(func(w, _, _, g float64) (float64, float64, float64) {
						return w - h.LR*(h.Scale*g+h.Decay*w), 0, 0
					})
				}
				u.compare(t)
			})
			t.Run(fmt.Sprintf("Momentum/%d/%d", n, bits), func(t *testing.T) {
				h := Momentum{LR: 0.1, Scale: 0.5, Decay: decay, Mu: 0.9, Nesterov: bits&2 != 0, Folded: bits&4 != 0}
				u := newUpdate[T](n)
				for step := range steps {
					k.Momentum(u.w[:n], u.v[:n], u.grad, h)
					u.reference(func(w, _, v, g float64) (float64, float64, float64) {
						w, v = momentumReference(w, v, g, h)
						return w, 0, v
					})
					h.Dampening = 0.1 * float64(step%3)
				}
				u.compare(t)
			})
			t.Run(fmt.Sprintf("Adam/%d/%d", n, bits), func(t *testing.T) {
				h := Adam{LR: 0.01, Scale: 0.5, Beta1: 0.9, Beta2: 0.99, Eps: 1e-3, EpsInside: bits&2 != 0, Decay: decay}
				if bits&4 != 0 {
					h.Decoupled, h.Beta1, h.Beta2 = 0.25, 0.3, 0.4
				}
				u := newUpdate[T](n)
				for step := range steps {
					h.Correction1 = 1 - math.Pow(h.Beta1, float64(step+1))
					h.Correction2 = 1 - math.Pow(h.Beta2, float64(step+1))
					k.Adam(u.w[:n], u.m[:n], u.v[:n], u.grad, h)
					u.reference(func(w, m, v, g float64) (float64, float64, float64) { return adamReference(w, m, v, g, h) })
				}
				u.compare(t)
			})
		}
	}
}

// update is parameters with state, in a kernel's precision and in float64, and a
// canary behind each.
type update[T Float] struct {
	w, m, v, grad []T
	x, y, z       []float64
}

func newUpdate[T Float](n int) *update[T] {
	u := &update[T]{w: numbers[T](n+1, 1), m: make([]T, n+1), v: make([]T, n+1), grad: numbers[T](n, 2), y: make([]float64, n), z: make([]float64, n)}
	for _, w := range u.w[:n] {
		u.x = append(u.x, float64(w))
	}
	u.w[n], u.m[n], u.v[n] = canary, canary, canary
	return u
}

func (u *update[T]) reference(f func(w, m, v, g float64) (float64, float64, float64)) {
	for i, g := range u.grad {
		u.x[i], u.y[i], u.z[i] = f(u.x[i], u.y[i], u.z[i], float64(g))
	}
}

func (u *update[T]) compare(t *testing.T) {
	t.Helper()
	n := len(u.grad)
	for i := range n {
		for _, c := range []struct {
			name string
			got  T
			want float64
		}{{"weight", u.w[i], u.x[i]}, {"m", u.m[i], u.y[i]}, {"v", u.v[i], u.z[i]}} {
			if d := math.Abs(float64(c.got) - c.want); !(d <= 50*epsilon[T]()*(1+math.Abs(c.want))) {
				t.Errorf("%s %d is %v, want %v", c.name, i, c.got, c.want)
			}
		}
	}
	for name, x := range map[string][]T{"w": u.w, "m": u.m, "v": u.v} {
		if x[n] != canary {
			t.Errorf("wrote outside %s", name)
		}
	}
}

// The order of operations of torch.optim, spelled out for one parameter: the bits of
// the portable set in float64 are those of this sequence, those of Adam's weights to rounding.
func TestUpdatesInTorchOrder(t *testing.T) {
	k := table[float64](t, "portable")
	w, m, v, grad := numbers[float64](50, 1), numbers[float64](50, 2), numbers[float64](50, 3), numbers[float64](50, 4)
	for i := range v {
		v[i] *= v[i]
	}
	const lr, beta1, beta2, eps, decay, step = 0.003, 0.9, 0.999, 1e-8, 0.02, 7
	bc1, bc2 := 1-math.Pow(beta1, step), 1-math.Pow(beta2, step)
	want := make([]float64, len(w))
	for i := range w {
		// param.mul_(1 - lr * weight_decay)
		p := float64(w[i] * (1 - lr*decay))
		// exp_avg.lerp_(grad, 1 - beta1)
		avg := m[i] + float64(one(1-beta1)*(grad[i]-m[i]))
		// exp_avg_sq.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
		sq := float64(v[i]*beta2) + float64(float64(one(1-beta2)*grad[i])*grad[i])
		// denom = (exp_avg_sq.sqrt() / bias_correction2 ** 0.5).add_(eps)
		denom := math.Sqrt(sq)/math.Sqrt(bc2) + eps
		// param.addcdiv_(exp_avg, denom, value=-step_size)
		want[i] = p + float64(-(lr/bc1)*avg)/denom
	}
	k.Adam(w, m, v, grad, Adam{LR: lr, Scale: 1, Beta1: beta1, Beta2: beta2, Correction1: bc1, Correction2: bc2, Eps: eps, Decoupled: one(lr) * decay})
	for i := range w {
		if d := math.Abs(w[i] - want[i]); d > 1e-16 {
			t.Errorf("adamw: weight %d is %v, want %v", i, w[i], want[i])
		}
	}

	// lerp with a weight of 0.5 or more goes from the other end: end - (end - start)*(1 - weight)
	w, m, v = numbers[float64](50, 1), numbers[float64](50, 2), make([]float64, 50)
	for i := range m {
		want[i] = grad[i] - float64((grad[i]-m[i])*0.3)
	}
	k.Adam(w, m, v, grad, Adam{LR: lr, Scale: 1, Beta1: 0.3, Beta2: beta2, Correction1: 1, Correction2: 1, Eps: eps})
	sameBits(t, "first moment", m, want)

	w, v = numbers[float64](50, 5), numbers[float64](50, 6)
	for i := range w {
		// grad = grad.add(param, alpha=weight_decay)
		g := grad[i] + float64(decay*w[i])
		// buf.mul_(momentum).add_(grad, alpha=1 - dampening)
		buf := float64(v[i]*0.9) + float64(0.75*g)
		// grad = grad.add(buf, alpha=momentum)
		g += float64(0.9 * buf)
		// param.add_(grad, alpha=-lr)
		want[i] = w[i] + float64(-lr*g)
	}
	k.Momentum(w, v, grad, Momentum{LR: lr, Scale: 1, Decay: decay, Mu: 0.9, Dampening: 0.25, Nesterov: true})
	sameBits(t, "nesterov", w, want)
}

// A step by gradients of any size is what the formula gives, to rounding: also where v is far below epsilon, or epsilon is 0.
func TestAdamOfSmallAndLarge(t *testing.T) {
	everySet(t, testAdamOfSmallAndLarge[float32], testAdamOfSmallAndLarge[float64])
}

func testAdamOfSmallAndLarge[T Float](t *testing.T, k *Table[T]) {
	for _, size := range []float64{0, 1e-12, 1e-8, 1e-4, 1, 1e4, 1e12} {
		for _, eps := range []float64{0, 1e-20, 1e-8, 1} {
			for _, inside := range []bool{false, true} {
				w, m, v, grad := []T{0}, []T{0}, []T{0}, []T{T(size)}
				x, y, z := 0.0, 0.0, 0.0
				h := Adam{LR: 0.01, Scale: 1, Beta1: 0.9, Beta2: 0.999, Eps: eps, EpsInside: inside}
				for step := range 5 {
					h.Correction1, h.Correction2 = 1-math.Pow(h.Beta1, float64(step+1)), 1-math.Pow(h.Beta2, float64(step+1))
					k.Adam(w, m, v, grad, h)
					if size > 0 {
						x, y, z = adamReference(x, y, z, size, h)
					}
				}
				if d := math.Abs(float64(w[0]) - x); !(d <= 20*epsilon[T]()*math.Abs(x)) {
					t.Errorf("gradient %v, epsilon %v, inside %v: the weight is %v, want %v", size, eps, inside, w[0], x)
				}
			}
		}
	}
}

// one keeps the compiler from folding constants exactly.
func one(x float64) float64 { return x }

// A parameter whose weight is infinite and decay zero must not turn into NaN by
// 0*Inf, and NaN in a gradient must reach the weight.
func TestUpdatesNonFinite(t *testing.T) {
	everySet(t, testUpdatesNonFinite[float32], testUpdatesNonFinite[float64])
}

func testUpdatesNonFinite[T Float](t *testing.T, k *Table[T]) {
	inf, nan := T(math.Inf(1)), T(math.NaN())
	for name, step := range map[string]func(w, grad []T){
		"SGD":      func(w, grad []T) { k.SGD(w, grad, SGD{LR: 0.1, Scale: 1}) },
		"Momentum": func(w, grad []T) { k.Momentum(w, make([]T, 2), grad, Momentum{LR: 0.1, Scale: 1, Mu: 0.9}) },
		"Adam": func(w, grad []T) {
			k.Adam(w, make([]T, 2), make([]T, 2), grad, Adam{LR: 0.1, Scale: 1, Beta1: 0.9, Beta2: 0.99, Correction1: 0.1, Correction2: 0.01, Eps: 1e-8})
		},
	} {
		w := []T{inf, 1}
		step(w, []T{1, nan})
		if w[0] != inf || w[1] == w[1] {
			t.Errorf("%s: weights %v, want [+Inf NaN]", name, w)
		}
	}
}
