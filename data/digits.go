package data

// This file is the data set that is inside the program, for a first run without any file: handwritten digits, 1,797 images of 8 by 8 pixels
// with grey levels 0 to 16. Its licence and authors stand in embedded/digits.license.txt and travel with it.

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"
	"strconv"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/prep"
)

//go:embed embedded/digits.csv.gz
var digitsFile []byte

//go:embed embedded/digits.license.txt
var digitsLicense string

const (
	digitsRows   = 1797
	digitsPixels = 8 * 8
)

// digits unpacks the embedded set.
func digits() (*memory, error) {
	text, err := digitsText()
	if err != nil {
		return nil, fmt.Errorf("data set \"digits\" inside this program is damaged: %w", err)
	}
	m := &memory{
		n: digitsRows, width: digitsPixels,
		u8: make([]byte, 0, digitsRows*digitsPixels), class: make([]int32, 0, digitsRows),
		about: About{Largest: 16, License: digitsLicense},
		columns: []prep.Column{
			{Name: "image", Kind: prep.Number, Shape: engine.Shape{8, 8}},
			{Name: "digit", Kind: prep.Class, Categories: numberedClasses(10)},
		},
	}
	for line := range bytes.Lines(text) {
		k := 0
		for cell := range bytes.SplitSeq(bytes.TrimRight(line, "\r\n"), []byte{','}) {
			v, err := strconv.ParseUint(string(cell), 10, 8)
			if err != nil {
				return nil, fmt.Errorf("data set \"digits\" inside this program is damaged: %w", err)
			}
			if k < digitsPixels {
				m.u8 = append(m.u8, byte(v))
			} else {
				m.class = append(m.class, int32(v))
			}
			k++
		}
	}
	if len(m.u8) != cap(m.u8) || len(m.class) != m.n {
		return nil, fmt.Errorf("data set \"digits\" inside this program is damaged: %d pixels and %d labels", len(m.u8), len(m.class))
	}
	m.finish()
	return m, m.err
}

func digitsText() ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(digitsFile))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

func numberedClasses(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = strconv.Itoa(i)
	}
	return names
}
