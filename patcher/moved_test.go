package patcher

import (
	"slices"
	"testing"

	"gocare/diffasm"
)

// What is known to have moved is neither new nor gone: the rules that refuse both as they are have nothing to say of it.
func TestRulesOfWhatMoved(t *testing.T) {
	moves := diffasm.Moves{
		Functions: map[string]diffasm.MovedFunction{"s": {Unit: 0}},
		Variables: map[string]diffasm.MovedPrivate{"v": {Unit: 0, Symbol: "v"}},
	}
	// s calls f, of which it knows that it leaves rsi alone
	calls := "\t.globl\ts\n" + function("s", "call\tf", "movl\t%esi, %eax")
	came := pair{orig: global("b"), patched: global("b") + global("s")}
	for _, tt := range []struct {
		name string
		rule func(*link) (ruling, error)
		link fakeLink
		from pair
		to   pair
	}{
		{"others use it", changedNames, fakeLink{users: map[string][]int{"s": {7}}}, pair{orig: global("f") + global("s"), patched: global("f")}, came},
		{"others may look for it", changedNames, fakeLink{shown: []string{"main"}}, pair{orig: global("f") + global("s"), patched: global("f")}, came},
		{"its address is kept", renamedFunctions, fakeLink{}, pair{orig: global("f") + global("s") + pointer("s"), patched: global("f") + pointer("s")}, came},
		{
			"it relies on what it calls", staleFunctions,
			fakeLink{},
			pair{orig: function("f", "movl\t%edi, %eax") + calls, patched: function("f", "movl\t$2, %esi", "movl\t%edi, %eax")},
			came,
		},
		{"it keeps something", movedState, fakeLink{}, pair{orig: global("f") + keepsState("s", "v"), patched: global("f")}, pair{orig: global("b"), patched: global("b") + keepsState("s", "v")}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newLink(t, tt.link, tt.from, tt.to)
			asks := func() int {
				says, err := tt.rule(l)
				if err != nil {
					t.Fatal(err)
				}
				return len(says.refusals) + len(slices.Concat(says.stale...))
			}
			if asks() == 0 {
				t.Error("nothing is said of what moved unknown")
			}
			l.demands[1] = demand{moves: moves}
			if n := asks(); n > 0 {
				t.Errorf("%d refusals of what is known to have moved", n)
			}
		})
	}
}

// A name that moved within a library is not one that it shows anew.
func TestNewlyShownOfWhatMoved(t *testing.T) {
	l := newLink(t, fakeLink{}, pair{orig: global("f") + global("s"), patched: global("f")}, pair{orig: global("b"), patched: global("b") + global("s")})
	if got := l.newlyShown(carried{}); !slices.Equal(got, []string{"s"}) {
		t.Errorf("%v", got)
	}
	l.demands[1] = demand{moves: diffasm.Moves{Functions: map[string]diffasm.MovedFunction{"s": {}}}}
	if got := l.newlyShown(carried{}); len(got) > 0 {
		t.Errorf("%v", got)
	}
}

// Functions go from one unit to another where that is plain, and the user wants them; their types have to be known.
func TestWentTo(t *testing.T) {
	loses, came := pair{orig: global("f") + global("s"), patched: global("f")}, pair{orig: global("b"), patched: global("b") + global("s")}
	for _, tt := range []struct {
		name  string
		units []pair
		keeps func(string) bool
		want  []string
	}{
		{"a function", []pair{loses, came}, nil, []string{"s"}},
		{"a private function", []pair{{orig: global("f") + function("s"), patched: global("f")}, came}, nil, nil},
		{"a function that is private now", []pair{loses, {orig: global("b"), patched: global("b") + function("s")}}, nil, nil},
		{"a function that two have now", []pair{loses, came, came}, nil, nil},
		{"a function that two had", []pair{loses, came, loses}, nil, nil},
		{"a function that the filter leaves out", []pair{loses, came}, func(name string) bool { return name != "s" }, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newLink(t, fakeLink{}, tt.units...)
			if tt.keeps != nil {
				l.keeps = tt.keeps
			}
			if got := l.wentTo(0, 1); !slices.Equal(got, tt.want) {
				t.Errorf("%v, want %v", got, tt.want)
			}
			if says, err := movedFunctions(l); err != nil || says.demands != nil {
				t.Errorf("what moved is known without types: %v (%v)", says.demands, err)
			}
		})
	}
}
