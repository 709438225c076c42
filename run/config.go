package run

// The configuration of a run that goes on: the one change that a folder's config.json sees after it was created.

// SetConfig replaces the configuration of a run that goes on under a changed one, such as more epochs. It is written whole or not at all.
func (f *Folder) SetConfig(config []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.writable(); err != nil {
		return err
	}
	if err := checkConfig(config); err != nil {
		return err
	}
	if err := f.write(configFile, config); err != nil {
		return err
	}
	f.config = append([]byte(nil), config...)
	return nil
}
