package engine

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gocare/engine/inspect"
)

// TestCombine: memory and file are 64 bytes in pages of 16, byte n being n.
func TestCombine(t *testing.T) {
	file := make([]byte, 64)
	for i := range file {
		file[i] = byte(i)
	}
	hook := func(at inspect.Addr, n int) Write {
		return Write{Addr: at, Old: file[at:][:n], New: bytes.Repeat([]byte{0xe9}, n), What: "hook", Code: true}
	}
	gate := func(at inspect.Addr) Write {
		w := hook(at, 2)
		w.Gate = true
		return w
	}
	undo := func(w Write) Write {
		w.Old, w.New = w.New, w.Old
		return w
	}
	state := Write{Addr: 60, Old: []byte{60}, New: []byte{1}, What: "state"}
	type made struct {
		At   inspect.Addr
		New  string
		What string
	}
	const e = "\xe9"
	for _, tt := range []struct {
		name   string
		writes []Write
		other  inspect.Addr // where memory is not as the file, 0 if nowhere
		want   []made
	}{
		{"one", []Write{hook(3, 2)}, 0, []made{{3, e + e, "hook"}}},
		{"on a page, in the order of addresses", []Write{hook(8, 2), hook(3, 2)}, 0, []made{{3, e + e + "\x05\x06\x07" + e + e, "hook and 1 more"}}},
		{"side by side", []Write{hook(3, 2), hook(5, 2)}, 0, []made{{3, e + e + e + e, "hook and 1 more"}}},
		{"on the next page", []Write{hook(14, 1), hook(17, 1)}, 0, []made{{14, e + "\x0f\x10" + e, "hook and 1 more"}}},
		{"a page without a hook between", []Write{hook(14, 1), hook(33, 1)}, 0, []made{{14, e, "hook"}, {33, e, "hook"}}},
		{"a probe between", []Write{hook(3, 2), hook(8, 2)}, 6, []made{{3, e + e, "hook"}, {8, e + e, "hook"}}},
		{"a state between", []Write{hook(3, 1), state, hook(5, 1)}, 0, []made{{3, e, "hook"}, {60, "\x01", "state"}, {5, e, "hook"}}},
		{
			"gates after all hooks",
			[]Write{hook(8, 1), hook(6, 1), gate(3)},
			0,
			[]made{{6, e + "\x07" + e, "hook and 1 more"}, {3, e + e, "hook"}},
		},
		{"gates before the hooks they lead to", []Write{gate(3), hook(8, 1), gate(5)}, 0, []made{{3, e + e, "hook"}, {8, e, "hook"}, {5, e + e, "hook"}}},
		{"one over another", []Write{hook(3, 2), {Addr: 4, Old: []byte(e), New: []byte{7}, Code: true, What: "trap"}}, 0, []made{{3, e + e, "hook"}, {4, "\x07", "trap"}}},
		{
			"around what an earlier write restores",
			[]Write{undo(hook(5, 1)), state, hook(4, 1), hook(6, 1)},
			5,
			[]made{{5, "\x05", "hook"}, {60, "\x01", "state"}, {4, e + "\x05" + e, "hook and 1 more"}},
		},
		{"outside of any file", []Write{{Addr: 70, Old: []byte{0}, New: []byte{1}, What: "a", Code: true}, {Addr: 73, Old: []byte{0}, New: []byte{1}, What: "b", Code: true}}, 0, []made{{70, "\x01", "a"}, {73, "\x01", "b"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			have := append(bytes.Clone(file), make([]byte, 16)...)
			if tt.other != 0 {
				have[tt.other] = 0xe9
			}
			c := combiner{mem: newShadow(bytes.NewReader(have)), page: 16, original: func(at inspect.Addr, n int) ([]byte, bool) {
				if int(at)+n > len(file) {
					return nil, false
				}
				return file[at:][:n], true
			}}
			var got []made
			for _, w := range c.combine(tt.writes) {
				got = append(got, made{w.Addr, string(w.New), w.What})
				if len(w.Old) != len(w.New) {
					t.Errorf("%s: %d bytes become %d", w.What, len(w.Old), len(w.New))
				}
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestBefore: of what is written twice only the first write says what was there.
func TestBefore(t *testing.T) {
	list := before([]Write{
		{Addr: 10, Old: []byte{1, 2}, New: []byte{5, 6}},
		{Addr: 9, Old: []byte{0, 5, 6, 3}, New: []byte{7, 8, 9, 4}},
	})
	want := []Write{{Addr: 10, Old: []byte{1, 2}}, {Addr: 9, Old: []byte{0}}, {Addr: 12, Old: []byte{3}}}
	if d := cmp.Diff(want, list, cmp.AllowUnexported(Write{})); d != "" {
		t.Error(d)
	}
}
