package run

import (
	"fmt"
	"io"
	"math"
	"os"
	"path"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/safetensors"
)

// This file takes tensors to files and back: attachments, and the model to ship. Every number comes back with the bits that it had.

// pack makes a tensor of the file format. It refuses what would not come back as it was.
func pack(name string, t engine.Tensor) (safetensors.Tensor, error) {
	out := safetensors.Tensor{Name: name, Shape: t.Shape}
	set := 0
	if t.F32 != nil {
		out.DType, out.Data, set = safetensors.F32, safetensors.Float32s(t.F32), set+1
	}
	if t.F64 != nil {
		out.DType, out.Data, set = safetensors.F64, safetensors.Float64s(t.F64), set+1
	}
	if t.U8 != nil {
		out.DType, out.Data, set = safetensors.U8, t.U8, set+1
	}
	if set == 0 && t.Shape.Size() == 0 {
		out.DType, set = safetensors.F32, 1
	}
	if set != 1 {
		return out, fmt.Errorf("tensor %.80q: %d of F32, F64 and U8 are set, want one", name, set)
	}
	if t.Len() != t.Shape.Size() {
		return out, fmt.Errorf("tensor %.80q: holds %d numbers, its shape %v wants %d", name, t.Len(), t.Shape, t.Shape.Size())
	}
	return out, nil
}

// unpack is the way back.
func unpack(name string, t safetensors.Tensor) (engine.Tensor, error) {
	out := engine.Tensor{Name: name}
	if len(t.Shape) > 0 {
		out.Shape = t.Shape
	}
	var err error
	switch t.DType {
	case safetensors.F32:
		out.F32, err = t.F32()
	case safetensors.F64:
		out.F64, err = t.F64()
	case safetensors.U8:
		out.U8 = t.Data
	default:
		err = fmt.Errorf("tensor %.80q: dtype is %s, want F32, F64 or U8; the file is of another program", name, t.DType)
	}
	return out, err
}

func packAll(tensors []engine.Tensor) ([]safetensors.Tensor, error) {
	out := make([]safetensors.Tensor, len(tensors))
	for i, t := range tensors {
		var err error
		if out[i], err = pack(t.Name, t); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// finite names the first number that is not.
func finite(tensors []engine.Tensor) error {
	for _, t := range tensors {
		if t.U8 != nil {
			continue
		}
		for i := range t.Len() {
			if x := t.At(i); math.IsNaN(x) || math.IsInf(x, 0) {
				return fmt.Errorf("weight %q[%d] is %v, want finite numbers; the training has diverged, go on from an earlier checkpoint with a smaller learning rate", t.Name, i, x)
			}
		}
	}
	return nil
}

// Attach writes tensors that do not fit an event to attachments/NAME.safetensors, over an earlier attachment of that name. A name has
// letters of ASCII, digits, dots, hyphens and underscores.
func (f *Folder) Attach(name string, tensors []engine.Tensor) error {
	if err := attachmentName(name); err != nil {
		return err
	}
	packed, err := packAll(tensors)
	if err != nil {
		return fmt.Errorf("attachment %q: %w", name, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.writable(); err != nil {
		return err
	}
	if err := f.ensureDir(attachmentsDir); err != nil {
		return failure("creating", f.path(attachmentsDir), err)
	}
	return f.writeTensors(path.Join(attachmentsDir, name+".safetensors"), safetensors.File{Tensors: packed})
}

// Attachment reads what Attach wrote under a name. The tensors come in the order of the file, which is by type and name.
func (f *Folder) Attachment(name string) ([]engine.Tensor, error) {
	if err := attachmentName(name); err != nil {
		return nil, err
	}
	at := path.Join(attachmentsDir, name+".safetensors")
	r, size, err := openRegular(f.disk, at, os.O_RDONLY)
	if err != nil {
		return nil, failure("reading", f.path(at), err)
	}
	defer r.Close()
	content, err := safetensors.Read(r, size)
	if err != nil {
		return nil, failure("reading", f.path(at), err)
	}
	out := make([]engine.Tensor, len(content.Tensors))
	for i, t := range content.Tensors {
		if out[i], err = unpack(t.Name, t); err != nil {
			return nil, failure("reading", f.path(at), err)
		}
	}
	return out, nil
}

// WriteModel writes model.safetensors, the thing to ship: weights, which must be finite, and the strings that describe them.
func (f *Folder) WriteModel(tensors []engine.Tensor, metadata map[string]string) error {
	if err := finite(tensors); err != nil {
		return fmt.Errorf("%q is not written: %w", f.path(modelFile), err)
	}
	packed, err := packAll(tensors)
	if err != nil {
		return fmt.Errorf("%q is not written: %w", f.path(modelFile), err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.writable(); err != nil {
		return err
	}
	return f.writeTensors(modelFile, safetensors.File{Tensors: packed, Metadata: metadata})
}

// Model reads model.safetensors as it is. One that is not there is an error that is fs.ErrNotExist: the run is not over.
func (f *Folder) Model() ([]byte, error) { return f.read(modelFile, math.MaxInt64) }

func (f *Folder) writeTensors(name string, content safetensors.File) error {
	_, err := writeFile(f.disk, name, func(w io.Writer) error { return safetensors.Write(w, content) })
	if err != nil {
		return failure("writing", f.path(name), err)
	}
	return nil
}
