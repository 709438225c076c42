//go:build !race

package descent_test

// raceDetector is whether the race detector is on, which makes pools drop what they hold at random.
const raceDetector = false
