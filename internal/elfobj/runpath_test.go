package elfobj_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"gocare/internal/elfobj"
	"gocare/internal/test/testkit"
)

const librarySource = `
int count;
int answer(void) { return ++count; }
`

// Installs take run paths out of programs in several ways; anything else that differs is a difference.
func TestSameButRunPath(t *testing.T) {
	testkit.Require(t, "gcc")
	dir := t.TempDir()
	testkit.WriteFile(t, filepath.Join(dir, "lib.c"), librarySource)
	link := func(flags ...string) []byte {
		testkit.Run(t, dir, "gcc", slices.Concat([]string{"-shared", "-fPIC", "-o", "lib.so", "lib.c", "-Wl,-soname,lib.so"}, flags)...)
		data, err := os.ReadFile(filepath.Join(dir, "lib.so"))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	const path = "/opt/long/path"
	linked := link("-Wl,-rpath," + path)
	sharing := link("-Wl,-rpath," + path + "/count")
	tests := []struct {
		name string
		a, b []byte
		want bool
	}{
		{"the same", linked, linked, true},
		{"entry taken out, as meson does", linked, withoutEntry(t, linked), true},
		{"entry and string taken out, as cmake does", linked, replaced(withoutEntry(t, linked), path, ""), true},
		{"string made shorter, as chrpath does", linked, replaced(linked, path, "/usr"), true},
		{"another soname", linked, replaced(linked, "\x00lib.so\x00", "\x00lib.to\x00"), false},
		{"another exported name", linked, replaced(linked, "answer", "Answer"), false},
		{"a name that is the end of the path is overwritten", sharing, replaced(sharing, path+"/count", ""), false},
		{"a name that is the end of the path is kept", sharing, withoutEntry(t, sharing), true},
		{"another entry", linked, link("-Wl,-rpath,"+path, "-Wl,-z,now"), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, errA := elfobj.Parse(tt.a)
			b, errB := elfobj.Parse(tt.b)
			if errA != nil || errB != nil {
				t.Fatal(errA, errB)
			}
			if got := elfobj.SameButRunPath(a, b); got != tt.want {
				t.Errorf("SameButRunPath = %v, want %v", got, tt.want)
			}
			if got := elfobj.SameButRunPath(b, a); got != tt.want {
				t.Errorf("the other way round = %v, want %v", got, tt.want)
			}
		})
	}
}

// replaced writes a string over all copies of another that is as long or longer, and fills up with zeros.
func replaced(data []byte, old, with string) []byte {
	return bytes.ReplaceAll(data, []byte(old), append([]byte(with), make([]byte, len(old)-len(with))...))
}

// withoutEntry moves the dynamic entries behind DT_RUNPATH up.
func withoutEntry(t *testing.T, data []byte) []byte {
	f, err := elfobj.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	data = slices.Clone(data)
	const runPath, entrySize = 29, 16
	s := f.Section(".dynamic")
	table := data[s.Offset : s.Offset+s.Size]
	for i := 0; i < len(table); i += entrySize {
		if binary.LittleEndian.Uint64(table[i:]) == runPath {
			copy(table[i:], table[i+entrySize:])
			clear(table[len(table)-entrySize:])
			return data
		}
	}
	t.Fatal("no DT_RUNPATH")
	return nil
}
