package main

// Small pieces of text.

import (
	"strconv"
	"strings"
	"time"
)

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// shellWord is a path as a shell takes it.
func shellWord(s string) string {
	plain := s != "" && s[0] != '-'
	for _, r := range s {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(`_./-+,:@%=\`, r)) {
			plain = false
		}
	}
	if plain {
		return s
	}
	return strconv.Quote(s)
}

// quotedList is the first of some names, in quotes.
func quotedList(names []string) string {
	const most = 10
	var list []string
	for _, name := range names[:min(len(names), most)] {
		list = append(list, strconv.Quote(name))
	}
	text := strings.Join(list, ", ")
	if len(names) > most {
		text += " and " + strconv.Itoa(len(names)-most) + " more"
	}
	return text
}

// wrapped breaks text into lines of at most width characters; what the text has as lines of its own stays apart.
func wrapped(text string, width int) []string {
	var lines []string
	for _, paragraph := range strings.Split(text, "\n") {
		line := ""
		for _, word := range strings.Fields(paragraph) {
			switch {
			case line == "":
				line = word
			case len(line)+1+len(word) <= width:
				line += " " + word
			default:
				lines = append(lines, line)
				line = word
			}
		}
		lines = append(lines, line)
	}
	return lines
}
