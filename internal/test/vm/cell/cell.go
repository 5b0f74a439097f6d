// Package cell describes a program and its patch that were made on the host, and what to ask the program in the virtual machine before,
// while and after it is patched. A cell is a folder with the program and its libraries, the patches and the description.
package cell

import (
	"encoding/json"
	"os"
	"path/filepath"
)

// Names in the folder of a cell.
const (
	Program     = "program" // a folder; what is started in it is "host"
	Patches     = "patchroot"
	description = "cell.json"
)

// Cell is what to do with a program.
type Cell struct {
	Objects int // how many objects are patched
	Turns   []Turn
}

// Turn is an input with the answer to it, or what is done to the program.
type Turn struct {
	Act         string // "say", "patch", "unpatch"
	Input, Want string
}

// Write writes the description into dir.
func Write(dir string, c Cell) error {
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, description), text, 0o644)
}

// Read reads the description in dir.
func Read(dir string) (c Cell, err error) {
	text, err := os.ReadFile(filepath.Join(dir, description))
	if err != nil {
		return Cell{}, err
	}
	return c, json.Unmarshal(text, &c)
}
