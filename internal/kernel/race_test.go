//go:build race

package kernel

// raceDetector: under it a sync.Pool drops some of what it is given.
const raceDetector = true
