package unlink

import (
	"bytes"
	"debug/dwarf"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"gocare/internal/elfobj"
)

// Unit is what one compile gave to the program.
type Unit struct {
	Source   string // as the compiler was given it
	Dir      string // in which it was compiled
	Producer string // the compiler and its options

	program    *Program
	start, end uint64 // of its debugging information, in .debug_info
	ranges     [][2]uint64
	symbols    []*elfobj.Symbol // those that it defines
	shown      map[string]bool  // what other units may use, by name; linkers make what is hidden private to the program
	taken      *pieces          // see takeOut
}

// ErrNoDebug is the error for a program of which nothing tells units apart.
var ErrNoDebug = errors.New("the program has no debugging information, which tells units, types and variables apart")

// readUnits reads the compiles that debugging information tells of, and gives each the symbols that it defines.
func (p *Program) readUnits() error {
	d, err := p.file.DWARF()
	if err != nil {
		return fmt.Errorf("its debugging information: %w", err)
	}
	if d == nil {
		return ErrNoDebug
	}
	if p.info, err = p.file.DebugContents(".debug_info"); err != nil {
		return err
	}
	names, err := p.file.DebugContents(".debug_str")
	if err != nil {
		return err
	}
	for _, name := range []string{"wchar_t", "char16_t", "char32_t"} {
		p.wider = p.wider || bytes.Contains(names, []byte(name+"\x00"))
	}
	variables, functions := map[variable]*Unit{}, functionEntries{}
	r, last := d.Reader(), dwarf.Offset(0)
	for {
		e, err := r.Next()
		if err != nil {
			return fmt.Errorf("its debugging information: %w", err)
		}
		if e == nil {
			break
		}
		if e.Offset <= last { // a sibling that stands before its like
			return fmt.Errorf("its debugging information does not end")
		}
		last = e.Offset
		if e.Tag != dwarf.TagCompileUnit {
			r.SkipChildren()
			continue
		}
		u, err := p.unit(d, e)
		if err != nil {
			return err
		}
		if u == nil {
			r.SkipChildren()
			continue
		}
		p.units = append(p.units, u)
		if err := u.readVariables(r, e, variables, functions); err != nil {
			return fmt.Errorf("its debugging information: %w", err)
		}
	}
	p.assign(variables)
	p.bodies = functions.withCode()
	return nil
}

// unit reads what the entry of a compile says, nil for one by an assembler.
func (p *Program) unit(d *dwarf.Data, e *dwarf.Entry) (*Unit, error) {
	u := &Unit{program: p, shown: map[string]bool{}}
	u.Source, _ = e.Val(dwarf.AttrName).(string)
	u.Dir, _ = e.Val(dwarf.AttrCompDir).(string)
	u.Producer, _ = e.Val(dwarf.AttrProducer).(string)
	if language, _ := e.Val(dwarf.AttrLanguage).(int64); language == languageAssembler {
		return nil, nil
	}
	u.Source = filepath.Clean(u.Source)
	var err error
	if u.ranges, err = d.Ranges(e); err != nil {
		return nil, fmt.Errorf("%s: its debugging information: %w", u.Source, err)
	}
	u.start, u.end, err = p.slice(uint64(e.Offset))
	return u, err
}

// languageAssembler is DW_LANG_Mips_Assembler, by which all assemblers go.
const languageAssembler = 0x8001

// slice returns [start, end) of the unit of .debug_info that holds an offset.
func (p *Program) slice(offset uint64) (start, end uint64, err error) {
	for end+4 <= uint64(len(p.info)) {
		start = end
		length := uint64(binary.LittleEndian.Uint32(p.info[start:]))
		if end = start + 4 + length; length >= 0xfffffff0 || end > uint64(len(p.info)) {
			break
		}
		if offset < end {
			return start, end, nil
		}
	}
	return 0, 0, fmt.Errorf("its debugging information is not in units of 32 bits")
}

// variable is where debugging information says that a variable is: a link address.
type variable struct {
	addr        uint64
	threadLocal bool
}

// readVariables notes where the variables of the unit are whose entry was read last, and its entries of functions.
func (u *Unit) readVariables(r *dwarf.Reader, unit *dwarf.Entry, variables map[variable]*Unit, functions functionEntries) error {
	depth := 0
	if unit.Children {
		depth = 1
	}
	for depth > 0 {
		e, err := r.Next()
		if err != nil || e == nil {
			return err
		}
		if e.Tag == 0 {
			depth--
			continue
		}
		if location, ok := e.Val(dwarf.AttrLocation).([]byte); ok && e.Tag == dwarf.TagVariable {
			if v, ok := u.program.placeOf(location); ok {
				variables[v] = u
			}
		}
		if external, _ := e.Val(dwarf.AttrExternal).(bool); external {
			name, _ := e.Val(dwarf.AttrName).(string)
			u.shown[name] = true
		}
		if e.Tag == dwarf.TagSubprogram {
			functions.add(e)
		}
		if e.Children {
			depth++
		}
	}
	return nil
}

// functionEntries are entries of functions, by their offsets.
type functionEntries map[dwarf.Offset]functionEntry

// functionEntry is what an entry says of a function. A name may be that of the entry of which it is an instance, in another unit perhaps.
type functionEntry struct {
	name string
	of   dwarf.Offset // 0 for none
	code bool         // it says where code is
}

func (f functionEntries) add(e *dwarf.Entry) {
	var entry functionEntry
	entry.name, _ = e.Val(dwarf.AttrName).(string)
	entry.code = e.Val(dwarf.AttrLowpc) != nil || e.Val(dwarf.AttrRanges) != nil
	for _, attr := range []dwarf.Attr{dwarf.AttrAbstractOrigin, dwarf.AttrSpecification} {
		if of, ok := e.Val(attr).(dwarf.Offset); ok {
			entry.of = of
		}
	}
	f[e.Offset] = entry
}

// withCode names the functions that have code of their own. One that gcc made an alias of another has none.
func (f functionEntries) withCode() map[string]bool {
	names := map[string]bool{}
	for _, entry := range f {
		if !entry.code {
			continue
		}
		for range 4 { // an instance, what it is one of, and the declaration of that
			if entry.name != "" {
				names[entry.name] = true
			}
			next, ok := f[entry.of]
			if !ok {
				break
			}
			entry = next
		}
	}
	return names
}

// Operations of DWARF 5, section 7.7.1, and the GNU form of one.
const (
	opAddr              = 0x03
	opConst4u           = 0x0c
	opConst8u           = 0x0e
	opFormTLSAddress    = 0x9b
	opGNUPushTLSAddress = 0xe0
)

// placeOf is where a variable's location says that it is.
func (p *Program) placeOf(b []byte) (v variable, ok bool) {
	addr := uint64(0)
	switch {
	case len(b) >= 9 && b[0] == opAddr:
		return variable{binary.LittleEndian.Uint64(b[1:]), false}, true
	case len(b) == 10 && b[0] == opConst8u:
		addr = binary.LittleEndian.Uint64(b[1:])
	case len(b) == 6 && b[0] == opConst4u:
		addr = uint64(binary.LittleEndian.Uint32(b[1:]))
	default:
		return v, false
	}
	tls, last := p.file.TLS(), b[len(b)-1]
	if tls == nil || last != opFormTLSAddress && last != opGNUPushTLSAddress {
		return v, false
	}
	return variable{tls.Vaddr + addr, true}, true
}

// assign gives units their symbols: functions by where their code is, variables that others see by where they are declared to be, and private
// symbols by the source that they stand behind in the symbol table. Behind a source without a name linkers put what is private to the program
// from all units.
func (p *Program) assign(variables map[variable]*Unit) {
	ranges := p.codeRanges()
	unitOf := func(s *elfobj.Symbol) *Unit {
		if isCode(&p.file.Sections[s.Section]) {
			return ranges.at(s.Value)
		}
		if s.Size == 0 { // an end, or the place of something in another section
			return nil
		}
		return variables[variable{p.addrOf(s), s.Type == elf.STT_TLS}]
	}
	var group []*elfobj.Symbol
	source, only := "", p.onlyUnits()
	flush := func() {
		p.assignGroup(group, only[source], unitOf)
		group = nil
	}
	for i := range p.file.Symbols {
		s := &p.file.Symbols[i]
		switch {
		case s.Type == elf.STT_FILE:
			flush()
			source = s.Name
		case !s.Defined() || s.Type == elf.STT_SECTION || s.Name == "" || isLabel(s):
		case s.Bind == elf.STB_LOCAL && source != "":
			group = append(group, s)
		default:
			p.give(unitOf(s), s)
		}
	}
	flush()
}

// isLabel reports whether a symbol is a compiler's label, which assemblers leave in objects for what linkers merge.
func isLabel(s *elfobj.Symbol) bool {
	return s.Bind == elf.STB_LOCAL && strings.HasPrefix(s.Name, ".L")
}

func (p *Program) give(u *Unit, s *elfobj.Symbol) {
	sec, addr := &p.file.Sections[s.Section], p.addrOf(s)
	inside := addr >= sec.Addr && s.Size <= sec.Size && addr-sec.Addr <= sec.Size-s.Size
	if u != nil && inside && sec.Flags&elf.SHF_ALLOC != 0 {
		u.symbols = append(u.symbols, s)
		p.owner[s.Index] = u
	}
}

// onlyUnits are the units by their names in the symbol table, of those names that one unit and one input of the link have.
func (p *Program) onlyUnits() map[string]*Unit {
	units, inputs := map[string]*Unit{}, map[string]int{}
	for i := range p.file.Symbols {
		if s := &p.file.Symbols[i]; s.Type == elf.STT_FILE {
			inputs[s.Name]++
		}
	}
	for _, u := range p.units {
		name := filepath.Base(u.Source)
		if _, again := units[name]; again || inputs[name] != 1 {
			units[name] = nil
		} else {
			units[name] = u
		}
	}
	return units
}

// assignGroup gives the private symbols of one source to their unit: the one that those of them are of which debugging information tells, else
// the only one of that source. What compilers make of a switch has a name that debugging information does not tell.
func (p *Program) assignGroup(group []*elfobj.Symbol, only *Unit, unitOf func(*elfobj.Symbol) *Unit) {
	var all *Unit
	for _, s := range group {
		u := unitOf(s)
		if all == nil {
			all = u
		}
		if u != nil && u != all { // several compiles, joined: only what each tells itself is known
			for _, s := range group {
				p.give(unitOf(s), s)
			}
			return
		}
	}
	if all == nil {
		all = only
	}
	for _, s := range group {
		p.give(all, s)
	}
}

// codeRange is code of one unit.
type codeRange struct {
	start, end uint64
	unit       *Unit
}

type codeRanges []codeRange

func (p *Program) codeRanges() (list codeRanges) {
	for _, u := range p.units {
		for _, r := range u.ranges {
			if r[0] < r[1] && r[0] != 0 {
				list = append(list, codeRange{r[0], r[1], u})
			}
		}
	}
	slices.SortFunc(list, func(a, b codeRange) int { return int(int64(a.start - b.start)) })
	return list
}

func (l codeRanges) at(addr uint64) *Unit {
	i := sort.Search(len(l), func(i int) bool { return l[i].start > addr }) - 1
	if i < 0 || addr >= l[i].end {
		return nil
	}
	return l[i].unit
}
