// Kernels over the rows of a matrix, and the check of a matrix against the
// slice that holds it.

package kernel

import "fmt"

const maxInt = int(^uint(0) >> 1)

// checkMatrix panics unless x holds rows rows of cols values that begin ld
// apart. Kernels call it before they write anything.
func checkMatrix[T Float](rows, cols int, x []T, ld int) {
	if rows < 0 || cols < 0 {
		panic(fmt.Sprintf("kernel: matrix of %d by %d", rows, cols))
	}
	if rows == 0 || cols == 0 {
		return
	}
	if rows > 1 && ld < cols {
		panic(fmt.Sprintf("kernel: row stride %d is less than the %d columns", ld, cols))
	}
	if rows > 1 && rows-1 > (maxInt-cols)/ld {
		panic(fmt.Sprintf("kernel: matrix of %d by %d with stride %d overflows", rows, cols, ld))
	}
	_ = x[(rows-1)*ld+cols-1]
}

func addBias[T Float](rows, cols int, y []T, ldy int, bias []T) {
	checkMatrix(rows, cols, y, ldy)
	if rows == 0 || cols == 0 {
		return
	}
	bias = bias[:cols:len(bias)]
	for r := range rows {
		row := y[r*ldy:][:cols]
		for j, b := range bias {
			row[j] += b
		}
	}
}

func sumRows[T Float](rows, cols int, dst, x []T, ldx int, add bool) {
	checkMatrix(rows, cols, x, ldx)
	if cols == 0 {
		return
	}
	dst = dst[:cols:len(dst)]
	if !add {
		clear(dst)
	}
	for r := range rows {
		row := x[r*ldx:][:cols]
		for j, v := range row {
			dst[j] += v
		}
	}
}
