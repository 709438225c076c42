package run

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"
)

// This file names things on the disk. A data set's name comes from outside and is never used as a path: only its letters and digits are.

// NextDir is the folder for a new run on data of the given name or path: root/NAME-N with the smallest N from 1 that is free; "../x y.csv"
// gives root/x-y-1. Nothing is created: of two processes that ask at once, [Create] gives the folder to one, and the other sees an error
// that is fs.ErrExist and asks again.
func NextDir(root, data string) (string, error) {
	base := filepath.Join(root, cleanName(data))
	for n := 1; n < 1_000_000; n++ {
		dir := fmt.Sprintf("%s-%d", base, n)
		_, err := os.Lstat(dir)
		if errors.Is(err, fs.ErrNotExist) {
			return dir, nil
		}
		if err != nil {
			return "", failure("looking for a free name at", dir, err)
		}
	}
	return "", fmt.Errorf("no free name from %s-1 to %s-999999: move old runs away, or name a folder with --out", base, base)
}

// maxName bounds names that become files, in bytes: file systems take 255, a suffix and a temporary prefix included.
const maxName = 64

// cleanName keeps the letters, digits, dots and underscores of the last element of a path, without its extensions; what lies between
// becomes one hyphen.
func cleanName(data string) string {
	data = strings.TrimRight(data, `/\`)
	if i := strings.LastIndexAny(data, `/\`); i >= 0 {
		data = data[i+1:]
	}
	for _, packed := range [...]string{".gz", ".zip", ".bz2", ".zst", ".xz"} {
		data = strings.TrimSuffix(data, packed)
	}
	if extension := filepath.Ext(data); len(extension) < len(data) {
		data = strings.TrimSuffix(data, extension)
	}
	var b strings.Builder
	gap := false
	for _, r := range data {
		if !plainLetter(r) {
			gap = true
			continue
		}
		if gap && b.Len() > 0 {
			b.WriteByte('-')
		}
		gap = false
		if b.Len()+utf8.RuneLen(r) > maxName {
			break
		}
		b.WriteRune(r)
	}
	name := strings.Trim(b.String(), ".-")
	if name == "" {
		return "run"
	}
	return name
}

func plainLetter(r rune) bool {
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r) || r == '.' || r == '_')
}

// attachmentName refuses names that could lead elsewhere or that some system cannot store.
func attachmentName(name string) error {
	stem, _, _ := strings.Cut(name, ".")
	reserved := false
	switch strings.ToUpper(stem) { // Windows takes these for devices, with any extension
	case "CON", "PRN", "AUX", "NUL":
		reserved = true
	default:
		s := strings.ToUpper(stem)
		reserved = len(s) == 4 && (s[:3] == "COM" || s[:3] == "LPT") && s[3] >= '0' && s[3] <= '9'
	}
	plain := name != "" && len(name) <= maxName && name[0] != '.' && name[0] != '-'
	for _, r := range name {
		plain = plain && r < utf8.RuneSelf && (plainLetter(r) || r == '-')
	}
	if !plain || reserved {
		return fmt.Errorf("attachment %.80q: want a name of 1 to %d letters, digits, dots, hyphens and underscores that does not begin with a dot or hyphen and is no device's", name, maxName)
	}
	return nil
}
