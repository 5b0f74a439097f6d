package buildtree

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gocare/internal/fault"
)

// unit describes a compile of source into object; content names its assembly and, with the same letter, its object.
func unit(source, object, content string) Unit {
	return Unit{Dir: "/t", Source: source, Object: "/t/" + object, ObjectID: Digest("obj " + content), AsmID: Digest("asm " + content), Lang: "c"}
}

// tmpUnit is one whose object had a temporary name.
func tmpUnit(source, object, content string) Unit {
	u := unit(source, object, content)
	u.Object = "/tmp/" + object
	return u
}

// in describes an input: "path" or "path(member)" with the content of its object.
func in(path, content string) Input {
	archive, member, _ := strings.Cut(strings.TrimSuffix(path, ")"), "(")
	return Input{Path: archive, Member: member, ObjectID: Digest("obj " + content)}
}

func link(output string, inputs ...Input) Link {
	return Link{Dir: "/t", Output: "/t/" + output, OutputID: Digest("obj " + output + fmt.Sprintf("%#v", inputs)), Inputs: inputs}
}

func partial(l Link) Link {
	l.Partial = true
	return l
}

func record(units []Unit, links ...Link) *Record { return &Record{Units: units, Links: links} }

func TestPair(t *testing.T) {
	units := func(u ...Unit) []Unit { return u }
	included := func(u Unit) Unit { u.Includes = true; return u }
	lto := func(u Unit) Unit { u.Lang = "lto"; return u }
	fat := func(u Unit) Unit { u.Argv = append(u.Argv, "-flto", "-ffat-lto-objects"); return u }
	withArgs := func(u Unit, args ...string) Unit { u.AsArgs = args; return u }
	sameName := func(i Input, id string) Input { i.ObjectID, i.SameNameID = "", Digest(id); return i }

	a1, a2, b1 := unit("a.c", "a.o", "A1"), unit("a.c", "a.o", "A2"), unit("b.c", "b.o", "B1")
	a1both := partial(link("both.o", in("a.o", "A1"), in("b.o", "B1")))
	a2both := partial(link("both.o", in("a.o", "A2"), in("b.o", "B1")))
	a1made := partial(link("both.o", in("a.o", "A1"), in("/tmp/x.ltrans0.ltrans.o", "T1")))
	a2made := partial(link("both.o", in("a.o", "A2"), in("/tmp/y.ltrans0.ltrans.o", "T2")))
	fromPartial := func(p Link) Link { return link("prog", Input{Path: "both.o", ObjectID: p.OutputID}) }

	cases := []struct {
		name          string
		orig, patched *Record
		want          string // "output: index source>source, missing x, gone y"
		code          fault.Code
	}{
		{
			name: "changed unit",
			orig: record(units(a1, b1), link("prog", in("b.o", "B1"), in("a.o", "A1"))), patched: record(units(a2), link("prog", in("b.o", "B1"), in("a.o", "A2"))),
			want: "/t/prog: 1 a.c>a.c",
		},
		{
			name: "not linked again",
			orig: record(units(a1), link("prog", in("a.o", "A1")), link("two", in("a.o", "A1"))), patched: record(units(a2), link("two", in("a.o", "A2"))),
			want: "/t/two: 0 a.c>a.c",
		},
		{
			name: "linked again from the same objects",
			orig: record(units(a1), link("prog", in("a.o", "A1"))), patched: record(nil, link("prog", in("a.o", "A1"))),
			want: "/t/prog:",
		},
		{
			name:    "object differs, assembly does not",
			orig:    record(units(a1), link("prog", in("a.o", "A1"))),
			patched: record(units(Unit{Dir: "/t", Source: "a.c", Object: "/t/a.o", ObjectID: "obj X", AsmID: "asm A1"}), link("prog", in("a.o", "X"))),
			want:    "/t/prog:",
		},
		{
			name:    "the same assembly includes other files",
			orig:    record(units(included(a1)), link("prog", in("a.o", "A1"))),
			patched: record(units(included(Unit{Dir: "/t", Source: "a.c", Object: "/t/a.o", ObjectID: "obj X", AsmID: "asm A1"})), link("prog", in("a.o", "X"))),
			want:    "/t/prog: 0 a.c>a.c",
		},
		{
			name:    "the same assembly with other options",
			orig:    record(units(a1), link("prog", in("a.o", "A1"))),
			patched: record(units(withArgs(Unit{Dir: "/t", Source: "a.c", Object: "/t/a.o", ObjectID: "obj X", AsmID: "asm A1"}, "--defsym")), link("prog", in("a.o", "X"))),
			want:    "/t/prog: 0 a.c>a.c",
		},
		{
			name: "temporary objects go by source",
			orig: record(units(tmpUnit("a.c", "cc1.o", "A1"), tmpUnit("b.c", "cc2.o", "B1")), link("prog", in("/tmp/cc1.o", "A1"), in("/tmp/cc2.o", "B1"))),
			patched: record(units(tmpUnit("a.c", "cc3.o", "A2"), tmpUnit("b.c", "cc4.o", "B1")),
				link("prog", in("/tmp/cc3.o", "A2"), in("/tmp/cc4.o", "B1"))),
			want: "/t/prog: 0 a.c>a.c",
		},
		{
			name:    "archive members of one name in two archives",
			orig:    record(units(unit("x/s.c", "x/s.o", "X1"), unit("y/s.c", "y/s.o", "Y1")), link("prog", in("x.a(s.o)", "X1"), in("y.a(s.o)", "Y1"))),
			patched: record(units(unit("y/s.c", "y/s.o", "Y2")), link("prog", in("x.a(s.o)", "X1"), in("y.a(s.o)", "Y2"))),
			want:    "/t/prog: 1 y/s.c>y/s.c",
		},
		{
			name:    "the second of two members of one name",
			orig:    record(units(unit("x.c", "x/s.o", "X1"), unit("y.c", "y/s.o", "Y1")), link("prog", in("l.a(s.o)", "X1"), in("l.a(s.o)", "Y1"))),
			patched: record(units(unit("y.c", "y/s.o", "Y2")), link("prog", in("l.a(s.o)", "X1"), in("l.a(s.o)", "Y2"))),
			want:    "/t/prog: 1 y.c>y.c",
		},
		{
			name:    "new unit",
			orig:    record(units(a1), link("prog", in("a.o", "A1"))),
			patched: record(units(a2, b1), link("prog", in("a.o", "A2"), in("b.o", "B1"))),
			want:    "/t/prog: 0 a.c>a.c -1 >b.c",
		},
		{
			name:    "unit whose source has another name",
			orig:    record(units(a1, b1), link("prog", in("a.o", "A1"), in("b.o", "B1"))),
			patched: record(units(unit("renamed.c", "renamed.o", "B2")), link("prog", in("a.o", "A1"), in("renamed.o", "B2"))),
			want:    "/t/prog: 1 b.c>renamed.c",
		},
		{
			name:    "unit gone",
			orig:    record(units(a1, b1), link("prog", in("a.o", "A1"), in("b.o", "B1"))),
			patched: record(units(a2), link("prog", in("a.o", "A2"))),
			want:    "/t/prog: 0 a.c>a.c gone b.o",
		},
		{
			name:    "changed without a record of the original",
			orig:    record(nil, link("prog", in("a.o", "A1"))),
			patched: record(units(a2), link("prog", in("a.o", "A2"))),
			want:    "/t/prog: missing a.o",
		},
		{
			name:    "changed without a record of the patched",
			orig:    record(units(a1), link("prog", in("a.o", "A1"))),
			patched: record(nil, link("prog", in("a.o", "A2"))),
			want:    "/t/prog: missing a.o",
		},
		{
			name:    "unchanged without a record",
			orig:    record(units(a1), link("prog", in("a.o", "A1"), in("v.o", "V"))),
			patched: record(units(a2), link("prog", in("a.o", "A2"), in("v.o", "V"))),
			want:    "/t/prog: 0 a.c>a.c",
		},
		{
			name:    "unchanged object under a new name",
			orig:    record(nil, link("prog", in("v.o", "V"))),
			patched: record(nil, link("prog", in("w.o", "V"))),
			want:    "/t/prog: gone v.o",
		},
		{
			name:    "new object without a record",
			orig:    record(nil, link("prog", in("v.o", "V"))),
			patched: record(nil, link("prog", in("v.o", "V"), in("n.o", "N"))),
			want:    "/t/prog: -1 >n.o",
		},
		{
			name:    "one of several members of a name, unchanged",
			orig:    record(nil, link("prog", sameName(in("l.a(s.o)", ""), "S"))),
			patched: record(nil, link("prog", sameName(in("l.a(s.o)", ""), "S"))),
			want:    "/t/prog:",
		},
		{
			name:    "one of several members of a name, changed",
			orig:    record(nil, link("prog", sameName(in("l.a(s.o)", ""), "S"))),
			patched: record(nil, link("prog", sameName(in("l.a(s.o)", ""), "T"))),
			want:    "/t/prog: missing l.a(s.o)",
		},
		{
			name:    "an input that could not be read",
			orig:    record(nil, link("prog", Input{Path: "gone.o"})),
			patched: record(nil, link("prog", Input{Path: "gone.o"})),
			want:    "/t/prog: missing gone.o",
		},
		{
			name:    "an object that objcopy changed",
			orig:    record(units(Unit{Dir: "/t", Source: "a.c", Object: "/t/a.o", ObjectID: "obj A1", AsmID: "1", AllocID: "al1"}), link("prog", Input{Path: "a.o", ObjectID: "s1", AllocID: "al1"})),
			patched: record(units(Unit{Dir: "/t", Source: "a.c", Object: "/t/a.o", ObjectID: "obj A2", AsmID: "2", AllocID: "al2"}), link("prog", Input{Path: "a.o", ObjectID: "s2", AllocID: "al2"})),
			want:    "/t/prog: 0 a.c>a.c",
		},
		{
			name:    "partial link of unchanged code",
			orig:    record(units(a1, b1), a1both, fromPartial(a1both)),
			patched: record(nil, a1both, fromPartial(a1both)),
			want:    "/t/prog:",
		},
		{
			name:    "partial link of changed code",
			orig:    record(units(a1, b1), a1both, fromPartial(a1both)),
			patched: record(units(a2), a2both, fromPartial(a2both)),
			code:    "partial-link",
		},
		{
			name:    "lto, unchanged",
			orig:    record(units(lto(a1), a2, lto(tmpUnit("", "x.ltrans0.ltrans.o", "T1"))), link("prog", in("a.o", "A1"), in("/tmp/x.ltrans0.ltrans.o", "T1"))),
			patched: record(units(lto(tmpUnit("", "y.ltrans0.ltrans.o", "T2"))), link("prog", in("a.o", "A1"), in("/tmp/y.ltrans0.ltrans.o", "T2"))),
			want:    "/t/prog: made [1]>[1] of",
		},
		{
			name:    "lto, changed",
			orig:    record(units(lto(a1)), link("prog", in("a.o", "A1"))),
			patched: record(units(lto(a2)), link("prog", in("a.o", "A2"))),
			code:    "lto",
		},
		{
			name: "lto, changed, with the code that was made of it",
			orig: record(units(lto(a1), lto(tmpUnit("", "x.ltrans0.ltrans.o", "T1")), lto(tmpUnit("", "x.ltrans1.ltrans.o", "T3"))),
				link("prog", in("/tmp/x.ltrans0.ltrans.o", "T1"), in("a.o", "A1"), in("/tmp/x.ltrans1.ltrans.o", "T3"))),
			patched: record(units(lto(a2), lto(tmpUnit("", "y.ltrans0.ltrans.o", "T2"))), link("prog", in("a.o", "A2"), in("/tmp/y.ltrans0.ltrans.o", "T2"))),
			want:    "/t/prog: made [0 2]>[1] of a.c",
		},
		{
			name:    "lto, code beside it, with the code that was made of it",
			orig:    record(units(fat(a1), lto(tmpUnit("", "x.ltrans0.ltrans.o", "T1"))), link("prog", in("a.o", "A1"), in("/tmp/x.ltrans0.ltrans.o", "T1"))),
			patched: record(units(fat(a2), lto(tmpUnit("", "y.ltrans0.ltrans.o", "T2"))), link("prog", in("a.o", "A2"), in("/tmp/y.ltrans0.ltrans.o", "T2"))),
			want:    "/t/prog: made [1]>[1] of a.c",
		},
		{
			name:    "lto, a new source",
			orig:    record(units(lto(tmpUnit("", "x.ltrans0.ltrans.o", "T1"))), link("prog", in("/tmp/x.ltrans0.ltrans.o", "T1"))),
			patched: record(units(lto(a2), lto(tmpUnit("", "y.ltrans0.ltrans.o", "T2"))), link("prog", in("/tmp/y.ltrans0.ltrans.o", "T2"), in("a.o", "A2"))),
			want:    "/t/prog: made [0]>[0] of",
		},
		{
			name:    "lto, into an object",
			orig:    record(units(lto(a1), lto(tmpUnit("", "x.ltrans0.ltrans.o", "T1"))), a1made, fromPartial(a1made)),
			patched: record(units(lto(a2), lto(tmpUnit("", "y.ltrans0.ltrans.o", "T2"))), a2made, fromPartial(a2made)),
			code:    "lto",
		},
		{
			name:    "lto, objects that vanish, code beside it changed",
			orig:    record(units(lto(a1), b1), link("prog", in("a.o", "A1"), in("b.o", "B1"), Input{Path: "/tmp/lto-llvm-1.o"}, Input{Path: "/tmp/x.debug.temp.o"})),
			patched: record(units(unit("b.c", "b.o", "B2")), link("prog", in("a.o", "A1"), in("b.o", "B2"), Input{Path: "/tmp/lto-llvm-2.o"}, Input{Path: "/tmp/y.debug.temp.o"})),
			want:    "/t/prog: 1 b.c>b.c",
		},
		{
			name:    "lto, code and intermediate language, linked as code",
			orig:    record(units(fat(a1)), link("prog", in("a.o", "A1"))),
			patched: record(units(fat(a2)), link("prog", in("a.o", "A2"))),
			want:    "/t/prog: 0 a.c>a.c",
		},
		{
			name:    "lto, code and intermediate language, linked anew",
			orig:    record(units(fat(a1)), link("prog", in("a.o", "A1"), Input{Path: "/tmp/x.debug.temp.o"})),
			patched: record(units(fat(a2)), link("prog", in("a.o", "A2"), Input{Path: "/tmp/y.debug.temp.o"})),
			code:    "lto",
		},
		{
			name:    "several links, sorted",
			orig:    record(units(a1), link("z", in("a.o", "A1")), link("m", in("a.o", "A1"))),
			patched: record(units(a2), link("z", in("a.o", "A2")), link("m", in("a.o", "A2"))),
			want:    "/t/m: 0 a.c>a.c; /t/z: 0 a.c>a.c",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			pairs, err := Pair(c.orig, c.patched, map[string]string{"/t/renamed.c": "/t/b.c"})
			if f := fault.As(err); c.code != "" {
				if f == nil || f.Code != c.code || f.Hint == "" || f.Where == "" {
					t.Fatalf("Pair: %v, want a refusal %s with place and hint", err, c.code)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, describe(pairs)); diff != "" {
				t.Errorf("pairs (-want +got):\n%s", diff)
			}
		})
	}
}

func describe(pairs []LinkPair) string {
	var all []string
	for _, p := range pairs {
		s := p.Orig.Output + ":"
		if p.LTO != nil {
			s += fmt.Sprintf(" made %v>%v of", p.LTO.Orig, p.LTO.Patched)
			for _, u := range p.LTO.Changed {
				s += " " + u.Orig.Source
			}
		}
		for _, u := range p.Units {
			from := ""
			if u.Orig != nil {
				from = u.Orig.Source
			}
			to := u.Input.String()
			if u.Patched != nil {
				to = u.Patched.Source
			}
			s += fmt.Sprintf(" %d %s>%s", u.Index, from, to)
		}
		for _, in := range p.Missing {
			s += " missing " + in.String()
		}
		for _, in := range p.Gone {
			s += " gone " + in.String()
		}
		all = append(all, s)
	}
	return strings.Join(all, "; ")
}
