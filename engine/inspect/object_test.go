package inspect

import (
	"debug/elf"
	"os"
	"slices"
	"strings"
	"testing"

	"gocare/internal/arch"
	"gocare/internal/fault"
	"gocare/internal/test/testkit"
)

func TestBiases(t *testing.T) {
	// Text at 0x1000, data at link address 0x3e10 with file offset 0x2e10.
	loads := []segment{
		{typ: elf.PT_LOAD, vaddr: 0, offset: 0, filesz: 0x800, memsz: 0x800},
		{typ: elf.PT_LOAD, exec: true, vaddr: 0x1000, offset: 0x1000, filesz: 0x900, memsz: 0x900},
		{typ: elf.PT_LOAD, vaddr: 0x3e10, offset: 0x2e10, filesz: 0x200, memsz: 0x300},
	}
	// All in the first page of the file.
	tiny := []segment{
		{typ: elf.PT_LOAD, exec: true, vaddr: 0x400000, offset: 0, filesz: 0x500, memsz: 0x500},
		{typ: elf.PT_LOAD, vaddr: 0x401e10, offset: 0xe10, filesz: 0x100, memsz: 0x100},
	}
	at := func(start Addr, offset uint64, exec bool) Mapping {
		return Mapping{Start: start, End: start + 0x1000, Read: true, Exec: exec, Offset: offset, Inode: 7, Path: "/lib/x"}
	}
	image := func(bias Addr) []Mapping {
		return []Mapping{at(bias, 0, false), at(bias+0x1000, 0x1000, true), at(bias+0x3000, 0x2000, false)}
	}
	hugeText := image(0x10000)
	hugeText[1] = Mapping{Start: 0x11000, End: 0x12000, Read: true, Exec: true}
	// Text of two pages, constants and the begin of the data in the same page of the file: with the one taken for the other, the text seems to be a page on.
	shared := []segment{
		{typ: elf.PT_LOAD, vaddr: 0, offset: 0, filesz: 0x800, memsz: 0x800},
		{typ: elf.PT_LOAD, exec: true, vaddr: 0x1000, offset: 0x1000, filesz: 0x1900, memsz: 0x1900},
		{typ: elf.PT_LOAD, vaddr: 0x3000, offset: 0x3000, filesz: 0x400, memsz: 0x400},
		{typ: elf.PT_LOAD, vaddr: 0x4e10, offset: 0x3e10, filesz: 0x100, memsz: 0x100},
	}
	movedText := Mapping{Start: 0x11000, End: 0x13000, Read: true, Exec: true}
	sharedMaps := []Mapping{at(0x10000, 0, false), movedText, at(0x13000, 0x3000, false), at(0x14000, 0x3000, false)}
	otherText := image(0x10000)
	otherText[1].Inode = 8
	for _, tt := range []struct {
		name  string
		loads []segment
		maps  []Mapping
		want  []uint64
	}{
		{"once", loads, image(0x10000), []uint64{0x10000}},
		{"twice", loads, append(image(0x10000), image(0x80000)...), []uint64{0x10000, 0x80000}},
		{"as an image and as data", loads, append(image(0x10000), at(0x80000, 0, false)), []uint64{0x10000}},
		{"only as data", loads, []Mapping{at(0x80000, 0, false)}, nil},
		{"data in the first page of the file", tiny, []Mapping{at(0x400000, 0, true), at(0x401000, 0, false)}, []uint64{0}},
		{"text moved to huge pages", loads, hugeText, []uint64{0x10000}},
		{"moved text, and two segments in one page of the file", shared, sharedMaps, []uint64{0x10000}},
		{"text of another file", loads, otherText, nil},
		{"text at another offset", loads, []Mapping{at(0x10000, 0, false), at(0x11000, 0x2000, true)}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			group := slices.DeleteFunc(slices.Clone(tt.maps), func(m Mapping) bool { return m.Inode != 7 })
			p := &Process{Machine: &arch.X86_64, Mappings: tt.maps}
			if got := p.biases(tt.loads, group); !slices.Equal(got, tt.want) {
				t.Errorf("got %#x, want %#x", got, tt.want)
			}
		})
	}
}

// TestSameFile: a path is believed only if device and inode are the mapping's, and the BuildID is the memory's.
func TestSameFile(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	program := testkit.CCText(t, waitProgram, []string{"-Wl,--build-id"})
	rebuilt := testkit.CCText(t, "int main(void) { return 1; }", []string{"-Wl,--build-id"})
	bare := testkit.CCText(t, waitProgram, []string{"-Wl,--build-id=none"})
	live, _ := startWaiting(t, program)
	p := read(t, live.PID)
	m := *p.MappingAt(p.Main().Start)
	otherDevice, otherInode := m, m
	otherDevice.Dev = "ff:ff"
	otherInode.Inode++
	open := func(path string) *os.File {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	if !sameFile(open(program), m) || !p.sameBuildID(open(program), []Mapping{m}) {
		t.Error("the file itself is refused")
	}
	if sameFile(open(program), otherDevice) || sameFile(open(program), otherInode) || sameFile(open(rebuilt), m) {
		t.Error("another file is accepted")
	}
	if p.sameBuildID(open(rebuilt), []Mapping{m}) || p.sameBuildID(open(bare), []Mapping{m}) {
		t.Error("another BuildID, or none, is accepted")
	}
}

func TestLoadSeesAnotherFile(t *testing.T) {
	testkit.Require(t, "gcc")
	o := Object{Path: "/bin/x", BuildID: "0123", file: testkit.CCText(t, "int main(void) { return 0; }", []string{"-Wl,--build-id"})}
	if e := fault.As(o.Load()); e == nil || e.Code != "object-changed" || o.ELF != nil {
		t.Errorf("%v, %v", e, o.ELF)
	}
}

func TestOpenRegularOpensNoDevice(t *testing.T) {
	if f, err := openRegular("/dev/null"); err == nil {
		f.Close()
		t.Error("a device was opened")
	}
}

func TestBaseName(t *testing.T) {
	for path, want := range map[string]string{
		"/usr/bin/redis-server": "redis-server", "/x/libc.so.6 (deleted)": "libc.so.6", "/memfd:code (deleted)": "memfd:code", "": "",
	} {
		if got := baseName(path); got != want {
			t.Errorf("%q: got %q, want %q", path, got, want)
		}
	}
}

// TestVersion: the file of the C library has a name for its version, one that was made since this program began has none.
func TestVersion(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	live, _ := startWaiting(t, testkit.CCText(t, waitProgram, []string{"-Wl,--build-id"}))
	for _, o := range read(t, live.PID).Objects {
		if got := o.Version(); o.Main && got != "" || strings.HasPrefix(o.Name, "libc.so") && !strings.HasSuffix(got, "-"+o.BuildID) {
			t.Errorf("%s: %q", o.Path, got)
		}
	}
}
