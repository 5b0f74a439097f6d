package layout

import (
	"testing"

	"gocare/internal/elfobj"
	"gocare/internal/test/testkit"
)

// TestRenamed: what has another name is compared with what has the old one no more, beside namesakes that stay.
func TestRenamed(t *testing.T) {
	testkit.Require(t, "gcc")
	read := func(source string) *Unit {
		dir := t.TempDir()
		testkit.WriteFile(t, dir+"/a.c", source)
		testkit.Run(t, dir, "gcc", "-g", "-c", "a.c")
		f, err := elfobj.Load(dir + "/a.o")
		if err != nil {
			t.Fatal(err)
		}
		d, err := f.DWARF()
		if err != nil {
			t.Fatal(err)
		}
		u, err := Read(d)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	before := read(`int f(int x) { static int was; return was += x; }
int g(int x) { static long was; return was += x; }
int old(int x) { return x; }
`)
	for _, row := range []struct {
		name, after     string
		variable, proto bool // whether these have another type
	}{
		{"the same", "int f(int x) { static int is; return is += x; }\nint g(int x) { static long was; return was += x; }\nint new(int x) { return x; }\n", false, false},
		{"another type", "int f(int x) { static float is; return is += x; }\nint g(int x) { static long was; return was += x; }\nint new(long x) { return x; }\n", true, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			after := read(row.after)
			if c := RenamedVariable(before, after, "was", "is"); (c != nil) != row.variable {
				t.Errorf("variable: %v", c)
			}
			c, known := Renamed(before, after, "old", "new")
			if !known || (c != nil) != row.proto {
				t.Errorf("function: %v, %t", c, known)
			}
		})
	}
	if _, known := Renamed(before, before, "old", "gone"); known {
		t.Error("a function that is not described is known")
	}
}
