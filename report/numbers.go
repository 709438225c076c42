package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// How numbers are written for people: few digits, units, and the same number always the same way. A number that is not finite is written as
// NaN, infinity or -infinity, and one that is unknown is left to the caller.

// Count writes a whole number with commas: 12,345.
func Count[N int | int64 | uint64](n N) string {
	return commas(strconv.FormatInt(int64(n), 10))
}

func commas(digits string) string {
	sign := ""
	if strings.HasPrefix(digits, "-") {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// Number writes a measured number with four digits that count: 0.02131, 12.35, 12,345, 1.235e-7.
func Number(v float64) string {
	if s, odd := notFinite(v); odd {
		return s
	}
	size := math.Abs(v)
	switch {
	case size == 0:
		return "0"
	case size < 1e-4 || size >= 1e9:
		return exponent(strconv.FormatFloat(v, 'e', 3, 64))
	case size >= 999.95:
		return commas(strconv.FormatFloat(v, 'f', 0, 64))
	}
	decimals := 3 - int(math.Floor(math.Log10(size)))
	return strconv.FormatFloat(v, 'f', decimals, 64)
}

// Setting writes a number that a person chose, such as a learning rate, without zeros at its end: 0.001, 3e-5.
func Setting(v float64) string {
	if s, odd := notFinite(v); odd {
		return s
	}
	return exponent(strconv.FormatFloat(v, 'g', 4, 64))
}

// exponent turns 1e-05 into 1e-5.
func exponent(s string) string {
	at := strings.IndexByte(s, 'e')
	if at < 0 {
		return s
	}
	power, err := strconv.Atoi(s[at+1:])
	if err != nil {
		return s
	}
	return s[:at+1] + strconv.Itoa(power)
}

// Percent writes a share: 98.1 %, near the ends with one more digit.
func Percent(share float64) string {
	if s, odd := notFinite(share); odd {
		return s
	}
	return strconv.FormatFloat(100*share, 'f', percentDigits(share), 64) + " %"
}

// PercentRange writes the bounds of a share: 96.2-99.0 %.
func PercentRange(low, high float64) string {
	digits := max(percentDigits(low), percentDigits(high))
	return strconv.FormatFloat(100*low, 'f', digits, 64) + "-" + strconv.FormatFloat(100*high, 'f', digits, 64) + " %"
}

func percentDigits(share float64) int {
	if share > 0.9945 && share < 1 || share > 0 && share < 0.0095 {
		return 2
	}
	return 1
}

// Bytes writes a size in decimal units: 1.2 MB.
func Bytes(n float64) string { return scaled(n) + "B" }

// Rate writes a number a second, or any other large amount, with three digits and a unit: 950, 12.3 k, 1.20 M.
func Rate(v float64) string { return strings.TrimSpace(scaled(v)) }

func scaled(v float64) string {
	if s, odd := notFinite(v); odd {
		return s
	}
	unit := ""
	for _, u := range []string{"k", "M", "G", "T", "P", "E"} {
		if math.Abs(v) < 999.5 {
			break
		}
		v, unit = v/1000, u
	}
	size, digits := math.Abs(v), 0
	switch {
	case unit == "" && v == math.Trunc(v):
	case size < 9.995:
		digits = 2
	case size < 99.95:
		digits = 1
	}
	return strconv.FormatFloat(v, 'f', digits, 64) + " " + unit
}

// Duration writes a time: 3.4 s, 41 s, 2 min 05 s, 3 h 12 min, 2 d 3 h.
func Duration(d time.Duration) string {
	two := func(n int64) string {
		if n < 10 {
			return "0" + strconv.FormatInt(n, 10)
		}
		return strconv.FormatInt(n, 10)
	}
	s := int64(d.Round(time.Second) / time.Second)
	switch {
	case d < 0:
		return "-" + Duration(-d)
	case d < 9950*time.Millisecond:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	case s < 60:
		return strconv.FormatInt(s, 10) + " s"
	case s < 3600:
		return strconv.FormatInt(s/60, 10) + " min " + two(s%60) + " s"
	}
	m := (s + 30) / 60
	if m < 24*60 {
		return strconv.FormatInt(m/60, 10) + " h " + two(m%60) + " min"
	}
	h := (m + 30) / 60
	return strconv.FormatInt(h/24, 10) + " d " + strconv.FormatInt(h%24, 10) + " h"
}

// seconds is a Duration from seconds; what a Duration can't hold is written as infinity.
func seconds(s float64) string {
	if text, odd := notFinite(s); odd {
		return text
	}
	if math.Abs(s) > 1e9 {
		return "more than 30 years"
	}
	return Duration(time.Duration(s * float64(time.Second)))
}

// clock is a time in a column: 0:03, 12:05, 3:12:05.
func clock(s float64) string {
	if text, odd := notFinite(s); odd {
		return text
	}
	if !(s >= 0 && s < 1e9) {
		return "-"
	}
	n := int64(math.Round(s))
	if n < 3600 {
		return fmt.Sprintf("%d:%02d", n/60, n%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", n/3600, n/60%60, n%60)
}

func notFinite(v float64) (string, bool) {
	switch {
	case math.IsNaN(v):
		return "NaN", true
	case math.IsInf(v, 1):
		return "infinity", true
	case math.IsInf(v, -1):
		return "-infinity", true
	}
	return "", false
}
