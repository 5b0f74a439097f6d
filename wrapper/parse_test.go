package wrapper

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseAs(t *testing.T) {
	cases := []struct {
		name, args string
		want       asCall
	}{
		{"gcc", "--64 -o a.o /tmp/cc.s", asCall{inputs: []string{"/tmp/cc.s"}, output: "a.o", options: []string{"--64"}}},
		{"pipe", "--64 -o a.o -", asCall{inputs: []string{"-"}, output: "a.o", options: []string{"--64"}}},
		{"pipe without a dash", "--64 -o a.o", asCall{output: "a.o", options: []string{"--64"}}},
		{"joined output", "-oa.o x.s y.s", asCall{inputs: []string{"x.s", "y.s"}, output: "a.o"}},
		{"no output", "x.s", asCall{inputs: []string{"x.s"}, output: "a.out"}},
		{"values", "-I inc --defsym A=1 -Iinc x.s", asCall{inputs: []string{"x.s"}, output: "a.out", options: []string{"-I", "inc", "--defsym", "A=1", "-Iinc"}}},
		{"listings and dependencies", "-aln=list --MD dep --MD=dep -al x.s", asCall{inputs: []string{"x.s"}, output: "a.out", options: []string{"-al"}}},
		{"query", "--version", asCall{output: "a.out", query: true}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, parseAs(strings.Fields(c.args)), cmp.AllowUnexported(asCall{})); diff != "" {
				t.Errorf("parseAs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseLd(t *testing.T) {
	cases := []struct {
		name, args string
		want       ldCall
	}{
		{"plain", "-pie -o p a.o -lc", ldCall{output: "p", files: []string{"a.o"}}},
		{"no output", "a.o", ldCall{output: "a.out", files: []string{"a.o"}}},
		{"joined", "-op a.o", ldCall{output: "p", files: []string{"a.o"}}},
		{"long", "--output=p a.o", ldCall{output: "p", files: []string{"a.o"}}},
		{"long apart", "--output p a.o", ldCall{output: "p", files: []string{"a.o"}}},
		{"relocatable", "-r -o x.o a.o", ldCall{output: "x.o", files: []string{"a.o"}, partial: true}},
		{"relocatable long", "--relocatable -o x.o a.o", ldCall{output: "x.o", files: []string{"a.o"}, partial: true}},
		{"map joined", "-Map=m a.o", ldCall{output: "a.out", mapFile: "m", files: []string{"a.o"}}},
		{"map apart", "--Map m a.o", ldCall{output: "a.out", mapFile: "m", files: []string{"a.o"}}},
		{"map printed", "-M a.o", ldCall{output: "a.out", mapFile: "-", files: []string{"a.o"}}},
		{"the last map counts", "-Map=m --print-map a.o", ldCall{output: "a.out", mapFile: "-", files: []string{"a.o"}}},
		{"the last map counts, the other way", "--print-map -Map=m a.o", ldCall{output: "a.out", mapFile: "m", files: []string{"a.o"}}},
		{"query", "--version a.o", ldCall{output: "a.out", query: true, files: []string{"a.o"}}},
		{"version script is no query", "--version-script=v a.o", ldCall{output: "a.out", files: []string{"a.o"}}},
		{"words of options", "-m elf_x86_64 -z now --dynamic-linker ld.so -rpath=d -rpath $ORIGIN a.o", ldCall{output: "a.out", files: []string{"a.o"}}},
		{"nothing to link", "-v", ldCall{output: "a.out", query: true}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, parseLd(strings.Fields(c.args)), cmp.AllowUnexported(ldCall{})); diff != "" {
				t.Errorf("parseLd (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSplitWords(t *testing.T) {
	cases := []struct {
		name, in string
		want     []string
	}{
		{"white space", " a\tb\nc\r\n", []string{"a", "b", "c"}},
		{"quotes", `'a b' "c d" e'f g'h`, []string{"a b", "c d", "ef gh"}},
		{"empty word", `a '' b`, []string{"a", "", "b"}},
		{"backslash", `a\ b '\'' "\""`, []string{"a b", "'", `"`}},
		{"open quote", `'a b`, []string{"a b"}},
		{"last backslash", `a\`, []string{`a\`}},
		{"nothing", "  ", nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, splitWords(c.in)); diff != "" {
				t.Errorf("splitWords (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSplitOptions(t *testing.T) {
	cases := []struct {
		name, in string
		want     []string
	}{
		{"plain", `'-O2' '-o' 'a.o'`, []string{"-O2", "-o", "a.o"}},
		{"more spaces", `'-c'   '-fltrans'`, []string{"-c", "-fltrans"}},
		{"quote inside", `'-D' 'X='\''y'\''' '-c'`, []string{"-D", "X='y'", "-c"}},
		{"empty", `'-D' ''`, []string{"-D", ""}},
		{"cut off", `'-O2' '-o`, []string{"-O2", "-o"}},
		{"none", "", nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, splitOptions(c.in)); diff != "" {
				t.Errorf("splitOptions (-want +got):\n%s", diff)
			}
		})
	}
}

func TestExpandResponse(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"outer": "-O2 @inner", "inner": "'a b'", "self": "x @self @self"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got := expandResponse([]string{"-c", "@outer", "@absent", "@"}, dir)
	if diff := cmp.Diff([]string{"-c", "-O2", "a b", "@absent", "@"}, got); diff != "" {
		t.Errorf("expandResponse (-want +got):\n%s", diff)
	}
	if got := expandResponse([]string{"@self"}, dir); len(got) > 2*maxResponses+2 {
		t.Errorf("a file that names itself gave %d arguments", len(got))
	}
}

func TestReadLoads(t *testing.T) {
	cases := []struct {
		name, in string
		want     loads
	}{
		{
			name: "GNU ld",
			in: "Archive member included to satisfy reference by file (symbol)\n\nl.a(a.o)                      main.o (a)\n" +
				"/usr/lib/long/path/lib.a(b.o)\n                              l.a(a.o) (b)\nw.a(c.o)                      (--whole-archive)\nthin.o                        main.o (thin)\n" +
				"\nAs-needed library included to satisfy reference by file (symbol)\n\nlibc.so.6                     main.o (x@@V)\n" +
				"\nLinker script and memory map\n\nLOAD linker stubs\nLOAD main.o\nLOAD l.a\nSTART GROUP\nLOAD /usr/lib/long/path/lib.a\nEND GROUP\n .text 0x0 0x1 l.a(d.o)\n",
			want: loads{
				loaded: []string{"main.o", "l.a", "/usr/lib/long/path/lib.a"},
				pulled: map[string][]string{"l.a": {"a.o"}, "/usr/lib/long/path/lib.a": {"b.o"}, "w.a": {"c.o"}},
				thin:   []string{"thin.o"},
			},
		},
		{
			name: "gold",
			in:   "Archive member included because of file (symbol)\n\nl.a(a.o)\n                              main.o (a)\n\nMemory map\n\n .text 0x0 0x1 l.a(zz.o)\n",
			want: loads{pulled: map[string][]string{"l.a": {"a.o"}}},
		},
		{
			name: "lld",
			in:   "     VMA      LMA     Size Align Out     In      Symbol\n  201120   201120       10     1         l.a(a.o):(.text)\n  201120   201120 0 1 l.a(a.o):(.data)\n",
			want: loads{pulled: map[string][]string{"l.a": {"a.o"}}},
		},
		{name: "parentheses in a name", in: "Archive member included to\n\nd(1)/l.a(a.o)                 m.o (a)\n\nLOAD d(1)/l.a\n", want: loads{loaded: []string{"d(1)/l.a"}, pulled: map[string][]string{"d(1)/l.a": {"a.o"}}}},
		{name: "empty", want: loads{pulled: map[string][]string{}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, readLoads([]byte(c.in)), cmp.AllowUnexported(loads{})); diff != "" {
				t.Errorf("readLoads (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzParsers(f *testing.F) {
	f.Add(`'-O2' 'a'\''b'`)
	f.Add("Archive member included to\n\nl.a(a.o)  m.o (a)\n\nLOAD l.a\n")
	f.Add(`-o "a b" @x \`)
	f.Fuzz(func(t *testing.T, s string) {
		words := splitWords(s)
		splitOptions(s)
		readLoads([]byte(s))
		parseAs(words)
		parseLd(words)
		for _, w := range words {
			if len(w) > len(s) {
				t.Errorf("word %q is longer than its text %q", w, s)
			}
		}
		if again := splitOptions(quoteOptions(words)); !cmp.Equal(again, words) {
			t.Errorf("options %q read back as %q", words, again)
		}
	})
}

// quoteOptions writes arguments as GCC's set_collect_gcc_options does.
func quoteOptions(args []string) string {
	var quoted []string
	for _, a := range args {
		quoted = append(quoted, "'"+strings.ReplaceAll(a, "'", `'\''`)+"'")
	}
	return strings.Join(quoted, " ")
}

func TestOwnNames(t *testing.T) {
	cases := []struct {
		name, asm string
		want      []string
	}{
		{"without debug information", "\t.file\t\"a.c\"\n\t.text\n", []string{"a.c"}},
		{"DWARF 5", "\t.file\t\"a.c\"\n\t.text\n\t.file 0 \"/d\" \"x/a.c\"\n\t.file 1 \"h.h\"\n", []string{"a.c", "x/a.c"}},
		{"DWARF 4", "\t.file\t\"a.c\"\n\t.file 1 \"h.h\"\n", []string{"a.c"}},
		{"preprocessed", "# 0 \"x/a.S\"\n# 1 \"h.h\" 1\n", []string{"x/a.S"}},
		{"none", "\t.text\n", nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, ownNames([]byte(c.asm))); diff != "" {
				t.Errorf("ownNames (-want +got):\n%s", diff)
			}
		})
	}
}

func TestShellQuote(t *testing.T) {
	for in, want := range map[string]string{"-O2": "-O2", "a b": "'a b'", "": "''", "it's": `'it'\''s'`, "a\nb": `$'a\nb'`} {
		if got := shellQuote(in); got != want {
			t.Errorf("shellQuote(%q) = %s, want %s", in, got, want)
		}
	}
}
