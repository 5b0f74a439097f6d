package correlate

import (
	"testing"

	"gocare/diffasm/debuginfo"
)

// editedFile returns the declarations of a file in which the patch wrote a line in front of the third.
func editedFile(was, is []*debuginfo.Declaration) *declarations {
	file := &SourceFile{Origin: []int{1, 2, 0, 3, 4}, Before: make([]string, 4), After: make([]string, 5)}
	return &declarations{
		sources: &sources{changed: func(string) *SourceFile { return file }},
		od:      &debuginfo.Declarations{All: was}, pd: &debuginfo.Declarations{All: is},
		stems: map[*debuginfo.Declaration]string{},
	}
}

// TestOnLine finds the declaration of the original on the line that the patch left alone.
func TestOnLine(t *testing.T) {
	n := func(line, column int) *debuginfo.Declaration {
		return &debuginfo.Declaration{Name: "n", File: "a.c", Line: line, Column: column}
	}
	for _, tt := range []struct {
		name string
		was  []*debuginfo.Declaration
		p    *debuginfo.Declaration
		want int // index in was, -1 for none
	}{
		{"behind the new line", []*debuginfo.Declaration{n(2, 1), n(3, 1)}, n(4, 1), 1},
		{"in front of it", []*debuginfo.Declaration{n(2, 1), n(3, 1)}, n(2, 1), 0},
		{"on it", []*debuginfo.Declaration{n(2, 1), n(3, 1)}, n(3, 1), -1},
		{"another column", []*debuginfo.Declaration{n(3, 1)}, n(4, 9), -1},
		{"several of one macro", []*debuginfo.Declaration{n(3, 1), n(3, 1)}, n(4, 1), -1},
		{"another file", []*debuginfo.Declaration{{Name: "n", File: "b.h", Line: 3, Column: 1}}, n(4, 1), -1},
		{"another name", []*debuginfo.Declaration{{Name: "m", File: "a.c", Line: 3, Column: 1}}, n(4, 1), -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := editedFile(tt.was, nil).onLine(tt.p, tt.was)
			if tt.want < 0 && got != nil || tt.want >= 0 && got != tt.was[tt.want] {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// TestOnLineOfMacro: names that a macro made of lines are compared without the numbers.
func TestOnLineOfMacro(t *testing.T) {
	o := &debuginfo.Declaration{Name: "n_3", File: "a.c", Line: 3}
	p := &debuginfo.Declaration{Name: "n_4", File: "a.c", Line: 4}
	m := editedFile([]*debuginfo.Declaration{o}, []*debuginfo.Declaration{p})
	if m.onLine(p, m.od.All) != nil {
		t.Error("the source says both names")
	}
	m.stems[o], m.stems[p] = "n_#", "n_#"
	if m.onLine(p, m.od.All) != o {
		t.Error("the numbers are the lines")
	}
}

// TestIsGone: the function that a variable was in may have another name.
func TestIsGone(t *testing.T) {
	o := &debuginfo.Declaration{Name: "n", Function: "f"}
	m := editedFile([]*debuginfo.Declaration{o}, []*debuginfo.Declaration{{Name: "n", Function: "g"}, {Name: "m", Function: "f"}})
	if !m.isGone(o) {
		t.Error("g has one of its name, f has not")
	}
	m.renamed = map[string]string{"g": "f"}
	if m.isGone(o) {
		t.Error("g was f")
	}
}

// TestInPlace: the one on the line, else the only one of its name.
func TestInPlace(t *testing.T) {
	first := &debuginfo.Declaration{Name: "n", Function: "f", File: "a.c", Line: 2}
	second := &debuginfo.Declaration{Name: "n", Function: "f", File: "a.c", Line: 4}
	at := func(line int) *debuginfo.Declaration {
		return &debuginfo.Declaration{Name: "n", Function: "f", File: "a.c", Line: line}
	}
	m := editedFile([]*debuginfo.Declaration{first, second}, nil)
	if m.inPlace(at(4)) != second || m.inPlace(at(3)) != nil {
		t.Error("two of a name are told apart by their line alone")
	}
	m = editedFile([]*debuginfo.Declaration{first}, nil)
	if m.inPlace(at(3)) != first {
		t.Error("there is one of that name")
	}
}
