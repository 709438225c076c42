package report

import (
	"io"
	"math"
)

// Several runs that differ in the seed alone: what one run reports is partly luck, and this says how much.

// SeedResult is what came of one seed.
type SeedResult struct {
	Seed    uint64
	Dir     string  // its run folder
	Score   float64 // accuracy or R2 on the part that was held out; NaN if the run failed
	Loss    float64
	Seconds float64
	Error   string // why it failed, or ""
}

// SeedSummary is the runs with their mean, whose interval the caller computed.
type SeedSummary struct {
	Score           string // "accuracy", "r2"
	Part            string // "test", "validation"
	Results         []SeedResult
	Mean, Low, High float64 // of the scores, 95 %
}

// Seeds writes a line for each seed, and the mean with its interval.
func Seeds(w io.Writer, s SeedSummary, o ...Option) {
	c := newConsole(w, o)
	t := Table{Columns: []Column{{"seed", true}, {metricName(s.Score), true}, {"loss", true}, {"time", true}, {"run", false}}}
	finished, longest := 0, math.Inf(-1)
	shortest := math.Inf(1)
	for _, r := range s.Results {
		row := []string{Count(r.Seed), metricValue(s.Score, r.Score), Number(r.Loss), seconds(r.Seconds), r.Dir}
		if r.Error != "" {
			row[1], row[2], row[4] = "-", "-", "failed: "+r.Error
		} else {
			finished++
			shortest, longest = min(shortest, r.Score), max(longest, r.Score)
		}
		t.Rows = append(t.Rows, row)
	}
	c.print(t.lines(c)...)
	c.print("")
	switch {
	case finished == 0:
		c.print("  " + c.paint(red, "no seed finished"))
		return
	case finished == 1:
		c.print(c.field("mean", metricValue(s.Score, s.Mean)+" "+metricName(s.Score)+" on "+Clean(s.Part)+"; one run says nothing of the spread")...)
		return
	}
	between := Number(s.Low) + " to " + Number(s.High)
	if metricValue(s.Score, 0) == Percent(0) {
		between = PercentRange(s.Low, s.High)
	}
	c.print(c.field("mean", metricValue(s.Score, s.Mean)+" "+metricName(s.Score)+" on "+Clean(s.Part)+" (95 % interval "+between+", "+plural(finished, "seed")+")")...)
	c.print(c.field("range", metricValue(s.Score, shortest)+" to "+metricValue(s.Score, longest))...)
	if finished < len(s.Results) {
		c.print(c.field("failed", plural(len(s.Results)-finished, "seed"))...)
	}
}
