package main

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// sinceStart is the time since the process was started, to the 0.01 s in which Linux counts starts.
func sinceStart() time.Duration {
	text, err := os.ReadFile("/proc/self/stat")
	var now unix.Timespec
	if err != nil || unix.ClockGettime(unix.CLOCK_BOOTTIME, &now) != nil {
		return time.Since(mainStarted)
	}
	// The name in brackets may hold blanks. The start is field 22, in hundredths of a second since the system booted.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	const first, start = 3, 22
	if len(fields) <= start-first {
		return time.Since(mainStarted)
	}
	ticks, err := strconv.ParseInt(fields[start-first], 10, 64)
	if err != nil {
		return time.Since(mainStarted)
	}
	return time.Duration(now.Nano()) - time.Duration(ticks)*10*time.Millisecond
}

// peakMemory is the most that this process has held in memory, in bytes.
func peakMemory() int64 {
	text, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, _ := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
			return n << 10
		}
	}
	return 0
}
