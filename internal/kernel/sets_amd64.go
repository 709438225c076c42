// The vector sets of amd64 processors.

package kernel

import (
	"sync"

	"golang.org/x/sys/cpu"
)

//go:generate go run -C _asm . -set avx512 -part products -pkg kernel -out ../avx512_products_amd64.s -stubs ../avx512_products_amd64.go
//go:generate go run -C _asm . -set avx512 -part merged -pkg kernel -out ../avx512_merged_amd64.s -stubs ../avx512_merged_amd64.go
//go:generate go run -C _asm . -set avx512 -part vectors -pkg kernel -out ../avx512_vectors_amd64.s -stubs ../avx512_vectors_amd64.go
//go:generate go run -C _asm . -set avx512 -part bytes -pkg kernel -out ../avx512_bytes_amd64.s -stubs ../avx512_bytes_amd64.go
//go:generate go run -C _asm . -set avx512 -part bf16 -pkg kernel -out ../avx512_bf16_amd64.s -stubs ../avx512_bf16_amd64.go
//go:generate go run -C _asm . -set avx2 -part products -pkg kernel -out ../avx2_products_amd64.s -stubs ../avx2_products_amd64.go
//go:generate go run -C _asm . -set avx2 -part merged -pkg kernel -out ../avx2_merged_amd64.s -stubs ../avx2_merged_amd64.go
//go:generate go run -C _asm . -set avx2 -part vectors -pkg kernel -out ../avx2_vectors_amd64.s -stubs ../avx2_vectors_amd64.go
//go:generate go run -C _asm . -set avx2 -part bytes -pkg kernel -out ../avx2_bytes_amd64.s -stubs ../avx2_bytes_amd64.go
//go:generate go run -C _asm . -set avx2 -part bf16 -pkg kernel -out ../avx2_bf16_amd64.s -stubs ../avx2_bf16_amd64.go

func vectorSets() []set {
	return []set{
		{
			name: "avx512",
			runs: func() bool {
				x := &cpu.X86
				return x.HasAVX512F && x.HasAVX512DQ && x.HasAVX512BW && x.HasAVX512VL && x.HasAVX2 && x.HasFMA && x.HasBMI2
			},
			f32:  avx512Table,
			f64:  portable[float64],
			bf16: avx512BFloat16, pairs: avx512Pairs,
			busy: avx512Limit, flop: 2 * 24 * 16,
		},
		{
			name: "avx2",
			runs: func() bool { return cpu.X86.HasAVX2 && cpu.X86.HasFMA && cpu.X86.HasBMI2 },
			f32:  avx2Table,
			f64:  portable[float64],
			bf16: avx2BFloat16,
			busy: avx2Limit, flop: 2 * 12 * 8,
		},
	}
}

func avx512Table() *Table[float32] {
	t, s := portable[float32](), avx512Strips()
	t.Updates = true
	t.GemmNN, t.GemmNT, t.GemmTN = s.gemmNN, s.gemmNT, s.gemmTN
	t.Multiply, t.PackA, t.Delta = func(p Product[float32]) { s.multiply(t, p) }, s.packA, s.delta
	byteKernels{avx512Bytes, avx512Divide, avx512Standardize, avx512Prefetch}.kernels(t)
	(&vectors{
		add: avx512Add, sub: avx512Sub, mul: avx512Mul, mulAdd: avx512MulAdd, axpy: avx512Axpy, scale: avx512Scale, fill: avx512Fill,
		relu: avx512Relu, reluBack: avx512ReluBack, reluBackAdd: avx512ReluBackAdd,
		sigmoid: avx512Sigmoid, sigmoidBack: avx512SigmoidBack, sigmoidBackAdd: avx512SigmoidBackAdd,
		tanh: avx512Tanh, tanhBack: avx512TanhBack, tanhBackAdd: avx512TanhBackAdd, exp: avx512Exp, log: avx512Log, erf: avx512Erf,
		gelu: avx512GELU, geluBack: avx512GELUBack, geluBackAdd: avx512GELUBackAdd, geluTanh: avx512GELUTanh, geluTanhBack: avx512GELUTanhBack, geluTanhBackAdd: avx512GELUTanhBackAdd,
		silu: avx512SiLU, siluBack: avx512SiLUBack, siluBackAdd: avx512SiLUBackAdd, softplus: avx512Softplus, softplusBack: avx512SoftplusBack, softplusBackAdd: avx512SoftplusBackAdd,
		elu: avx512ELU, eluBack: avx512ELUBack, eluBackAdd: avx512ELUBackAdd,
		sumRows: avx512SumRows, sumAcross: 64, finite: avx512Finite, within: avx512Within, max: avx512Max,
		squares:  sumTree{avx512Leaves2, avx512Leaves3, avx512Leaves4, avx512Squares8, avx512Leaf},
		products: sumTree{avx512Leaves2, avx512Leaves3, avx512Leaves4, avx512Leaves8, avx512Leaf}, sums: sumTree{avx512SumLeaves2, avx512SumLeaves3, avx512SumLeaves4, avx512SumLeaves8, avx512SumLeaf},
		rows: rowKernels{
			softmax: avx512Softmax, crossEntropy: avx512CrossEntropy, logSoftmax: avx512LogSoftmax, crossEntropyBack: avx512CrossEntropyBack,
			expTotal: avx512ExpTotal, softmaxBack: avx512SoftmaxBack, softmaxBackAdd: avx512SoftmaxBackAdd, logSoftmaxBack: avx512LogSoftmaxBack, logSoftmaxBackAdd: avx512LogSoftmaxBackAdd,
			layerNorm: avx512LayerNorm, layerNormBack: avx512LayerNormBack,
		},
		sgd: avx512SGD, momentum: avx512Momentum, adam: avx512Adam, rmsprop: avx512RMSProp, adagrad: avx512AdaGrad, adadelta: avx512Adadelta, amsgrad: avx512AMSGrad,
	}).into(t)
	return t
}

func avx2Table() *Table[float32] {
	t, s := portable[float32](), avx2Strips()
	t.Updates = true
	t.GemmNN, t.GemmNT, t.GemmTN = s.gemmNN, s.gemmNT, s.gemmTN
	t.Multiply, t.PackA, t.Delta = func(p Product[float32]) { s.multiply(t, p) }, s.packA, s.delta
	byteKernels{avx2Bytes, avx2Divide, avx2Standardize, avx2Prefetch}.kernels(t)
	(&vectors{
		add: avx2Add, sub: avx2Sub, mul: avx2Mul, mulAdd: avx2MulAdd, axpy: avx2Axpy, scale: avx2Scale, fill: avx2Fill,
		relu: avx2Relu, reluBack: avx2ReluBack, reluBackAdd: avx2ReluBackAdd,
		sigmoid: avx2Sigmoid, sigmoidBack: avx2SigmoidBack, sigmoidBackAdd: avx2SigmoidBackAdd,
		tanh: avx2Tanh, tanhBack: avx2TanhBack, tanhBackAdd: avx2TanhBackAdd, exp: avx2Exp, log: avx2Log, erf: avx2Erf,
		gelu: avx2GELU, geluBack: avx2GELUBack, geluBackAdd: avx2GELUBackAdd, geluTanh: avx2GELUTanh, geluTanhBack: avx2GELUTanhBack, geluTanhBackAdd: avx2GELUTanhBackAdd,
		silu: avx2SiLU, siluBack: avx2SiLUBack, siluBackAdd: avx2SiLUBackAdd, softplus: avx2Softplus, softplusBack: avx2SoftplusBack, softplusBackAdd: avx2SoftplusBackAdd,
		elu: avx2ELU, eluBack: avx2ELUBack, eluBackAdd: avx2ELUBackAdd,
		sumRows: avx2SumRows, sumAcross: 32, finite: avx2Finite, within: avx2Within, max: avx2Max,
		squares:  sumTree{avx2Leaves2, avx2Leaves3, avx2Leaves4, avx2Squares8, avx2Leaf},
		products: sumTree{avx2Leaves2, avx2Leaves3, avx2Leaves4, avx2Leaves8, avx2Leaf}, sums: sumTree{avx2SumLeaves2, avx2SumLeaves3, avx2SumLeaves4, avx2SumLeaves8, avx2SumLeaf},
		rows: rowKernels{
			softmax: avx2Softmax, crossEntropy: avx2CrossEntropy, logSoftmax: avx2LogSoftmax, crossEntropyBack: avx2CrossEntropyBack,
			expTotal: avx2ExpTotal, softmaxBack: avx2SoftmaxBack, softmaxBackAdd: avx2SoftmaxBackAdd, logSoftmaxBack: avx2LogSoftmaxBack, logSoftmaxBackAdd: avx2LogSoftmaxBackAdd,
			layerNorm: avx2LayerNorm, layerNormBack: avx2LayerNormBack,
		},
		sgd: avx2SGD, momentum: avx2Momentum, adam: avx2Adam, rmsprop: avx2RMSProp, adagrad: avx2AdaGrad, adadelta: avx2Adadelta, amsgrad: avx2AMSGrad,
	}).into(t)
	return t
}

// The products of a set are made once, so that all tables share their memory for
// copies.
var (
	avx512Strips = sync.OnceValue(func() *strips {
		return &strips{
			lanes: 16, rows: 8, across: 3, together: 1, high: maxInt, most: maxInt, depth: stripDepth, strip: avx512Strip, first: avx512First, carry: avx512Carry, turn: avx512Turn,
			dots:     [3]func(k int, a, b *float32, ldb int, c *float32, add int){avx512Dots32, avx512Dots16, avx512Dots8},
			rowTimes: avx512RowTimes,
			copyRows: avx512CopyRows, copyTiles: avx512CopyTiles, transpose8: avx512Transpose8, transpose16: avx512Transpose16,
			biasRelu: avx512BiasRelu, reluDelta: avx512ReluDelta, sumDelta: avx512SumDelta,
			merge: mergedStrips{
				sgd:      [3]mergedStrip{avx512SGDStrip1, avx512SGDStrip2, avx512SGDStrip3},
				momentum: [3]mergedStrip{avx512MomentumStrip1, avx512MomentumStrip2, avx512MomentumStrip3},
				adam:     [3]mergedStrip{avx512AdamStrip1, avx512AdamStrip2, avx512AdamStrip3},
			},
			scratch: newScratchList(),
		}
	})
	avx2Strips = sync.OnceValue(func() *strips {
		return &strips{
			lanes: 8, rows: 6, across: 2, together: 6, high: 96, depth: stripDepth, most: 1 << 16, strip: avx2Strip, first: avx2First, carry: avx2Carry,
			dots:     [3]func(k int, a, b *float32, ldb int, c *float32, add int){avx2Dots32, avx2Dots16, avx2Dots8},
			rowTimes: avx2RowTimes,
			copyRows: avx2CopyRows, copyTiles: avx2CopyTiles, transpose8: avx2Transpose8,
			biasRelu: avx2BiasRelu, reluDelta: avx2ReluDelta, sumDelta: avx2SumDelta,
			merge: mergedStrips{
				sgd:      [3]mergedStrip{avx2SGDStrip1, avx2SGDStrip2},
				momentum: [3]mergedStrip{avx2MomentumStrip1, avx2MomentumStrip2},
				adam:     [3]mergedStrip{avx2AdamStrip1, avx2AdamStrip2},
			},
			scratch: newScratchList(),
		}
	})
)

//go:noinline
func avx512Strip(m, w, k int, a *float32, ai, ap, at int, b *float32, bp int, c *float32, ldc, add int, soon *float32, step, back int) {
	switch tail := (w-1)&15 + 1; {
	case w%48 == 0:
		avx512Strip3(m, k, a, ai, ap, at, b, bp, c, ldc, add, w/48, soon, step, back)
	case w > 32:
		avx512Strip3Part(m, k, a, ai, ap, at, b, bp, c, ldc, add, tail, soon, step, back)
	case w == 32:
		avx512Strip2(m, k, a, ai, ap, at, b, bp, c, ldc, add, 1, soon, step, back)
	case w > 16:
		avx512Strip2Part(m, k, a, ai, ap, at, b, bp, c, ldc, add, tail, soon, step, back)
	case w == 16:
		avx512Strip1(m, k, a, ai, ap, at, b, bp, c, ldc, add, 1, soon, step, back)
	default:
		avx512Strip1Part(m, k, a, ai, ap, at, b, bp, c, ldc, add, tail, soon, step, back)
	}
}

//go:noinline
func avx2Strip(m, w, k int, a *float32, ai, ap, at int, b *float32, bp int, c *float32, ldc, add int, soon *float32, step, back int) {
	switch tail := (w-1)&7 + 1; {
	case w%16 == 0:
		avx2Strip2(m, k, a, ai, ap, at, b, bp, c, ldc, add, w/16, soon, step, back)
	case w > 8:
		avx2Strip2Part(m, k, a, ai, ap, at, b, bp, c, ldc, add, tail, soon, step, back)
	case w == 8:
		avx2Strip1(m, k, a, ai, ap, at, b, bp, c, ldc, add, 1, soon, step, back)
	default:
		avx2Strip1Part(m, k, a, ai, ap, at, b, bp, c, ldc, add, tail, soon, step, back)
	}
}

//go:noinline
func avx512First(w, k int, a *float32, ai, ap int, b *float32, bp int, c *float32, ldc, add int, panel *float32) {
	switch tail := (w-1)&15 + 1; {
	case w == 48:
		avx512First3(k, a, ai, ap, b, bp, c, ldc, add, tail, panel)
	case w > 32:
		avx512First3Part(k, a, ai, ap, b, bp, c, ldc, add, tail, panel)
	case w == 32:
		avx512First2(k, a, ai, ap, b, bp, c, ldc, add, tail, panel)
	case w > 16:
		avx512First2Part(k, a, ai, ap, b, bp, c, ldc, add, tail, panel)
	case w == 16:
		avx512First1(k, a, ai, ap, b, bp, c, ldc, add, tail, panel)
	default:
		avx512First1Part(k, a, ai, ap, b, bp, c, ldc, add, tail, panel)
	}
}

//go:noinline
func avx2First(w, k int, a *float32, ai, ap int, b *float32, bp int, c *float32, ldc, add int, panel *float32) {
	switch tail := (w-1)&7 + 1; {
	case w == 16:
		avx2First2(k, a, ai, ap, b, bp, c, ldc, add, tail, panel)
	case w > 8:
		avx2First2Part(k, a, ai, ap, b, bp, c, ldc, add, tail, panel)
	case w == 8:
		avx2First1(k, a, ai, ap, b, bp, c, ldc, add, tail, panel)
	default:
		avx2First1Part(k, a, ai, ap, b, bp, c, ldc, add, tail, panel)
	}
}

//go:noinline
func avx512Carry(w, next, k int, a *float32, ai, ap int, b *float32, bp int, c *float32, ldc, add, rows int, src *float32, lds int, panel *float32) {
	switch {
	case w == 48 && next == 48:
		avx512Carry33(k, a, ai, ap, b, bp, c, ldc, add, rows, src, lds, panel)
	case w == 48:
		avx512Carry32(k, a, ai, ap, b, bp, c, ldc, add, rows, src, lds, panel)
	default:
		avx512Carry22(k, a, ai, ap, b, bp, c, ldc, add, rows, src, lds, panel)
	}
}

//go:noinline
func avx2Carry(w, next, k int, a *float32, ai, ap int, b *float32, bp int, c *float32, ldc, add, rows int, src *float32, lds int, panel *float32) {
	if next == 16 {
		avx2Carry22(k, a, ai, ap, b, bp, c, ldc, add, rows, src, lds, panel)
	} else {
		avx2Carry21(k, a, ai, ap, b, bp, c, ldc, add, rows, src, lds, panel)
	}
}

//go:noinline
func avx512Turn(w, k int, a *float32, ai, ap int, b *float32, bp int, c *float32, ldc, add, fours int, src *float32, lds int, panel *float32) {
	if w == 48 {
		avx512Turn3(k, a, ai, ap, b, bp, c, ldc, add, fours, src, lds, panel)
	} else {
		avx512Turn2(k, a, ai, ap, b, bp, c, ldc, add, fours, src, lds, panel)
	}
}
