package run

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
)

// This file writes metrics.csv, the numbers of step and eval events for spreadsheets and plotting programs. It is made from the events and
// never read back. Columns are step, epoch, type, then the metrics in order of first appearance (sorted within one event). Rows are
// appended as long as no metric is new; a new column, or a new process, writes the file afresh.

// maxColumns is what spreadsheets take.
const maxColumns = 16384

// table is what of the events stands in metrics.csv.
type table struct {
	columns []string // metrics
	index   map[string]int
	events  int64 // bytes of events.jsonl that are in; 0: nothing is
}

// add gives the metrics of an event their columns, and tells whether one was new.
func (t *table) add(e Event) (grown bool, err error) {
	for _, key := range slices.Sorted(maps.Keys(e.Data)) {
		if _, known := t.index[key]; known || !isNumber(e.Data[key]) {
			continue
		}
		if len(t.columns) == maxColumns {
			return grown, fmt.Errorf("more than %d metrics; name fewer", maxColumns)
		}
		if t.index == nil {
			t.index = map[string]int{}
		}
		t.index[key] = len(t.columns)
		t.columns = append(t.columns, key)
		grown = true
	}
	return grown, nil
}

// row is one event's line.
func (t *table) row(e Event) []string {
	cells := make([]string, 3+len(t.columns))
	cells[0] = strconv.FormatUint(e.Step, 10)
	cells[1] = cell(e.Epoch)
	cells[2] = textCell(e.Type)
	for key, v := range e.Data {
		if i, ok := t.index[key]; ok && isNumber(v) {
			x, _ := e.Number(key)
			cells[3+i] = cell(x)
		}
	}
	return cells
}

func (t *table) header() []string {
	cells := []string{"step", "epoch", "type"}
	for _, name := range t.columns {
		cells = append(cells, textCell(name))
	}
	return cells
}

func isNumber(v any) bool {
	switch v.(type) {
	case float64, int64, uint64: // what UnmarshalJSON gives
		return true
	}
	return false
}

func cell(x float64) string {
	if word := finiteWord(x); word != "" {
		return word
	}
	return strconv.FormatFloat(x, 'g', -1, 64)
}

// textCell keeps a spreadsheet from taking a text for a formula: an apostrophe before what begins one.
func textCell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

// numbers gives the step and eval events behind an offset. Lines that are no events are left out: Events tells of them.
func (f *Folder) numbers(from int64, each func(Event) error) error {
	for line, err := range lines(io.LimitReader(section(f.log.file, from), f.log.length-from)) {
		if err == errLongLine {
			continue
		}
		if err != nil {
			return err
		}
		// A cheap look first: Append writes the type in front, and most bytes may be in other events.
		if kind, ok := bytes.CutPrefix(line, []byte(`{"type":`)); ok && !bytes.HasPrefix(kind, []byte(`"step"`)) && !bytes.HasPrefix(kind, []byte(`"eval"`)) {
			continue
		}
		var e Event
		if e.UnmarshalJSON(line) != nil || e.Type != "step" && e.Type != "eval" {
			continue
		}
		if err := each(e); err != nil {
			return err
		}
	}
	return nil
}

// writeTable brings metrics.csv up to date. The caller holds mu.
func (f *Folder) writeTable() error {
	fresh := f.table.events == 0
	err := f.numbers(f.table.events, func(e Event) error {
		grown, err := f.table.add(e)
		fresh = fresh || grown
		return err
	})
	if err == nil && fresh {
		_, err = writeFile(f.disk, metricsFile, func(w io.Writer) error {
			return f.rows(w, 0, f.table.header())
		})
	} else if err == nil && f.table.events < f.log.length {
		err = f.appendRows()
	}
	if err != nil {
		f.table = table{} // afresh, next time
		return failure("writing", f.path(metricsFile), err)
	}
	f.table.events = f.log.length
	return nil
}

func (f *Folder) rows(w io.Writer, from int64, first []string) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true // RFC 4180
	if first != nil {
		if err := out.Write(first); err != nil {
			return err
		}
	}
	if err := f.numbers(from, func(e Event) error { return out.Write(f.table.row(e)) }); err != nil {
		return err
	}
	out.Flush()
	return out.Error()
}

// appendRows is not durable: a row that a power cut tears is written afresh by the next process.
func (f *Folder) appendRows() error {
	w, size, err := openRegular(f.disk, metricsFile, os.O_WRONLY)
	if err != nil {
		return err
	}
	var rows bytes.Buffer
	err = f.rows(&rows, f.table.events, nil)
	if err == nil {
		_, err = w.WriteAt(rows.Bytes(), size)
	}
	if closing := w.Close(); err == nil {
		err = closing
	}
	return err
}
