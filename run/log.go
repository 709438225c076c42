package run

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"math"
	"os"
)

// This file is events.jsonl: whole lines, appended, one write each, so that a reader beside us sees an event as soon as it happened. A
// write that fails is taken back before the next one. A reader leaves a half-written last line alone.

// maxLine bounds a line of the events, in bytes: 16 MiB.
const maxLine = 16 << 20

// log is the events file while it is written.
type log struct {
	file   file
	length int64 // of the whole lines
	torn   bool  // something may stand behind them
	failed error // a sync failed: what the file holds on the disk is not known any more
}

// open opens or creates the file and cuts off what follows the last whole line.
func (l *log) open(d disk) error {
	f, size, err := openRegular(d, eventsFile, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return err
	}
	length, err := wholeLines(f, size)
	if err == nil && length < size {
		err = f.Truncate(length)
	}
	if err != nil {
		f.Close()
		return err
	}
	*l = log{file: f, length: length}
	return nil
}

func (l *log) close() error {
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	return err
}

func (l *log) append(line []byte) error {
	if l.torn {
		if err := l.file.Truncate(l.length); err != nil {
			return err
		}
		l.torn = false
	}
	n, err := l.file.WriteAt(line, l.length)
	if err == nil && n != len(line) {
		err = io.ErrShortWrite
	}
	if err != nil {
		l.torn = l.file.Truncate(l.length) != nil
		return err
	}
	l.length += int64(n)
	return nil
}

// cut shortens the file to its first length bytes, or to the whole lines among them.
func (l *log) cut(length int64) error {
	length, err := wholeLines(l.file, min(length, l.length))
	if err != nil {
		return err
	}
	if err := l.file.Truncate(length); err != nil {
		l.torn = true
		return err
	}
	l.length, l.torn = length, false
	return nil
}

// sync makes the lines durable. Once it has failed it goes on failing: the system may have dropped the pages and forgotten it.
func (l *log) sync() error {
	if l.failed == nil {
		l.failed = l.file.Sync()
	}
	return l.failed
}

// wholeLines is the length of the whole lines within the first size bytes, found from the end.
func wholeLines(r io.ReaderAt, size int64) (int64, error) {
	block := make([]byte, 64<<10)
	for end := size; end > 0; {
		start := max(0, end-int64(len(block)))
		part := block[:end-start]
		if _, err := io.ReadFull(io.NewSectionReader(r, start, end-start), part); err != nil {
			return 0, err
		}
		if i := bytes.LastIndexByte(part, '\n'); i >= 0 {
			return start + int64(i) + 1, nil
		}
		end = start
	}
	return 0, nil
}

// Append adds an event to events.jsonl in one write. It is on the disk for good after the next checkpoint or Close. An event of more
// than 16 MiB is refused; put large data in an attachment.
func (f *Folder) Append(e Event) error {
	line, err := e.MarshalJSON()
	if err != nil {
		return err
	}
	if len(line) >= maxLine {
		return fmt.Errorf("event %q has %d bytes, want less than %d; put large data in an attachment", e.Type, len(line), maxLine)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.writable(); err != nil {
		return err
	}
	if err := f.log.append(append(line, '\n')); err != nil {
		return failure("writing", f.path(eventsFile), err)
	}
	return nil
}

func (f *Folder) syncLog() error {
	if err := f.log.sync(); err != nil {
		return failure("writing", f.path(eventsFile), err)
	}
	return nil
}

// Events reads the events from the first to the last whole line that stands in the file at that moment. A line that is no event, or has
// more than 16 MiB, gives an error with its number, and reading goes on behind it; an error of the disk ends it.
func (f *Folder) Events() iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		r, _, err := openRegular(f.disk, eventsFile, os.O_RDONLY)
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		if err != nil {
			yield(Event{}, failure("reading", f.path(eventsFile), err))
			return
		}
		defer r.Close()
		number := 0
		for line, err := range lines(r) {
			number++
			var e Event
			if err == nil {
				err = e.UnmarshalJSON(line)
			} else if err != errLongLine {
				yield(Event{}, failure("reading", f.path(eventsFile), err))
				return
			}
			if err != nil {
				err = fmt.Errorf("%q line %d: %w", f.path(eventsFile), number, err)
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

var errLongLine = fmt.Errorf("it has more than %d bytes; the file is damaged", maxLine)

// lines reads whole lines, without their line break. Of one that is too long it gives errLongLine and no more than maxLine bytes are
// held; what follows the last line break is left out. A line is valid until the next.
func lines(r io.Reader) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		in := bufio.NewReaderSize(r, 64<<10)
		var line []byte
		long := false
		for {
			part, err := in.ReadSlice('\n')
			if len(line)+len(part) > maxLine {
				long = true
			}
			if !long {
				line = append(line, part...)
			}
			switch {
			case err == bufio.ErrBufferFull:
				continue
			case err == io.EOF:
				return
			case err != nil:
				yield(nil, err)
				return
			case long:
				if !yield(nil, errLongLine) {
					return
				}
			case !yield(line[:len(line)-1], nil):
				return
			}
			line, long = line[:0], false
		}
	}
}

// section reads a file from an offset on, to its end at that moment.
func section(r io.ReaderAt, from int64) io.Reader {
	return io.NewSectionReader(r, from, math.MaxInt64-from)
}
