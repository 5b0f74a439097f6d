package ld

import (
	"debug/elf"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"gocare/internal/elfobj"
	"gocare/internal/fault"
	"gocare/internal/test/testkit"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestReadMap compares excerpts of real maps with what is read from them.
func TestReadMap(t *testing.T) {
	paths, err := filepath.Glob("testdata/map/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no maps: %v", err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			name, got := "want", ""
			m, err := ReadMap(archive.Files[0].Data)
			if err != nil {
				name, got = "want.err", err.Error()+"\n"
			} else {
				got = listMap(m)
			}
			if *update {
				archive.Files[1] = txtar.File{Name: name, Data: []byte(got)}
				testkit.WriteFile(t, path, string(txtar.Format(archive)))
				return
			}
			want := archive.Files[1]
			if diff := cmp.Diff(want.Name+"\n"+string(want.Data), name+"\n"+got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// listMap writes one line for each entry.
func listMap(m *Map) string {
	var b strings.Builder
	fmt.Fprintf(&b, "linker %s\n", m.Linker)
	for _, e := range m.Entries {
		fmt.Fprintf(&b, "0x%x 0x%x %s %s %s", e.Addr, e.Size, e.Section, e.Path, e.Member)
		if e.Discarded {
			b.WriteString(" discarded")
		}
		var names []string
		for name, addr := range e.Symbols {
			names = append(names, fmt.Sprintf(" %s=0x%x", name, addr))
		}
		sort.Strings(names)
		b.WriteString(strings.Join(names, "") + "\n")
	}
	return b.String()
}

// TestReadMapLines has the shapes of lines one by one.
func TestReadMapLines(t *testing.T) {
	const head = "Linker-Skript und Speicherzuordnung\n\n.text           0x0000000000001000      0x100\n"
	const tail = " .data          0x0000000000002000        0x8 tail.o\n"
	for _, tt := range []struct{ name, line, want string }{
		{"short name", " .text          0x0000000000001000       0x10 a.o", "0x1000 0x10 .text a.o "},
		{"long name", " .text.a_long_function_name\n                0x0000000000001000       0x10 a.o", "0x1000 0x10 .text.a_long_function_name a.o "},
		{"name without a dot", " listed         0x0000000000001000       0x10 a.o", "0x1000 0x10 listed a.o "},
		{"path with spaces", " .text          0x0000000000001000       0x10 my dir/a b.o", "0x1000 0x10 .text my dir/a b.o "},
		{"archive member", " .text          0x0000000000001000       0x10 lib/x.a(a.o)", "0x1000 0x10 .text lib/x.a a.o"},
		{"path with parentheses", " .text          0x0000000000001000       0x10 a (1)/b.o", "0x1000 0x10 .text a (1)/b.o "},
		{"discarded by address", " .text          0x0000000000000000       0x10 a.o", "0x0 0x10 .text a.o  discarded"},
		{"carriage return", " .text          0x0000000000001000       0x10 a.o\r", "0x1000 0x10 .text a.o "},
		{"fill", " *fill*         0x0000000000001000       0x10 90", ""},
		{"pattern", " *(.text .stub .text.*)", ""},
		{"symbol", "                0x0000000000001000                main", ""},
		{"expression", "                0x0000000000001000                . = ALIGN (0x8)", ""},
		{"size before relaxing", "                                         0x25 (size before relaxing)", ""},
		{"name with a pattern after it", " .text.long\n *(.fini)\n                0x0000000000001000       0x10 a.o", ""},
		{"number too long", " .text          0x10000000000001000       0x10 a.o", ""},
		{"no path", " .text          0x0000000000001000       0x10", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, err := ReadMap([]byte(head + tt.line + "\n" + tail))
			if err != nil {
				t.Fatal(err)
			}
			want := "linker bfd\n"
			if tt.want != "" {
				want += tt.want + "\n"
			}
			want += "0x2000 0x8 .data tail.o \n"
			if diff := cmp.Diff(want, listMap(m)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzReadMap(f *testing.F) {
	paths, err := filepath.Glob("testdata/map/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(txtar.Parse(data).Files[0].Data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ReadMap(data)
		if (m == nil) == (err == nil) {
			t.Fatalf("map %v, error %v", m, err)
		}
		if m != nil && len(m.Entries) > len(data)/8 {
			t.Fatalf("%d entries from %d bytes", len(m.Entries), len(data))
		}
	})
}

// TestForeign: text that is no map of a linker we know, and a binary for another machine.
func TestForeign(t *testing.T) {
	_, err := ReadMap([]byte("Archive member included\nnothing that we know\n"))
	if e := fault.As(err); e == nil || e.Code != "foreign-map" {
		t.Errorf("map: %v", err)
	}
	for machine, code := range map[elf.Machine]string{elf.EM_RISCV: "foreign-machine", elf.EM_X86_64: ""} {
		_, err := Open(&elfobj.File{Type: elf.ET_DYN, Machine: machine}, &Map{}, nil)
		if e := fault.As(err); (e == nil) != (code == "") || e != nil && string(e.Code) != code {
			t.Errorf("%v: %v", machine, err)
		}
	}
}
