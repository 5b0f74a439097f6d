package planner

import (
	"cmp"
	"debug/elf"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"gocare/diffasm"
	"gocare/internal/elfobj"
	"gocare/internal/lazyregexp"
	"gocare/internal/srcpatch"
	"gocare/ld"
)

// generated is the code that gcc made when it linked a program: an object for each partition.
type generated struct {
	objects   []*elfobj.File
	paths     []string // of the objects
	texts     []string // assembly
	languages []language
	used      map[string]bool // names that other inputs of the link look for
	debug     *homes
	homes     map[privateSymbol]home
	sources   func(path string) []byte                // the text of a source of this version, nil if it cannot be read
	sameLine  func(orig, patched srcpatch.Place) bool // whether lines of the two versions are the same, or one stands in place of the other
}

// privateSymbol is a function or variable that no other input of a link sees, with all its symbols: gcc gives one that several
// partitions use a name for all of them, hidden to others.
type privateSymbol struct {
	stem     string // without what link-time optimisation added to tell it from namesakes
	part     int    // -1 for one that several partitions share
	symbol   string
	function bool
	untyped  bool // a label of inline assembly
}

// promoted is what gcc adds to a name that is private to a source and has namesakes, or is used from another partition.
var promoted = lazyregexp.New(`\.lto_priv\.\d+`)

// coldPart is the end of the name of a function's cold part.
var coldPart = lazyregexp.New(`\.cold(\.\d+)?$`)

// private lists the private symbols, shared ones first, in the order of partitions, without parts of functions.
func (g *generated) private() (list []privateSymbol) {
	shared := map[string]bool{}
	for k, f := range g.objects {
		for i := range f.Symbols {
			s := &f.Symbols[i]
			if !named(s) || !s.Defined() || coldPart.MatchString(s.Name) || s.Bind != elf.STB_LOCAL && (s.Bind != elf.STB_GLOBAL || s.Vis != elf.STV_HIDDEN || g.used[s.Name]) {
				continue
			}
			p := privateSymbol{promoted.ReplaceAllString(s.Name, ""), k, s.Name, s.Type == elf.STT_FUNC, s.Type == elf.STT_NOTYPE}
			if s.Bind != elf.STB_LOCAL {
				if p.part = -1; shared[s.Name] {
					continue
				}
				shared[s.Name] = true
			}
			list = append(list, p)
		}
	}
	slices.SortStableFunc(list, func(a, b privateSymbol) int { return cmp.Compare(a.part, b.part) })
	return list
}

func named(s *elfobj.Symbol) bool {
	return s.Name != "" && s.Type != elf.STT_SECTION && s.Type != elf.STT_FILE && !strings.HasPrefix(s.Name, ".L")
}

// findHomes finds out where private symbols are declared, by the debug information of the program and the map of its link.
func (g *generated) findHomes(program *elfobj.File, m *ld.Map, renamed map[string]string) {
	g.debug, g.homes = readHomes(program), map[privateSymbol]home{}
	if len(g.debug.at) == 0 {
		return
	}
	places := g.places(program, m)
	for _, p := range g.private() {
		addr, placed := places[placeOf{p.part, p.symbol}]
		if h, ok := g.debug.find(addr); placed && ok && g.spelt(h.name, h.unit) {
			h.unit = cmp.Or(renamed[h.unit], h.unit)
			g.homes[p] = h
		}
	}
}

// placeOf names a symbol of a partition, or one for all (-1).
type placeOf struct {
	part   int
	symbol string
}

// places are where symbols are in the program, as far as the map tells.
func (g *generated) places(program *elfobj.File, m *ld.Map) map[placeOf]storage {
	sections, at := m.Places(), map[placeOf]storage{}
	for k, f := range g.objects {
		for i := range f.Symbols {
			s := &f.Symbols[i]
			if !s.Defined() {
				continue
			}
			addr, ok := sections[ld.InputSection{Path: g.paths[k], Section: f.Sections[s.Section].Name}]
			if !ok || addr == 0 {
				continue
			}
			place := storage{addr: addr + s.Value}
			if s.Type == elf.STT_TLS {
				tls := program.TLS()
				if tls == nil {
					continue
				}
				place = storage{place.addr - tls.Vaddr, true}
			}
			at[partOf(k, s)] = place
		}
	}
	return at
}

// spelt reports whether a name stands in a source. One that does not may be made by a macro of a number, and says nothing; others
// may come from a header.
func (g *generated) spelt(name, unit string) bool {
	if last := name[len(name)-1]; last < '0' || last > '9' {
		return true
	}
	return regexp.MustCompile(`\b` + regexp.QuoteMeta(name) + `\b`).Match(g.sources(unit))
}

// owners lists the sources that a private symbol may be from, or that it is the same for all.
func (g *generated) owners(p privateSymbol) (units []string) {
	base := diffasm.SourceName(p.stem)
	for i := range g.languages {
		if owner := g.languages[i].owner(base, p.function, base != p.stem); owner != "" && !slices.Contains(units, owner) {
			units = append(units, owner)
		}
	}
	return units
}

// naming gives the private symbols of one version names under which the whole is compared. A name without a number is the same thing in
// both versions; where that is not known a number is added, which says nothing.
type naming map[privateSymbol]string

// nameBoth names what is one thing in both versions. Doubtful are the source names of the rest that several sources may have.
func nameBoth(orig, patched *generated) (o, p naming, doubtful []string) {
	findNames(orig, patched)
	o, p = naming{}, naming{}
	groups := map[namesakes][2][]privateSymbol{}
	for v, g := range []*generated{orig, patched} {
		for _, s := range g.private() {
			base := diffasm.SourceName(s.stem)
			if s.untyped || !diffasm.HasSourceName(s.stem) {
				continue // a label or a constant: known by its place or content alone
			}
			both := groups[namesakes{base, s.function}]
			both[v] = append(both[v], s)
			groups[namesakes{base, s.function}] = both
		}
	}
	for n, both := range groups {
		names := [2]naming{o, p}
		versions := [2]*generated{orig, patched}
		units := ownersOf(versions, both)
		same := len(units) == 1 && units[0] == everySource
		known := same || len(units) == 1 && (orig.spelt(n.name, units[0]) || patched.spelt(n.name, units[0]))
		one := known && privateOriginals(both[0]) <= 1 && privateOriginals(both[1]) <= 1
		switch {
		case same && one:
			n.plain(both, names)
		case byHome(n.name, versions, both, names):
		case one:
			n.plain(both, names)
		case !known:
			doubtful = append(doubtful, n.name)
		}
	}
	slices.Sort(doubtful)
	return o, p, slices.Compact(doubtful)
}

// findNames looks for the names of both versions in the sources of both.
func findNames(orig, patched *generated) {
	names := map[string]bool{}
	for _, g := range []*generated{orig, patched} {
		for _, f := range g.objects {
			for i := range f.Symbols {
				names[sourceName(f.Symbols[i].Name)] = true
			}
		}
	}
	for _, g := range []*generated{orig, patched} {
		for i := range g.languages {
			g.languages[i].find(names)
		}
	}
}

// sourceName is the name of a symbol without what compilers add.
func sourceName(symbol string) string {
	return diffasm.SourceName(promoted.ReplaceAllString(symbol, ""))
}

// namesakes are the functions, or the variables, of one source name.
type namesakes struct {
	name     string
	function bool
}

// byHome names symbols by where they are declared; it is false where that is not known of all.
func byHome(name string, versions [2]*generated, both [2][]privateSymbol, names [2]naming) bool {
	tags, homes := map[string]home{}, map[home]bool{}
	for v := range both {
		seen := map[home]bool{}
		for _, s := range both[v] {
			at, known := versions[v].homes[s]
			if !known || at.name != name || seen[at] && !s.clone() {
				return false
			}
			seen[at], homes[at] = seen[at] || !s.clone(), true
		}
	}
	clash := false
	for at := range homes {
		if !sameDeclaration(at, versions) {
			return false
		}
		_, found := tags[at.tag()]
		clash = clash || found
		tags[at.tag()] = at
	}
	for v := range both {
		taken := map[string]bool{}
		for _, s := range both[v] {
			at := versions[v].homes[s]
			whole := name + "." + at.tag()
			switch {
			case len(homes) == 1 && at.function == "":
				whole = name
			case clash || diffasm.SourceName(whole) != whole:
				whole = fmt.Sprintf("%s.u%08x", whole, crc32.ChecksumIEEE([]byte(at.unit+"\x00"+at.function)))
			}
			if s.clone() {
				whole = unused(whole+s.stem[len(name):], taken)
				taken[whole] = true
			}
			names[v][s] = whole
		}
	}
	return true
}

// sameDeclaration reports whether a static variable of a function that both versions have is declared on a line that the patch left alone, or
// wrote anew in its place: another one of that name may have come elsewhere.
func sameDeclaration(at home, versions [2]*generated) bool {
	o, p := versions[0].debug.place[at], versions[1].debug.place[at]
	return at.function == "" || o.Line == 0 || p.Line == 0 || versions[1].sameLine(o, p)
}

// clone reports whether a function is a copy that the compiler made of another, or a part of one: several have the same home.
func (s privateSymbol) clone() bool { return s.function && diffasm.SourceName(s.stem) != s.stem }

// privateOriginals counts the symbols that are no clones.
func privateOriginals(list []privateSymbol) (n int) {
	for _, s := range list {
		if !s.clone() {
			n++
		}
	}
	return n
}

// tag is a short word for a home: the function, else the source.
func (h home) tag() string {
	if h.function != "" {
		return h.function
	}
	return notOfNames.ReplaceAllString(filepath.Base(h.unit), "_")
}

var notOfNames = lazyregexp.New(`[^A-Za-z0-9_]`)

// ownersOf lists the sources that symbols of both versions may be from.
func ownersOf(versions [2]*generated, both [2][]privateSymbol) (units []string) {
	for v := range both {
		for _, s := range both[v] {
			units = slices.Concat(units, versions[0].owners(s), versions[1].owners(s))
		}
	}
	slices.Sort(units)
	return slices.Compact(units)
}

// plain gives the one symbol of its name that name, but for static variables of functions, which keep a number.
func (n namesakes) plain(both [2][]privateSymbol, names [2]naming) {
	for v := range both {
		for _, s := range both[v] {
			if s.stem == n.name {
				names[v][s] = n.name
			}
		}
	}
}

// names says what the symbols of each partition are called in the whole.
func (n naming) names(g *generated) []map[string]string {
	private, taken := g.private(), g.seen()
	for _, p := range private {
		taken[n[p]] = true
	}
	whole := map[placeOf]string{}
	for _, p := range private {
		name := n[p]
		switch {
		case name != "":
		case p.untyped && !taken[p.stem]:
			name = p.stem
		default:
			name = unused(p.stem, taken)
		}
		taken[name] = true
		whole[placeOf{p.part, p.symbol}] = name
	}
	names := make([]map[string]string, len(g.objects))
	for k, f := range g.objects {
		names[k] = map[string]string{}
		for i := range f.Symbols {
			if name := whole[partOf(k, &f.Symbols[i])]; name != "" {
				names[k][f.Symbols[i].Name] = name
			}
		}
	}
	nameParts(g, names)
	return names
}

// seen returns the names that other inputs of the link see, or that are looked for there.
func (g *generated) seen() map[string]bool {
	hidden, names := map[string]bool{}, map[string]bool{}
	for _, p := range g.private() {
		hidden[p.symbol] = hidden[p.symbol] || p.part < 0
	}
	for _, f := range g.objects {
		for i := range f.Symbols {
			if s := &f.Symbols[i]; named(s) && s.Bind != elf.STB_LOCAL && !hidden[s.Name] {
				names[s.Name] = true
			}
		}
	}
	return names
}

// partOf is the place of a symbol of partition k.
func partOf(k int, s *elfobj.Symbol) placeOf {
	if s.Bind != elf.STB_LOCAL {
		k = -1
	}
	return placeOf{k, s.Name}
}

// unused returns a numbered name that is not taken.
func unused(stem string, taken map[string]bool) string {
	if diffasm.SourceName(stem) != stem {
		if !taken[stem] {
			return stem
		}
		stem = stem[:strings.LastIndexByte(stem, '.')]
	}
	for i := 0; ; i++ {
		if name := fmt.Sprintf("%s.%d", stem, i); !taken[name] {
			return name
		}
	}
}

// nameParts names the cold parts of functions after these.
func nameParts(g *generated, names []map[string]string) {
	for k, f := range g.objects {
		for i := range f.Symbols {
			s := &f.Symbols[i]
			end := coldPart.FindStringIndex(s.Name)
			if end == nil || s.Bind != elf.STB_LOCAL {
				continue
			}
			if of := names[k][s.Name[:end[0]]]; of != "" {
				names[k][s.Name] = of + s.Name[end[0]:]
			}
		}
	}
}
