package main

// Images in IDX form for a model, without their labels: a header of two zero bytes, the type, the number of dimensions and each as a
// big-endian uint32, then bytes row by row.

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/descent-go/descent"
	"github.com/descent-go/descent/engine"
)

// imageRows reads image by image.
type imageRows struct {
	r    io.Reader
	left int64
	n    int64
	row  []byte
}

// looksIDX tells IDX from text by its first bytes.
func looksIDX(head []byte) bool { return len(head) >= 4 && head[0] == 0 && head[1] == 0 }

func newImageRows(m *descent.Model, r io.Reader) (*imageRows, error) {
	var magic [4]byte
	if _, err := io.ReadFull(r, magic[:]); err != nil {
		return nil, errors.New("the header is cut short")
	}
	if magic[2] != 0x08 {
		return nil, fmt.Errorf("the elements are of IDX type 0x%02x; unsigned bytes, type 0x08, are read", magic[2])
	}
	dims := int(magic[3])
	if dims < 2 || dims > 4 {
		return nil, fmt.Errorf("the file has %d dimensions; images have 2 to 4, their number among them", dims)
	}
	header := make([]byte, 4*dims)
	if _, err := io.ReadFull(r, header); err != nil {
		return nil, errors.New("the header is cut short")
	}
	rows := &imageRows{r: r, left: int64(binary.BigEndian.Uint32(header))}
	rows.n = rows.left
	var shape engine.Shape
	for k := 1; k < dims; k++ {
		shape = append(shape, int(binary.BigEndian.Uint32(header[4*k:])))
	}
	inputs := m.Inputs()
	if len(inputs) != 1 || !inputs[0].Shape.Equal(shape) {
		want := fmt.Sprintf("rows of %d columns of a table", m.Width())
		if len(inputs) == 1 && inputs[0].Shape != nil {
			want = fmt.Sprintf("%v", inputs[0].Shape)
		}
		return nil, fmt.Errorf("the images are %v; the model wants %s", shape, want)
	}
	rows.row = make([]byte, m.Width())
	return rows, nil
}

// next is the next image, valid until the call after. It returns io.EOF after the last.
func (t *imageRows) next() ([]byte, error) {
	if t.left == 0 {
		return nil, io.EOF
	}
	t.left--
	if _, err := io.ReadFull(t.r, t.row); err != nil {
		return nil, fmt.Errorf("the file is cut short: image %d of %d is not whole", t.n-t.left, t.n)
	}
	return t.row, nil
}
