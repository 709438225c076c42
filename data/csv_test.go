package data

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/descent-go/descent/prep"
)

// cells reads all records.
func cells(text string) ([][]string, error) {
	c, err := newCSVReader(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	var all [][]string
	for {
		if err := c.read(); err == io.EOF {
			return all, nil
		} else if err != nil {
			return all, err
		}
		var record []string
		for i := range c.len() {
			record = append(record, string(c.cell(i)))
		}
		all = append(all, record)
	}
}

func TestCells(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       [][]string
	}{
		{"plain", "a,b\n1,2\n", [][]string{{"a", "b"}, {"1", "2"}}},
		{"no last line end", "a,b\n1,2", [][]string{{"a", "b"}, {"1", "2"}}},
		{"Windows", "a,b\r\n1,2\r\n", [][]string{{"a", "b"}, {"1", "2"}}},
		{"Windows, cut", "a,b\r\n1,2\r", [][]string{{"a", "b"}, {"1", "2"}}},
		{"byte order mark", "\xef\xbb\xbfa,b", [][]string{{"a", "b"}}},
		{"semicolon", "a;b,c;d\n1;2;3", [][]string{{"a", "b,c", "d"}, {"1", "2", "3"}}},
		{"tab", "a\tb\n1\t2,5", [][]string{{"a", "b"}, {"1", "2,5"}}},
		{"delimiter in quotes", "\"a,b,c\";d\n1;2", [][]string{{"a,b,c", "d"}, {"1", "2"}}},
		{"quotes", "\"a\"\"b\",\"c\nd\",\"\",e\"\"", nil},
		{"quotes", "\"a\"\"b\",\"c\nd\",\"\"\n1,2,3", [][]string{{`a"b`, "c\nd", ""}, {"1", "2", "3"}}},
		{"empty cells", ",\n,1\n2,", [][]string{{"", ""}, {"", "1"}, {"2", ""}}},
		{"empty lines", "\n\na,b\n\r\n1,2\n\n", [][]string{{"a", "b"}, {"1", "2"}}},
		{"nothing", "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := cells(c.text)
			if c.want != nil && err != nil || !slices.EqualFunc(got, c.want, slices.Equal) {
				t.Errorf("got %q, %v; want %q", got, err, c.want)
			}
		})
	}
}

func TestCellsRefuse(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"quote inside", "a,b\n1,2\"3\n", "line 2, cell 2: a quote within a cell"},
		{"text after quote", "a,b\n\"1\"2,3\n", "line 2, cell 1: text follows the closing quote"},
		{"never closed", "a,b\n1,\"2\n3,4\n", "line 2, cell 2: the quote that opens this cell is never closed"},
		{"NUL", "a,b\n1,\x00\n", "line 2, cell 2: a NUL byte"},
		{"old Macintosh", "a,b\r1,2\r", "line 1, cell 2: a carriage return"},
		{"Latin-1", "a,b\n1,caf\xe9\n", "line 2, cell 2: the text is not UTF-8"},
		{"UTF-16", "\xff\xfea\x00", "the text is UTF-16"},
		{"spreadsheet", "PK\x03\x04...", "spreadsheet"},
		{"long cell", "a,b\n1," + strings.Repeat("x", maxCell+1), "line 2, cell 2: the cell has more than 1048576 bytes"},
		{"many cells", strings.Repeat(",", maxColumns+1), "line 1 has more than 1048576 cells"},
		{"long line", "a,b\n" + strings.Repeat(strings.Repeat("x", maxCell)+",", 65), "line 2 has more than 67108864 bytes"},
		{"line numbers over lines in quotes", "a,b\n\"1\n\n\",2\n3,\"4\"5\n", "line 5, cell 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := cells(c.text)
			wantError(t, err, c.want)
			if err != nil && len(err.Error()) > 300 {
				t.Errorf("the message has %d bytes", len(err.Error()))
			}
		})
	}
}

func table(text string, o Options) (*memory, error) { return parseTable(strings.NewReader(text), o) }

func TestTable(t *testing.T) {
	repeat := func(header string, rows ...string) string { // each row twice
		return header + "\n" + strings.Join(rows, "\n") + "\n" + strings.Join(rows, "\n") + "\n"
	}
	var many []string
	for i := range 21 {
		many = append(many, fmt.Sprint("0,", i))
	}
	for _, c := range []struct {
		name, text string
		o          Options
		target     prep.Column
		names      string
		row1       []float64
	}{
		{"words", "a,b,kind\n1,2,dog\n3,-4e1, cat \n", Options{}, prep.Column{Name: "kind", Kind: prep.Class, Categories: []string{"cat", "dog"}}, "a b", []float64{3, -40, 0}},
		{"whole numbers, by value", repeat("a,y", "1,10", "2,9", "3,10.0"), Options{}, prep.Column{Name: "y", Kind: prep.Class, Categories: []string{"9", "10"}}, "a", []float64{2, 0}},
		{"words and numbers, by name", "a,y\n1,B\n2,10\n3,9\n", Options{}, prep.Column{Name: "y", Kind: prep.Class, Categories: []string{"10", "9", "B"}}, "a", []float64{2, 0}},
		{"fractions", repeat("a,y", "1,0.5", "2,1"), Options{}, prep.Column{Name: "y", Kind: prep.Target}, "a", []float64{2, 1}},
		{"21 whole numbers", repeat("a,y", many...), Options{}, prep.Column{Name: "y", Kind: prep.Target}, "a", []float64{0, 1}},
		{"20 whole numbers", repeat("a,y", many[1:]...), Options{}, prep.Column{Name: "y", Kind: prep.Class, Categories: numberedClasses(21)[1:]}, "a", []float64{0, 1}},
		{"whole numbers that do not repeat", "a,y\n1,10\n2,9\n3,8\n", Options{}, prep.Column{Name: "y", Kind: prep.Target}, "a", []float64{2, 9}},
		{"told classification", "a,y\n1,10\n2,9.5\n", Options{Task: classification}, prep.Column{Name: "y", Kind: prep.Class, Categories: []string{"9.5", "10"}}, "a", []float64{2, 0}},
		{"told regression", repeat("a,y", "1,10", "2,9"), Options{Task: regression}, prep.Column{Name: "y", Kind: prep.Target}, "a", []float64{2, 9}},
		{"label first", "y,a\nu,1\nv,2\n", Options{Label: "y"}, prep.Column{Name: "y", Kind: prep.Class, Categories: []string{"u", "v"}}, "a", []float64{2, 1}},
		{"dropped words", "id,a,y\nr1,1,u\nr2,2,v\n", Options{Drop: []string{"id"}}, prep.Column{Name: "y", Kind: prep.Class, Categories: []string{"u", "v"}}, "a", []float64{2, 1}},
		{"no header", "5, 6, u\n7, 8, v\n", Options{NoHeader: true}, prep.Column{Name: "y", Kind: prep.Class, Categories: []string{"u", "v"}}, "x1 x2", []float64{7, 8, 1}},
		{"class none", "a,y\n1,none\n2,some\n", Options{}, prep.Column{Name: "y", Kind: prep.Class, Categories: []string{"none", "some"}}, "a", []float64{2, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := table(c.text, c.o)
			if err != nil {
				t.Fatal(err)
			}
			columns := m.Columns()
			last := columns[len(columns)-1]
			var names []string
			for _, c := range columns[:len(columns)-1] {
				names = append(names, c.Name)
			}
			if last.Name != c.target.Name || last.Kind != c.target.Kind || !slices.Equal(last.Categories, c.target.Categories) || strings.Join(names, " ") != c.names {
				t.Errorf("columns %+v, want %s and %+v", columns, c.names, c.target)
			}
			row := make([]float64, m.width+1)
			if err := m.Row(1, row); err != nil || !slices.Equal(row, c.row1) {
				t.Errorf("row 1 is %v, want %v, %v", row, c.row1, err)
			}
		})
	}
}

func TestTableRefuses(t *testing.T) {
	var ids, mixed strings.Builder
	ids.WriteString("a,y\n")
	mixed.WriteString("a,y\n")
	for i := range 25 {
		fmt.Fprintf(&ids, "1,name%d\n", i)
		fmt.Fprintf(&mixed, "1,%d\n", i)
	}
	mixed.WriteString("1,oops\n")
	for _, c := range []struct {
		name, text string
		o          Options
		want       string
	}{
		{"empty", "", Options{}, "the file is empty"},
		{"header only", "a,b\n", Options{}, "a header and no rows"},
		{"no header", "1,2\n3,4\n", Options{}, "line 1 has numbers where column names are wanted"},
		{"no header, and equal numbers", "2,4,4,u\n3,4,1,v\n", Options{}, "or say that there is no header"},
		{"half a header", "1.5,2,u\n3,4,v\n", Options{}, "or say that there is no header"},
		{"nameless column", ",a,y\n0,1,u\n", Options{}, "column 1 has no name"},
		{"same names", "a, a,y\n1,2,u\n", Options{}, `columns 1 and 2 have the same name, "a"`},
		{"one column", "y\nu\nv\n", Options{}, "no column beside the target"},
		{"ragged", "a,y\n1,u\n1,2,v\n", Options{}, "line 3 has 3 cells; the header has 2"},
		{"words", "a,town,y,ok\n1,Ulm,u,yes\n", Options{Label: "y"}, `columns "town", "ok" hold words (line 2: "Ulm"); features must be numbers`},
		{"codes", "a,code,y\n1,A11,u\n2,A12,v\n", Options{}, `column "code" holds words (line 2: "A11")`},
		{"unit", "a,y\n12 kg,u\n", Options{}, `line 2, column 1 ("a"): "12 kg" is not a number`},
		{"word later", "a,y\n1,u\n2,v\nx,u\n", Options{}, `line 4, column 1 ("a"): "x" is not a number`},
		{"missing", "a,b,y\n1,2,u\n1,,v\n", Options{}, `line 3, column 2 ("b"): the cell is empty; missing values`},
		{"missing by name", "a,y\nNA,u\n", Options{}, `line 2, column 1 ("a"): "NA" is a missing value`},
		{"infinite", "a,y\ninf,u\n", Options{}, "words"},
		{"infinite later", "a,y\n1,u\n-inf,u\n", Options{}, `line 3, column 1 ("a"): "-inf" is no finite number`},
		{"missing target", "a,y\n1,u\n2,\n", Options{}, `line 3, column 2 ("y"): the target is missing ("")`},
		{"infinite target", "a,y\n1,2.5\n2,inf\n", Options{}, `line 3, column 2 ("y"): "inf" is no finite number`},
		{"one class", "a,y\n1,u\n2,u\n", Options{}, `column 2 ("y"): the target has only one class, "u", in all 2 rows`},
		{"one number", "a,y\n1,5\n2,5\n", Options{}, "only one class"},
		{"constant target", "a,y\n1,0.5\n2,0.5\n", Options{}, "the target is 0.5 in all 2 rows"},
		{"a class a row", ids.String(), Options{}, "different in each of the 25 rows"},
		{"numbers and a word", mixed.String(), Options{}, `numbers (25 distinct) and words (row 26: "oops")`},
		{"word in a regression", "a,y\n1,2\n1,x\n", Options{Task: regression}, `line 3, column 2 ("y"): "x" is not a number`},
		{"label unknown", "a,kind\n1,u\n", Options{Label: "knid"}, `no label column "knid"; did you mean "kind"? the columns are "a", "kind"`},
		{"drop unknown", "a,y\n1,u\n", Options{Drop: []string{"id"}}, `no dropped column "id"`},
		{"drop the label", "a,y\n1,u\n", Options{Drop: []string{"y"}}, "is the label and cannot be dropped"},
		{"drop all", "a,y\n1,u\n", Options{Drop: []string{"a"}}, "no column beside the target"},
		{"escape in a name", "a,\x1b]0;x\x07\n1,u\n", Options{Label: "b"}, `"\x1b]0;x\a"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := table(c.text, c.o)
			wantError(t, err, c.want)
			if err != nil && strings.ContainsAny(err.Error(), "\x1b\x07\n") {
				t.Errorf("%q has control characters", err)
			}
		})
	}
}

// Reading cells must not cost an allocation each.
func TestTableAllocates(t *testing.T) {
	text := "a,b,c,y\n" + strings.Repeat("1.25,2,3e1,word\n4,5,6,other\n", 2000)
	n := testing.AllocsPerRun(3, func() {
		if _, err := table(text, Options{}); err != nil {
			t.Fatal(err)
		}
	})
	if n > 400 {
		t.Errorf("%v allocations for 16,000 cells", n)
	}
}

// The cells are those of encoding/csv wherever both read the text; and nothing makes the table panic.
func FuzzCSV(f *testing.F) {
	for _, text := range []string{"a,b,y\n1,2,u\n3,4,v\n", "\"a\"\"\";b\r\n1;\"x\ny\"\n", "\xef\xbb\xbfa\tb\n\n1\t2", "a,b\n\"\"\n", ",\n,", "1,2\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := cells(text)
		table(text, Options{NoHeader: len(text)%2 == 0})
		if err != nil {
			return
		}
		text = strings.TrimPrefix(text, "\xef\xbb\xbf")
		r := csv.NewReader(strings.NewReader(text))
		r.Comma, r.FieldsPerRecord = rune(detect([]byte(text))), -1
		want, err := r.ReadAll()
		if err != nil {
			t.Fatalf("%q is refused by encoding/csv: %v", text, err)
		}
		// A line of nothing but an empty quoted cell is an empty line here.
		want = slices.DeleteFunc(want, func(record []string) bool { return len(record) == 1 && record[0] == "" })
		for _, record := range got {
			for i := range record {
				record[i] = strings.ReplaceAll(record[i], "\r\n", "\n")
			}
		}
		if !slices.EqualFunc(got, want, slices.Equal) {
			t.Fatalf("%q: %q, by encoding/csv %q", text, got, want)
		}
	})
}
