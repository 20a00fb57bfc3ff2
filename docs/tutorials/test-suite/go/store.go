// SPDX-License-Identifier: MIT
package store

import (
	"os"
	"path/filepath"
)

// Put puts text into the file name of a directory: all of it or nothing, and for
// good when it returns nil.
func Put(directory, name, text string) error {
	path := filepath.Join(directory, name)
	if err := writeAll(path+".new", text); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	d, err := os.Open(directory)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func writeAll(path, text string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		return err
	}
	return f.Sync()
}
