package data

// This file is the table behind every data set of this package: rows in memory, in the form in which they came (bytes of pixels, float32 of a
// caller, float64 of a text file), converted and scaled in one pass when a batch is read. Bytes take a quarter of the memory of floats.

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"math"
	"slices"
	"strconv"
	"sync"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/kernel"
	"github.com/descent-go/descent/prep"
)

// memory is a Table. It does not change once it is made.
type memory struct {
	columns []prep.Column
	n       int
	width   int // numbers a row, the target apart

	// One of them holds the features, row by row.
	u8  []byte
	f32 [][]float32
	f64 []float64
	// One of them holds the targets.
	class []int32
	value []float64

	about       About
	plain       *prep.Pipeline // the identity: Read without scaling is reading with this
	prefetch    func([]byte)
	fingerprint func() string
	err         error
}

var (
	_ Table         = (*memory)(nil)
	_ Describer     = (*memory)(nil)
	_ Fingerprinter = (*memory)(nil)
)

// Slices is a classification held in slices: x[i] are the features of row i and y[i], from 0, is its class. The slices are not copied and must
// not change. Unusable values (rows of unequal length, NaN, negative classes, fewer than two classes) are an error wherever the data
// set is used first.
func Slices(x [][]float32, y []int) Dataset {
	m := floats(x, len(y))
	if m.err != nil {
		return m
	}
	classes := 0
	m.class = make([]int32, len(y))
	for i, c := range y {
		// Classes without rows may exist, but not so many that the list of names is the larger part.
		if c < 0 || c > len(y)+1000 {
			m.err = fmt.Errorf("y[%d] is class %d; classes are numbered from 0", i, c)
			return m
		}
		classes = max(classes, c+1)
		m.class[i] = int32(c)
	}
	m.columns = append(m.columns, prep.Column{Name: "class", Kind: prep.Class, Categories: numberedClasses(classes)})
	return m.finish()
}

// Regression is [Slices] with a number to predict in place of a class.
func Regression(x [][]float32, y []float32) Dataset {
	m := floats(x, len(y))
	if m.err != nil {
		return m
	}
	m.value = make([]float64, len(y))
	for i, v := range y {
		if v-v != 0 {
			m.err = fmt.Errorf("y[%d] is %v; a finite number is wanted", i, v)
			return m
		}
		m.value[i] = float64(v)
	}
	m.columns = append(m.columns, prep.Column{Name: "target", Kind: prep.Target})
	return m.finish()
}

// floats begins a table over x.
func floats(x [][]float32, targets int) *memory {
	m := &memory{n: len(x), f32: x}
	switch {
	case len(x) == 0:
		m.err = fmt.Errorf("there are no rows")
	case len(x) != targets:
		m.err = fmt.Errorf("there are %d rows of features and %d targets", len(x), targets)
	case len(x[0]) == 0:
		m.err = fmt.Errorf("x[0] has no features")
	default:
		m.width = len(x[0])
	}
	if m.err != nil {
		return m
	}
	for i, row := range x {
		if len(row) != m.width {
			m.err = fmt.Errorf("x[%d] has %d features; x[0] has %d", i, len(row), m.width)
			return m
		}
		for j, v := range row {
			if v-v != 0 {
				m.err = fmt.Errorf("x[%d][%d] is %v; a finite number is wanted", i, j, v)
				return m
			}
		}
	}
	for j := range m.width {
		m.columns = append(m.columns, prep.Column{Name: "x" + strconv.Itoa(j), Kind: prep.Number})
	}
	return m
}

// finish derives what all tables have; an error is kept in m.
func (m *memory) finish() *memory {
	m.plain, m.err = prep.Fit(m.columns, prep.Options{Scaling: prep.None, RawTarget: true}, func(yield func([]float64) bool) {
		yield(make([]float64, m.width+1)) // nothing is learned from it
	})
	m.fingerprint = sync.OnceValue(m.sum)
	m.prefetch = func([]byte) {}
	if k, err := kernel.For[float32](""); err == nil {
		m.prefetch = k.Prefetch // changes nothing, whatever the set
	}
	return m
}

func (m *memory) check() error { return m.err }

// Fields are X and Y as the pipeline without scaling makes them.
func (m *memory) Fields() []engine.Field {
	if m.err != nil {
		return nil
	}
	return m.plain.Fields()
}

func (m *memory) Len() int { return m.n }

func (m *memory) Columns() []prep.Column { return slices.Clone(m.columns) }

func (m *memory) About() About {
	a := m.about
	a.Test = slices.Clone(a.Test)
	return a
}

func (m *memory) Fingerprint() string {
	if m.err != nil {
		return ""
	}
	return m.fingerprint()
}

func (m *memory) Row(i int, to []float64) error {
	if m.err != nil {
		return m.err
	}
	if i < 0 || i >= m.n {
		return fmt.Errorf("row %d does not exist; the data set has rows 0 to %d", i, m.n-1)
	}
	if len(to) < m.width+1 {
		return fmt.Errorf("there is room for %d numbers; a row has %d, the target included", len(to), m.width+1)
	}
	features(m, m.plain, i, to[:m.width])
	to[m.width] = m.target(i)
	return nil
}

func (m *memory) Read(rows []int, to []engine.Tensor) error { return m.read(m.plain, rows, to) }

// read is Read through pipeline p, which must fit m's columns.
func (m *memory) read(p *prep.Pipeline, rows []int, to []engine.Tensor) error {
	if err := check(m, rows); err != nil {
		return err
	}
	for _, t := range to {
		if err := room(t, len(rows), m.width); err != nil {
			return err
		}
		switch {
		case t.Name == prep.X && t.F32 != nil && m.u8 != nil:
			translate(m.u8, rows, m.width)
			for k, i := range rows {
				m.expect(rows, k+ahead)
				p.Bytes(t.F32[k*m.width:(k+1)*m.width], m.u8[i*m.width:(i+1)*m.width])
			}
		case t.Name == prep.X && t.F32 != nil && m.f32 != nil:
			for k, i := range rows {
				p.Numbers(t.F32[k*m.width:(k+1)*m.width], m.f32[i])
			}
		case t.Name == prep.X && t.F32 != nil:
			for k, i := range rows {
				features(m, p, i, t.F32[k*m.width:(k+1)*m.width])
			}
		case t.Name == prep.X:
			for k, i := range rows {
				features(m, p, i, t.F64[k*m.width:(k+1)*m.width])
			}
		case t.F32 != nil:
			for k, i := range rows {
				t.F32[k] = float32(p.TargetValue(m.target(i)))
			}
		default:
			for k, i := range rows {
				t.F64[k] = p.TargetValue(m.target(i))
			}
		}
	}
	return nil
}

// bounded reports whether all that p makes of the features is below 2^50 in magnitude, where bytes tell.
func (m *memory) bounded(p *prep.Pipeline) bool {
	if m.u8 == nil {
		return false
	}
	row, to := make([]byte, m.width), make([]float32, m.width)
	for _, end := range []byte{0, math.MaxUint8} {
		for i := range row {
			row[i] = end
		}
		p.Bytes(to, row)
		for _, v := range to {
			if !(math.Abs(float64(v)) < 1<<50) {
				return false
			}
		}
	}
	return true
}

// translate reads a byte of each row, one right after the other: the processor then looks up the places of several pages at a time, which
// takes longer than fetching them where rows lie anywhere in a large set.
//
//go:noinline
func translate(x []byte, rows []int, width int) (sum byte) {
	for _, i := range rows {
		sum += x[i*width]
	}
	return sum
}

// ahead is how many rows before its turn a row is asked for: rows of a shuffled batch lie anywhere, and memory answers after the time in which
// some are converted.
const ahead = 4

// expect asks for the bytes of rows[k].
func (m *memory) expect(rows []int, k int) {
	if k < len(rows) {
		i := rows[k]
		m.prefetch(m.u8[i*m.width : (i+1)*m.width])
	}
}

// room refuses a tensor that is no field of a table, or too small.
func room(t engine.Tensor, rows, width int) error {
	switch t.Name {
	case prep.X:
	case prep.Y:
		width = 1
	default:
		return fmt.Errorf("the data set has no field %s; its fields are %q and %q", quote(t.Name), prep.X, prep.Y)
	}
	if t.F32 == nil && t.F64 == nil && rows > 0 {
		return fmt.Errorf("tensor %q holds neither float32 nor float64 numbers", t.Name)
	}
	if n := max(len(t.F32), len(t.F64)); n/width < rows {
		return fmt.Errorf("tensor %q has room for %d numbers; %d rows of %d are asked for", t.Name, n, rows, width)
	}
	return nil
}

func features[T engine.Float](m *memory, p *prep.Pipeline, i int, to []T) {
	switch {
	case m.u8 != nil:
		prep.Features(p, to, m.u8[i*m.width:(i+1)*m.width])
	case m.f32 != nil:
		prep.Features(p, to, m.f32[i])
	default:
		prep.Features(p, to, m.f64[i*m.width:(i+1)*m.width])
	}
}

func (m *memory) target(i int) float64 {
	if m.class != nil {
		return float64(m.class[i])
	}
	return m.value[i]
}

// sum hashes all content in one fixed form: names with their lengths, then rows as bytes or little-endian float64, in pieces.
func (m *memory) sum() string {
	h := sha256.New()
	buffer := binary.LittleEndian.AppendUint64([]byte("descent data 1\n"), uint64(m.n))
	buffer = binary.LittleEndian.AppendUint64(buffer, uint64(len(m.columns)))
	for _, c := range m.columns {
		buffer = appendText(buffer, c.Name)
		buffer = appendText(buffer, c.Kind)
		buffer = binary.LittleEndian.AppendUint64(buffer, uint64(len(c.Shape)))
		for _, d := range c.Shape {
			buffer = binary.LittleEndian.AppendUint64(buffer, uint64(d))
		}
		buffer = binary.LittleEndian.AppendUint64(buffer, uint64(len(c.Categories)))
		for _, name := range c.Categories {
			buffer = appendText(buffer, name)
		}
		buffer = flush(h, buffer)
	}
	buffer = binary.LittleEndian.AppendUint64(buffer, uint64(len(m.about.Test)))
	for _, i := range m.about.Test {
		buffer = flush(h, binary.LittleEndian.AppendUint64(buffer, uint64(i)))
	}
	if m.u8 != nil { // as they are: eight times less to hash than their float64
		h.Write(append(buffer, "bytes"...))
		h.Write(m.u8)
		buffer = buffer[:0]
	}
	row := make([]float64, m.width)
	for i := range m.n {
		if m.u8 == nil {
			features(m, m.plain, i, row)
			for _, v := range row {
				buffer = binary.LittleEndian.AppendUint64(buffer, math.Float64bits(v))
			}
		}
		buffer = flush(h, binary.LittleEndian.AppendUint64(buffer, math.Float64bits(m.target(i))))
	}
	h.Write(buffer)
	return hex.EncodeToString(h.Sum(nil))
}

func appendText(b []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint64(b, uint64(len(s))), s...)
}

func flush(h hash.Hash, b []byte) []byte {
	if len(b) < 1<<16 {
		return b
	}
	h.Write(b)
	return b[:0]
}
