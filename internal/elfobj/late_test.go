package elfobj

import (
	"bytes"
	"debug/elf"
	"errors"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gocare/internal/test/testkit"
)

// counted is a file that counts what is read of it, and fails from a while on.
type counted struct {
	io.ReaderAt
	read int
	err  error
}

func (c *counted) ReadAt(b []byte, off int64) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	c.read += len(b)
	return c.ReaderAt.ReadAt(b, off)
}

// TestParseAt: a file that is read in parts is the same as one that is read whole, but for what is large, which is there when it is asked for.
func TestParseAt(t *testing.T) {
	testkit.Require(t, "gcc")
	path := testkit.CCText(t, `
		char large[8 << 20] = {1}, last = 7;
		const char constant[4 << 20] = {2};
		int main(void) { return large[1]; }
		__asm__(".text; .globl code; code: .fill 1 << 20, 1, 0x90; ret; .pushsection .other,\"\",@progbits; .fill 1 << 20; .popsection");`, []string{"-g"})
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	file := &counted{ReaderAt: bytes.NewReader(data)}
	got, err := ParseAt(file, int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	if file.read > 256<<10 || got.Whole() {
		t.Errorf("%d of %d bytes were read", file.read, len(data))
	}
	if !reflect.DeepEqual(got.Symbols, want.Symbols) || !reflect.DeepEqual(got.DynSymbols, want.DynSymbols) || got.BuildID() != want.BuildID() {
		t.Error("other symbols, or another BuildID")
	}
	for i, s := range want.Sections {
		if have := got.Sections[i]; have.Data != nil && !bytes.Equal(have.Data, s.Data) || have.Data == nil && s.Data != nil && s.Size < largeSection {
			t.Errorf("section %s: other contents", s.Name)
		}
	}
	for _, s := range want.Symbols {
		a, ok := want.BytesAt(s.Value, s.Size)
		if b, found := got.BytesAt(s.Value, s.Size); found != ok || !bytes.Equal(a, b) {
			t.Errorf("%s: other bytes", s.Name)
		}
	}
	for _, s := range want.Symbols {
		if s.Name != "code" {
			continue
		}
		before := file.read
		b, a := make([]byte, 512<<10), make([]byte, 1<<20)
		if whole, ok := want.BytesAt(s.Value, 1<<20); !got.ReadAt(b, s.Value) || !want.ReadAt(a, s.Value) || !ok || !bytes.Equal(a, whole) || !bytes.Equal(b, a[:len(b)]) {
			t.Error("other bytes are copied")
		}
		if got.ReadAt(b, s.Value); file.read != before+2*len(b) {
			t.Error("bytes that are copied are kept")
		}
		if got.ReadAt(b, ^uint64(0)-8) || got.Loads(s.Value, ^uint64(0)) || !got.Loads(s.Value, 1<<20) {
			t.Error("bytes are there that no segment has, or others are not")
		}
	}
	file.err = errors.New("gone")
	for _, s := range want.Symbols {
		if s.Name == "code" {
			if _, ok := got.BytesAt(s.Value+1<<19, 16); ok {
				t.Error("bytes that cannot be read are there")
			}
			if !errors.Is(got.Unread(), file.err) {
				t.Errorf("unread: %v", got.Unread())
			}
		}
	}
}

// TestParseAtNames: names are read that stand in a large section, whatever type that says it has.
func TestParseAtNames(t *testing.T) {
	testkit.Require(t, "gcc")
	long := strings.Repeat("x", largeSection)
	data, err := os.ReadFile(testkit.CCText(t, `
		int `+long+`(void) { return 0; }
		int main(void) { return 0; }`, nil))
	if err != nil {
		t.Fatal(err)
	}
	f, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	table := f.Section(".strtab").Index
	order.PutUint32(data[order.Uint64(data[40:])+uint64(table)*sectionSize+4:], uint32(elf.SHT_PROGBITS))
	late, err := parseAt(bytes.NewReader(data), int64(len(data)), 0)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(late.Symbols, func(s Symbol) bool { return s.Name == long }) {
		t.Error("the function has no name")
	}
}

// TestParseAtRefuses: what Parse refuses, ParseAt does, and a file that ends before its size, or cannot be read.
func TestParseAtRefuses(t *testing.T) {
	testkit.Require(t, "gcc")
	data, err := os.ReadFile(testkit.CCText(t, "int main(void) { return 0; }", nil))
	if err != nil {
		t.Fatal(err)
	}
	at := func(data []byte, size int) error {
		_, err := parseAt(bytes.NewReader(data), int64(size), 0)
		return err
	}
	if err := at(data, len(data)); err != nil {
		t.Fatal(err)
	}
	if at(data[:len(data)-1], len(data)) == nil {
		t.Error("a file that has shrunk is taken")
	}
	for i := 0; i < headerSize; i++ {
		broken := bytes.Clone(data)
		broken[i] ^= 0xff
		_, want := Parse(broken)
		if got := at(broken, len(broken)); (got == nil) != (want == nil) {
			t.Errorf("header byte %d: got %v, want %v", i, got, want)
		}
	}
	for size := range 200 {
		_, want := Parse(data[:size])
		if got := at(data[:size], size); (got == nil) != (want == nil) {
			t.Errorf("%d bytes: got %v, want %v", size, got, want)
		}
	}
}
