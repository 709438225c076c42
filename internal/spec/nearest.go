package spec

// This file answers "did you mean": the nearest known name to a mistyped one, used for keys, registry names, data sets
// and flags alike, so that every part of the program suggests by the same measure.

import "strings"

// Nearest returns the member of known that a person who typed name most probably meant, or "" when none is near. Near
// is by Damerau-Levenshtein distance (insert, delete, replace, swap neighbours), at most a third of the longer name;
// a difference only in case, dashes or underscores counts as no distance. Ties go to the first in known.
func Nearest(name string, known []string) string {
	const longest = 64 // longer input is no typing error, and the measure is quadratic
	if name == "" || len(name) > longest {
		return ""
	}
	best, bestDistance := "", 1<<30
	folded := fold(name)
	for _, k := range known {
		if len(k) > longest {
			continue
		}
		allowed := max(1, max(len(name), len(k))/3)
		if d := len(k) - len(name); d > allowed+2 || -d > allowed+2 {
			continue
		}
		d := distance(folded, fold(k))
		if d <= allowed && d < bestDistance && d < len(folded) {
			best, bestDistance = k, d
		}
	}
	return best
}

func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r == ' ' {
			return -1
		}
		return r
	}, strings.ToLower(s))
}

// distance is the restricted Damerau-Levenshtein distance over bytes (names are ASCII in practice; other text is only
// measured a little coarser).
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// didYouMean gives the hint that follows "unknown ...": the nearest name, and the known ones.
func didYouMean(name string, known []string) string {
	var b strings.Builder
	if near := Nearest(name, known); near != "" {
		b.WriteString("; did you mean " + quote(near) + "?")
	} else if len(known) > 0 {
		b.WriteString(";")
	}
	if len(known) > 0 {
		b.WriteString(" known: " + strings.Join(known, ", "))
	}
	return b.String()
}
