package run

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/descent-go/descent/internal/safetensors"
)

// This file guards checkpoints against damage that the file format cannot see: a flipped bit in a weight. The metadata key descent.sha256
// holds, in lower-case hexadecimal, the SHA-256 of the whole file, header and data, as it is while the 64 digits of that value are
// zeros. Anyone can check it: find "descent.sha256":" in the header, put zeros behind it, hash.

const sumDigits = 2 * sha256.Size

// sign puts the checksum into the metadata of a file that is about to be written.
func sign(content safetensors.File) error {
	content.Metadata[sumKey] = strings.Repeat("0", sumDigits)
	sum := sha256.New()
	if err := safetensors.Write(sum, content); err != nil {
		return err
	}
	content.Metadata[sumKey] = hex.EncodeToString(sum.Sum(nil))
	return nil
}

// verify reads a file of size bytes once, with memory for its header only, and compares.
func verify(r io.ReaderAt, size int64) error {
	const maxHeader = 100_000_000 // the format's limit
	var prefix [8]byte
	if size < int64(len(prefix)) {
		return fmt.Errorf("it has %d bytes and is cut short", size)
	}
	if err := readExactly(r, prefix[:], 0); err != nil {
		return err
	}
	n := binary.LittleEndian.Uint64(prefix[:])
	if n > maxHeader || int64(n) > size-8 {
		return fmt.Errorf("its header says %d bytes in a file of %d; it is cut short or of another program", n, size)
	}
	header := make([]byte, n)
	if err := readExactly(r, header, 8); err != nil {
		return err
	}
	// A quote inside a JSON string has a backslash before it, so this can only be the key itself.
	key := []byte(`"` + sumKey + `":"`)
	at := bytes.Index(header, key) + len(key)
	if bytes.Count(header, key) != 1 || at+sumDigits >= len(header) {
		return errors.New("it has no checksum; it is damaged or of another program")
	}
	stated := string(header[at : at+sumDigits])
	copy(header[at:], strings.Repeat("0", sumDigits))
	sum := sha256.New()
	sum.Write(prefix[:])
	sum.Write(header)
	rest := size - 8 - int64(n)
	read, err := io.Copy(sum, io.NewSectionReader(r, 8+int64(n), rest))
	if err != nil {
		return err
	}
	if read != rest {
		return fmt.Errorf("reading %d bytes of data: %w", rest, io.ErrUnexpectedEOF)
	}
	if hex.EncodeToString(sum.Sum(nil)) != stated {
		return errors.New("its checksum does not match; it is damaged")
	}
	return nil
}

func readExactly(r io.ReaderAt, p []byte, offset int64) error {
	_, err := io.ReadFull(io.NewSectionReader(r, offset, int64(len(p))), p)
	return err
}
