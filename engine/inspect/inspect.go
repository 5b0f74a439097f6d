package inspect

import (
	"os"
	"sort"

	"gocare/internal/arch"
	"gocare/internal/elfobj"
)

// Addr is an address in the running process.
type Addr uint64

// LinkAddr is an address as linked; Object.Addr turns it into an Addr.
type LinkAddr uint64

// Range is the addresses [Lo, Hi).
type Range struct{ Lo, Hi Addr }

// Process is a snapshot of a live process. Close it.
type Process struct {
	PID       int
	StartTime uint64 // clock ticks after boot, field 22 of /proc/PID/stat: with PID it names the process for ever
	Comm      string
	Exe       string // target of /proc/PID/exe
	UID       int
	Machine   *arch.Target
	Live      int // TID of a thread that has the address space: PID, unless the leader thread has exited
	Threads   []Thread
	Mappings  []Mapping
	Objects   []Object // in order of address; the executable is the one with Main
	PidFD     *os.File

	mem  *os.File
	auxv map[uint64]uint64
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

// anonymous reports whether the mapping has neither a file nor a name.
func (m *Mapping) anonymous() bool { return m.Inode == 0 && m.Path == "" }

// Object is an ELF file mapped into the process.
type Object struct {
	Path    string // as in maps
	Name    string // base name, without " (deleted)"
	BuildID string // lower-case hex, "" if none
	Bias    Addr   // run-time address minus link address
	Main    bool   // the executable
	ELF     *elfobj.File
	Start   Addr  // lowest mapped address
	End     Addr  // end of the highest mapping
	Err     error // why ELF is nil after Load; nil if it was loaded or never asked for

	file    string      // under /proc, opens the mapped file
	read    os.FileInfo // of the file that ELF is
	version string
	dev     string
	inode   uint64
	loads   []segment
	dyn     segment // PT_DYNAMIC, zero if none
}

// Addr returns where a link address of the object is in the process.
func (o *Object) Addr(a LinkAddr) Addr { return Addr(uint64(a) + uint64(o.Bias)) }

// LinkAddr returns the link address of an address in the process.
func (o *Object) LinkAddr(a Addr) LinkAddr { return LinkAddr(uint64(a) - uint64(o.Bias)) }

// Contains reports whether a lies in one of the object's segments.
func (o *Object) Contains(a Addr) bool { return a >= o.Start && a < o.End }

// Object returns the object with the BuildID, or nil.
func (p *Process) Object(buildID string) *Object {
	for i := range p.Objects {
		if p.Objects[i].BuildID == buildID && buildID != "" {
			return &p.Objects[i]
		}
	}
	return nil
}

// ObjectAt returns the object that holds a, or nil.
func (p *Process) ObjectAt(a Addr) *Object {
	for i := range p.Objects {
		if p.Objects[i].Contains(a) {
			return &p.Objects[i]
		}
	}
	return nil
}

// Main returns the executable, or nil if it could not be told.
func (p *Process) Main() *Object {
	for i := range p.Objects {
		if p.Objects[i].Main {
			return &p.Objects[i]
		}
	}
	return nil
}

// MappingAt returns the mapping that holds a, or nil.
func (p *Process) MappingAt(a Addr) *Mapping {
	i := sort.Search(len(p.Mappings), func(i int) bool { return a < p.Mappings[i].End }) // there may be tens of thousands, in order
	if i < len(p.Mappings) && a >= p.Mappings[i].Start {
		return &p.Mappings[i]
	}
	return nil
}
