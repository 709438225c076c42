package data

// This file splits text into cells: RFC 4180, with the delimiter found in the first line. It stands in place of encoding/csv because that
// reads a line or a cell of any length into memory, and because its cells here cost no allocation. Text must be UTF-8 without NUL; a
// byte order mark is dropped. Messages name the line and never print it.

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"unicode/utf8"
)

const (
	maxCell    = 1 << 20  // bytes
	maxRecord  = 64 << 20 // bytes
	maxColumns = 1 << 20
	detectSize = 1 << 16 // bytes in which the first line must end for the delimiter to be found
)

// csvReader reads records. The cells of one are valid until the next.
type csvReader struct {
	r         *bufio.Reader
	delimiter byte
	line      int // of the record, from 1
	next      int // of what follows it
	text      []byte
	ends      []int // of cells in text
	special   [256]bool
}

func newCSVReader(r io.Reader) (*csvReader, error) {
	c := &csvReader{r: bufio.NewReaderSize(r, detectSize), next: 1}
	head, err := c.r.Peek(detectSize)
	if err != nil && err != io.EOF {
		return nil, bare(err)
	}
	switch {
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		c.r.Discard(3)
		head = head[3:]
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")):
		return nil, fmt.Errorf("the text is UTF-16; save it as UTF-8")
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return nil, fmt.Errorf("the file is a zip archive or a spreadsheet; save the table as CSV")
	case bytes.HasPrefix(head, []byte("PAR1")):
		return nil, fmt.Errorf("the file is in Parquet form; save the table as CSV")
	}
	c.delimiter = detect(head)
	for _, b := range []byte{0, '"', '\r', '\n', c.delimiter} {
		c.special[b] = true
	}
	return c, nil
}

// detect is the one of comma, semicolon and tab that the first line that is not empty has most of, outside of quotes.
func detect(head []byte) byte {
	var count [256]int
	quoted := false
	for _, b := range bytes.TrimLeft(head, "\r\n") {
		if b == '"' {
			quoted = !quoted
		}
		if b == '\n' && !quoted {
			break
		}
		if !quoted {
			count[b]++
		}
	}
	best := byte(',')
	for _, b := range []byte{';', '\t'} {
		if count[b] > count[best] {
			best = b
		}
	}
	return best
}

// len is the number of cells.
func (c *csvReader) len() int { return len(c.ends) }

// cell is one of them.
func (c *csvReader) cell(i int) []byte {
	from := 0
	if i > 0 {
		from = c.ends[i-1]
	}
	return c.text[from:c.ends[i]]
}

// read gets the next record; lines without a character are skipped. It returns io.EOF after the last.
func (c *csvReader) read() error {
	for {
		c.line = c.next
		c.text, c.ends = c.text[:0], c.ends[:0]
		for {
			last, err := c.readCell()
			if err != nil {
				return err
			}
			if last {
				break
			}
		}
		if len(c.ends) > 1 || len(c.text) > 0 {
			return nil
		}
	}
}

// readCell appends one cell; last says that it ends the record. io.EOF means that there is no record at all.
func (c *csvReader) readCell() (last bool, err error) {
	start := len(c.text)
	quoted := false // the cell began with a quote
	closed := false // and the closing one was read
	for {
		if !closed {
			c.ordinary()
		}
		if len(c.text)-start > maxCell {
			return false, c.wrong(fmt.Sprintf("the cell has more than %d bytes; is a quote left open?", maxCell))
		}
		if len(c.text) > maxRecord {
			return false, fmt.Errorf("line %d has more than %d bytes", c.line, maxRecord)
		}
		b, err := c.r.ReadByte()
		if err == io.EOF {
			if quoted && !closed {
				return false, c.wrong("the quote that opens this cell is never closed")
			}
			if len(c.ends) == 0 && len(c.text) == 0 && !quoted {
				return false, io.EOF
			}
			return true, c.endCell(start)
		}
		if err != nil {
			return false, fmt.Errorf("line %d: %w", c.next, bare(err))
		}
		switch {
		case b == 0:
			return false, c.wrong("a NUL byte; the file is not text")
		case b == '"' && quoted && !closed:
			closed = true
			continue
		case b == '"' && closed: // "" within quotes is one quote
			closed = false
		case b == '"' && len(c.text) == start && !quoted:
			quoted = true
			continue
		case b == '"':
			return false, c.wrong("a quote within a cell that does not begin with one; write the cell in quotes, and each quote within it twice")
		case quoted && !closed: // everything else is content
			if b == '\n' {
				c.next++
			}
		case b == c.delimiter:
			return false, c.endCell(start)
		case b == '\n':
			c.next++
			return true, c.endCell(start)
		case b == '\r':
			if b, err := c.r.ReadByte(); err == nil && b != '\n' {
				return false, c.wrong("a carriage return without a line feed; save the file with line ends of Unix or Windows")
			} else if err == nil {
				c.next++
			}
			return true, c.endCell(start)
		case closed:
			return false, c.wrong("text follows the closing quote")
		}
		c.text = append(c.text, b)
	}
}

// ordinary appends what is in the buffer up to the next byte that means something, at once: nearly all of a file passes here.
func (c *csvReader) ordinary() {
	buffer, _ := c.r.Peek(c.r.Buffered())
	i := 0
	for i < len(buffer) && !c.special[buffer[i]] {
		i++
	}
	c.text = append(c.text, buffer[:i]...)
	c.r.Discard(i)
}

func (c *csvReader) endCell(start int) error {
	if !utf8.Valid(c.text[start:]) {
		return c.wrong("the text is not UTF-8; save the file as UTF-8")
	}
	if len(c.ends) == maxColumns {
		return fmt.Errorf("line %d has more than %d cells", c.line, maxColumns)
	}
	c.ends = append(c.ends, len(c.text))
	return nil
}

func (c *csvReader) wrong(what string) error {
	return fmt.Errorf("line %d, cell %d: %s", c.line, len(c.ends)+1, what)
}
