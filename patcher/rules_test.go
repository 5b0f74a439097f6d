package patcher

import (
	"debug/elf"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gocare/diffasm"
	"gocare/internal/arch"
	"gocare/internal/fault"
	"gocare/internal/layout"
	"gocare/ld"
)

func TestRules(t *testing.T) {
	changed := []layout.Change{{Kind: layout.Signature, Name: "f", Before: "int(int)", After: "int(long)"}}
	// f with another parameter; its caller g is other code, too
	fg := pair{
		orig:       global("f", "movl\t%edi, %eax") + function("g", "movl\t$1, %edi", "call\tf"),
		patched:    global("f", "leal\t1(%rdi), %eax") + function("g", "movq\t$-1, %rdi", "call\tf"),
		prototypes: changed,
	}
	withCaller := func(name string) pair {
		p := fg
		p.orig += function(name, "call\tf")
		p.patched += function(name, "call\tf")
		return p
	}
	caller := pair{orig: global("h", "call\tf"), patched: global("h", "call\tf")}
	changedCaller := pair{orig: global("h", "call\tf"), patched: global("h", "xorl\t%edi, %edi", "call\tf")}

	// s calls f, of which it knows that it leaves rsi alone; the patch does away with s
	gone := pair{
		orig:    function("f", "movl\t%edi, %eax") + function("s", "call\tf", "movl\t%esi, %eax") + global("m", "call\tf"),
		patched: function("f", "movl\t$2, %esi", "movl\t%edi, %eax") + global("m", "call\tf"),
	}
	kept := gone
	kept.orig += pointer("s")
	keptInData := gone
	keptInData.orig = global("m", "leaq\ts(%rip), %rax", "call\tf") + gone.orig[:strings.Index(gone.orig, "\t.globl\tm")]

	// m hands out the address of s, and of t instead
	renamedOne := pair{
		orig:    function("s", "movl\t$1, %eax") + global("m", "leaq\ts(%rip), %rax"),
		patched: function("t", "movl\t$2, %eax") + global("m", "leaq\tt(%rip), %rax"),
	}

	same := global("f", "movl\tv(%rip), %eax")
	loses := pair{orig: variable("v", 1) + same, patched: same}
	keeps := pair{orig: same, patched: same}

	for _, tt := range []struct {
		name  string
		rule  func(*link) (ruling, error)
		link  fakeLink
		units []pair
		asked map[int]demand // that were met
		added []addition
		gone  []goneInput
		want  []string
	}{
		{
			name: "a variable that another unit uses", rule: wantedVariables,
			units: []pair{{orig: global("a"), patched: global("a") + variable("v", 1)}, {orig: global("b"), patched: global("b"), undefined: []string{"v"}}},
			want:  []string{"u0.c brings v"},
		},
		{
			name: "a variable that an addition uses", rule: wantedVariables,
			units: []pair{{orig: global("a"), patched: global("a") + variable("v", 1)}},
			added: []addition{{Addition: ldAddition("n.c", looksFor("v"))}},
			want:  []string{"u0.c brings v"},
		},
		{
			name: "a variable that nobody uses", rule: wantedVariables,
			units: []pair{{orig: global("a"), patched: global("a") + variable("v", 1)}, {orig: global("b"), patched: global("b"), undefined: []string{"w"}}},
		},
		{
			name: "a variable that was asked for", rule: wantedVariables,
			units: []pair{{orig: global("a"), patched: global("a") + variable("v", 1)}, {orig: global("b"), patched: global("b"), undefined: []string{"v"}}},
			asked: map[int]demand{0: {variables: map[string]bool{"v": true}}},
		},
		{
			name: "a variable that the unit's own code brings", rule: wantedVariables,
			units: []pair{{orig: global("a"), patched: global("a", "movl\tv(%rip), %eax") + variable("v", 1), undefined: []string{"v"}}},
		},

		{name: "a prototype, all callers in the patch", rule: signatures, units: []pair{fg}, want: []string{"u0.c detaches f"}},
		{
			name: "a prototype, an edited caller of the same code", rule: signatures, units: []pair{withCaller("edited")},
			want: []string{"u0.c brings edited: calls f"},
		},
		{
			name: "a prototype, an unchanged caller of its unit", rule: signatures, units: []pair{withCaller("h")},
			want: []string{"u0.c brings h: calls f"},
		},
		{
			name: "a prototype, an unchanged caller in another unit of the patch", rule: signatures, link: fakeLink{users: map[string][]int{"f": {1}}},
			units: []pair{fg, {orig: caller.orig + global("k"), patched: caller.patched + global("k", "nop")}},
			want:  []string{`u0.c: signature: u0.c: function "f" has another prototype: was int(int), is int(long): in u1.c, "h", which is not in the patch, calls it`},
		},
		{
			name: "a prototype, its name exported", rule: signatures, units: []pair{fg}, link: fakeLink{outside: map[string]string{"f": "the binary exports it"}},
			want: []string{`u0.c: signature: u0.c: function "f" has another prototype: was int(int), is int(long): the binary exports it`},
		},
		{
			name: "a prototype, an unchanged unit that calls it", rule: signatures, units: []pair{fg, caller}, link: fakeLink{users: map[string][]int{"f": {1}}},
			want: []string{`u0.c: signature: u0.c: function "f" has another prototype: was int(int), is int(long): in u1.c, "h", which is not in the patch, calls it`},
		},
		{
			name: "a prototype, an edited caller in a unit of which nothing else is in the patch", rule: signatures,
			units: []pair{fg, {orig: global("edited", "call\tf"), patched: global("edited", "call\tf")}}, link: fakeLink{users: map[string][]int{"f": {1}}},
			want: []string{"u1.c brings edited: calls f"},
		},
		{
			name: "a prototype, a unit that no longer calls it and has nothing in the patch", rule: signatures, link: fakeLink{users: map[string][]int{"f": {1}}},
			units: []pair{fg, {orig: global("k") + global("h", "call\tf"), patched: global("k")}},
			want:  []string{"u0.c detaches f"},
		},
		{
			name: "a prototype, a unit that no longer takes its address and has nothing in the patch", rule: signatures, link: fakeLink{users: map[string][]int{"f": {1}}},
			units: []pair{fg, {orig: global("k") + global("h", "leaq\tf(%rip), %rax"), patched: global("k")}},
			want:  []string{`u0.c: signature: u0.c: function "f" has another prototype: was int(int), is int(long): in u1.c, "h" takes its address`},
		},
		{
			name: "a prototype, a changed unit that calls it", rule: signatures, units: []pair{fg, changedCaller}, link: fakeLink{users: map[string][]int{"f": {1}}},
			want: []string{"u0.c detaches f"},
		},
		{
			name: "a prototype, an object outside that calls it", rule: signatures, units: []pair{fg}, link: fakeLink{users: map[string][]int{"f": {7}}},
			want: []string{`u0.c: signature: u0.c: function "f" has another prototype: was int(int), is int(long): input7.o, of which nothing is in the patch, may use it`},
		},

		{name: "a function that is gone, and perhaps on a stack", rule: staleFunctions, units: []pair{gone}, want: []string{"u0.c waits for s"}},
		{
			name: "a function that is gone, its address in data", rule: staleFunctions, units: []pair{kept},
			want: []string{
				`u0.c: gone-caller: u0.c: function "s" is gone but may be called in running processes: its address is in "p". It calls "f", which overwrites registers that it left alone before`,
				"u0.c waits for s",
			},
		},
		{
			name: "a function that is gone, its address taken by code", rule: staleFunctions, units: []pair{keptInData},
			want: []string{
				`u0.c: gone-caller: u0.c: function "s" is gone but may be called in running processes: "m" takes its address. It calls "f", which overwrites registers that it left alone before`,
				"u0.c waits for s",
			},
		},

		{
			name: "a function that is kept by its address, and a new one that is", rule: renamedFunctions, units: []pair{renamedOne},
			want: []string{`u0.c: function-renamed: u0.c: function "s" is gone, but may be called in running processes: "m" takes its address; the new "t" (u0.c) may be it by another name`},
		},
		{
			name: "a function that is kept by its address, and a new one that is called", rule: renamedFunctions,
			units: []pair{{orig: renamedOne.orig, patched: function("t", "movl\t$2, %eax") + global("m", "call\tt")}},
		},
		{
			name: "a function that is called, and a new one that is kept", rule: renamedFunctions,
			units: []pair{{orig: function("s", "movl\t$1, %eax") + global("m", "call\ts"), patched: renamedOne.patched}},
		},
		{
			name: "a function that is kept by its address, and a new one of its code", rule: renamedFunctions,
			units: []pair{{
				orig:    renamedOne.orig + function("like", "movl\t$1, %eax"),
				patched: function("t", "movl\t$1, %eax") + function("like", "movl\t$1, %eax") + global("m", "leaq\tt(%rip), %rax"),
			}},
		},
		{
			name: "a function that is kept by its address, and one of its name in another unit", rule: renamedFunctions,
			units: []pair{{orig: renamedOne.orig, patched: global("m")}, {orig: global("b"), patched: global("b") + global("s")}},
			want:  []string{`u0.c: function-renamed: u0.c: function "s" is gone here, but may be called in running processes: "m" takes its address; u1.c has one of that name`},
		},
		{
			name: "a function that is kept by its address, and an addition of its name", rule: renamedFunctions,
			units: []pair{{orig: renamedOne.orig, patched: global("m")}}, added: []addition{{Addition: ldAddition("n.c", definesFunction("s"))}},
			want: []string{`u0.c: function-renamed: u0.c: function "s" is gone here, but may be called in running processes: "m" takes its address; n.c has one of that name`},
		},
		{
			name: "a function that another unit keeps by its address", rule: renamedFunctions,
			units: []pair{
				{orig: global("s", "movl\t$1, %eax"), patched: function("u")},
				{orig: global("m", "leaq\ts(%rip), %rax"), patched: renamedOne.patched},
			},
			want: []string{`u0.c: function-renamed: u0.c: function "s" is gone, but may be called in running processes: "m" takes its address; the new "t" (u1.c) may be it by another name`},
		},

		{name: "a variable that nobody uses any more", rule: removedVariables, units: []pair{{orig: loses.orig, patched: global("f", "xorl\t%eax, %eax")}}},
		{
			name: "a variable that its own unit still uses", rule: removedVariables, units: []pair{loses},
			want: []string{`u0.c: variable-gone: u0.c: the patch removes the variable "v", which u0.c still uses`},
		},
		{
			name: "a variable that an object outside uses", rule: removedVariables, link: fakeLink{users: map[string][]int{"v": {5}}},
			units: []pair{{orig: loses.orig, patched: global("f", "xorl\t%eax, %eax")}},
			want:  []string{`u0.c: variable-gone: u0.c: the patch removes the variable "v", which input5.o still uses`},
		},
		{
			name: "a library with a run path calls dlopen", rule: ownPaths, link: fakeLink{ownPath: true},
			units: []pair{{orig: global("a"), patched: global("a"), undefined: []string{"dlsym"}}, {orig: global("b"), patched: global("b"), undefined: []string{"dlopen"}}},
			want:  []string{"u1.c: own-object: u1.c: new code calls dlopen, which looks in the run path of the library that calls it: the code is in none"},
		},
		{
			name: "what has none calls dlopen", rule: ownPaths,
			units: []pair{{orig: global("b"), patched: global("b"), undefined: []string{"dlopen"}}},
		},
		{name: "a variable that a library has, too", rule: removedVariables, units: []pair{loses}, link: fakeLink{library: []string{"v"}}},
		{
			name: "a variable that moves to another unit", rule: removedVariables,
			units: []pair{loses, {orig: global("b"), patched: global("b") + variable("v", 1)}},
			want:  []string{"u1.c has v of another unit"},
		},
		{
			name: "a variable that moved to another unit, as that knows", rule: removedVariables,
			units: []pair{loses, {orig: global("b"), patched: global("b") + variable("v", 1)}},
			asked: map[int]demand{1: {elsewhere: map[string]bool{"v": true}}},
		},
		{
			name: "a variable that moves to another unit, where the linker may not take it", rule: removedVariables,
			units: []pair{loses, {orig: global("b"), patched: global("b") + weak(variable("v", 1))}},
		},
		{
			name: "a variable that moves to another unit with the address of something private", rule: removedVariables,
			units: []pair{
				{orig: "\t.globl\tp\n" + pointer("s") + function("s") + global("f"), patched: function("s") + global("f")},
				{orig: function("s") + global("b"), patched: "\t.globl\tp\n" + pointer("s") + function("s") + global("b")},
			},
			want: []string{`u0.c: data-changed: u0.c: cannot patch variable "p", which moves to u1.c: initial value has the address of "s", which each unit may have for itself`},
		},
		{
			name: "a variable that moves to another unit with the address of something that all know", rule: removedVariables,
			units: []pair{
				{orig: "\t.globl\tp\n" + pointer("b") + global("f"), patched: global("f")},
				{orig: global("b"), patched: "\t.globl\tp\n" + pointer("b") + global("b")},
			},
		},
		{
			name: "a variable that moves to another unit with another value", rule: removedVariables,
			units: []pair{loses, {orig: global("b"), patched: global("b") + variable("v", 2)}},
			want:  []string{`u0.c: data-changed: u0.c: cannot patch variable "v", which moves to u1.c: initial value changed`},
		},
		{
			name: "a variable of the name that a private one of another unit gets", rule: removedVariables,
			units: []pair{loses, {
				orig:    global("b", "movl\t_ZL1v(%rip), %eax") + strings.Replace(variable("_ZL1v", 1), "\t.globl\t_ZL1v\n", "", 1),
				patched: global("b", "movl\tv(%rip), %eax") + variable("v", 1),
			}},
			want: []string{`u0.c: variable-gone: u0.c: the patch removes the variable "v", which u0.c still uses`},
		},
		{
			name: "a variable that moves to an addition", rule: removedVariables, units: []pair{loses}, added: []addition{{Addition: ldAddition("n.c", defines("v"))}},
			want: []string{`u0.c: moved-global: u0.c: the variable "v" moves to n.c, while u0.c goes on using the one of the process`},
		},

		{
			name: "a new variable, and none that goes", rule: movedState,
			units: []pair{{orig: keepsState("a", "one"), patched: keepsState("a", "one") + keepsState("b", "two")}},
		},
		{
			name: "a variable goes, and none comes", rule: movedState,
			units: []pair{{orig: keepsState("a", "one") + keepsState("b", "two"), patched: keepsState("a", "one")}},
		},
		{
			name: "a variable by another name elsewhere", rule: movedState,
			units: []pair{{orig: keepsState("a", "one"), patched: keepsState("b", "two")}},
			want: []string{`u0.c: static-renamed: u0.c: the new variable "two" may be "one" ` +
				`(u0.c) by another name: the patch takes that away, and what it holds`},
		},
		{
			name: "a variable of its name in another unit", rule: movedState,
			units: []pair{{orig: keepsState("a", "one.0"), patched: function("z")}, {orig: function("y"), patched: keepsState("b", "one.0")}},
			want: []string{`u1.c: static-moved: u1.c: the new variable "one" of b() may be "one" of a() ` +
				`(u0.c), moved: the patch takes that one away, and what it holds`},
		},
		{
			name: "a variable that nothing used", rule: movedState,
			units: []pair{{orig: function("a") + static("one"), patched: keepsState("b", "two")}},
		},
		{
			name: "a new variable that is not in the patch", rule: movedState,
			units: []pair{{orig: keepsState("a", "one"), patched: function("b") + static("two")}},
		},
		{
			name: "a global variable that moves", rule: movedState,
			units: []pair{loses, {orig: global("b"), patched: global("b", "movl\tv(%rip), %eax") + variable("v", 1)}},
		},
		{
			name: "a variable of an addition", rule: movedState,
			units: []pair{{orig: keepsState("a", "one"), patched: function("b")}},
			added: []addition{{Addition: ldAddition("n.c", holds("two.1")), asm: []byte{}}},
			want:  []string{`the link: static-renamed: n.c: the new variable "two" may be "one" (u0.c) by another name: the patch takes that away, and what it holds`},
		},
		{
			name: "a variable of an input that goes", rule: movedState, gone: []goneInput{{"g.c", holds("one.0")}},
			units: []pair{{orig: function("a"), patched: keepsState("b", "two")}},
			want:  []string{`u0.c: static-renamed: u0.c: the new variable "two" may be "one" (g.c) by another name: the patch takes that away, and what it holds`},
		},

		{
			name: "counters of an input that goes", rule: movedState, gone: []goneInput{{"g.c", holds("__gcov0.g")}},
			units: []pair{{orig: function("a"), patched: keepsState("b", "two")}},
		},
		{
			name: "counters of an addition", rule: movedState,
			units: []pair{{orig: keepsState("a", "one"), patched: function("b")}},
			added: []addition{{Addition: ldAddition("n.c", holds("__llvm_gcov_ctr.1")), asm: []byte{}}},
		},
		{
			name: "inputs that go with a constructor and a destructor", rule: removedInputs,
			gone: []goneInput{{"s.c", registers(elf.SHT_INIT_ARRAY, ".init_array")}, {"e.c", registers(elf.SHT_FINI_ARRAY, ".fini_array.00200")}, {"g.c", holds("one")}},
			want: []string{
				`the link: start-only: s.c: it is no longer linked: its section .init_array has code that runs at start, which running processes have done`,
				`the link: gone-destructor: e.c: it is no longer linked: its section .fini_array.00200 has code that runs at exit, and running processes still do`,
			},
		},
		{
			name: "a variable that gives way to a library's", rule: movedState, link: fakeLink{data: map[string]uint64{"two": 4}},
			units: []pair{{orig: keepsState("a", "one"), patched: global("a", "incl\ttwo(%rip)")}},
			want: []string{`u0.c: static-renamed: u0.c: new code uses "two" of another unit or of a library, which has a value of its own, and may do so in the place of "one" ` +
				`(u0.c): the patch takes that one away, and what it holds`},
		},
		{
			name: "a variable that gives way to one of its name", rule: movedState, link: fakeLink{data: map[string]uint64{"one": 8}},
			units: []pair{{orig: keepsState("a", "one.0") + global("b"), patched: global("a") + global("b", "incl\tone(%rip)")}},
			want: []string{`u0.c: static-moved: u0.c: new code uses "one" of another unit or of a library, which has a value of its own, and may do so in the place of "one" of a() ` +
				`(u0.c): the patch takes that one away, and what it holds`},
		},
		{
			name: "a variable goes, and another function uses a library's", rule: movedState, link: fakeLink{data: map[string]uint64{"two": 4}},
			units: []pair{{orig: keepsState("a", "one") + global("b"), patched: global("a") + global("b", "incl\ttwo(%rip)")}},
		},
		{
			name: "a variable goes, and its function uses a library's of another size", rule: movedState, link: fakeLink{data: map[string]uint64{"two": 64}},
			units: []pair{{orig: keepsState("a", "one"), patched: global("a", "incl\ttwo(%rip)")}},
		},
		{
			name: "a variable goes, and its function uses a library's as before", rule: movedState, link: fakeLink{data: map[string]uint64{"two": 4}},
			units: []pair{{orig: keepsState("a", "one") + function("c", "incl\ttwo(%rip)"), patched: global("a", "incl\ttwo(%rip)")}},
		},
		{
			name: "a variable goes, and its function calls a library", rule: movedState, link: fakeLink{},
			units: []pair{{orig: keepsState("a", "one"), patched: global("a", "call\ttwo")}},
		},

		{name: "a new name that nobody looks for", rule: changedNames, units: []pair{{orig: global("a"), patched: global("a") + global("n")}}},
		{
			name: "a new name that an object outside looks for", rule: changedNames, link: fakeLink{users: map[string][]int{"n": {3}}},
			units: []pair{{orig: global("a"), patched: global("a") + global("n")}},
			want:  []string{`u0.c: moved-global: u0.c: "n" is new here, but input3.o uses what the original has by that name, or lacks`},
		},
		{
			name: "a name that leaves its place to another", rule: changedNames, link: fakeLink{again: map[string]string{"n": "weak.o"}},
			units: []pair{{orig: global("a") + global("n"), patched: global("a")}},
			want:  []string{`u0.c: moved-global: u0.c: "n" is no longer defined here, so that another one of that name takes its place, or none: see weak.o`},
		},
		{
			name: "a name that moves to another unit", rule: changedNames, link: fakeLink{again: map[string]string{"n": "weak.o"}},
			units: []pair{{orig: global("a") + global("n"), patched: global("a")}, {orig: global("b"), patched: global("b") + global("n")}},
		},
		{
			name: "a new name that another unit has already", rule: changedNames, link: fakeLink{displaced: map[string]ld.Strength{"n": ld.StrongDefinition}},
			units: []pair{{orig: global("a"), patched: global("a") + global("n")}},
			want:  []string{`u0.c: moved-global: u0.c: "n" is new here, but weak.o defines it, too, and the linker takes one for all`},
		},
		{
			name: "a new weak name that another unit has already", rule: changedNames, link: fakeLink{displaced: map[string]ld.Strength{"n": ld.StrongDefinition}},
			units: []pair{{orig: global("a"), patched: global("a") + weak(global("n"))}},
		},
		{
			name: "a new name that a library looks for", rule: changedNames, link: fakeLink{sought: map[string]string{"n": "l.so"}},
			units: []pair{{orig: global("a"), patched: global("a") + global("n")}},
			want:  []string{`u0.c: moved-global: u0.c: "n" is new here, but l.so looks for it when it is loaded, and found another one, or none`},
		},
		{
			name: "a new hidden name that a library looks for", rule: changedNames, link: fakeLink{sought: map[string]string{"n": "l.so"}},
			units: []pair{{orig: global("a"), patched: global("a") + "\t.hidden\tn\n" + global("n")}},
		},
		{
			name: "a name that is hidden now, and that a library found", rule: changedNames, link: fakeLink{sought: map[string]string{"n": "l.so"}, shown: []string{"n"}},
			units: []pair{{orig: global("n"), patched: "\t.hidden\tn\n" + global("n")}},
			want:  []string{`u0.c: moved-global: u0.c: "n" is hidden now, but l.so found it when it was loaded`},
		},
		{
			name: "a name that is no longer hidden, and that a library looks for", rule: changedNames, link: fakeLink{sought: map[string]string{"n": "l.so"}},
			units: []pair{{orig: "\t.hidden\tn\n" + global("n"), patched: global("n")}},
			want:  []string{`u0.c: moved-global: u0.c: "n" is new here, but l.so looks for it when it is loaded, and found another one, or none`},
		},
		{
			name: "a name that is static now, and that a library found", rule: changedNames, link: fakeLink{sought: map[string]string{"n": "l.so"}, shown: []string{"n"}},
			units: []pair{{orig: global("a") + global("n"), patched: global("a")}},
			want:  []string{`u0.c: moved-global: u0.c: "n" is no longer defined here, so that another one of that name takes its place, or none: see l.so`},
		},
		{
			name: "a variable that another unit leaves", rule: changedNames, link: fakeLink{displaced: map[string]ld.Strength{"v": ld.WeakDefinition}},
			units: []pair{{orig: global("a"), patched: global("a") + variable("v", 1)}, loses},
		},
		{
			name: "two new weak functions of one name", rule: changedNames,
			units: []pair{{orig: global("a"), patched: global("a") + weak(global("n"))}, {orig: global("b"), patched: global("b") + weak(global("n"))}},
			want:  []string{`u0.c: duplicate-symbol: u0.c: "n" is new here and in u1.c`},
		},
		{
			name: "two new variables of one name, one of them in the patch", rule: changedNames,
			units: []pair{
				{orig: global("a"), patched: global("a", "movl\tv(%rip), %eax") + weak(variable("v", 1))},
				{orig: global("b"), patched: global("b") + variable("v", 2)},
			},
			want: []string{`u0.c: duplicate-symbol: u0.c: "v" is new here and in u1.c`},
		},
		{
			name: "a private function that is for all now, weakly, in two units", rule: changedNames,
			units: []pair{
				{orig: function("n") + global("a", "call\tn"), patched: weak(function("n")) + global("a", "call\tn")},
				{orig: function("n", "nop") + global("b", "call\tn"), patched: weak(function("n", "nop")) + global("b", "call\tn")},
			},
			want: []string{`u0.c: duplicate-symbol: u0.c: "n" is new here and in u1.c`},
		},
		{
			name: "a new weak function and an addition's", rule: changedNames, added: []addition{{Addition: ldAddition("n.c", defines("n"))}},
			units: []pair{{orig: global("a"), patched: global("a") + weak(global("n"))}},
			want:  []string{`u0.c: duplicate-symbol: u0.c: "n" is new here and in n.c`},
		},
		{
			name: "two new common variables are one", rule: changedNames,
			units: []pair{{orig: global("a"), patched: global("a") + "\t.comm\tv,4,4\n"}, {orig: global("b"), patched: global("b") + "\t.comm\tv,4,4\n"}},
		},
		{
			name: "a new common variable and a weak one", rule: changedNames,
			units: []pair{{orig: global("a"), patched: global("a") + "\t.comm\tv,4,4\n"}, {orig: global("b"), patched: global("b") + weak(variable("v", 1))}},
			want:  []string{`u0.c: duplicate-symbol: u0.c: "v" is new here and in u1.c`},
		},
		{
			name: "two new variables of one group", rule: changedNames,
			units: []pair{{orig: global("a"), patched: global("a") + inGroup("v")}, {orig: global("b"), patched: global("b") + inGroup("v")}},
		},
		{
			name: "a name that is weak now, and that another unit has", rule: changedNames, link: fakeLink{again: map[string]string{"n": "weak.o"}},
			units: []pair{{orig: global("n"), patched: weak(global("n"))}},
			want:  []string{`u0.c: moved-global: u0.c: "n" is weak now here, so that the linker may take another one of that name than it did: see weak.o`},
		},
		{
			name: "a name that is no longer weak, and that another unit has", rule: changedNames, link: fakeLink{again: map[string]string{"n": "weak.o"}},
			units: []pair{{orig: weak(global("n")), patched: global("n")}},
			want:  []string{`u0.c: moved-global: u0.c: "n" is no longer weak here, so that the linker may take another one of that name than it did: see weak.o`},
		},
		{
			name: "a name that is weak now, and that nobody else has", rule: changedNames, units: []pair{{orig: global("n"), patched: weak(global("n"))}},
		},
		{
			name: "an inline function that leaves its place to another copy", rule: changedNames, link: fakeLink{again: map[string]string{"n": "b.o"}},
			units: []pair{{orig: global("a") + inline("n"), patched: global("a")}},
		},
		{
			name: "an inline function that changes, the copy of the original gone", rule: groupedFunctions, link: fakeLink{keeper: map[string]int{"n": 2}},
			units: []pair{
				{orig: global("a", "call\tn") + inline("n"), patched: global("a", "call\tn") + inline("n", "nop")},
				{orig: global("b", "call\tn") + inline("n"), patched: global("b")},
			},
			want: []string{`u0.c: comdat: u0.c: inline function "n" changes, and the original has the copy of u1.c, which uses it no more`},
		},
		{
			name: "an inline function that changes, another copy gone", rule: groupedFunctions, link: fakeLink{keeper: map[string]int{"n": 1}},
			units: []pair{
				{orig: global("a", "call\tn") + inline("n"), patched: global("a", "call\tn") + inline("n", "nop")},
				{orig: global("b", "call\tn") + inline("n"), patched: global("b")},
			},
		},
		{
			name: "an inline function that is the same, the copy of the original gone", rule: groupedFunctions, link: fakeLink{keeper: map[string]int{"n": 2}},
			units: []pair{
				{orig: global("a", "call\tn") + inline("n"), patched: global("a", "nop", "call\tn") + inline("n")},
				{orig: global("b", "call\tn") + inline("n"), patched: global("b")},
			},
		},
		{
			name: "a new name that an input which is not known looks for", rule: unseenInputs, link: fakeLink{unseen: true, named: []string{"n"}},
			units: []pair{{orig: global("a"), patched: global("a") + global("n")}},
			want:  []string{`u0.c: unseen-input: u0.c: "n": it is new here, and the binary has another use for it`},
		},
		{
			name: "a new name that nothing in the binary has", rule: unseenInputs, link: fakeLink{unseen: true},
			units: []pair{{orig: global("a"), patched: global("a") + global("n")}},
		},
		{
			name: "a name that goes, of which it is not known who uses it", rule: unseenInputs, link: fakeLink{unseen: true},
			units: []pair{{orig: global("a") + global("n"), patched: global("a")}},
			want:  []string{`u0.c: unseen-input: u0.c: "n": it is no longer defined here, and other inputs of the link may use it`},
		},
		{
			name: "a name that moves to another unit that is known", rule: unseenInputs, link: fakeLink{unseen: true},
			units: []pair{{orig: global("a") + global("n"), patched: global("a")}, {orig: global("b"), patched: global("b") + global("n")}},
		},
		{
			name: "a name that is weak now, of which others may have another", rule: unseenInputs, link: fakeLink{unseen: true},
			units: []pair{{orig: global("n"), patched: weak(global("n"))}},
			want:  []string{`u0.c: unseen-input: u0.c: "n": it is weak in one version only, and other inputs of the link may define it`},
		},
		{
			name: "a name that goes, all inputs known", rule: unseenInputs,
			units: []pair{{orig: global("a") + global("n"), patched: global("a")}},
		},
		{
			name: "a literal of a function that moved", rule: movedLiterals,
			units: []pair{{orig: says("f", ".LC4"), patched: global("f")}, {orig: global("g"), patched: global("g", "nop") + says("h", ".LC0")}},
			want:  []string{`u1.c has .LC4 of u0.c: :.string "odd";`},
		},
		{
			name: "a literal that is in the other unit still", rule: movedLiterals,
			units: []pair{{orig: says("f", ".LC4"), patched: says("f", ".LC4")}, {orig: global("g"), patched: global("g", "nop") + says("h", ".LC0")}},
		},
		{
			name: "a literal that was asked for", rule: movedLiterals,
			units: []pair{{orig: says("f", ".LC4"), patched: global("f")}, {orig: global("g"), patched: global("g", "nop") + says("h", ".LC0")}},
			asked: map[int]demand{1: {literals: map[string]diffasm.MovedLiteral{`:.string "odd";`: {}}}},
		},
		{
			name: "a literal that two units had", rule: movedLiterals,
			units: []pair{
				{orig: says("f", ".LC4"), patched: global("f")},
				{orig: says("e", ".LC1"), patched: global("e")},
				{orig: global("g"), patched: global("g", "nop") + says("h", ".LC0")},
			},
			want: []string{`u2.c: literal-unplaced: u2.c (line 15 of its assembly): several other units had a constant like "odd", which is new here, and it cannot be told which one this is`},
		},
		{
			name: "a literal that two units had, one in a function of the name", rule: movedLiterals,
			units: []pair{
				{orig: says("f", ".LC4"), patched: global("f")},
				{orig: says("h", ".LC1"), patched: global("e")},
				{orig: global("g"), patched: global("g", "nop") + says("h", ".LC0")},
			},
			want: []string{`u2.c has .LC1 of u1.c: :.string "odd";`},
		},
		{
			name: "a constant that moved", rule: movedLiterals,
			units: []pair{
				{orig: takesConstant("f"), patched: global("f")}, {orig: global("g"), patched: global("g", "nop") + takesConstant("h")},
			},
			want: []string{`u1.c has name of u0.c: constant name:.string "odd";`},
		},
		{
			name: "a literal that moved to an addition", rule: movedLiterals, units: []pair{{orig: says("f", ".LC4"), patched: global("f")}},
			added: []addition{{Addition: ldAddition("n.c", nil), arch: &arch.X86_64, asm: []byte(says("h", ".LC0"))}},
			want:  []string{`the link: literal-unplaced: n.c: it takes a constant like "odd" along from u0.c, whose address the program may know, and would have another one`},
		},
		{
			name: "a literal of an addition, and of a unit still", rule: movedLiterals, units: []pair{{orig: says("f", ".LC4"), patched: says("f", ".LC4")}},
			added: []addition{{Addition: ldAddition("n.c", nil), arch: &arch.X86_64, asm: []byte(says("h", ".LC0"))}},
		},
		{
			name: "a literal of an addition that is only read", rule: movedLiterals, units: []pair{{orig: says("f", ".LC4"), patched: global("f")}},
			added: []addition{{Addition: ldAddition("n.c", nil), arch: &arch.X86_64, asm: []byte(strings.Replace(says("h", ".LC0"), "leaq", "movq", 1))}},
		},
		{
			name: "a variable that moved to a unit which used it", rule: changedNames, link: fakeLink{users: map[string][]int{"v": {1}}},
			units: []pair{loses, {orig: global("b"), patched: global("b") + variable("v", 1)}},
			asked: map[int]demand{1: {elsewhere: map[string]bool{"v": true}}},
		},
		{name: "a variable that is gone is for another rule", rule: changedNames, units: []pair{loses, keeps}, link: fakeLink{users: map[string][]int{"v": {1}}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newLink(t, tt.link, tt.units...)
			l.added, l.gone = tt.added, tt.gone
			for i, d := range tt.asked {
				l.demands[i] = d
			}
			says, err := tt.rule(l)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, said(says)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestAsk: rules are asked in order; the first that has demands ends it, and what it found before does not count yet.
func TestAsk(t *testing.T) {
	changed := []layout.Change{{Kind: layout.Signature, Name: "f", Before: "int(int)", After: "int(long)"}}
	outside := pair{
		orig:       global("f", "movl\t%edi, %eax"),
		patched:    global("f", "leal\t1(%rdi), %eax"),
		prototypes: changed,
	}
	none := func(fault.Code) bool { return false }

	exports := fakeLink{outside: map[string]string{"f": "the binary exports it"}}
	l := newLink(t, exports, outside)
	if _, _, err := ask(l, none); err == nil || !strings.Contains(err.Error(), "another prototype") {
		t.Errorf("a refusal: %v", err)
	}
	next, demands, err := ask(l, func(code fault.Code) bool { return code == "signature" })
	if err != nil || demands != nil || len(next.overridden) != 1 || len(l.overridden) != 0 {
		t.Errorf("a refusal that is overridden: %v, demands %v, %d noted, %d in the value that was asked about", err, demands, len(next.overridden), len(l.overridden))
	}

	wants := outside
	wants.patched += variable("v", 1)
	l = newLink(t, exports, wants, pair{orig: global("b"), patched: global("b"), undefined: []string{"v"}})
	next, demands, err = ask(l, none)
	if err != nil || len(demands) != 2 || !demands[0].variables["v"] || next != l {
		t.Errorf("a demand comes before a refusal: %v, demands %v", err, demands)
	}
}

// TestTakesEffect: what only the patch reaches changes nothing by itself.
func TestTakesEffect(t *testing.T) {
	l := newLink(t, fakeLink{},
		pair{orig: global("f", "movl\t$1, %eax"), patched: global("f", "movl\t$2, %eax")},
		pair{orig: global("f"), patched: global("f") + global("n")},
		pair{orig: global("f", "movl\t$1, %eax"), patched: global("f", "movl\t$2, %eax")},
	)
	l.detached[2] = []string{"f"}
	for i, want := range []bool{true, false, false} {
		if got := l.takesEffect(i); got != want {
			t.Errorf("unit %d: %v", i, got)
		}
	}
}
