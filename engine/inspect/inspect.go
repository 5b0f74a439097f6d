// Package inspect reads what a live process is made of: threads, mappings, ELF objects and the patches in it. It only
// reads /proc and never stops anything.
package inspect

import (
	"os"

	"gocare/internal/elfobj"
)

// Addr is an address in the running process.
type Addr uint64

// LinkAddr is an address as linked; Object.Addr turns it into an Addr.
type LinkAddr uint64

// Process is a snapshot of a live process. Close it.
type Process struct {
	PID       int
	StartTime uint64 // clock ticks after boot, field 22 of /proc/PID/stat: with PID it names the process for ever
	Comm      string
	Exe       string // target of /proc/PID/exe
	UID       int
	Threads   []Thread
	Mappings  []Mapping
	Objects   []Object // in order of address; the executable is the one with Main
	PidFD     *os.File
}

// Thread is a thread as /proc/PID/task/TID says.
type Thread struct {
	TID   int
	Comm  string
	State byte // 'R', 'S', 'D', 'T', 't', 'Z'
}

// Mapping is a line of /proc/PID/maps: [Start, End).
type Mapping struct {
	Start, End              Addr
	Read, Write, Exec, Priv bool
	Offset                  uint64
	Dev                     string // "fd:01"
	Inode                   uint64
	Path                    string // "" for anonymous; as the kernel prints it, " (deleted)" included
}

// Object is an ELF file mapped into the process.
type Object struct {
	Path    string // as in maps
	Name    string // base name
	BuildID string // "" if none
	Bias    Addr   // run-time address minus link address
	Main    bool   // the executable
	ELF     *elfobj.File
	Start   Addr // lowest mapped address
	End     Addr // end of the highest mapping
}

// Addr returns where a link address of the object is in the process.
func (o *Object) Addr(a LinkAddr) Addr { return Addr(uint64(a) + uint64(o.Bias)) }
