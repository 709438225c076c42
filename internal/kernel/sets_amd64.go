// The vector sets of amd64 processors.

package kernel

import (
	"sync"

	"golang.org/x/sys/cpu"
)

//go:generate go run -C _asm . -set avx512 -part products -pkg kernel -out ../avx512_products_amd64.s -stubs ../avx512_products_amd64.go
//go:generate go run -C _asm . -set avx512 -part vectors -pkg kernel -out ../avx512_vectors_amd64.s -stubs ../avx512_vectors_amd64.go
//go:generate go run -C _asm . -set avx512 -part bytes -pkg kernel -out ../avx512_bytes_amd64.s -stubs ../avx512_bytes_amd64.go
//go:generate go run -C _asm . -set avx2 -part products -pkg kernel -out ../avx2_products_amd64.s -stubs ../avx2_products_amd64.go
//go:generate go run -C _asm . -set avx2 -part vectors -pkg kernel -out ../avx2_vectors_amd64.s -stubs ../avx2_vectors_amd64.go
//go:generate go run -C _asm . -set avx2 -part bytes -pkg kernel -out ../avx2_bytes_amd64.s -stubs ../avx2_bytes_amd64.go

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
			busy: avx512Limit, flop: 2 * 24 * 16,
		},
		{
			name: "avx2",
			runs: func() bool { return cpu.X86.HasAVX2 && cpu.X86.HasFMA && cpu.X86.HasBMI2 },
			f32:  avx2Table,
			f64:  portable[float64],
			busy: avx2Limit, flop: 2 * 12 * 8,
		},
	}
}

func avx512Table() *Table[float32] {
	t, s := portable[float32](), avx512Strips()
	t.GemmNN, t.GemmNT, t.GemmTN = s.gemmNN, s.gemmNT, s.gemmTN
	t.Bytes, t.Prefetch = byteKernels{avx512Bytes, avx512Prefetch}.kernels()
	(&vectors{
		add: avx512Add, sub: avx512Sub, mul: avx512Mul, mulAdd: avx512MulAdd, axpy: avx512Axpy, scale: avx512Scale, fill: avx512Fill,
		relu: avx512Relu, reluBack: avx512ReluBack, reluBackAdd: avx512ReluBackAdd,
		sigmoid: avx512Sigmoid, sigmoidBack: avx512SigmoidBack, sigmoidBackAdd: avx512SigmoidBackAdd,
		tanh: avx512Tanh, tanhBack: avx512TanhBack, tanhBackAdd: avx512TanhBackAdd, exp: avx512Exp,
		sumRows: avx512SumRows, sumAcross: 64,
		leaves2: avx512Leaves2, leaves3: avx512Leaves3, leaves4: avx512Leaves4, leaf: avx512Leaf,
		finite: avx512Finite, max: avx512Max, expSum: avx512ExpSum,
		sgd: avx512SGD, momentum: avx512Momentum, adam: avx512Adam,
	}).into(t)
	return t
}

func avx2Table() *Table[float32] {
	t, s := portable[float32](), avx2Strips()
	t.GemmNN, t.GemmNT, t.GemmTN = s.gemmNN, s.gemmNT, s.gemmTN
	t.Bytes, t.Prefetch = byteKernels{avx2Bytes, avx2Prefetch}.kernels()
	(&vectors{
		add: avx2Add, sub: avx2Sub, mul: avx2Mul, mulAdd: avx2MulAdd, axpy: avx2Axpy, scale: avx2Scale, fill: avx2Fill,
		relu: avx2Relu, reluBack: avx2ReluBack, reluBackAdd: avx2ReluBackAdd,
		sigmoid: avx2Sigmoid, sigmoidBack: avx2SigmoidBack, sigmoidBackAdd: avx2SigmoidBackAdd,
		tanh: avx2Tanh, tanhBack: avx2TanhBack, tanhBackAdd: avx2TanhBackAdd, exp: avx2Exp,
		sumRows: avx2SumRows, sumAcross: 32,
		leaves2: avx2Leaves2, leaves3: avx2Leaves3, leaves4: avx2Leaves4, leaf: avx2Leaf,
		finite: avx2Finite, max: avx2Max, expSum: avx2ExpSum,
		sgd: avx2SGD, momentum: avx2Momentum, adam: avx2Adam,
	}).into(t)
	return t
}

// The products of a set are made once, so that all tables share their memory for
// copies.
var (
	avx512Strips = sync.OnceValue(func() *strips {
		return &strips{
			lanes: 16, rows: 8, across: 3, strip: avx512Strip, first: avx512First,
			dots:     [3]func(k int, a, b *float32, ldb int, c *float32, add int){avx512Dots32, avx512Dots16, avx512Dots8},
			copyRows: avx512CopyRows, transpose8: avx512Transpose8,
			scratch: newScratchList(),
		}
	})
	avx2Strips = sync.OnceValue(func() *strips {
		return &strips{
			lanes: 8, rows: 6, across: 2, strip: avx2Strip, first: avx2First,
			dots:     [3]func(k int, a, b *float32, ldb int, c *float32, add int){avx2Dots32, avx2Dots16, avx2Dots8},
			copyRows: avx2CopyRows, transpose8: avx2Transpose8,
			scratch: newScratchList(),
		}
	})
)

//go:noinline
func avx512Strip(m, w, k int, a *float32, ai, ap, at int, b *float32, bp int, c *float32, ldc, add int) {
	switch tail := (w-1)&15 + 1; {
	case w == 48:
		avx512Strip3(m, k, a, ai, ap, at, b, bp, c, ldc, add, tail)
	case w > 32:
		avx512Strip3Part(m, k, a, ai, ap, at, b, bp, c, ldc, add, tail)
	case w == 32:
		avx512Strip2(m, k, a, ai, ap, at, b, bp, c, ldc, add, tail)
	case w > 16:
		avx512Strip2Part(m, k, a, ai, ap, at, b, bp, c, ldc, add, tail)
	case w == 16:
		avx512Strip1(m, k, a, ai, ap, at, b, bp, c, ldc, add, tail)
	default:
		avx512Strip1Part(m, k, a, ai, ap, at, b, bp, c, ldc, add, tail)
	}
}

//go:noinline
func avx2Strip(m, w, k int, a *float32, ai, ap, at int, b *float32, bp int, c *float32, ldc, add int) {
	switch tail := (w-1)&7 + 1; {
	case w == 16:
		avx2Strip2(m, k, a, ai, ap, at, b, bp, c, ldc, add, tail)
	case w > 8:
		avx2Strip2Part(m, k, a, ai, ap, at, b, bp, c, ldc, add, tail)
	case w == 8:
		avx2Strip1(m, k, a, ai, ap, at, b, bp, c, ldc, add, tail)
	default:
		avx2Strip1Part(m, k, a, ai, ap, at, b, bp, c, ldc, add, tail)
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
