package report

import (
	"runtime"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text from outside (class names, column names, messages, paths) before a terminal sees it: whatever a terminal would obey instead of print
// is written as an escape, and widths are counted in cells.

// Clean writes s as one line that a terminal only prints: control characters, direction marks and bytes that are no UTF-8 become escapes as
// in Go source, such as \x1b.
func Clean(s string) string {
	plain := true
	for _, r := range s {
		if r == utf8.RuneError || r != ' ' && !unicode.IsPrint(r) {
			plain = false
			break
		}
	}
	if plain {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1:
			b.WriteString(`\x`)
			b.WriteString(strconv.FormatUint(uint64(s[0])|0x100, 16)[1:])
		case r == ' ' || unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		s = s[size:]
	}
	return b.String()
}

// longest is the number of cells that a name from the data may take in a sentence or a column.
const longest = 40

// quoted is a name in a sentence.
func quoted(s string) string { return `"` + cut(Clean(s), longest) + `"` }

// word is a path as a shell takes it. What a shell would not take for itself stands in quotes.
func word(path string) string {
	safe := path != "" && path[0] != '-'
	for _, r := range path {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r > 127 && unicode.IsPrint(r)
		if !letter && !strings.ContainsRune("_./-+,:@%=", r) && !(runtime.GOOS == "windows" && r == '\\') {
			safe = false
		}
	}
	switch {
	case safe:
		return path
	case Clean(path) != path:
		return strconv.Quote(path)
	case path != "" && path[0] == '-':
		return word("./" + path)
	case runtime.GOOS == "windows":
		return `"` + path + `"`
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

// cells is the number of columns that s takes in a terminal.
func cells(s string) int {
	n := 0
	for _, r := range s {
		n += runeCells(r)
	}
	return n
}

func runeCells(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	// The blocks that Unicode's EastAsianWidth.txt has as wide, roughly.
	case r >= 0x1100 && r <= 0x115f, r >= 0x2e80 && r <= 0xa4cf && r != 0x303f, r >= 0xac00 && r <= 0xd7a3, r >= 0xf900 && r <= 0xfaff,
		r >= 0xfe30 && r <= 0xfe6f, r >= 0xff00 && r <= 0xff60, r >= 0xffe0 && r <= 0xffe6, r >= 0x1f300 && r <= 0x1faff, r >= 0x20000 && r <= 0x3fffd:
		return 2
	}
	return 1
}

// cut shortens s to width cells; three dots at its end say so.
func cut(s string, width int) string {
	if width < 0 {
		width = 0
	}
	if cells(s) <= width {
		return s
	}
	dots := "..."
	if width < 6 {
		dots = ""
	}
	n := 0
	for i, r := range s {
		if n += runeCells(r); n > width-len(dots) {
			return s[:i] + dots
		}
	}
	return s
}

// pad fills s with spaces to width cells, on the left or on the right.
func pad(s string, width int, right bool) string {
	space := strings.Repeat(" ", max(0, width-cells(s)))
	if right {
		return space + s
	}
	return s + space
}

// wrap breaks s at spaces into lines of at most width cells, but not between a number and its percent sign; a longer word has a line of its
// own. Width 0 is no limit.
func wrap(s string, width int) []string {
	if width <= 0 || cells(s) <= width {
		return []string{s}
	}
	var lines []string
	line := ""
	words := strings.Fields(s)
	for i, w := range words {
		if strings.HasPrefix(w, "%") && i > 0 {
			continue // stands at the end of the word before
		}
		if i+1 < len(words) && strings.HasPrefix(words[i+1], "%") {
			w += " " + words[i+1]
		}
		switch {
		case line == "":
			line = w
		case cells(line)+1+cells(w) <= width:
			line += " " + w
		default:
			lines = append(lines, line)
			line = w
		}
	}
	return append(lines, line)
}

// plural is "1 row", "2 rows".
func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	if strings.HasSuffix(one, "s") {
		return Count(n) + " " + one + "es"
	}
	return Count(n) + " " + one + "s"
}
