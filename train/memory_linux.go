package train

import (
	"os"
	"path"
	"strconv"
	"strings"
)

// availableMemory is the smaller of what the machine has left and what the control groups of this process leave it.
func availableMemory() (n int64, from string, ok bool) {
	from = "this machine"
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if f := strings.Fields(line); len(f) >= 2 && f[0] == "MemAvailable:" {
				if kb, err := strconv.ParseInt(f[1], 10, 64); err == nil {
					n, ok = kb*1024, true
				}
			}
		}
	}
	if limit, found := groupMemory(); found && (!ok || limit < n) {
		return limit, "the control group of this process", true
	}
	return n, from, ok
}

// groupMemory is what control groups of version 2, or of version 1's memory controller, leave this process.
func groupMemory() (least int64, found bool) {
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return 0, false
	}
	try := func(dir, limitFile, usageFile string) {
		for ; ; dir = path.Dir(dir) {
			limit, ok := number(path.Join(dir, limitFile))
			if ok {
				used, _ := number(path.Join(dir, usageFile))
				if left := max(0, limit-used); !found || left < least {
					least, found = left, true
				}
			}
			if dir == "/sys/fs/cgroup" || dir == "/sys/fs/cgroup/memory" || dir == "/" || dir == "." {
				return
			}
		}
	}
	for line := range strings.Lines(string(text)) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(f) != 3 {
			continue
		}
		switch {
		case f[1] == "":
			try(path.Join("/sys/fs/cgroup", f[2]), "memory.max", "memory.current")
		case strings.Contains(","+f[1]+",", ",memory,"):
			try(path.Join("/sys/fs/cgroup/memory", f[2]), "memory.limit_in_bytes", "memory.usage_in_bytes")
		}
	}
	return least, found
}

// number reads a file with one number; "max" is no number, nor is version 1's way to say no limit.
func number(file string) (int64, bool) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return n, err == nil && n < 1<<60
}
