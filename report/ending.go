package report

import (
	"fmt"
	"math"
	"strings"
)

// What stands below a run that ended before it was over: why, what is kept, what to do. And the choice among the endings.

// ending is what the last event says. Shown: the reader came by descent show, and need not be sent there.
func ending(c *console, s *story, shown bool) []string {
	switch s.end.Type {
	case "done":
		return done(c, s, shown)
	case "failed":
		return failed(c, s, shown)
	case "stop":
		return stopped(c, s)
	}
	return nil
}

func failed(c *console, s *story, shown bool) []string {
	e := s.end
	layer, where := text(e, "layer"), text(e, "where")
	message := firstOf(Clean(text(e, "message")), "no reason given")
	if layer != "" || where != "" {
		message, _, _ = strings.Cut(message, "; ") // remedies stand below
	}
	if !strings.HasPrefix(message, "step ") {
		message = fmt.Sprintf("after step %s (epoch %s): %s", Count(e.Step), epochText(e.Epoch), message)
	}
	lines := wrap("Failed: "+message, max(0, c.size()))
	lines[0] = c.paint(red, "Failed") + strings.TrimPrefix(lines[0], "Failed")
	lines = append(append([]string{""}, lines...), "")
	if layer != "" || where != "" {
		value := "layer " + quoted(layer)
		if layer == "" {
			value = "no layer named"
		}
		if where != "" {
			value += ", its " + Clean(where)
		}
		lines = append(lines, c.field("first in", value)...)
	}
	file := text(e, "file")
	if file != "" {
		lines = append(lines, c.field("last good", Clean(inside(s.dir, file)))...)
	} else {
		lines = append(lines, c.field("last good", "no checkpoint was written before")...)
	}
	if layer != "" || where != "" {
		lower := "a lower learning rate"
		if s.lr > 0 {
			lower = fmt.Sprintf("a lower learning rate: %s instead of %s", Setting(oneDigit(s.lr/3)), Setting(s.lr))
		}
		lines = append(lines, c.field("try", lower)...)
		lines = append(lines, c.field("", "or a gradient that is clipped: norm 1 is usual")...)
	}
	var commands [][2]string
	if file != "" && layer == "" && where == "" {
		commands = append(commands, [2]string{"descent resume " + s.folder(), "go on from there, once that is mended"})
	}
	if !shown {
		commands = append(commands, [2]string{"descent show " + s.folder(), "how it came to this"})
	}
	if s.dir != "" && commands != nil {
		lines = append(lines, next(c, commands...)...)
	}
	return lines
}

// oneDigit rounds v > 0 to its first digit.
func oneDigit(v float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(v)))
	return math.Round(v/unit) * unit
}

var signals = map[string]string{
	"SIGINT":   "interrupted",
	"SIGTERM":  "asked to end",
	"SIGHUP":   "the terminal was closed",
	"canceled": "canceled",
}

func stopped(c *console, s *story) []string {
	e := s.end
	place := "epoch " + epochText(e.Epoch)
	if s.epochs > 0 {
		place += " of " + Setting(s.epochs)
	}
	title := c.paint(bold, "Stopped")
	if why := text(e, "reason"); why != "" {
		title += ": " + firstOf(signals[why], Clean(why))
	}
	lines := []string{"", title + fmt.Sprintf(" at %s, step %s", place, Count(e.Step)), ""}
	file := text(e, "file")
	if file == "" {
		return append(lines, c.field("kept", "nothing: no checkpoint was written")...)
	}
	lines = append(lines, c.field("kept", Clean(inside(s.dir, file)))...)
	return append(lines, next(c, [2]string{"descent resume " + s.folder(), "go on from there"})...)
}

// inside is a file of the run folder as seen from outside.
func inside(dir, file string) string {
	if dir == "" || strings.HasPrefix(file, dir) || strings.HasPrefix(file, "/") {
		return file
	}
	return strings.TrimRight(dir, "/") + "/" + file
}

// next lists commands.
func next(c *console, commands ...[2]string) []string {
	lines := []string{"", c.paint(bold, "Next")}
	width := 0
	for _, command := range commands {
		width = max(width, cells(command[0]))
	}
	for _, command := range commands {
		line := "  " + command[0]
		if what := "  " + pad(command[0], width, false) + "   "; c.size() <= 0 || cells(what+command[1]) < c.size() {
			line = what + c.paint(dim, command[1])
		}
		lines = append(lines, line)
	}
	return lines
}
