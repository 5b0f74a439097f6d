package kpatch

import (
	"debug/elf"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestLibcarePlus reads a file that LibcarePlus made. Its recipe, with gcc 12.2 and binutils 2.40, in one directory:
//
//	cat > foo.c: int secret = 1000;
//	  __attribute__((noinline)) int value(int n) { asm volatile("":::"memory"); return n*2 + secret; }
//	  int main(void) { char b[64]; int n = 0; while (fgets(b, 64, stdin)) { printf("v=%d\n", value(n++)); fflush(stdout); } }
//	cat > bar.c: the same with int counter = 5;
//	  __attribute__((noinline)) int extra(int n) { asm volatile("":::"memory"); return abs(-n) + atoi("17"); }
//	  and value returning n*2 + secret + extra(n) + counter++
//	gcc -O1 -fno-builtin -S foo.c bar.c; sed -i s/bar.c/foo.c/ bar.s
//	kpatch_gensrc --os=rhel6 -i foo.s -i bar.s -o foobar.s --force-global
//	gcc -o foo foo.s -Wl,-q; gcc -o foobar foobar.s -Wl,-q
//	kpatch_strip --strip foobar s; kpatch_strip --rel-fixup foo s; strip --strip-unneeded s; kpatch_strip --undo-link foo s
//	kpatch_make -b BUILDID -i 0001 s -o libcareplus.kpatch
//
// Its section symbols have values, its patch sections have addresses, and its originals include relocation sections.
func TestLibcarePlus(t *testing.T) {
	p, err := Load(filepath.Join("testdata", "libcareplus.kpatch"))
	if err != nil {
		t.Fatal(err)
	}
	if p.ID != "0001" || p.BuildID != "38e1309755bceaeb01f0f6aa184e659da75e2593" || p.Meta != nil {
		t.Errorf("id %q, build ID %q, metadata %v", p.ID, p.BuildID, p.Meta)
	}
	want := []Function{
		{Name: "value.kpatch", Old: Location{16, 0xe9}, New: Location{18, 0}, OldSize: 10, NewSize: 36},
		{Name: "extra", New: Location{18, 0x24}, NewSize: 36},
	}
	if diff := cmp.Diff(want, p.Functions); diff != "" {
		t.Errorf("functions:\n%s", diff)
	}
	type reference struct {
		Offset uint64
		Name   string
		Addend int64
	}
	var got []reference
	for _, r := range p.section(TextSection).Relocs {
		if r.Type != elf.R_X86_64_PC32 {
			t.Errorf("relocation %+v", r)
		}
		got = append(got, reference{r.Offset, p.Symbols[r.Symbol].Name, r.Addend})
	}
	wantRefs := []reference{
		{0x03, "secret", -4}, {0x0b, "extra", -4}, {0x11, "counter.kpatch", -4}, {0x1a, "counter.kpatch", -4},
		{0x28, "abs", -4}, {0x3b, "", -4}, {0x40, "strtol", -4},
	}
	if diff := cmp.Diff(wantRefs, got); diff != "" {
		t.Errorf("references:\n%s", diff)
	}
	layout, err := p.Layout()
	wantLayout := Layout{
		JumpSlots: 2, JmpOffset: 504, ElfOffset: 0x1000, DataOffset: 0x2000, UserInfo: 0x1303, UserUndo: 0x2f00, TotalMemory: 0x3000,
	}
	if diff := cmp.Diff(wantLayout, layout); diff != "" || err != nil {
		t.Error(err, diff)
	}
}
