package planner

import (
	"regexp"
	"testing"

	"gocare/internal/elfobj"
	"gocare/internal/test/testkit"
)

// What differs first is what a person can set right: an option, if both tell theirs, else what there is more of.
func TestWhyDifferent(t *testing.T) {
	const source = "int n; int main(int c, char **v) { int s = 0; for (int i = 0; i < c; i++) s += v[i][0] * 3; return s + n; }\n"
	load := func(source string, flags ...string) *elfobj.File {
		f, err := elfobj.Load(testkit.CCText(t, source, flags))
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	rebuilt := load(source, "-O2", "-g")
	for _, tt := range []struct {
		name, source string
		flags        []string
		want         string
	}{
		{"the same", source, []string{"-O2", "-g"}, `^$`},
		{"without debugging information", source, []string{"-O2"}, `^$`},
		{"a level", source, []string{"-O1", "-g"}, `^its fixture\.c was compiled with -O1, the rebuilt one with -O2; section \.`},
		{"an option more", source, []string{"-O2", "-g", "-fstack-protector-all"}, `^its fixture\.c was compiled with -fstack-protector-all, the rebuilt one without; section \.`},
		{"an option less", source, []string{"-g"}, `^its fixture\.c was compiled without -O2, the rebuilt one with it; section \.`},
		{"nobody tells", source, []string{"-O1"}, `^section \.text: \d+ and \d+ bytes$`},
		{"another size", "int x; " + source, []string{"-O2"}, `^section \.bss: \d+ and \d+ bytes$`},
		{"the same size", regexp.MustCompile(`\* 3`).ReplaceAllString(source, "* 5"), []string{"-O2"}, `^section \.text: differs at 0x`},
		{"another kind", source, []string{"-O2", "-fno-pie", "-no-pie"}, `^ET_EXEC of EM_X86_64, the rebuilt one ET_DYN of EM_X86_64$`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			shipped := load(tt.source, tt.flags...)
			d := Difference(shipped, rebuilt)
			if d != "" {
				d = WhyDifferent(shipped, rebuilt, d)
			}
			if !regexp.MustCompile(tt.want).MatchString(d) {
				t.Errorf("got %q, want %s", d, tt.want)
			}
		})
	}
	entered := *rebuilt
	entered.Entry++
	if Difference(&entered, rebuilt) == "" {
		t.Error("another entry is no difference")
	}
}
