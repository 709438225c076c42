package report_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/descent-go/descent/report"
)

func TestNumbers(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct{ name, got, want string }{
		{"count", report.Count(12345), "12,345"},
		{"count of hundreds", report.Count(999), "999"},
		{"negative count", report.Count(-1234567), "-1,234,567"},
		{"negative hundreds", report.Count(-123), "-123"},
		{"number", report.Number(0.0213149), "0.02131"},
		{"number above 1", report.Number(12.3456), "12.35"},
		{"number near 1", report.Number(0.99999), "1.0000"},
		{"thousands", report.Number(12345.6), "12,346"},
		{"almost a thousand", report.Number(999.97), "1,000"},
		{"tiny", report.Number(1.2346e-7), "1.235e-7"},
		{"large", report.Number(-2e12), "-2.000e12"},
		{"zero", report.Number(0), "0"},
		{"NaN", report.Number(nan), "NaN"},
		{"infinity", report.Number(-inf), "-infinity"},
		{"setting", report.Setting(0.001), "0.001"},
		{"small setting", report.Setting(3e-5), "3e-5"},
		{"percent", report.Percent(0.9813), "98.1 %"},
		{"all", report.Percent(1), "100.0 %"},
		{"almost all", report.Percent(0.9996), "99.96 %"},
		{"none", report.Percent(0), "0.0 %"},
		{"percent of nothing", report.Percent(nan), "NaN"},
		{"range", report.PercentRange(0.962, 0.99), "96.2-99.0 %"},
		{"range near the end", report.PercentRange(0.9912, 0.9975), "99.12-99.75 %"},
		{"bytes", report.Bytes(512), "512 B"},
		{"kilobytes", report.Bytes(1234), "1.23 kB"},
		{"megabytes", report.Bytes(41.23e6), "41.2 MB"},
		{"just below a unit", report.Bytes(999600), "1.00 MB"},
		{"rate", report.Rate(12345), "12.3 k"},
		{"slow rate", report.Rate(0.5), "0.50"},
		{"rate of hundreds", report.Rate(950), "950"},
		{"milliseconds", report.Duration(340 * time.Millisecond), "0.3 s"},
		{"seconds", report.Duration(41 * time.Second), "41 s"},
		{"almost a minute", report.Duration(59800 * time.Millisecond), "1 min 00 s"},
		{"minutes", report.Duration(125 * time.Second), "2 min 05 s"},
		{"hours", report.Duration(3*time.Hour + 12*time.Minute + 31*time.Second), "3 h 13 min"},
		{"days", report.Duration(51*time.Hour + 20*time.Minute), "2 d 3 h"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q, want %q", c.name, c.got, c.want)
		}
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain text":       "plain text",
		"größe 犬":          "größe 犬",
		"\x1b[2J":          `\x1b[2J`,
		"a\nb\tc\r":        `a\nb\tc\r`,
		"\u009b31m":        `\u009b31m`,
		"\xff\x9b":         `\xff\x9b`,
		"\u202egpj.exe":    `\u202egpj.exe`,
		"replaced: \ufffd": "replaced: \ufffd",
		"":                 "",
	} {
		if got := report.Clean(in); got != want {
			t.Errorf("Clean(%q) is %q, want %q", in, got, want)
		}
	}
}

func TestTable(t *testing.T) {
	table := report.Table{
		Columns: []report.Column{{Name: "layer"}, {Name: "parameters", Right: true}, {Name: "note"}},
		Rows:    [][]string{{"dense", "1,234", "犬"}, {"\x1b[31m", "5"}, {strings.Repeat("long ", 20), "0", "x"}, {"a", "b", "c", "too many"}},
		Total:   []string{"total", "1,239"},
	}
	var out strings.Builder
	if err := table.Text(&out); err != nil {
		t.Fatal(err)
	}
	want := `  layer                                      parameters   note
  dense                                           1,234   犬
  \x1b[31m                                            5
  long long long long long long long lo...            0   x
  a                                                   b   c
  ------------------------------------------------------------
  total                                           1,239
`
	if out.String() != want {
		t.Errorf("shown:\n%s\nwant:\n%s", out.String(), want)
	}
	if err := table.Text(failing{}); err == nil {
		t.Error("a write error is lost")
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestCSV(t *testing.T) {
	table := report.Table{
		Columns: []report.Column{{Name: "name"}, {Name: "=value"}},
		Rows: [][]string{
			{"=1+1", "-1.5"}, {"+1e5", "-x"}, {"@cmd", "\tx"}, {"\rx", "plain"}, {"say \"hi\", all", "two\nlines"}, {"", "-Inf"}, {"a=b", "+"},
		},
	}
	var out strings.Builder
	if err := table.CSV(&out, false); err != nil {
		t.Fatal(err)
	}
	want := "name,'=value\n'=1+1,-1.5\n+1e5,'-x\n'@cmd,'\tx\n\"'\rx\",plain\n\"say \"\"hi\"\", all\",\"two\nlines\"\n,-Inf\na=b,'+\n"
	if out.String() != want {
		t.Errorf("written %q, want %q", out.String(), want)
	}
	out.Reset()
	if err := table.CSV(&out, true); err != nil || !strings.Contains(out.String(), "\n=1+1,-1.5\n") {
		t.Errorf("raw: %q, %v", out.String(), err)
	}
	if err := table.CSV(failing{}, false); err == nil {
		t.Error("a write error is lost")
	}
}

func predict(t *testing.T, format string, classes, targets []string, q ...report.Prediction) string {
	t.Helper()
	var out bytes.Buffer
	w, err := report.NewPredictions(&out, format, classes, targets)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range q {
		if err := w.Write(one); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestPredictions(t *testing.T) {
	classes := []string{"setosa", "=versi\"color", "\x1b[2J"}
	answers := []report.Prediction{
		{Row: "1", Class: 0, Probabilities: []float64{0.91, 0.0699, 0.0201}},
		{Row: "a/very/long/path/to/a/picture/0002.png", Class: 2, Probabilities: []float64{0.00001, 0.0002, 0.99979}},
		{Row: "=3", Class: -1, Probabilities: []float64{math.NaN(), 0, 0}},
	}
	values := []report.Prediction{{Row: "1", Values: []float64{12.3456, -1}}, {Row: "2", Values: []float64{math.Inf(1)}}}
	for _, c := range []struct {
		name, got, want string
	}{
		{"table", predict(t, "table", classes, nil, answers...), `  row                        class          probability   then
  1                          setosa              91.0 %   =versi"color 7.0 %, \x1b[2J 2.0 %
  ...to/a/picture/0002.png   \x1b[2J            99.98 %
  =3                                                NaN
`},
		{"csv", predict(t, "csv", classes, nil, answers...), `row,class,probability,p(setosa),"p(=versi""color)",p(` + "\x1b[2J" + `)
1,setosa,0.91,0.91,0.0699,0.0201
a/very/long/path/to/a/picture/0002.png,` + "\x1b[2J" + `,0.99979,1e-05,0.0002,0.99979
'=3,,NaN,NaN,0,0
`},
		{"json", predict(t, "json", classes, nil, answers[0], answers[2]), `{"row":"1","class":"setosa","probability":0.91,"probabilities":{"setosa":0.91,"=versi\"color":0.0699,"\u001b[2J":0.0201}}
{"row":"=3","class":null,"probability":"NaN","probabilities":{"setosa":"NaN","=versi\"color":0,"\u001b[2J":0}}
`},
		{"values as a table", predict(t, "table", nil, []string{"price", "a long name of a target"}, values...), `  row                              price   a long name of a target
  1                                12.35                    -1.000
  2                             infinity                       NaN
`},
		{"values as csv", predict(t, "csv", nil, []string{"price", "size"}, values...), "row,price,size\n1,12.3456,-1\n2,+Inf,NaN\n"},
		{"values as json", predict(t, "json", nil, []string{"price", "size"}, values...), `{"row":"1","values":{"price":12.3456,"size":-1}}
{"row":"2","values":{"price":"Infinity","size":"NaN"}}
`},
		{"nothing", predict(t, "table", classes, nil), ""},
	} {
		if c.got != c.want {
			t.Errorf("%s:\n%s\nwant:\n%s", c.name, c.got, c.want)
		}
	}
	rows, err := csv.NewReader(strings.NewReader(predict(t, "csv", classes, nil, answers...))).ReadAll()
	if err != nil || len(rows) != 4 || !reflect.DeepEqual(rows[1][:2], []string{"1", "setosa"}) {
		t.Errorf("read back: %v, %v", rows, err)
	}
	for line := range strings.Lines(predict(t, "json", classes, nil, answers...)) {
		if !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %s", line)
		}
	}
	if _, err := report.NewPredictions(io.Discard, "xml", nil, nil); err == nil || !strings.Contains(err.Error(), "csv") {
		t.Errorf("format xml: %v, want an error that lists the formats", err)
	}
	w, _ := report.NewPredictions(failing{}, "csv", classes, nil)
	_ = w.Write(answers[0])
	if w.Close() == nil {
		t.Error("a write error is lost")
	}
}

func TestSeeds(t *testing.T) {
	var out strings.Builder
	report.Seeds(&out, report.SeedSummary{Score: "accuracy", Part: "test", Mean: 0.9712, Low: 0.9534, High: 0.989, Results: []report.SeedResult{
		{Seed: 1, Dir: "runs/a", Score: 0.981, Loss: 0.0612, Seconds: 41},
		{Seed: 2, Dir: "runs/b", Score: 0.9614, Loss: 0.1, Seconds: 125},
		{Seed: 3, Error: "the loss is\nNaN", Score: math.NaN(), Loss: math.NaN(), Seconds: 3},
	}})
	want := `  seed   accuracy      loss         time   run
     1     98.1 %   0.06120         41 s   runs/a
     2     96.1 %    0.1000   2 min 05 s   runs/b
     3          -         -        3.0 s   failed: the loss is\nNaN

  mean           97.1 % accuracy on test (95 % interval 95.3-98.9 %, 2 seeds)
  range          96.1 % to 98.1 %
  failed         1 seed
`
	if out.String() != want {
		t.Errorf("shown:\n%s\nwant:\n%s", out.String(), want)
	}
	out.Reset()
	report.Seeds(&out, report.SeedSummary{Score: "r2", Part: "validation", Mean: 0.5, Low: 0.5, High: 0.5, Results: []report.SeedResult{{Seed: 1, Score: 0.5}}})
	if !strings.Contains(out.String(), "0.5000 R2 on validation; one run says nothing of the spread") {
		t.Errorf("one seed:\n%s", out.String())
	}
	out.Reset()
	report.Seeds(&out, report.SeedSummary{Score: "r2", Results: []report.SeedResult{{Error: "x"}}})
	if !strings.Contains(out.String(), "no seed finished") {
		t.Errorf("no seed:\n%s", out.String())
	}
}
