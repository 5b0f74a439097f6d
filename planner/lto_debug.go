package planner

import (
	"debug/dwarf"
	"encoding/binary"
	"path/filepath"

	"gocare/internal/elfobj"
	"gocare/internal/srcpatch"
)

// home says where something private is declared, by debug information: its source, the function around it, and its name. It is ""
// where that is not known, or where several of that name stand in one place.
type home struct{ unit, function, name string }

// homes finds the declarations of what stands at a link address of a program.
type homes struct {
	declared map[dwarf.Offset]declared
	count    map[home]int             // of variables and functions declared there, with storage and without
	at       map[storage]dwarf.Offset // what is there
	place    map[home]srcpatch.Place  // where the declaration stands

	data  *dwarf.Data
	files []*dwarf.LineFile // of the unit that is read
}

// storage is a link address, or an offset in the thread-local variables.
type storage struct {
	addr  uint64
	local bool
}

// declared is an entry of debug information, and the entry that says more of it.
type declared struct {
	home
	origin dwarf.Offset // 0 for none
}

// readHomes reads the debug information of a program; it is empty where there is none that is understood.
func readHomes(program *elfobj.File) *homes {
	h := &homes{declared: map[dwarf.Offset]declared{}, count: map[home]int{}, at: map[storage]dwarf.Offset{}, place: map[home]srcpatch.Place{}}
	var err error
	if h.data, err = program.DWARF(); err != nil || h.data == nil {
		return h
	}
	if err := h.read(h.data.Reader()); err != nil {
		return &homes{}
	}
	return h
}

func (h *homes) read(r *dwarf.Reader) error {
	var unit string
	var functions []string // around the entry, "" for other entries that have children
	for {
		e, err := r.Next()
		switch {
		case err != nil || e == nil:
			return err
		case e.Tag == 0:
			functions = functions[:max(len(functions)-1, 0)]
			continue
		case e.Tag == dwarf.TagCompileUnit:
			unit, functions = unitName(e), nil
			h.files = nil
			if lines, err := h.data.LineReader(e); err == nil && lines != nil {
				h.files = lines.Files()
			}
		case e.Tag == dwarf.TagVariable || e.Tag == dwarf.TagSubprogram:
			h.add(e, home{unit, innermost(functions), text(e, dwarf.AttrName)})
		}
		if e.Children {
			name := ""
			if e.Tag == dwarf.TagSubprogram {
				name = text(e, dwarf.AttrName)
			}
			functions = append(functions, name)
		}
	}
}

func (h *homes) add(e *dwarf.Entry, at home) {
	d := declared{home: at}
	for _, attr := range []dwarf.Attr{dwarf.AttrAbstractOrigin, dwarf.AttrSpecification} {
		if origin, ok := e.Val(attr).(dwarf.Offset); ok {
			d.origin = origin
		}
	}
	if external, _ := e.Val(dwarf.AttrDeclaration).(bool); at.name != "" && d.origin == 0 && !external {
		h.count[at]++
		h.place[at] = h.declaredAt(e)
	}
	h.declared[e.Offset] = d
	if at, ok := storageOf(e); ok {
		h.at[at] = e.Offset
	}
}

// declaredAt is where a declaration stands; the line is 0 where that is not known.
func (h *homes) declaredAt(e *dwarf.Entry) srcpatch.Place {
	file, _ := e.Val(dwarf.AttrDeclFile).(int64)
	line, _ := e.Val(dwarf.AttrDeclLine).(int64)
	if file < 0 || file >= int64(len(h.files)) || h.files[file] == nil {
		return srcpatch.Place{}
	}
	return srcpatch.Place{File: filepath.Clean(h.files[file].Name), Line: int(line)}
}

// storageOf returns where a function or a variable is.
func storageOf(e *dwarf.Entry) (at storage, ok bool) {
	if e.Tag == dwarf.TagSubprogram {
		at.addr, ok = e.Val(dwarf.AttrLowpc).(uint64)
		return at, ok
	}
	const opAddr, opConst8u, opTLS, opGNUTLS = 0x03, 0x0e, 0x9b, 0xe0
	loc, _ := e.Val(dwarf.AttrLocation).([]byte)
	switch {
	case len(loc) == 9 && loc[0] == opAddr:
	case len(loc) == 10 && loc[0] == opConst8u && (loc[9] == opTLS || loc[9] == opGNUTLS):
		at.local = true
	default:
		return at, false
	}
	at.addr = binary.LittleEndian.Uint64(loc[1:])
	return at, true
}

// find returns the home of what is at a place.
func (h *homes) find(place storage) (home, bool) {
	at, found := h.at[place]
	for range 4 {
		d := h.declared[at]
		if !found || d.origin == 0 {
			return d.home, found && d.name != "" && h.count[d.home] == 1
		}
		at = d.origin
	}
	return home{}, false
}

func unitName(e *dwarf.Entry) string {
	name := text(e, dwarf.AttrName)
	if !filepath.IsAbs(name) {
		name = filepath.Join(text(e, dwarf.AttrCompDir), name)
	}
	return filepath.Clean(name)
}

func text(e *dwarf.Entry, attr dwarf.Attr) string {
	s, _ := e.Val(attr).(string)
	return s
}

// innermost returns the last name that is not empty.
func innermost(names []string) string {
	for i := len(names) - 1; i >= 0; i-- {
		if names[i] != "" {
			return names[i]
		}
	}
	return ""
}
