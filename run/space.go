package run

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
)

// This file answers, before a training starts, whether its run will fit the disk. The answer warns and never refuses: an estimate may be
// wrong, and other programs fill and empty disks too.

// logSpace is set aside for events, attachments and the report: 64 MiB.
const logSpace = 64 << 20

// Space estimates, in bytes, what a run folder will need at most when a checkpoint has the given size, and what is free on the file system
// where dir lies or will lie. The need is five times the checkpoint: last, previous and best, the model at the end, and the file that is
// being written while all others still lie there; and 64 MiB for events. An error says that what is free is unknown.
func Space(dir string, checkpoint int64) (need, available int64, err error) {
	need = math.MaxInt64
	if checkpoint < (math.MaxInt64-logSpace)/5 {
		need = 5*max(0, checkpoint) + logSpace
	}
	at, err := filepath.Abs(dir)
	if err != nil {
		return need, 0, failure("looking for free space at", dir, err)
	}
	for {
		_, err := os.Stat(at)
		if parent := filepath.Dir(at); errors.Is(err, fs.ErrNotExist) && parent != at {
			at = parent
			continue
		}
		bytes, err := free(at)
		if err != nil {
			return need, 0, failure("looking for free space at", at, err)
		}
		return need, int64(min(bytes, math.MaxInt64)), nil
	}
}
