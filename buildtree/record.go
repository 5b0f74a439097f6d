package buildtree

import (
	"cmp"
	"path/filepath"
)

// Stage names which build a record belongs to.
type Stage string

const (
	Original Stage = "original"
	Patched  Stage = "patched"
	// Unpatched is the original's sources built as the patched ones were, to tell what the patch changed from what the command did.
	Unpatched Stage = "unpatched"
)

// Digest is a SHA-256 in lower-case hex, the name of a blob in the store.
type Digest string

// Unit is one recorded run of the assembler: one compiled source.
type Unit struct {
	Dir       string   // absolute working directory of the compiler
	Driver    string   // absolute path of the compiler driver (COLLECT_GCC resolved)
	Argv      []string // the driver's own arguments (response files expanded), without argv[0]
	Responses []string `json:",omitempty"` // absolute paths of the response files
	Options   []string // COLLECT_GCC_OPTIONS split into arguments: the driver's options without inputs
	Source    string   // the source among the driver's inputs, as spelt there; "-" for standard input; "" when not known
	Object    string   // absolute path of the object written
	ObjectID  Digest   // of the object's bytes
	AsmID     Digest   // of the assembler source (blob in the store)
	As        string   // the real assembler
	AsArgs    []string // its arguments without input and output
	Lang      string   // "c", "c++", "asm", "lto" (an LTO object or an ltrans unit); by driver options and content
	Env       []string // NAME=value of what else shapes the compile (CPATH, SOURCE_DATE_EPOCH, ...)
	AllocID   Digest   // of the object's allocated sections, which objcopy and strip leave alone
	DriverID  string   `json:",omitempty"` // says which run of the driver; only when Source could not be told from the run itself
	Time      int64    `json:",omitempty"` // files of this time or a later one may have been written after the compile began, in nanoseconds since 1970
	Includes  bool     // the assembler source reads other files (.include, .incbin), so AsmID does not say it all
	Reads     Digest   `json:",omitempty"` // the files that it was compiled from with what they held (see ReadLists)
	Partial   bool     `json:",omitempty"` // Reads lacks system headers
	Included  []Read   `json:",omitempty"` // these files; none if they are not known
	Programs  Digest   `json:",omitempty"` // what it was compiled and assembled with (blob in the store, see Store.Programs)
}

// Input is one object that a link took in, in command-line order, archive members as they were pulled.
type Input struct {
	Path     string // as spelt on the linker's command line (and in its map)
	Member   string // archive member, else ""
	ObjectID Digest // of the object's or member's bytes (blob in the store); "" when they could not be read
	AllocID  Digest // of its allocated sections; "" when it is no object

	// SameNameID is the digest of all members of this name, one after the other, where the archive has several and the
	// map does not tell which were pulled; ObjectID is "" then.
	SameNameID Digest `json:",omitempty"`
}

func (in Input) String() string {
	if in.Member == "" {
		return in.Path
	}
	return in.Path + "(" + in.Member + ")"
}

// Link is one recorded run of the linker.
type Link struct {
	Dir      string // absolute working directory
	Linker   string // the real linker
	Argv     []string
	Output   string // absolute path
	OutputID Digest // of the output as the linker wrote it
	BinaryID Digest `json:",omitempty"` // of the output with zeros for debugging information (blob in the store); "" if the output is the blob
	BuildID  string // lower-case hex, "" if it has none
	MapID    Digest // of the link map (blob in the store)
	Inputs   []Input
	Shared   []string // shared libraries it was linked against, as in the map
	Partial  bool     // ld -r
	Files    []File   // what it read besides, scripts and lists of symbols; nil in records of older versions

	Parts []Part `json:"-"` // partial links whose inputs are among Inputs
}

// File is a file that a link read.
type File struct {
	Path string // as spelt, or as found
	ID   Digest // of its content
}

// Record is everything known of one stage's build.
type Record struct {
	Units   []Unit   // the latest for each object path, in the order they were recorded
	Links   []Link   // the latest for each output path, in the order they were recorded
	Damaged []string // lines of the log that could not be read, described

	older []Unit // units whose object path was written again later; an object may have been moved away in between

	index *unitIndex // made on the first query
}

// unitIndex finds units; lists have the latest first. A Record that was made in another way than by Load must not be queried from two goroutines
// at once.
type unitIndex struct {
	units    int // len(Record.Units) when it was made
	byObject map[Digest][]*Unit
	byAlloc  map[allocKey]*Unit
}

type allocKey struct {
	alloc  Digest
	object string
}

func (r *Record) indexed() *unitIndex {
	if r.index != nil && r.index.units == len(r.Units) {
		return r.index
	}
	ix := &unitIndex{units: len(r.Units), byObject: map[Digest][]*Unit{}, byAlloc: map[allocKey]*Unit{}}
	for _, units := range [][]Unit{r.Units, r.older} {
		for i := len(units) - 1; i >= 0; i-- {
			u := &units[i]
			ix.byObject[u.ObjectID] = append(ix.byObject[u.ObjectID], u)
			if key := (allocKey{u.AllocID, u.Object}); ix.byAlloc[key] == nil && u.AllocID != "" {
				ix.byAlloc[key] = u
			}
		}
	}
	r.index = ix
	return ix
}

// UnitByObject returns the latest unit that wrote an object with this content, or nil.
func (r *Record) UnitByObject(d Digest) *Unit {
	if units := r.indexed().byObject[d]; d != "" && len(units) > 0 {
		return units[0]
	}
	return nil
}

// UnitFor returns the unit that an input of l was compiled from, or nil: by content, preferring the unit that wrote this
// very path, else (objcopy, strip) the unit that wrote this path with the same allocated sections.
func (r *Record) UnitFor(l *Link, in Input) *Unit {
	path := l.abs(in.Path)
	for _, u := range r.indexed().byObject[in.ObjectID] {
		if in.ObjectID != "" && u.Object == path {
			return u
		}
	}
	if u := r.UnitByObject(in.ObjectID); u != nil || in.Member != "" {
		return u
	}
	return r.indexed().byAlloc[allocKey{in.AllocID, path}]
}

// LinkByOutput returns the link that wrote the absolute path, or nil.
func (r *Record) LinkByOutput(path string) *Link {
	path = filepath.Clean(path)
	return r.findLink(func(l *Link) bool { return l.Output == path })
}

func (r *Record) findLink(match func(*Link) bool) *Link {
	for i := len(r.Links) - 1; i >= 0; i-- {
		if match(&r.Links[i]) {
			return &r.Links[i]
		}
	}
	return nil
}

// Binary names the blob that is the output, but for debugging information.
func (l *Link) Binary() Digest { return cmp.Or(l.BinaryID, l.OutputID) }

func (l *Link) abs(path string) string { return absIn(l.Dir, path) }

// absIn returns path as an absolute, clean path, taken relative to dir.
func absIn(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

// Twin returns the unit of this record that stands for a unit of another one: it wrote the same object, else it alone was compiled from
// the same source.
func (r *Record) Twin(u *Unit) *Unit {
	var same []*Unit
	for i := range r.Units {
		switch v := &r.Units[i]; {
		case v.Object == u.Object:
			return v
		case u.Source != "" && u.Source != "-" && absIn(v.Dir, v.Source) == absIn(u.Dir, u.Source):
			same = append(same, v)
		}
	}
	if len(same) == 1 {
		return same[0]
	}
	return nil
}
