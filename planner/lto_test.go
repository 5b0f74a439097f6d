package planner

import (
	"debug/elf"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gocare/buildtree"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
	"gocare/internal/srcpatch"
)

// source is an object with intermediate language: "unit: function() declared global* used?".
func source(text string) language {
	unit, names, _ := strings.Cut(text, ": ")
	l := language{unit: unit, functions: map[string]bool{}, globals: map[string]bool{}, uses: map[string]bool{}, known: true}
	for name := range strings.FieldsSeq(names) {
		plain := strings.TrimRight(name, "()*?")
		l.functions[plain] = strings.Contains(name, "()")
		l.globals[plain] = strings.ContainsAny(name, "*?")
		l.uses[plain] = strings.Contains(name, "?")
		l.strings = append(append(l.strings, byte(len(plain))), plain...)
	}
	return l
}

// partition is an object with defined symbols: "f()" is a function, "n" a variable, "n!" one that other partitions use, "n^" one that
// others see, "n?" one that it leaves to others.
func partition(text string) *elfobj.File {
	f := &elfobj.File{Type: elf.ET_REL, Sections: make([]elfobj.Section, 2)}
	for name := range strings.FieldsSeq(text) {
		s := elfobj.Symbol{Name: strings.TrimRight(name, "()!^?"), Type: elf.STT_OBJECT, Section: 1}
		if strings.Contains(name, "()") {
			s.Type = elf.STT_FUNC
		}
		switch name[len(name)-1] {
		case '!':
			s.Bind, s.Vis = elf.STB_GLOBAL, elf.STV_HIDDEN
		case '^':
			s.Bind = elf.STB_GLOBAL
		case '?':
			s.Bind, s.Section = elf.STB_GLOBAL, int(elf.SHN_UNDEF)
		}
		f.Symbols = append(f.Symbols, s)
	}
	return f
}

// lateProgram is code that was made of sources, in partitions.
func lateProgram(sources, partitions string) *generated {
	g := &generated{debug: &homes{}, sources: func(string) []byte { return []byte("int x9;") }}
	for text := range strings.SplitSeq(sources, "; ") {
		g.languages = append(g.languages, source(text))
	}
	for text := range strings.SplitSeq(partitions, "; ") {
		g.objects = append(g.objects, partition(text))
	}
	return g
}

func TestNames(t *testing.T) {
	tests := []struct {
		name           string
		sources        string
		orig, patched  string            // partitions
		homes          map[string]string // symbols of the original and the patched version -> "unit function name"
		want, doubtful string            // "names of the original > names of the patched version"
	}{
		{name: "the only one of its name", sources: "a: f() n", orig: "f() n", patched: "f(); n!", want: "f=f n=n > f=f n=n"},
		{name: "promoted", sources: "a: f() n", orig: "f() n", patched: "f.lto_priv.0()!; n.lto_priv.3! f.lto_priv.0?", want: "f=f n=n > f.lto_priv.0=f f.lto_priv.0=f n.lto_priv.3=n"},
		{
			name: "of two sources", sources: "a: f() n; b: f() n", orig: "f.lto_priv.0() f.lto_priv.1() n", patched: "f() n",
			want: "f.lto_priv.0=f.0 f.lto_priv.1=f.1 n=n.0 > f=f.0 n=n.0", doubtful: "f n",
		},
		{name: "one for all", sources: "a: f()* n*; b: f()* n*", orig: "f() n", patched: "f() n", want: "f=f n=n > f=f n=n"},
		{name: "used elsewhere", sources: "a: f() n*; b: g() n?", orig: "n", patched: "n", want: "n=n > n=n"},
		{name: "a static local that another source may have", sources: "a: n; b: n?", orig: "n.0", patched: "n.1", want: "n.0=n.0 > n.1=n.1", doubtful: "n"},
		{name: "a static local", sources: "a: n", orig: "n.0", patched: "n.1", want: "n.0=n.0 > n.1=n.1"},
		{name: "local names that recur", sources: "a: n m", orig: "n.0; n.0", patched: "n.0", want: "n.0=n.0 n.0=n.1 > n.0=n.0"},
		{name: "a clone", sources: "a: f()", orig: "f.lto_priv.0.constprop.0()", patched: "f.constprop.1()", want: "f.lto_priv.0.constprop.0=f.constprop.0 > f.constprop.1=f.constprop.1"},
		{name: "a cold part", sources: "a: f(); b: f()", orig: "f.lto_priv.1() f.lto_priv.1.cold()", patched: "f() f.cold()", want: "f.lto_priv.1=f.0 f.lto_priv.1.cold=f.0.cold > f=f.0 f.cold=f.0.cold", doubtful: "f"},
		{name: "a number that a macro may have made", sources: "a: s7", orig: "s7", patched: "s7", want: "s7=s7.0 > s7=s7.0", doubtful: "s7"},
		{name: "a number that the source has", sources: "a: x9", orig: "x9", patched: "x9", want: "x9=x9 > x9=x9"},
		{name: "one that others see has the name", sources: "a: n*; b: n", orig: "n^ n.lto_priv.0", patched: "n^", want: "n.lto_priv.0=n.0 > ", doubtful: "n"},
		{
			name: "declared in two sources", sources: "a: f() n; b: f() n", orig: "f.lto_priv.0() f.lto_priv.1()", patched: "f.lto_priv.0()",
			homes: map[string]string{"o f.lto_priv.0": "/a.c  f", "o f.lto_priv.1": "/b.c  f", "p f.lto_priv.0": "/b.c  f"},
			want:  "f.lto_priv.0=f.a_c f.lto_priv.1=f.b_c > f.lto_priv.0=f.b_c",
		},
		{
			name: "declared in two functions", sources: "a: n", orig: "n.0 n.1", patched: "n.0",
			homes: map[string]string{"o n.0": "/a.c f n", "o n.1": "/a.c g n", "p n.0": "/a.c g n"},
			want:  "n.0=n.f n.1=n.g > n.0=n.g",
		},
		{
			name: "sources of one base name", sources: "a: n; b: n", orig: "n.lto_priv.0 n.lto_priv.1", patched: "n",
			homes: map[string]string{"o n.lto_priv.0": "/x/a.c  n", "o n.lto_priv.1": "/y/a.c  n", "p n": "/y/a.c  n"},
			want:  "n.lto_priv.0=n.a_c.uffe0629a n.lto_priv.1=n.a_c.u34bcb13f > n=n.a_c.u34bcb13f",
		},
		{
			name: "one that is not known", sources: "a: n; b: n", orig: "n.lto_priv.0 n.lto_priv.1", patched: "n",
			homes: map[string]string{"o n.lto_priv.0": "/a.c  n", "p n": "/a.c  n"},
			want:  "n.lto_priv.0=n.0 n.lto_priv.1=n.1 > n=n.0", doubtful: "n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			orig, patched := lateProgram(tt.sources, tt.orig), lateProgram(tt.sources, tt.patched)
			orig.homes, patched.homes = homesOf(orig, "o ", tt.homes), homesOf(patched, "p ", tt.homes)
			o, p, doubtful := nameBoth(orig, patched)
			if got := listNames(o.names(orig)) + " > " + listNames(p.names(patched)); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if got := strings.Join(doubtful, " "); got != tt.doubtful {
				t.Errorf("doubtful %q, want %q", got, tt.doubtful)
			}
		})
	}
}

func homesOf(g *generated, version string, homes map[string]string) map[privateSymbol]home {
	known := map[privateSymbol]home{}
	for _, p := range g.private() {
		if at := strings.Split(homes[version+p.symbol], " "); len(at) == 3 {
			known[p] = home{at[0], at[1], at[2]}
		}
	}
	return known
}

func listNames(names []map[string]string) string {
	var list []string
	for _, part := range names {
		for _, symbol := range slices.Sorted(maps.Keys(part)) {
			list = append(list, symbol+"="+part[symbol])
		}
	}
	return strings.Join(list, " ")
}

func TestReadLanguage(t *testing.T) {
	symbol := func(name string, kind byte) string {
		return name + "\x00\x00" + string(kind) + strings.Repeat("\x00", 13)
	}
	f := &elfobj.File{Sections: []elfobj.Section{
		{Name: ".text"},
		{Name: ".gnu.lto_step.part.0.12.0123456789abcdef"},
		{Name: ".gnu.lto_main.3.0123456789abcdef"},
		{Name: ".gnu.lto_.decls.0123456789abcdef", Data: []byte("\x02\x00\x05count\x01n\x04step\x04kept")},
		{Name: ".gnu.lto_.symtab.0123456789abcdef", Data: []byte(symbol("main", 0) + symbol("kept", 2))},
	}}
	l, ok := readLanguage("a.c", f)
	if !ok || !l.known {
		t.Fatal("not read")
	}
	l.find(map[string]bool{"count": true, "n": true, "coun": true, "step": true, "kept": true, "main": true})
	got := map[string]string{}
	for _, name := range []string{"count", "n", "coun", "other", "step", "kept"} {
		got[name] = l.owner(name, false, false)
	}
	for _, name := range []string{"step.part.0", "main", "count"} {
		got[name+"()"] = l.owner(name, true, false)
	}
	got["kept, of a function"] = l.owner("kept", false, true)
	want := map[string]string{
		"count": "a.c", "n": "a.c", "coun": "", "other": "", "step": "a.c", "kept": "", "step.part.0()": "a.c", "main()": "*", "count()": "",
		"kept, of a function": "a.c",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("owners (-want +got):\n%s", diff)
	}
	if _, ok := readLanguage("b.c", &elfobj.File{Sections: []elfobj.Section{{Name: ".text"}}}); ok {
		t.Error("an object without intermediate language has some")
	}
	broken := &elfobj.File{Sections: []elfobj.Section{{Name: ".gnu.lto_.decls.0", Data: []byte("\x28\xb5\x2f\xfdx")}}}
	if l, _ := readLanguage("c.c", broken); l.owner("anything", false, false) != "c.c" {
		t.Error("what cannot be read says what it has not")
	}
}

func TestInPlace(t *testing.T) {
	const before = "a\nstatic int n;\nb\nstatic int m;\nc\n"
	tests := []struct {
		name, after string
		o, p        int
		want        bool
	}{
		{"left alone", "new\na\nstatic int n;\nb\nstatic int m;\nc\n", 2, 3, true},
		{"another line", "new\na\nstatic int n;\nb\nstatic int m;\nc\n", 4, 3, false},
		{"written anew in its place", "a\nstatic long n;\nb\nstatic int m;\nc\n", 2, 2, true},
		{"written anew elsewhere", "a\nb\nstatic int m;\nstatic int n;\nc\n", 2, 4, false},
		{"the last line", "a\nstatic int n;\nb\nstatic int m;\nd\n", 5, 5, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			change := srcpatch.FileChange{Before: []byte(before), After: []byte(tt.after)}
			if tt.name == "written anew elsewhere" {
				change = change.WithRuns([]srcpatch.Run{{Old: 1, New: 1, Len: 1}, {Old: 3, New: 2, Len: 2}, {Old: 5, New: 5, Len: 1}})
			}
			if got := inPlace(change.LineMap(), strings.Count(tt.after, "\n"), tt.o, tt.p); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

// A partition that was not recorded is found out: its functions would seem to be new.
func TestGeneratedWithoutRecord(t *testing.T) {
	c := lateCode{records{b: &Builds{Change: &srcpatch.Change{}}}}
	l := &buildtree.Link{Output: "/t/prog", Inputs: []buildtree.Input{{Path: "/tmp/x.debug.temp.o"}, {Path: "/tmp/x.ltrans3.ltrans.o"}}}
	_, err := c.generated(lateVersion{record: &buildtree.Record{}, link: l})
	if e := fault.As(err); e == nil || e.Code != fault.NoRecord {
		t.Errorf("got %v", err)
	}
}
