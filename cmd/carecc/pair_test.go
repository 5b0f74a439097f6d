package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"gocare/buildtree"
	"gocare/internal/test/testkit"
)

// TestPairBuilds builds a program and a library twice, as patchmake does, and pairs the records.
func TestPairBuilds(t *testing.T) {
	for _, compiler := range []string{"gcc", "clang"} {
		t.Run(compiler, func(t *testing.T) { pairBuilds(t, compiler) })
	}
}

func pairBuilds(t *testing.T, compiler string) {
	testkit.Require(t, compiler, "as", "ld", "ar")
	const make = "CC -O2 -fPIC -c main.c -o main.o; CC -O2 -fPIC -c x/s.c -o x/s.o; CC -O2 -fPIC -c y/s.c -o y/s.o; ar rcsD l.a x/s.o y/s.o; " +
		"CC main.o l.a -o prog; CC -shared y/s.o -o liby.so; CC -O2 main.c x/s.c y/s.c -o direct; CC x/s.o y/s.o main.o -o same"
	r := newRunner(t)
	r.env = append(r.env, "KPCCREAL="+compiler)
	r.extra = map[string]string{
		"main.c": "int x(void), y(void);\nint main(void) { return x() + y(); }\n",
		"x/s.c":  "int x(void) { return 1; }\n",
		"y/s.c":  "int y(void) { return 2; }\n",
	}
	r.stage = "original"
	if o := r.run(t, "carecc", make, ""); o.Stderr != "" {
		t.Fatal(o.Stderr)
	}
	_, orig := r.load(t)
	r.stage = "patched"
	r.extra["y/s.c"] = "int y(void) { return 3; }\n"
	if o := r.run(t, "carecc", make, ""); o.Stderr != "" {
		t.Fatal(o.Stderr)
	}
	_, patched := r.load(t)
	pairs, err := buildtree.Pair(orig, patched, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for _, p := range pairs {
		for _, u := range p.Units {
			got[p.Orig.Output[len(r.dir)+1:]] = append(got[p.Orig.Output[len(r.dir)+1:]], u.Input.Member+" "+u.Orig.Source+" "+u.Patched.Source)
		}
		if len(p.Missing) > 0 || len(p.Gone) > 0 {
			t.Errorf("%s: missing %v, gone %v", p.Orig.Output, p.Missing, p.Gone)
		}
	}
	want := map[string][]string{
		"prog": {"s.o y/s.c y/s.c"}, "liby.so": {" y/s.c y/s.c"}, "direct": {" y/s.c y/s.c"}, "same": {" y/s.c y/s.c"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("changed units (-want +got):\n%s", diff)
	}
}
