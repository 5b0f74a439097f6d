package diffasm_test

import (
	"path/filepath"
	"runtime"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"gocare/diffasm"
	"gocare/internal/arch"
)

// fuzzMemory is what the work on one input of the fuzzer may allocate in all, in bytes: the text of one function is bounded
// at a megabyte for small units, and is written a few times.
const fuzzMemory = 256 << 20

// bounded fails when f allocates more than fuzzMemory.
func bounded(t *testing.T, size int, f func()) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > fuzzMemory {
		t.Errorf("%d bytes allocated for %d bytes of input", n, size)
	}
}

// goldenUnits returns the original and patched assembly of the golden archives.
func goldenUnits(f *testing.F) (pairs [][2][]byte) {
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		f.Fatal("no archives", err)
	}
	for _, path := range paths {
		ar, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		var pair [2][]byte
		for _, file := range ar.Files {
			switch file.Name {
			case "original.s":
				pair[0] = file.Data
			case "patched.s":
				pair[1] = file.Data
			}
		}
		pairs = append(pairs, pair)
	}
	return pairs
}

// FuzzParse feeds text to the parser and what comes of it to the rest: no panic, bounded memory, a unit never differs from
// itself, and what is emitted reads back as a unit that does not either.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"f:\n\tret\n", "\t.type f,@function\nf:\n\tcall .L1\n.L1:\n\tret\n\t.size f,.-f\n",
		"\t.section .rodata\n.LC0:\n\t.quad .LC0\n\t.set .LC1,.LC0+8\n\t.set a,b\n\t.set b,a\n",
		"#APP\n1: jmp 1b; /* x\n*/ .popsection\n#NO_APP\n", "x.0.isra.1=.+4\n.comm x,4,4\n.loc 1 2\n.file 1 \"a\" \"b\"\n",
	} {
		f.Add([]byte(s))
	}
	for _, pair := range goldenUnits(f) {
		f.Add(pair[1])
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		bounded(t, len(src), func() {
			if e := itself(t, src); e != nil && len(e.Asm) > 0 {
				itself(t, e.Asm)
			}
		})
	})
}

// itself compares a unit with itself and returns what an identity patch of it emits, nil when there can be none.
func itself(t *testing.T, src []byte) *diffasm.Emitted {
	file, err := diffasm.Parse(&arch.X86_64, "fuzz.s", src)
	if err != nil {
		if file != nil {
			t.Fatal("a value and an error")
		}
		return nil
	}
	d, err := diffasm.Match(file, file, nil)
	if err != nil {
		t.Fatalf("a unit cannot be matched with itself: %v", err)
	}
	for _, fn := range d.Functions {
		if fn.Status != diffasm.Same && !d.Odd() {
			t.Fatalf("a unit differs from itself: %v", fn)
		}
	}
	s, err := diffasm.Decide(d, diffasm.Options{Identity: func(string) bool { return true }})
	if err != nil {
		return nil
	}
	e, err := diffasm.Emit(s)
	if e != nil && err != nil {
		t.Fatal("a value and an error")
	}
	return e
}

// FuzzMatch compares two units: no panic, bounded memory, and at every step a value or an error.
func FuzzMatch(f *testing.F) {
	for _, pair := range goldenUnits(f) {
		f.Add(pair[0], pair[1])
	}
	f.Fuzz(func(t *testing.T, before, after []byte) {
		bounded(t, len(before)+len(after), func() { differ(t, before, after) })
	})
}

func differ(t *testing.T, before, after []byte) {
	orig, err := diffasm.Parse(&arch.X86_64, "before.s", before)
	if err != nil {
		return
	}
	patched, err := diffasm.Parse(&arch.X86_64, "after.s", after)
	if err != nil {
		return
	}
	d, err := diffasm.Match(orig, patched, patched)
	if err != nil {
		return
	}
	for _, fn := range d.Functions {
		if fn.Name == "" || fn.Status == "" {
			t.Errorf("a function without name or status: %+v", fn)
		}
	}
	s, err := diffasm.Decide(d, diffasm.Options{})
	if err != nil {
		return
	}
	if e, err := diffasm.Emit(s); e != nil && err != nil {
		t.Error("a value and an error")
	}
}
