package buildtree

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCompileArgs(t *testing.T) {
	cases := []struct {
		name, argv, source, lang, as string // as is the source compiled instead; "" the same
		want                         string // "" for none
	}{
		{name: "plain", argv: "-O2 -c a.c -o a.o", source: "a.c", want: "-O2 -S -o out.s a.c"},
		{name: "options with values", argv: "-I inc -isystem sys -DX=1 -U Y -include z.h --param p=1 -c a.c", source: "a.c", want: "-I inc -isystem sys -DX=1 -U Y -include z.h --param p=1 -S -o out.s a.c"},
		{name: "dependencies go", argv: "-MD -MMD -MP -MF d -MT t -MQ q -MFx -MG -c a.c", source: "a.c", want: "-S -o out.s a.c"},
		{name: "preprocessor's dependencies go", argv: "-Wp,-MD,d,-DA -Wp,-MMD,e -c a.c", source: "a.c", want: "-Wp,-DA -S -o out.s a.c"},
		{name: "linking goes", argv: "a.c b.c x.o l.a -lm -l z -L. -L dir -Wl,-z,now -Xlinker -q -T x.ld -shared -o p", source: "b.c", want: "-shared -S -o out.s b.c"},
		{name: "files aside go", argv: "-pipe -fdump-tree-all -fstack-usage -aux-info x -dumpbase b -wrapper w -c a.c", source: "a.c", want: "-S -o out.s a.c"},
		{name: "save temps", argv: "-save-temps=obj -c a.c", source: "a.c", want: "-no-integrated-cpp -S -o out.s a.c"},
		{name: "language given", argv: "-x c -c - -o a.o", source: "-", as: "new.c", want: "-S -o out.s -x c new.c"},
		{name: "language joined", argv: "-xc++ -c a.txt", source: "a.txt", want: "-S -o out.s -x c++ a.txt"},
		{name: "language for another input", argv: "-x c a.txt -x none -c b.c", source: "b.c", want: "-S -o out.s b.c"},
		{name: "another suffix", argv: "-c a.cc", source: "a.cc", as: "a.new", want: "-S -o out.s -x c++ a.new"},
		{name: "another directory", argv: "-c sub/a.c", source: "sub/a.c", as: "/tmp/a.c", want: "-iquote /t/sub -S -o out.s /tmp/a.c"},
		{name: "preprocessed assembly", argv: "-c a.S", source: "a.S", lang: "asm", want: "-E -o out.s a.S"},
		{name: "assembly", argv: "-c a.s", source: "a.s", lang: "asm"},
		{name: "made at link time", argv: "-xlto -c -fltrans -o x.o y.o", lang: "lto"},
		{name: "profile", argv: "-fprofile-use -c a.c", source: "a.c", want: "-fprofile-use -dumpdir  -dumpbase a.c -dumpbase-ext .c -S -o out.s a.c"},
		{name: "profile by the object", argv: "-fprofile-generate -c -o d/x.lo a.c", source: "a.c", want: "-fprofile-generate -dumpdir d/ -dumpbase x.c -dumpbase-ext .c -S -o out.s a.c"},
		{name: "profile by the program", argv: "-fprofile-use=d -o p s/a.c b.c", source: "s/a.c", want: "-fprofile-use=d -dumpdir p- -dumpbase a.c -dumpbase-ext .c -S -o out.s s/a.c"},
		{name: "profile and notes", argv: "-fprofile-arcs -ftest-coverage -c a.c", source: "a.c", want: "-fprofile-arcs -ftest-coverage -S -o out.s a.c"},
		{name: "stages", argv: "-S -E -fsyntax-only a.c", source: "a.c", want: "-S -o out.s a.c"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			u := Unit{Dir: "/t", Argv: strings.Fields(c.argv), Source: c.source, Lang: c.lang}
			as := c.as
			if as == "" {
				as = c.source
			}
			got := strings.Join(u.CompileArgs(as, "out.s"), " ")
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("CompileArgs (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(strings.Fields(c.argv), u.Argv); diff != "" {
				t.Errorf("CompileArgs changed the unit (-was +is):\n%s", diff)
			}
		})
	}
}

func TestCompileArgsFromOptions(t *testing.T) {
	u := Unit{Dir: "/t", Options: []string{"-O2", "-c", "-o", "a.o", "-mtune=generic", "-dumpdir", "x-"}, Source: "a.c"}
	if diff := cmp.Diff([]string{"-O2", "-mtune=generic", "-S", "-o", "out.s", "a.c"}, u.CompileArgs("a.c", "out.s")); diff != "" {
		t.Errorf("CompileArgs without the driver's own arguments (-want +got):\n%s", diff)
	}
}

func TestDependAndAssembleArgs(t *testing.T) {
	u := Unit{Dir: "/t", Argv: strings.Fields("-O2 -MD -c a.c -o a.o"), Source: "a.c", AsArgs: []string{"--64", "-L"}}
	if diff := cmp.Diff([]string{"-O2", "-M", "-fpch-deps", "a.c"}, u.DependArgs("a.c")); diff != "" {
		t.Errorf("DependArgs (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"--64", "-L", "-o", "x.o", "x.s"}, u.AssembleArgs("x.s", "x.o")); diff != "" {
		t.Errorf("AssembleArgs (-want +got):\n%s", diff)
	}
	if len(u.AsArgs) != 2 {
		t.Errorf("AssembleArgs changed the unit: %q", u.AsArgs)
	}
}

func TestParseDriver(t *testing.T) {
	d := ParseDriver(strings.Fields("-xc a.txt -x none b.c x.o -lm -o one -oprog - -I a.h -v"))
	if diff := cmp.Diff([]string{"a.txt", "b.c", "x.o", "-"}, d.Inputs()); diff != "" {
		t.Errorf("Inputs (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a.txt", "b.c", "-"}, d.Sources()); diff != "" {
		t.Errorf("Sources (-want +got):\n%s", diff)
	}
	if d.Output() != "prog" || !d.Has("-v") || d.Has("-I a.h") || d.LangOf("a.txt") != "c" || d.LangOf("b.c") != "" {
		t.Errorf("Output %q, Has(-v) %v, LangOf %q %q", d.Output(), d.Has("-v"), d.LangOf("a.txt"), d.LangOf("b.c"))
	}
}
