package buildtree

import (
	"slices"
	"strings"
	"testing"
)

func TestShapingOptions(t *testing.T) {
	unit := func(argv string, env ...string) *Unit {
		return &Unit{Driver: "/nowhere/gcc", Argv: strings.Fields(argv), Source: "a.c", Env: env}
	}
	plain := unit("-O2 -c a.c -o a.o")
	for _, row := range []struct {
		name  string
		other *Unit
		want  string // the first difference, seen from plain; "" for none
	}{
		{"same", unit("-O2 -c a.c -o a.o"), ""},
		{"another output", unit("-O2 -c a.c -o b.o -MMD -MF b.d -MT b.o"), ""},
		{"warnings", unit("-O2 -Wall -Wno-error=format -w -pedantic-errors -fdiagnostics-color=always -c a.c"), ""},
		{"for the linker", unit("-O2 -Wl,-z,now -L. -lm -fuse-ld=gold a.c"), ""},
		{"language of messages", unit("-O2 -c a.c", "LANG=de_DE", "SOURCE_DATE_EPOCH=7"), ""},
		{"dependencies of the preprocessor", unit("-O2 -Wp,-MD,a.d -c a.c"), ""},
		{"lost", unit("-c a.c"), "without -O2"},
		{"added", unit("-O2 -fwrapv -c a.c"), "with -fwrapv"},
		{"another level", unit("-O3 -c a.c"), "with -O3 in place of -O2"},
		{"macro", unit("-O2 -D N=4 -c a.c"), "with -D N=4"},
		{"of the preprocessor", unit("-O2 -Wp,-D_FORTIFY_SOURCE=2 -c a.c"), "with -Wp,-D_FORTIFY_SOURCE=2"},
		{"parameter", unit("-O2 --param inline-unit-growth=4 -c a.c"), "with --param inline-unit-growth=4"},
		{"language", unit("-O2 -x c++ -c a.c"), "with -x c++"},
		{"variable", unit("-O2 -c a.c", "CPATH=inc"), "with CPATH=inc"},
		{"our header", unit("-O2 -c a.c", "C_INCLUDE_PATH=/tree/.gocare/gocare-include"), ""},
		{"our header behind a variable", unit("-O2 -c a.c", "CPATH=inc:/tree/.gocare/gocare-include"), "with CPATH=inc"},
		{"compiler", &Unit{Driver: "/nowhere/clang", Argv: strings.Fields("-O2 -c a.c")}, "with /nowhere/clang in place of /nowhere/gcc"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := ""
			if d := DifferentOptions(plain.ShapingOptions(), row.other.ShapingOptions()); len(d) > 0 {
				got = d[0].String()
			}
			if got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

func TestOptionKey(t *testing.T) {
	for _, row := range []struct{ a, b string }{
		{"-DN", "-UN"},
		{"-DN=4", "-D N(x)=5"},
		{"-fstrict-aliasing", "-fno-strict-aliasing"},
		{"-mno-red-zone", "-mred-zone"},
		{"-march=native", "-march=x86-64"},
		{"-g", "-ggdb3"},
		{"--param=a=1", "--param a=2"},
	} {
		if a, b := optionKey(strings.Fields(row.a)), optionKey(strings.SplitN(row.b, " ", 2)); a != b {
			t.Errorf("%s has the key %q, %s has %q", row.a, a, row.b, b)
		}
	}
}

func TestOrderOfOptions(t *testing.T) {
	a, b := []Option{{"x", "-x"}, {"y", "-y"}}, []Option{{"y", "-y"}, {"x", "-x"}}
	if d := DifferentOptions(a, b); len(d) != 1 || d[0].Key != "order" {
		t.Errorf("options in another order: %v", d)
	}
}

func TestLinkOptions(t *testing.T) {
	for _, row := range []struct {
		name, argv    string
		always, start string
	}{
		{"what gcc passes", "-plugin p.so -plugin-opt=-fresolution=/tmp/x.res --build-id --eh-frame-hdr -m elf_x86_64 --hash-style gnu --as-needed " +
			"-dynamic-linker /lib64/ld.so -pie -o prog Scrt1.o a.o -L. -L/usr/lib -lc --push-state --pop-state crtn.o", "", "--dynamic-linker /lib64/ld.so, --pie"},
		{"redirected", "--wrap=f -wrap g a.o", "--wrap f, --wrap g", ""},
		{"defined", "--defsym lim=4 -u start -uend", "--defsym lim=4, -u start, -u end", ""},
		{"exported", "-E --export-dynamic-symbol=f --dynamic-list-data -export-dynamic", "-E, --export-dynamic-symbol f, --dynamic-list-data, --export-dynamic", ""},
		{"bound", "-Bsymbolic-functions --exclude-libs ALL", "--Bsymbolic-functions, --exclude-libs ALL", ""},
		{"for the loader", "-z now -z defs -zrelro -rpath=/x -soname libx.so -h y", "", "-z now, -z relro, --rpath /x, --soname libx.so, -h y"},
		{"files are compared by content", "-T x.ld --version-script=v.map --dynamic-list d.txt -Tother.ld", "", ""},
		{"unknown", "--new-fangled=3", "--new-fangled 3", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			l := Link{Argv: strings.Fields(row.argv)}
			if got := strings.Join(texts(l.ShapingOptions(Always)), ", "); got != row.always {
				t.Errorf("always: got %q, want %q", got, row.always)
			}
			if got := strings.Join(texts(l.ShapingOptions(AtStart)), ", "); got != row.start {
				t.Errorf("at the start: got %q, want %q", got, row.start)
			}
		})
	}
}

func TestLinkFiles(t *testing.T) {
	got := strings.Join(FileOptions(strings.Fields("-T x.ld --version-script=v.map --dynamic-list d.txt -Tother.ld -Ttext=0x400000 -retain-symbols-file keep a.o")), " ")
	if want := "x.ld v.map d.txt other.ld keep"; got != want {
		t.Errorf("files %q, want %q", got, want)
	}
	if got := strings.Join(Included([]byte("SECTIONS { INCLUDE \"a.ld\" }\nINCLUDE b.ld;\n")), " "); got != "a.ld b.ld" {
		t.Errorf("included %q", got)
	}
}

// TestWithOurs: the directory of our header goes from one environment to another, and nothing else does.
func TestWithOurs(t *testing.T) {
	const ours = "/tree/.gocare/gocare-include"
	for _, row := range []struct {
		name            string
		env, like, want []string
	}{
		{"no header", []string{"LANG=C"}, []string{"CPATH=inc", "LANG=de"}, []string{"LANG=C"}},
		{"new", []string{"LANG=C"}, []string{"C_INCLUDE_PATH=" + ours}, []string{"LANG=C", "C_INCLUDE_PATH=" + ours}},
		{"behind what is there", []string{"C_INCLUDE_PATH=inc"}, []string{"C_INCLUDE_PATH=other:" + ours}, []string{"C_INCLUDE_PATH=inc:" + ours}},
		{"without the rest", nil, []string{"C_INCLUDE_PATH=other:" + ours}, []string{"C_INCLUDE_PATH=" + ours}},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := WithOurs(row.env, row.like); !slices.Equal(got, row.want) {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}
