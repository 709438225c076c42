// Matrix products of the portable set, in the three forms that a dense layer
// needs: forward, gradient of the weights, gradient of the input.
//
// Every element is summed over k from 0 upwards, starting from what it is added
// to. That leaves the choice of blocks free: a sum rests in C between two of
// them. The inner loop adds eight rows of B, each times one number of A, to a
// piece of a row of C, so that an element of C is loaded and stored once for
// eight products. A block of B, depth rows by breadth columns, is copied
// (transposed where B is) to where its rows don't compete for one place in the
// nearest cache, and all rows of C pass over it.
//
// With a few rows of C copying would cost more than it saves. They use B as it
// lies; where it is transposed, by dot products with six of its rows at a time.

package kernel

import "fmt"

const (
	depth   = 64 // rows of a block of B: a multiple of 8
	breadth = 64 // columns of a block of B; it takes 16 KB in float32
	fewRows = 4  // of C: up to here B isn't copied
)

func gemmNN[T Float](m, n, k int, a []T, lda int, b []T, ldb int, c []T, ldc int, add bool) {
	if beginGemm(m, n, k, a, m, k, lda, b, k, n, ldb, c, ldc, add) {
		gemmRows(m, n, k, a, lda, 1, b, ldb, c, ldc)
	}
}

func gemmTN[T Float](m, n, k int, a []T, lda int, b []T, ldb int, c []T, ldc int, add bool) {
	if beginGemm(m, n, k, a, k, m, lda, b, k, n, ldb, c, ldc, add) {
		gemmRows(m, n, k, a, 1, lda, b, ldb, c, ldc)
	}
}

func gemmNT[T Float](m, n, k int, a []T, lda int, b []T, ldb int, c []T, ldc int, add bool) {
	if !beginGemm(m, n, k, a, m, k, lda, b, n, k, ldb, c, ldc, add) {
		return
	}
	if m > fewRows {
		gemmBlocks(m, n, k, a, lda, 1, b, ldb, true, c, ldc)
		return
	}
	for i := range m {
		rowTimesColumns(c[i*ldc:][:n], a[i*lda:][:k], b, ldb)
	}
}

// beginGemm checks sizes and lengths, clears C unless it is added to, and
// reports whether there is anything to add.
func beginGemm[T Float](m, n, k int, a []T, am, ak, lda int, b []T, bk, bn, ldb int, c []T, ldc int, add bool) bool {
	checkGemm(m, n, k, a, am, ak, lda, b, bk, bn, ldb, c, ldc)
	if !add {
		clearRows(m, n, c, ldc)
	}
	return m > 0 && n > 0 && k > 0
}

// checkGemm panics unless the slices hold their matrices. A is stored as am by
// ak, B as bk by bn.
func checkGemm[T Float](m, n, k int, a []T, am, ak, lda int, b []T, bk, bn, ldb int, c []T, ldc int) {
	if m < 0 || n < 0 || k < 0 {
		panic(fmt.Sprintf("kernel: matrix product of m %d, n %d, k %d", m, n, k))
	}
	if m == 0 || n == 0 {
		return
	}
	checkMatrix(am, ak, a, lda)
	checkMatrix(bk, bn, b, ldb)
	checkMatrix(m, n, c, ldc)
}

// clearRows sets the m by n values of a matrix to 0.
func clearRows[T Float](m, n int, c []T, ldc int) {
	if n == 0 {
		return
	}
	for i := range m {
		clear(c[i*ldc:][:n])
	}
}

// gemmRows is C += A·B for A with element (i, p) at i*ai + p*ap and B [k,n].
func gemmRows[T Float](m, n, k int, a []T, ai, ap int, b []T, ldb int, c []T, ldc int) {
	if m > fewRows {
		gemmBlocks(m, n, k, a, ai, ap, b, ldb, false, c, ldc)
		return
	}
	for i := range m {
		rowTimesRows(c[i*ldc:][:n], a[i*ai:], ap, b, ldb, k)
	}
}

// gemmBlocks is gemmRows by copied blocks of B, which is [n,k] if transposed.
func gemmBlocks[T Float](m, n, k int, a []T, ai, ap int, b []T, ldb int, transposed bool, c []T, ldc int) {
	var block [depth * breadth]T
	for j := 0; j < n; j += breadth {
		w := min(breadth, n-j)
		for p := 0; p < k; p += depth {
			d := min(depth, k-p)
			if transposed {
				copyTransposed(&block, b[j*ldb+p:], ldb, w, d)
			} else {
				for q := range d {
					copy(block[q*breadth:][:w], b[(p+q)*ldb+j:])
				}
			}
			for i := range m {
				rowTimesRows(c[i*ldc+j:][:w], a[i*ai+p*ap:], ap, block[:], breadth, d)
			}
		}
	}
}

// copyTransposed copies b [w,d] into the first d rows of a block, transposed.
func copyTransposed[T Float](block *[depth * breadth]T, b []T, ldb, w, d int) {
	for s := range w {
		to := block[s:]
		for q, v := range b[s*ldb:][:d] {
			to[q*breadth] = v
		}
	}
}

// rowTimesRows is c[j] += sum over p < k of a[p*step]*b[p*ldb+j].
func rowTimesRows[T Float](c, a []T, step int, b []T, ldb, k int) {
	for ; k >= 8; k -= 8 {
		a0, a1, a2, a3 := a[0], a[step], a[2*step], a[3*step]
		a4, a5, a6, a7 := a[4*step], a[5*step], a[6*step], a[7*step]
		b0, b1, b2, b3 := b[:len(c)], b[ldb:][:len(c)], b[2*ldb:][:len(c)], b[3*ldb:][:len(c)]
		b4, b5, b6, b7 := b[4*ldb:][:len(c)], b[5*ldb:][:len(c)], b[6*ldb:][:len(c)], b[7*ldb:][:len(c)]
		for j := range c {
			s := T(a0*b0[j]) + c[j]
			s = T(a1*b1[j]) + s
			s = T(a2*b2[j]) + s
			s = T(a3*b3[j]) + s
			s = T(a4*b4[j]) + s
			s = T(a5*b5[j]) + s
			s = T(a6*b6[j]) + s
			c[j] = T(a7*b7[j]) + s
		}
		if k > 8 {
			a, b = a[8*step:], b[8*ldb:]
		}
	}
	for p := range k {
		v, row := a[p*step], b[p*ldb:][:len(c)]
		for j := range c {
			c[j] = T(v*row[j]) + c[j]
		}
	}
}

// rowTimesColumns is c[j] += sum over p of a[p]*b[j*ldb+p]. Six sums at a time
// hide the latency of the additions; more would not fit the registers.
func rowTimesColumns[T Float](c, a, b []T, ldb int) {
	j := 0
	for ; j+6 <= len(c); j += 6 {
		b0, b1, b2 := b[j*ldb:][:len(a)], b[(j+1)*ldb:][:len(a)], b[(j+2)*ldb:][:len(a)]
		b3, b4, b5 := b[(j+3)*ldb:][:len(a)], b[(j+4)*ldb:][:len(a)], b[(j+5)*ldb:][:len(a)]
		to := c[j:][:6]
		s0, s1, s2, s3, s4, s5 := to[0], to[1], to[2], to[3], to[4], to[5]
		for p, v := range a {
			s0 = T(v*b0[p]) + s0
			s1 = T(v*b1[p]) + s1
			s2 = T(v*b2[p]) + s2
			s3 = T(v*b3[p]) + s3
			s4 = T(v*b4[p]) + s4
			s5 = T(v*b5[p]) + s5
		}
		to[0], to[1], to[2], to[3], to[4], to[5] = s0, s1, s2, s3, s4, s5
	}
	for ; j < len(c); j++ {
		row, s := b[j*ldb:][:len(a)], c[j]
		for p, v := range a {
			s = T(v*row[p]) + s
		}
		c[j] = s
	}
}
