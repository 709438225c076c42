// Package kernel is arithmetic on slices: a table of kernels for a precision
// and a kernel set. It knows no tensors, threads or clock.
//
// # Kernel sets
//
// A set is a name and the kernels of that name, chosen by what the processor
// can do. The set "portable" is plain Go and runs everywhere. The others, "avx512"
// and "avx2" on amd64, start from its table and replace what they do better;
// their assembly is written by the program in _asm.
//
// # Same arguments, same bits
//
// A result depends on the arguments alone. An element of a matrix product is
// summed over k from 0 upwards, starting from what it is added to, whatever the
// shape of the block of C that a call computes. Reductions to one number have a
// fixed tree. From one set to another the bits may differ.
//
// The portable set gives the same bits on every processor: each product that is
// added to something is written T(a*b)+c, because the language lets a compiler
// fuse a*b+c into one rounding, and some targets do; and no function of package
// math is used that has assembly somewhere. The sign and payload of a NaN are
// outside this promise, that a result is NaN is not.
//
// # Lengths
//
// The first slice of an element-wise kernel, its destination, gives the length.
// The other slices may be longer; if one is shorter the kernel panics from a
// slice bound before it writes anything. Row kernels take rows, columns and row
// strides; of a matrix with one row the stride is not read. Nothing between the
// columns and the stride is read or written. A row stride below the number of
// columns, or a negative size, panics as well. With no rows or no columns there is
// nothing to do and the slices may be nil.
//
// # Aliasing
//
// Where a comment says "may be" the same, two slices may start at the same
// address; they must never overlap with a shift.
//
// # NaN and infinity
//
// They pass through as IEEE 754 says: relu(NaN) is NaN, 0*Inf is NaN, and the
// maximum of values among which there is a NaN is NaN.
package kernel

// Float is the precisions that there are kernels for.
type Float interface{ float32 | float64 }

// A Table holds the kernels of one set for one precision. Every field is set.
// A table is never changed after [For] has returned it.
type Table[T Float] struct {
	// Name is the set's name: "portable", "avx512", "avx2".
	Name string

	// GemmNN computes C = A·B, or C += A·B with add, for A [m,k], B [k,n] and
	// C [m,n] with row strides lda, ldb, ldc:
	//
	//	for i := range m {
	//		for j := range n {
	//			s := c[i*ldc+j] // 0 without add
	//			for p := range k {
	//				s = T(a[i*lda+p]*b[p*ldb+j]) + s
	//			}
	//			c[i*ldc+j] = s
	//		}
	//	}
	//
	// The vector sets round a product and its addition once (fused multiply-add).
	//
	// C must not overlap A or B. Any block of C may be computed by a call of
	// its own, with the rows of A and the columns of B that belong to it: the
	// bits are the same. A sum over k that is cut into several calls with add
	// gives the same bits as one call.
	GemmNN func(m, n, k int, a []T, lda int, b []T, ldb int, c []T, ldc int, add bool)

	// GemmNT is C = A·Bᵀ or C += A·Bᵀ for A [m,k], B [n,k], C [m,n]: GemmNN
	// with b[j*ldb+p].
	GemmNT func(m, n, k int, a []T, lda int, b []T, ldb int, c []T, ldc int, add bool)

	// GemmTN is C = Aᵀ·B or C += Aᵀ·B for A [k,m], B [k,n], C [m,n]: GemmNN
	// with a[p*lda+i].
	GemmTN func(m, n, k int, a []T, lda int, b []T, ldb int, c []T, ldc int, add bool)

	// Multiply is GemmNN, GemmNT or GemmTN, followed by a bias and a rectifier
	// while a block of C is in the nearest cache: the bits are those of the
	// product, AddBias and Relu one after the other. Of TransA and TransB one at
	// most is set. What C holds without Add doesn't matter. See [Product].
	Multiply func(p Product[T])

	// Updates is set where products may end in an [Update].
	Updates bool

	// PackA rearranges rows i0 to i1 and columns p0 to p1 (the last excluded) of
	// the m by k matrix A, or of the transpose of a [k,m] with trans, for products
	// that read it as their left operand; a is the whole matrix. dst has
	// [PackedLen] places, and parts of it may be written at the same time. i0 is a
	// multiple of [PackRows]. A product that needs some rows of A only is given
	// dst[i0*k:]. The bits of a product don't change. What is written where is the set's own affair.
	PackA func(dst []T, m, k int, a []T, lda int, trans bool, i0, i1, p0, p1 int)

	// Delta turns the gradient d by a rectifier's result y into that by its input,
	// and sums it over rows, the first row first:
	//
	//	for j := range cols {
	//		s := sum[j] // 0 without add
	//		for r := range rows {
	//			if y[r*ldy+j] <= 0 {
	//				d[r*ldd+j] = 0
	//			}
	//			s += d[r*ldd+j]
	//		}
	//		sum[j] = s
	//	}
	//
	// y and sum may be nil; then that part is left out. The bits are those of
	// ReluBack and SumRows.
	Delta func(rows, cols int, d []T, ldd int, y []T, ldy int, sum []T, add bool)

	// Add is dst[i] = a[i] + b[i]. dst may be a or b.
	Add func(dst, a, b []T)

	// Sub is dst[i] = a[i] - b[i]. dst may be a or b.
	Sub func(dst, a, b []T)

	// Mul is dst[i] = a[i] * b[i]. dst may be a or b.
	Mul func(dst, a, b []T)

	// MulAdd is dst[i] += T(a[i]*b[i]). dst may be a or b.
	MulAdd func(dst, a, b []T)

	// Axpy is y[i] += T(a*x[i]). y may be x.
	Axpy func(y []T, a T, x []T)

	// Scale is dst[i] = a * x[i]. dst may be x.
	Scale func(dst []T, a T, x []T)

	// Fill is dst[i] = v.
	Fill func(dst []T, v T)

	// Bytes is dst[i] = T(src[i]) / divisor for a divisor that is not 0. The vector sets correct the product with the inverse, which gives the
	// rounded quotient for the usual divisors; who needs it for sure compares all 256 bytes with the portable set once.
	Bytes func(dst []T, src []byte, divisor T)

	// Divide is dst[i] = x[i] / divisor, rounded once. dst may be x.
	Divide func(dst, x []T, divisor T)

	// Standardize is dst[i] = T((float64(x[i]) - subtract[i]) / divide[i]). dst may be x.
	Standardize func(dst, x []T, subtract, divide []float64)

	// Prefetch asks for the memory of x, so that it is in the cache when it is read some time later. It changes nothing.
	Prefetch func(x []byte)

	// AddBias adds one row to each row of y: y[r*ldy+j] += bias[j].
	AddBias func(rows, cols int, y []T, ldy int, bias []T)

	// SumRows sums the rows of x, the first row first:
	//
	//	for j := range cols {
	//		s := dst[j] // 0 without add
	//		for r := range rows {
	//			s += x[r*ldx+j]
	//		}
	//		dst[j] = s
	//	}
	//
	// With no rows it clears dst unless add is set. dst must not overlap x.
	SumRows func(rows, cols int, dst, x []T, ldx int, add bool)

	// Relu is dst[i] = max(x[i], 0), where max(-0, 0) = +0 and max(NaN, 0) = NaN.
	// dst may be x.
	Relu func(dst, x []T)

	// ReluBack is dx[i] = dy[i] where not y[i] <= 0, else 0; with add it is
	// added to dx[i]. y is Relu's output. dx may be dy or y.
	ReluBack func(dx, y, dy []T, add bool)

	// Sigmoid is dst[i] = 1/(1+exp(-x[i])). dst may be x.
	Sigmoid func(dst, x []T)

	// SigmoidBack is dx[i] = dy[i]*T(y[i]*(1-y[i])), added to dx[i] with add.
	// y is Sigmoid's output. dx may be dy or y.
	SigmoidBack func(dx, y, dy []T, add bool)

	// Tanh is dst[i] = tanh(x[i]). dst may be x.
	Tanh func(dst, x []T)

	// TanhBack is dx[i] = dy[i]*(1-T(y[i]*y[i])), added to dx[i] with add. y is
	// Tanh's output. dx may be dy or y.
	TanhBack func(dx, y, dy []T, add bool)

	// Exp is dst[i] = exp(x[i]). dst may be x. Sigmoid, Tanh and Exp have an
	// error below 2 ulp in every set.
	Exp func(dst, x []T)

	// Log is dst[i] = log(x[i]), natural; -Inf for 0, NaN below. dst may be x.
	// The error is below 2 ulp in every set; the worst of all numbers in the
	// vector sets is 1.16.
	Log func(dst, x []T)

	// Erf is the error function, 2/sqrt(pi) times the integral of exp(-t*t)
	// from 0 to x[i]. dst may be x. The error is below 2 ulp in every set; the
	// worst of all numbers is 1.80 with AVX-512, 1.41 with AVX2.
	Erf func(dst, x []T)

	// GELU is dst[i] = x[i] Φ(x[i]) with the normal distribution function
	// Φ(x) = (1 + erf(x/√2))/2. dst may be x. The error of GELU, GELUTanh, SiLU
	// and Softplus is below 2 ulp in every set.
	GELU func(dst, x []T)

	// GELUBack is dx[i] = dy[i]*(Φ(x[i]) + x[i] φ(x[i])), φ the density
	// exp(-x²/2)/√(2π), added to dx[i] with add. dx may be x or dy. The
	// derivative crosses 0, and so do those of GELUTanh and SiLU: in the vector
	// sets its error is below 4 ulp of Φ + |x φ|, and as much of the like sum; the
	// worst of all numbers is 1.99 with AVX-512, 2.08 with AVX2.
	GELUBack func(dx, x, dy []T, add bool)

	// GELUTanh is dst[i] = x[i] (1 + tanh(√(2/π) (x[i] + 0.044715 x[i]³)))/2.
	// dst may be x.
	GELUTanh func(dst, x []T)

	// GELUTanhBack is dx[i] = dy[i] times the derivative of GELUTanh at x[i],
	// added to dx[i] with add. dx may be x or dy.
	GELUTanhBack func(dx, x, dy []T, add bool)

	// SiLU is dst[i] = x[i]/(1+exp(-x[i])). dst may be x.
	SiLU func(dst, x []T)

	// SiLUBack is dx[i] = dy[i] times the derivative of SiLU at x[i], added to
	// dx[i] with add. dx may be x or dy.
	SiLUBack func(dx, x, dy []T, add bool)

	// Softplus is dst[i] = log(1+exp(x[i])). dst may be x. The worst error of all
	// numbers is 1.09 ulp with AVX-512, 1.58 with AVX2.
	Softplus func(dst, x []T)

	// SoftplusBack is dx[i] = dy[i]/(1+exp(-x[i])), added to dx[i] with add. dx
	// may be x or dy. For dy[i] = 1 the worst error of all numbers is 1.03 ulp
	// with AVX-512, 1.62 with AVX2.
	SoftplusBack func(dx, x, dy []T, add bool)

	// ELU is an exponential linear unit, see [ELU]. dst may be x. The error is
	// below 3 ulp in every set. The worst of all numbers in the vector sets, for
	// positive 1.5, negative 0.75 and width 2, is 1.67, of its derivative 1.73.
	ELU func(dst, x []T, h ELU)

	// ELUBack is dx[i] = dy[i] times the derivative of ELU at x[i], added to
	// dx[i] with add. dx may be x or dy.
	ELUBack func(dx, x, dy []T, add bool, h ELU)

	// Softmax is, in each row, dst[j] = exp(x[j]-h) / sum over i of exp(x[i]-h),
	// with h the row's maximum, the sum in float64. The vector sets take the
	// exponentials in float32, with an error below 2 ulp, and in longer rows
	// add up those of three or four vectors in float32 before they go to the sum. A
	// row that holds NaN or +Inf, or -Inf only, gives NaN throughout. dst may
	// be x with the same stride.
	Softmax func(rows, cols int, dst []T, ldd int, x []T, ldx int)

	// SoftmaxBack is, in each row, dx[j] = y[j] * (dy[j] - Dot(dy, y)), computed
	// in float64, added to dx[j] with add. y is Softmax's output. dx may be dy
	// or y with the same stride.
	SoftmaxBack func(rows, cols int, dx []T, lddx int, y []T, ldy int, dy []T, lddy int, add bool)

	// LogSumExp returns log(sum over j of exp(x[j])) without overflow, in
	// float64 (the exponentials in float32 in the vector sets): -Inf for no values or all of them -Inf, +Inf with a +Inf among
	// them and no NaN.
	LogSumExp func(x []T) float64

	// LogSoftmax is, in each row, dst[j] = (x[j]-h) - log(sum over i of
	// exp(x[i]-h)), with h the row's maximum, in float64 in the portable set. A
	// row that holds NaN or +Inf, or -Inf only, gives NaN throughout. dst may be
	// x with the same stride.
	LogSoftmax func(rows, cols int, dst []T, ldd int, x []T, ldx int)

	// LogSoftmaxBack is, in each row, dx[j] = dy[j] - exp(y[j])*Sum(dy), added
	// to dx[j] with add. y is LogSoftmax's output. dx may be dy or y with the
	// same stride.
	LogSoftmaxBack func(rows, cols int, dx []T, lddx int, y []T, ldy int, dy []T, lddy int, add bool)

	// CrossEntropy returns the loss of one row of logits whose class is class,
	// LogSumExp(x) - x[class], in float64, and stores Softmax(x) in p, of the
	// same length as x. The gradient with respect to x is p with 1 subtracted
	// at class. A class outside 0..len(p)-1 panics before p is written. p may
	// be x. In exact arithmetic the loss is not negative, and it isn't here. The
	// vector sets take the exponentials in float32: their loss has a relative error
	// of about 1e-7.
	CrossEntropy func(p, x []T, class int) float64

	// CrossEntropyRows is CrossEntropy of rows, with loss[r] the loss of row r,
	// whose class is the whole part of class[r]. One outside 0 <= class < cols
	// panics before anything is written. p may be x with the same stride. A
	// row's bits don't depend on the others. The vector sets compute the loss in
	// float32, with a relative error below 4e-7.
	CrossEntropyRows func(rows, cols int, loss []T, p []T, ldp int, x []T, ldx int, class []T)

	// CrossEntropyBack is the gradient of CrossEntropyRows' logits from that of the
	// loss: in each row dx[j] = (p[j] - [j = class[r]]) * d[r], added to dx[j]
	// with add. dx may be p with the same stride.
	CrossEntropyBack func(rows, cols int, dx []T, lddx int, p []T, ldp int, class, d []T, add bool)

	// LayerNorm normalizes rows of cols values that follow each other: with the
	// mean m and the variance v (the biased one) of a row of x,
	//
	//	inverse[r] = 1/sqrt(v + epsilon)
	//	mean[r] = m
	//	y[j] = scale[j]*((x[j] - m)*inverse[r]) + shift[j]
	//
	// where mean and variance are sums in float64. y may be x. A row's bits don't
	// depend on the others.
	LayerNorm func(rows, cols int, y, x, scale, shift, mean, inverse []T, epsilon float64)

	// LayerNormBack is the gradient of LayerNorm. With z = (x - mean[r])*inverse[r]
	// and g = scale*dy, element by element, in each row, the first row first:
	//
	//	dscale[j] += dy[j]*z[j]
	//	dshift[j] += dy[j]
	//	dx[j] = (g[j] - sum(g)/cols - z[j]*sum(g*z)/cols) * inverse[r]
	//
	// with sums along a row in float64; dx is added to with add. Of dx, dscale and
	// dshift what is nil is not computed. dx may be dy.
	LayerNormBack func(rows, cols int, dx, dscale, dshift, x, dy, scale, mean, inverse []T, add bool)

	// Sum returns the sum of x in float64. Sum, Dot and SumSquares share one
	// tree: at most 512 values are summed in four interleaved sums s0..s3 that
	// meet as (s0+s1)+(s2+s3), values of an incomplete last four going to s0;
	// a longer slice is the sum of two, the first of which is the smallest
	// multiple of 512 values that is at least half of it.
	Sum func(x []T) float64

	// Dot returns the sum of float64(a[i])*float64(b[i]) over the length of a.
	Dot func(a, b []T) float64

	// SumSquares returns Dot(x, x).
	SumSquares func(x []T) float64

	// Max returns the greatest value: -Inf for no values, NaN if there is one.
	Max func(x []T) T

	// NonFinite returns the index of the first value that is NaN or infinite,
	// -1 when there is none.
	NonFinite func(x []T) int

	// Within reports whether all values are finite and their magnitude is below
	// 2^WithinBits; near that it may say no.
	Within func(x []T) bool

	// SGD is w[i] -= lr*(scale*grad[i] + decay*w[i]). See [SGD].
	SGD func(w, grad []T, h SGD)

	// Momentum is SGD with a velocity v. See [Momentum]. v must not overlap w or grad.
	Momentum func(w, v, grad []T, h Momentum)

	// Adam is Adam and AdamW with first moment m and second moment v. See
	// [Adam]. No two of the slices may overlap.
	Adam func(w, m, v, grad []T, h Adam)

	// RMSProp is RMSProp with the mean of squares v and, where they are not nil,
	// the mean of gradients and a velocity. See [RMSProp]. No two of the slices
	// may overlap.
	RMSProp func(w, v, mean, velocity, grad []T, h RMSProp)

	// AdaGrad is AdaGrad with the sum of squares. See [AdaGrad]. No two of the
	// slices may overlap.
	AdaGrad func(w, sum, grad []T, h AdaGrad)

	// Adadelta is Adadelta with the means of squares of gradients, v, and of
	// steps. See [Adadelta]. No two of the slices may overlap.
	Adadelta func(w, v, steps, grad []T, h Adadelta)

	// AMSGrad is Adam with the largest second moment so far. See [AMSGrad]. No
	// two of the slices may overlap.
	AMSGrad func(w, m, v, largest, grad []T, h AMSGrad)
}

// portable returns the table of the portable set.
func portable[T Float]() *Table[T] {
	t := &Table[T]{
		Name:   "portable",
		GemmNN: gemmNN[T], GemmNT: gemmNT[T], GemmTN: gemmTN[T],
		Add: add[T], Sub: sub[T], Mul: mul[T], MulAdd: mulAdd[T], Axpy: axpy[T], Scale: scale[T], Fill: fill[T],
		Bytes: bytes[T], Divide: divide[T], Standardize: standardize[T], Prefetch: func([]byte) {},
		AddBias: addBias[T], SumRows: sumRows[T],
		Relu: relu[T], ReluBack: reluBack[T],
		Sigmoid: sigmoid[T], SigmoidBack: sigmoidBack[T],
		Tanh: tanh[T], TanhBack: tanhBack[T],
		Exp: exp[T], Log: log[T], Erf: erf[T],
		GELU: gelu[T], GELUBack: geluBack[T], GELUTanh: geluTanh[T], GELUTanhBack: geluTanhBack[T],
		SiLU: silu[T], SiLUBack: siluBack[T], Softplus: softplus[T], SoftplusBack: softplusBack[T],
		ELU: elu[T], ELUBack: eluBack[T],
		Softmax: softmax[T], SoftmaxBack: softmaxBack[T],
		LogSoftmax: logSoftmax[T], LogSoftmaxBack: logSoftmaxBack[T],
		LogSumExp: logSumExp[T], CrossEntropy: crossEntropy[T],
		CrossEntropyRows: crossEntropyOf(crossEntropy[T]), CrossEntropyBack: crossEntropyBack[T],
		LayerNorm: layerNorm[T], LayerNormBack: layerNormBack[T],
		Sum: sum[T], Dot: dot[T], SumSquares: sumSquares[T],
		Max: maximum[T], NonFinite: nonFinite[T],
		Within: within[T],
		SGD:    sgd[T], Momentum: momentum[T], Adam: adam[T],
		RMSProp: rmsprop[T], AdaGrad: adagrad[T], Adadelta: adadelta[T], AMSGrad: amsgrad[T],
	}
	t.Multiply, t.PackA, t.Delta = t.multiply, packA[T], t.delta
	return t
}
