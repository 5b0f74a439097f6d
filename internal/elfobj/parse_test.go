package elfobj

import (
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gocare/internal/test/testkit"
)

// hostLibrary is the C library of the machine or skips: it has versions, hashes, notes and TLS.
func hostLibrary(t testing.TB) string {
	t.Helper()
	for _, pattern := range []string{"/lib/x86_64-linux-gnu/libc.so.6", "/lib64/libc.so.6", "/usr/lib/libc.so.6"} {
		if _, err := os.Stat(pattern); err == nil {
			return pattern
		}
	}
	t.Skip("no x86-64 C library here")
	return ""
}

func TestParseAgreesWithStandardLibrary(t *testing.T) {
	path := hostLibrary(t)
	f, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	std, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer std.Close()
	want, err := std.DynamicSymbols()
	if err != nil {
		t.Fatal(err)
	}
	if len(f.DynSymbols) != len(want)+1 {
		t.Fatalf("%d dynamic symbols, want %d", len(f.DynSymbols), len(want)+1)
	}
	for i, w := range want {
		got := f.DynSymbols[i+1]
		ver := w.Version
		if got.Name != w.Name || got.Value != w.Value || got.Size != w.Size || got.Section != int(w.Section) ||
			got.Type != elf.ST_TYPE(w.Info) || got.Bind != elf.ST_BIND(w.Info) || got.Version != ver {
			t.Errorf("dynamic symbol %d: got %+v, want %+v", i+1, got, w)
		}
	}
	for i, w := range std.Sections {
		if got := f.Sections[i]; got.Name != w.Name || got.Addr != w.Addr || got.Size != w.Size && i > 0 || got.Type != w.Type {
			t.Errorf("section %d: got %+v, want %+v", i, got, w.SectionHeader)
		}
	}
	if f.TLS() == nil || f.Soname() != "libc.so.6" || len(f.Needed()) == 0 {
		t.Errorf("TLS %v, soname %q, needed %q", f.TLS(), f.Soname(), f.Needed())
	}
	text := f.Section(".text")
	if b, ok := f.BytesAt(text.Addr+16, 32); !ok || !bytes.Equal(b, text.Data[16:48]) {
		t.Errorf("BytesAt .text+16: %x, %v", b, ok)
	}
}

func TestWithoutSectionHeaders(t *testing.T) {
	full, err := Load(hostLibrary(t))
	if err != nil {
		t.Fatal(err)
	}
	data := bytes.Clone(full.raw)
	clear(data[40:48]) // e_shoff
	clear(data[58:64]) // e_shentsize, e_shnum, e_shstrndx
	bare, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	if len(bare.Sections) != 0 {
		t.Fatalf("%d sections", len(bare.Sections))
	}
	if diff := cmp.Diff(full.DynSymbols, bare.DynSymbols); diff != "" {
		t.Errorf("dynamic symbols (-with headers +without):\n%s", diff)
	}
	want, err := full.DynRelas()
	if err != nil {
		t.Fatal(err)
	}
	got, err := bare.DynRelas()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" || len(got) == 0 {
		t.Errorf("dynamic relocations (-with headers +without):\n%s", diff)
	}
	if full.BuildID() == "" || bare.BuildID() != full.BuildID() {
		t.Errorf("build ID %q without headers, %q with", bare.BuildID(), full.BuildID())
	}
	if id, err := ReadBuildID(bytes.NewReader(data)); err != nil || id != full.BuildID() {
		t.Errorf("ReadBuildID: %q, %v", id, err)
	}
	if diff := cmp.Diff(full.Needed(), bare.Needed()); diff != "" || bare.Soname() != full.Soname() {
		t.Errorf("needed %s, soname %q", diff, bare.Soname())
	}
}

func TestGNUHashCount(t *testing.T) {
	// two buckets, first hashed symbol 1, one bloom word; chains of symbols 1-2 and 3
	table := words(2, 1, 1, 0, 0, 0, 1, 3, 2, 3, 5)
	if n, err := gnuHashCount(table); n != 4 || err != nil {
		t.Errorf("got %d, %v, want 4 symbols", n, err)
	}
	if _, err := gnuHashCount(table[:len(table)-4]); err == nil {
		t.Error("a chain without an end was accepted")
	}
	if n, err := gnuHashCount(words(1, 7, 1, 0, 0, 0, 0)); n != 7 || err != nil {
		t.Errorf("empty buckets: got %d, %v, want 7 symbols", n, err)
	}
}

func words(values ...uint32) []byte {
	var b []byte
	for _, v := range values {
		b = order.AppendUint32(b, v)
	}
	return b
}

func TestManySections(t *testing.T) {
	testkit.Require(t, "as")
	var src bytes.Buffer
	const num = 66000
	for i := range num {
		src.WriteString(".section .s" + strconv.Itoa(i) + ",\"ax\"\nf" + strconv.Itoa(i) + ": nop\n")
	}
	dir := t.TempDir()
	object := filepath.Join(dir, "many.o")
	cmd := exec.Command("as", "-o", object, "-")
	cmd.Stdin = &src
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("as: %v\n%s", err, out)
	}
	f, err := Load(object)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Sections) < num {
		t.Fatalf("%d sections", len(f.Sections))
	}
	found := 0
	for i := range f.Symbols {
		s := &f.Symbols[i]
		if s.Type != elf.STT_NOTYPE || s.Name == "" {
			continue
		}
		found++
		if !s.Defined() || f.Sections[s.Section].Name != ".s"+s.Name[1:] {
			t.Fatalf("%s in section %d %q", s.Name, s.Section, f.Sections[s.Section].Name)
		}
	}
	if found != num {
		t.Errorf("found %d symbols, want %d", found, num)
	}
}

func TestSplitVersion(t *testing.T) {
	for _, row := range []struct{ name, base, version string }{
		{"puts", "puts", ""},
		{"stderr@GLIBC_2.2.5", "stderr", "GLIBC_2.2.5"},
		{"f@@V2", "f", "V2"},
		{"@odd", "@odd", ""},
	} {
		if b, v := splitVersion(row.name); b != row.base || v != row.version {
			t.Errorf("%s: got %q, %q", row.name, b, v)
		}
	}
}
