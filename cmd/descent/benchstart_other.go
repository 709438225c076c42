//go:build !linux

package main

import "time"

// sinceStart is the time since main started: when the process did is not known on this system.
func sinceStart() time.Duration { return time.Since(mainStarted) }

// peakMemory is 0: the most that this process has held is not known on this system.
func peakMemory() int64 { return 0 }
