package report

import (
	"io"
	"os"
	"runtime"
	"strings"

	"golang.org/x/term"

	"github.com/descent-go/descent/run"
)

// The console is where lines go: it knows whether there is a terminal, how wide it is and whether it takes colors, keeps one live line at the
// bottom, and stays silent once nobody reads.

// Option changes how a report is shown; without any, the writer and the environment decide.
type Option func(*console)

// Live says whether one line is updated in place. The default is true for a terminal, unless TERM is dumb.
func Live(on bool) Option { return func(c *console) { c.live = on } }

// Color says whether colors are used. The default is true for a terminal, unless NO_COLOR is set (no-color.org) or TERM is dumb.
func Color(on bool) Option { return func(c *console) { c.color = on } }

// Width is the number of columns. The default is asked from the terminal whenever something is drawn; where there is none, lines are as long
// as they are.
func Width(columns int) Option { return func(c *console) { c.size = func() int { return columns } } }

// Begun gives Terminal the start event of a run that is resumed, where the observers of the resumed run do not see it: without, it knows
// neither the folder nor how many epochs are planned.
func Begun(start run.Event) Option { return func(c *console) { c.begun = start } }

type console struct {
	w           io.Writer
	live, color bool
	size        func() int // columns; 0: no limit
	shown       int        // cells of the live line
	closed      bool       // a write failed
	begun       run.Event
}

func newConsole(w io.Writer, options []Option) *console {
	c := &console{w: w, size: func() int { return 0 }}
	if f, ok := w.(*os.File); ok {
		if fd := int(f.Fd()); term.IsTerminal(fd) {
			c.size = func() int {
				columns, _, err := term.GetSize(fd)
				if err != nil || columns < 1 {
					return 80
				}
				return columns
			}
			c.live = os.Getenv("TERM") != "dumb"
			c.color = c.live && os.Getenv("NO_COLOR") == "" && (runtime.GOOS != "windows" || os.Getenv("WT_SESSION") != "")
		}
	}
	for _, o := range options {
		o(c)
	}
	return c
}

// write gives a whole text to the writer at once. Errors are not told: there is nobody to tell them to, and the run goes on.
func (c *console) write(s string) {
	if c.closed || s == "" {
		return
	}
	if _, err := io.WriteString(c.w, s); err != nil {
		c.closed = true
	}
}

// print writes lines that stay, in place of the live line.
func (c *console) print(lines ...string) {
	if len(lines) > 0 {
		c.write(c.wiped() + strings.Join(lines, "\n") + "\n")
	}
}

// update shows line as the live line, cut to the terminal. It needs no escape sequences, so that it works wherever \r does.
func (c *console) update(line string) {
	columns := c.size()
	if columns > 0 {
		line = cut(line, columns-1) // the last column would wrap
	}
	left := c.abandoned(columns)
	n := cells(line)
	c.write(left + "\r" + line + strings.Repeat(" ", max(0, c.shown-n)))
	c.shown = n
}

// abandoned leaves the live line where it is if the terminal has become too narrow for it: it stands on several lines now, or is cut off, and
// no two terminals agree which.
func (c *console) abandoned(columns int) string {
	if columns <= 0 || c.shown < columns {
		return ""
	}
	c.shown = 0
	return "\n"
}

// wiped is what removes the live line.
func (c *console) wiped() string {
	s := c.abandoned(c.size())
	n := c.shown
	c.shown = 0
	if n == 0 {
		return s
	}
	return "\r" + strings.Repeat(" ", n) + "\r"
}

// wipe removes the live line.
func (c *console) wipe() { c.write(c.wiped()) }

// The few colors in use.
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
)

func (c *console) paint(code, s string) string {
	if !c.color || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// field is "  label   value" with the value wrapped to the terminal below itself.
func (c *console) field(label, value string) []string { return c.colored("", label, value) }

// colored is field with the value in a color.
func (c *console) colored(code, label, value string) []string {
	const indent, labels = "  ", 15
	width := c.size()
	if width > 0 {
		width = max(20, width-len(indent)-labels)
	}
	lines := wrap(value, width)
	for i, l := range lines {
		if code != "" {
			l = c.paint(code, l)
		}
		if i == 0 {
			lines[i] = indent + c.paint(dim, pad(label, labels, false)) + l
		} else {
			lines[i] = indent + strings.Repeat(" ", labels) + l
		}
	}
	return lines
}
