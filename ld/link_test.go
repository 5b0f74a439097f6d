package ld

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gocare/internal/elfobj"
	"gocare/internal/test/testkit"
)

// build is a program that the system linker made, with what Open needs of it.
type build struct {
	dir     string
	bin     *elfobj.File
	m       *Map
	objects []Object
}

// compile builds the objects of testdata/prog with flags; the two same.c go into archives as same.o.
func compile(t testing.TB, cflags ...string) string {
	t.Helper()
	testkit.Require(t, "gcc", "ar", "as")
	dir := t.TempDir()
	src, err := filepath.Abs("testdata/prog")
	if err != nil {
		t.Fatal(err)
	}
	for _, unit := range []string{"main", "start", "other", "one/same", "two/same"} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(unit)), 0o755); err != nil {
			t.Fatal(err)
		}
		testkit.Run(t, dir, "gcc", append(cflags, "-S", filepath.Join(src, unit+".c"), "-o", unit+".s")...)
		testkit.Run(t, dir, "gcc", "-c", unit+".s", "-o", unit+".o")
	}
	testkit.Run(t, dir, "ar", "rc", "libone.a", "one/same.o")
	testkit.Run(t, dir, "ar", "rc", "libboth.a", "two/same.o", "other.o")
	return dir
}

// linkProgram links the objects in dir and opens the result.
func linkProgram(t testing.TB, dir string, flags ...string) *build {
	t.Helper()
	args := append([]string{"main.o", "start.o", "-o", "out", "-Wl,-Map=out.map", "libone.a", "libboth.a"}, flags...)
	testkit.Run(t, dir, "gcc", append(args, "-lm")...)
	return openBuild(t, dir, "out")
}

// requireLinker skips a test whose linker is not there.
func requireLinker(t testing.TB, flags []string) {
	t.Helper()
	for _, f := range flags {
		if name, found := strings.CutPrefix(f, "-fuse-ld="); found {
			testkit.Require(t, "ld."+name)
		}
	}
}

// openBuild reads a program, its map and every input that the map names.
func openBuild(t testing.TB, dir, name string) *build {
	t.Helper()
	b := &build{dir: dir}
	var err error
	if b.bin, err = elfobj.Load(filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, name+".map"))
	if err != nil {
		t.Fatal(err)
	}
	if b.m, err = ReadMap(data); err != nil {
		t.Fatal(err)
	}
	b.objects = inputs(t, dir, b.m)
	return b
}

// inputs loads the objects that a map names, in its order.
func inputs(t testing.TB, dir string, m *Map) []Object {
	t.Helper()
	var objects []Object
	seen := map[[2]string]bool{}
	archives := map[string][]elfobj.Member{}
	for _, e := range m.Entries {
		k := [2]string{e.Path, e.Member}
		if seen[k] {
			continue
		}
		seen[k] = true
		for _, data := range contents(t, dir, e, archives) {
			f, err := elfobj.Parse(data)
			if err != nil {
				t.Fatalf("%s: %v", e.Path, err)
			}
			objects = append(objects, Object{Path: e.Path, Member: e.Member, File: f})
		}
	}
	return objects
}

func contents(t testing.TB, dir string, e Placement, archives map[string][]elfobj.Member) [][]byte {
	t.Helper()
	path := e.Path
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	if e.Member == "" {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Logf("input %s: %v", path, err)
			return nil
		}
		return [][]byte{data}
	}
	if archives[path] == nil {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if archives[path], err = elfobj.Members(data); err != nil {
			t.Fatal(err)
		}
		for i, m := range archives[path] {
			if m.Data == nil { // of a thin archive
				archives[path][i].Data, _ = os.ReadFile(filepath.Join(filepath.Dir(path), m.Name))
			}
		}
	}
	var found [][]byte
	for _, m := range archives[path] {
		if m.Name == e.Member {
			found = append(found, m.Data)
		}
	}
	return found
}

func (b *build) open(t testing.TB) *Original {
	t.Helper()
	o, err := Open(b.bin, b.m, b.objects)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// input finds an object by a suffix of its path or member.
func (b *build) input(t testing.TB, suffix string) int {
	t.Helper()
	for i, o := range b.objects {
		if filepath.Base(o.Path) == suffix || o.Member == suffix {
			return i
		}
	}
	t.Fatalf("no input %s", suffix)
	return -1
}

var (
	sectionLine  = regexp.MustCompile(`^\t\.(section\s+([^,\s]+)|text|data|bss)`)
	labelLine    = regexp.MustCompile(`^([A-Za-z_][\w.$]*):`)
	functionLine = regexp.MustCompile(`^\t\.type\s+(\S+), @function`)
	sizeLine     = regexp.MustCompile(`^\t\.size\s+([^,]+), \.-`)
	dropLine     = regexp.MustCompile(`^\t\.(globl|hidden|local|comm|type|set|ident|file|loc|cfi_sections)\b`)
)

// identity turns a unit's assembly into that of its functions under new names: functions become f.kpatch in
// .kpatch.text, unnamed constants go to .kpatch.rodata, variables are left out.
func identity(asm string) (string, []UnitFunction) {
	var out strings.Builder
	var functions []UnitFunction
	isFunction := map[string]bool{}
	section, keep := "", true
	for _, line := range strings.Split(asm, "\n") {
		if m := functionLine.FindStringSubmatch(line); m != nil {
			isFunction[m[1]] = true
			continue
		}
		if m := sectionLine.FindStringSubmatch(line); m != nil {
			section, keep = kpatchSection(m[1], m[2])
			if keep {
				line = "\t.section " + section
			}
		} else if m := labelLine.FindStringSubmatch(line); m != nil {
			keep = isFunction[m[1]] && section != ""
			line = m[1] + ".kpatch:"
			if keep {
				functions = append(functions, UnitFunction{Name: m[1], Symbol: m[1] + ".kpatch", Orig: m[1], Reason: "identity"})
			}
		} else if m := sizeLine.FindStringSubmatch(line); m != nil {
			line = "\t.size " + m[1] + ".kpatch, .-" + m[1] + ".kpatch"
			if !isFunction[m[1]] {
				continue
			}
		} else if strings.HasPrefix(line, ".L") && section != "" {
			keep = true
		}
		if keep && !dropLine.MatchString(line) {
			out.WriteString(line + "\n")
		}
	}
	return out.String(), functions
}

func kpatchSection(directive, name string) (string, bool) {
	switch {
	case directive == "text" || strings.HasPrefix(name, ".text"):
		return `.kpatch.text,"ax",@progbits`, true
	case strings.HasPrefix(name, ".rodata"):
		return `.kpatch.rodata,"a",@progbits`, true
	case strings.HasPrefix(name, ".data.rel.ro"):
		return `.kpatch.data,"aw",@progbits`, true
	}
	return "", false
}

// assemble makes a unit of an input's assembly under an edit.
func (b *build) assemble(t testing.TB, unit, asm string, functions []UnitFunction) Unit {
	t.Helper()
	dir := t.TempDir()
	testkit.WriteFile(t, filepath.Join(dir, "unit.s"), asm)
	testkit.Run(t, dir, "as", "unit.s", "-o", "unit.o")
	f, err := elfobj.Load(filepath.Join(dir, "unit.o"))
	if err != nil {
		t.Fatal(err)
	}
	return Unit{Name: unit + ".c", Input: b.input(t, filepath.Base(unit)+".o"), Object: f, Functions: functions}
}

func (b *build) identityUnit(t testing.TB, unit string) Unit {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(b.dir, unit+".s"))
	if err != nil {
		t.Fatal(err)
	}
	asm, functions := identity(string(data))
	return b.assemble(t, unit, asm, functions)
}

// join resolves and joins units.
func join(t testing.TB, o *Original, units ...Unit) *Joined {
	t.Helper()
	var resolved []*Resolved
	for _, u := range units {
		r, err := o.Resolve(u)
		if err != nil {
			t.Fatal(err)
		}
		resolved = append(resolved, r)
	}
	j, err := Join(o, resolved)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// compareWithLinker checks functions that were carried over unchanged: the system linker made the original from the same
// instructions, so every byte and every address has to be what it wrote.
func compareWithLinker(t *testing.T, b *build, j *Joined) {
	t.Helper()
	text := j.Sections[0]
	fields := map[uint64]JoinedReloc{}
	for _, r := range text.Relocs {
		fields[r.Offset] = r
	}
	for _, f := range j.Functions {
		if f.IsNew {
			t.Errorf("%s: new in an identity patch", f.Name)
			continue
		}
		size := f.Parts[0].Size
		if f.NewSize != size {
			t.Errorf("%s: %d bytes, the original has %d", f.Name, f.NewSize, size)
			continue
		}
		compareFunction(t, j, f, fields)
	}
}

func compareFunction(t *testing.T, j *Joined, f JoinedFunction, fields map[uint64]JoinedReloc) {
	t.Helper()
	old, new := f.Parts[0].Bytes, j.Sections[0].Data[f.New.Offset:f.New.Offset+f.NewSize]
	for i := 0; i < len(old); i++ {
		r, found := fields[f.New.Offset+uint64(i)]
		if !found {
			if f.Name == "use_weak" && old[i] == 0xe8 && string(new[i:i+5]) == "\x0f\x0b\x0f\x1f\x00" {
				i += 4 // a call that is never made; linkers point it at 0 or at an unused stub
				continue
			}
			if old[i] != new[i] {
				t.Errorf("%s+0x%x: byte %02x, the linker wrote %02x", f.Name, i, new[i], old[i])
				return
			}
			continue
		}
		compareField(t, j, f, r, f.Parts[0].Addr+uint64(i), old[i:])
		i += fieldSize(r) - 1
	}
}

func fieldSize(r JoinedReloc) int {
	if r.Type.String() == "R_X86_64_64" {
		return 8
	}
	return 4
}

// compareField compares what a relocation means with the value that the linker wrote at addr.
func compareField(t *testing.T, j *Joined, f JoinedFunction, r JoinedReloc, addr uint64, old []byte) {
	t.Helper()
	linked := uint64(int64(int32(binary.LittleEndian.Uint32(old))))
	if r.Type.String() == "R_X86_64_PC32" {
		linked += addr
	}
	switch r.Target.Kind {
	case InOriginal:
		if got := j.Originals[r.Target.Index].Addr + r.Target.Offset + uint64(r.Addend); got != linked {
			t.Errorf("%s at 0x%x: 0x%x, the linker wrote 0x%x", f.Name, addr, got, linked)
		}
	case Imported:
		t.Errorf("%s at 0x%x: import %q, the linker wrote 0x%x", f.Name, addr, j.Imports[r.Target.Index].Name, linked)
	}
}
