package main

// What plain descent bench measured, as tables for people and as one object for programs.

import (
	"bytes"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/descent-go/descent/report"
	"github.com/descent-go/descent/train"
)

func (m *machine) tell(p *program) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "descent %s on %s, %s, kernels %s, %s/%s\n", release(), report.Clean(train.CPU()), countText(runtime.NumCPU(), "core"), m.kernels, runtime.GOOS, runtime.GOARCH)

	b.WriteString("\nLimits of this machine, the best of short samples\n")
	t := report.Table{Columns: []report.Column{{Name: "what"}}}
	for _, n := range m.threads {
		t.Columns = append(t.Columns, report.Column{Name: countText(n, "thread"), Right: true})
	}
	t.Columns = append(t.Columns, report.Column{Name: "unit"})
	for _, a := range m.adds {
		row := []string{"multiply-adds, " + a.precision() + ", " + a.set}
		for _, v := range a.rates {
			row = append(row, giga(v))
		}
		t.Rows = append(t.Rows, append(row, "GFLOP/s"))
	}
	for _, l := range m.levels {
		row := []string{l.name + " read / write / update"}
		for _, r := range l.rates {
			row = append(row, giga(r.Read)+" / "+giga(r.Write)+" / "+giga(r.Update))
		}
		t.Rows = append(t.Rows, append(row, "GB/s"))
	}
	if m.roundTrip > 0 {
		row := []string{"round trip between two cores"}
		for _, n := range m.threads {
			text := ""
			if n == m.threads[len(m.threads)-1] {
				text = strings.TrimSuffix(nanoseconds(m.roundTrip), " ns")
			}
			row = append(row, text)
		}
		t.Rows = append(t.Rows, append(row, "ns"))
	}
	if err := t.Text(&b); err != nil {
		return err
	}

	for _, part := range []struct {
		title, unit string
		rows        []measured
		form        bool
	}{
		{"Matrix products, with their packing, as a share of the multiply-add limit", "GFLOP/s", m.products, true},
		{"Updates of ten million weights, as a share of updating in place in memory; lars reads 8 bytes of each twice", "GB/s", m.updates, false},
		{"Whole training steps" + m.onWhat() + ", as a share of the multiply-add limit", "samples/s", m.work, false},
	} {
		b.WriteString("\n" + part.title + "\n")
		t := report.Table{Columns: []report.Column{{Name: ""}}}
		if part.form {
			t.Columns = append(t.Columns, report.Column{Name: "product"})
		}
		for _, n := range m.threads {
			t.Columns = append(t.Columns, report.Column{Name: part.unit + ", " + countText(n, "thread"), Right: true}, report.Column{Name: "share", Right: true})
			if n > 1 {
				t.Columns = append(t.Columns, report.Column{Name: "round trip", Right: true})
			}
		}
		for _, r := range part.rows {
			row := []string{r.name}
			if part.form {
				row = append(row, r.form+" "+r.size)
			}
			for _, f := range r.figures {
				rate := giga(f.rate)
				if part.unit == "samples/s" {
					rate = report.Count(int(math.Round(f.rate)))
				}
				row = append(row, rate, shareText(f.share()))
				if f.threads > 1 {
					row = append(row, nanoseconds(f.roundTrip))
				}
			}
			t.Rows = append(t.Rows, row)
		}
		if err := t.Text(&b); err != nil {
			return err
		}
	}
	if m.busy() {
		b.WriteString("\nOther programs kept cores of this machine busy meanwhile: cores answered each other late, and figures are too low.\n")
	}
	return p.print(b.String())
}

// lateAnswer is a round trip, in ns, that no distance between cores explains: the other core was doing something else.
const lateAnswer = 20_000

// busy tells whether something else ran beside a measurement.
func (m *machine) busy() bool {
	late := func(list []measured) bool {
		return slices.ContainsFunc(list, func(r measured) bool {
			return slices.ContainsFunc(r.figures, func(f figure) bool { return f.roundTrip >= lateAnswer })
		})
	}
	return m.roundTrip >= lateAnswer || late(m.products) || late(m.updates) || late(m.work)
}

// onWhat says what the workloads were trained on.
func (m *machine) onWhat() string {
	if m.madeUp {
		return " on made-up images of MNIST's shape (descent data get mnist gets the real ones)"
	}
	return ""
}

// giga is a rate in thousands of millions, with three figures.
func giga(v float64) string {
	switch v /= 1e9; {
	case v < 9.995:
		return fmt.Sprintf("%.2f", v)
	case v < 99.95:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}

func shareText(share float64) string {
	if share == 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f %%", 100*share)
}

func nanoseconds(v float64) string {
	switch {
	case v == 0:
		return "-"
	case v >= lateAnswer:
		return "busy"
	}
	return fmt.Sprintf("%.0f ns", v)
}

func memoryText(n int64) string {
	if n == 0 {
		return "an unknown amount"
	}
	return report.Bytes(float64(n))
}

// json is all of it for programs. Rates are operations, bytes or samples a second.
func (m *machine) json() map[string]any {
	adds, levels := []any{}, []any{}
	for _, a := range m.adds {
		for i, n := range m.threads {
			adds = append(adds, map[string]any{"kernels": a.set, "precision": a.precision(), "threads": n, "flops": math.Round(a.rates[i])})
		}
	}
	for _, l := range m.levels {
		for i, n := range m.threads {
			r := l.rates[i]
			levels = append(levels, map[string]any{"level": l.name, "threads": n, "bytes_a_thread": l.bytes[i], "read": math.Round(r.Read), "write": math.Round(r.Write), "update": math.Round(r.Update)})
		}
	}
	data := "mnist"
	if m.madeUp {
		data = "made up"
	}
	return map[string]any{
		"type": "bench", "version": release(), "commit": commit(), "os": runtime.GOOS, "arch": runtime.GOARCH, "cpu": train.CPU(), "cores": runtime.NumCPU(), "kernels": m.kernels,
		"time": time.Now().UTC().Format(time.RFC3339), "data": data, "busy": m.busy(),
		"limits":   map[string]any{"multiply_adds": adds, "memory": levels, "round_trip_ns": orNil(m.roundTrip)},
		"products": figuresJSON(m.products, "flops"), "updates": figuresJSON(m.updates, "bytes_per_s"), "workloads": figuresJSON(m.work, "samples_per_s"),
	}
}

func figuresJSON(list []measured, unit string) []any {
	all := []any{}
	for _, r := range list {
		for _, f := range r.figures {
			o := map[string]any{"name": r.name, "threads": f.threads, unit: math.Round(f.rate), "limit": orNil(math.Round(f.limit)), "share": orNil(rounded(f.share(), 4)), "round_trip_ns": orNil(math.Round(f.roundTrip))}
			if r.form != "" {
				o["form"], o["size"] = r.form, r.size
			}
			all = append(all, o)
		}
	}
	return all
}

// orNil is null for what is not known.
func orNil(v float64) any {
	if v == 0 {
		return nil
	}
	return v
}
