package run

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/safetensors"
)

// This file saves and restores what must survive a stop. Two checkpoints are kept, last and previous. A new one is written and synced
// under a temporary name, then last is renamed to previous, then the new one to last, then the folder is synced. Killed before the first
// rename, last is the old state; between the two, only previous is there, and is the newest; after the second, last is the new one. A
// last that is damaged is never renamed over a previous that is whole.

// checkpointFormat is the value of the metadata key "format".
const checkpointFormat = "descent checkpoint 1"

// The keys of a checkpoint's metadata. The tensors of a keeper are named KEEPER/TENSOR.
const (
	formatKey  = "format"
	stepKey    = "descent.step"    // updates done
	eventsKey  = "descent.events"  // length of events.jsonl at that moment, in bytes
	keepersKey = "descent.keepers" // JSON: each keeper's tensor names, in its own order
	versionKey = "descent.version" // of the program
	kernelsKey = "descent.kernels" // the kernel set that computed; may be missing
	sumKey     = "descent.sha256"  // see checksum.go
)

// weightsKeeper is the keeper whose numbers must be finite.
const weightsKeeper = "weights"

// ErrNoCheckpoint says that a run has no checkpoint yet.
var ErrNoCheckpoint = errors.New("there is no checkpoint")

// Checkpoint tells about a checkpoint that was written or read.
type Checkpoint struct {
	File             string // relative to the folder, slash-separated: "checkpoints/last.safetensors"
	Bytes            int64
	Step             uint64
	Version, Kernels string
	// Notes say what a person should know after Latest: newer checkpoints that could not be used and why, events that are missing.
	Notes []error
}

// Save writes a checkpoint of all keepers: what was last becomes previous, the new one last. The events that were appended before belong
// to it; a resume cuts off those that follow. The keeper named "weights" must hold finite numbers, else nothing is written. Keepers' names
// have no slash.
//
// After an error, and whenever the process is killed, the old checkpoint or the new one can be restored whole.
func (f *Folder) Save(step uint64, keepers map[string]engine.Keeper) (Checkpoint, error) {
	return f.save(lastFile, step, keepers)
}

// SaveBest writes a checkpoint to best.safetensors, over an earlier one, and leaves last and previous alone.
func (f *Folder) SaveBest(step uint64, keepers map[string]engine.Keeper) (Checkpoint, error) {
	return f.save(bestFile, step, keepers)
}

func (f *Folder) save(name string, step uint64, keepers map[string]engine.Keeper) (Checkpoint, error) {
	content, err := gather(keepers)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint %q of step %d is not written: %w", f.path(name), step, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.writable(); err != nil {
		return Checkpoint{}, err
	}
	// Before the checkpoint says how long they are, the events must be on the disk.
	if err := f.syncLog(); err != nil {
		return Checkpoint{}, err
	}
	c := Checkpoint{File: name, Step: step, Version: f.version, Kernels: f.kernels}
	content.Metadata[stepKey] = strconv.FormatUint(step, 10)
	content.Metadata[eventsKey] = strconv.FormatInt(f.log.length, 10)
	content.Metadata[versionKey] = f.version
	if f.kernels != "" {
		content.Metadata[kernelsKey] = f.kernels
	}
	err = sign(content)
	if err == nil {
		err = f.ensureDir(checkpointsDir)
	}
	if err == nil {
		write := func(w io.Writer) error { return safetensors.Write(w, content) }
		if name == lastFile {
			c.Bytes, err = f.replaceLast(write)
		} else {
			c.Bytes, err = writeFile(f.disk, name, write)
		}
	}
	if err != nil {
		return Checkpoint{}, failure(fmt.Sprintf("writing the checkpoint of step %d to", step), f.path(name), err)
	}
	if err := f.writeTable(); err != nil {
		return c, fmt.Errorf("the checkpoint of step %d is written, but: %w", step, err)
	}
	return c, nil
}

// replaceLast writes a new last.safetensors and keeps the old one as previous, if that is whole.
func (f *Folder) replaceLast(write func(io.Writer) error) (int64, error) {
	if !f.rotate {
		f.rotate = f.verify(lastFile) == nil
	}
	temp, size, err := stage(f.disk, lastFile, write)
	if err != nil {
		return 0, err
	}
	if f.rotate {
		err = replaceable(f.disk, previousFile)
		if err == nil {
			err = f.disk.Rename(lastFile, previousFile)
		}
	}
	f.rotate = false // until the new one is known to be there
	if err == nil {
		err = f.disk.Rename(temp, lastFile)
	}
	if err != nil {
		f.disk.Remove(temp)
		return 0, err
	}
	if err := f.disk.SyncDir(checkpointsDir); err != nil {
		return 0, err
	}
	f.rotate = true
	return size, nil
}

// gather makes the content of a checkpoint, all but what the folder knows.
func gather(keepers map[string]engine.Keeper) (safetensors.File, error) {
	content := safetensors.File{Metadata: map[string]string{formatKey: checkpointFormat}}
	order := make(map[string][]string, len(keepers))
	for _, name := range slices.Sorted(maps.Keys(keepers)) {
		if name == "" || strings.Contains(name, "/") {
			return content, fmt.Errorf("keeper %q: want a name without a slash", name)
		}
		tensors := keepers[name].Keep()
		if name == weightsKeeper {
			if err := finite(tensors); err != nil {
				return content, err
			}
		}
		order[name] = make([]string, len(tensors))
		for i, t := range tensors {
			packed, err := pack(name+"/"+t.Name, t)
			if err != nil {
				return content, err
			}
			order[name][i] = t.Name
			content.Tensors = append(content.Tensors, packed)
		}
	}
	names, err := json.Marshal(order)
	content.Metadata[keepersKey] = string(names)
	return content, err
}

// Latest restores all keepers from the last checkpoint. If that is missing, damaged, of another program or of another network, it takes
// the previous one and says so in Notes; if both fail the error names both reasons, and the keepers must not be used. [ErrNoCheckpoint]
// says that neither is there. What the checkpoint holds for keepers that are not asked for is left out; a keeper that it does not know
// is an error.
//
// In a folder that was opened for going on, the events that came after the checkpoint are cut off.
func (f *Folder) Latest(keepers map[string]engine.Keeper) (Checkpoint, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var reasons []error
	missing := 0
	for _, name := range [...]string{lastFile, previousFile} {
		c, events, err := f.restore(name, keepers)
		if err != nil {
			reasons = append(reasons, err)
			if errors.Is(err, fs.ErrNotExist) {
				missing++
			}
			continue
		}
		c.Notes = reasons
		f.rotate = name == lastFile
		if f.lock != nil && !f.closed {
			if f.log.length < events {
				c.Notes = append(c.Notes, fmt.Errorf("%q has %d bytes, %q was written with %d; some events are lost", f.path(eventsFile), f.log.length, f.path(name), events))
			}
			f.table = table{}
			if err := f.log.cut(events); err != nil {
				return c, failure("cutting", f.path(eventsFile), err)
			}
		}
		return c, nil
	}
	if missing == len(reasons) {
		return Checkpoint{}, fmt.Errorf("run folder %q: %w; start the run again", f.dir, ErrNoCheckpoint)
	}
	return Checkpoint{}, fmt.Errorf("run folder %q has no checkpoint that can be used: %w", f.dir, errors.Join(reasons...))
}

// Best restores keepers from best.safetensors and changes nothing in the folder. [ErrNoCheckpoint] says that there is none.
func (f *Folder) Best(keepers map[string]engine.Keeper) (Checkpoint, error) {
	c, _, err := f.restore(bestFile, keepers)
	if errors.Is(err, fs.ErrNotExist) {
		return c, fmt.Errorf("run folder %q: %w of a best evaluation yet", f.dir, ErrNoCheckpoint)
	}
	return c, err
}

// verify reads a checkpoint to its end and compares the checksum.
func (f *Folder) verify(name string) error {
	r, size, err := openRegular(f.disk, name, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer r.Close()
	return verify(r, size)
}

// restore reads one checkpoint into the keepers and gives the length of the events that belong to it.
func (f *Folder) restore(name string, keepers map[string]engine.Keeper) (c Checkpoint, events int64, err error) {
	c, content, err := f.load(name)
	if err != nil {
		return Checkpoint{}, 0, failure("reading checkpoint", f.path(name), err)
	}
	events, err = strconv.ParseInt(content.Metadata[eventsKey], 10, 64)
	if err != nil || events < 0 {
		return Checkpoint{}, 0, fmt.Errorf("reading checkpoint %q: metadata %s is %.40q, want a length", f.path(name), eventsKey, content.Metadata[eventsKey])
	}
	kept, err := split(content)
	if err != nil {
		return Checkpoint{}, 0, fmt.Errorf("reading checkpoint %q: %w", f.path(name), err)
	}
	wanted := slices.Sorted(maps.Keys(keepers))
	for _, keeper := range wanted {
		if _, ok := kept[keeper]; !ok {
			return Checkpoint{}, 0, fmt.Errorf("checkpoint %q has nothing of %q, it has %q; it belongs to another training", f.path(name), keeper, slices.Sorted(maps.Keys(kept)))
		}
	}
	for _, keeper := range wanted {
		if err := keepers[keeper].Restore(kept[keeper]); err != nil {
			return Checkpoint{}, 0, fmt.Errorf("restoring %q from %q: %w", keeper, f.path(name), err)
		}
	}
	return c, events, nil
}

func (f *Folder) load(name string) (c Checkpoint, content safetensors.File, err error) {
	r, size, err := openRegular(f.disk, name, os.O_RDONLY)
	if err != nil {
		return c, content, err
	}
	defer r.Close()
	// The checksum first, in constant memory: only a file that is whole may ask for memory.
	if err := verify(r, size); err != nil {
		return c, content, err
	}
	if content, err = safetensors.Read(r, size); err != nil {
		return c, content, err
	}
	if got := content.Metadata[formatKey]; got != checkpointFormat {
		return c, content, fmt.Errorf("metadata format is %.80q, want %q; it is of another program or version", got, checkpointFormat)
	}
	step, err := strconv.ParseUint(content.Metadata[stepKey], 10, 64)
	if err != nil {
		return c, content, fmt.Errorf("metadata %s is %.40q, want a number", stepKey, content.Metadata[stepKey])
	}
	c = Checkpoint{File: name, Bytes: size, Step: step, Version: content.Metadata[versionKey], Kernels: content.Metadata[kernelsKey]}
	return c, content, nil
}

// split gives each keeper its tensors, in the order in which it gave them.
func split(content safetensors.File) (map[string][]engine.Tensor, error) {
	var order map[string][]string
	if err := json.Unmarshal([]byte(content.Metadata[keepersKey]), &order); err != nil {
		return nil, fmt.Errorf("metadata %s: %w", keepersKey, err)
	}
	byName := make(map[string]safetensors.Tensor, len(content.Tensors))
	for _, t := range content.Tensors {
		byName[t.Name] = t
	}
	kept := make(map[string][]engine.Tensor, len(order))
	for keeper, names := range order {
		kept[keeper] = make([]engine.Tensor, len(names))
		for i, name := range names {
			full := keeper + "/" + name
			packed, ok := byName[full]
			if !ok {
				return nil, fmt.Errorf("tensor %.80q is missing, or listed twice", full)
			}
			delete(byName, full)
			t, err := unpack(name, packed)
			if err != nil {
				return nil, err
			}
			kept[keeper][i] = t
		}
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		return nil, fmt.Errorf("tensor %.80q belongs to no keeper", name)
	}
	return kept, nil
}
