package diffasm

import (
	"fmt"
	"maps"
	"strings"

	"gocare/diffasm/asm"
	"gocare/diffasm/flow"
	"gocare/diffasm/machine"
	"gocare/internal/fault"
	"gocare/internal/lazyregexp"
)

// labelEscapes refuses a function whose labels are kept where they outlive an activation: after the patch, the old ones lead
// from the new code into the old, and the other way round. Labels in a table for a switch are none of these: only the jump that reads
// the table knows it.
func labelEscapes(f *asm.File, fn *asm.Function) *asm.Problem {
	tables := map[string]bool{}
	for _, b := range fn.Tables {
		if !switchTable.MatchString(b.Name) && !b.Section.IsUnwind() {
			tables[b.Name] = true
		}
	}
	labels := takenLabels(f, fn)
	p := dataMentions(f, tables)
	if p == nil && len(tables)+len(labels) > 0 {
		p = flow.Escapes(f, fn, flow.Rules{Deep: true, Calls: true}, func(name string) bool { return labels[name] || tables[name] })
	}
	if p == nil {
		return nil
	}
	return &asm.Problem{
		Code: fault.LabelEscape, What: "the address of a label " + p.What, At: p.At,
	}
}

// switchTable is a table of a switch statement: the source has no name for it, so that only its jump can use it.
var switchTable = lazyregexp.New(`^\.L(JTI)?[0-9_]+$`)

// takenLabels returns the labels whose address the code of a function takes other than to jump there. Those that code of the
// large model finds the GOT by are none, and neither are those by which gcc's -fsanitize=address tells the run-time library whose
// frame one is.
func takenLabels(f *asm.File, fn *asm.Function) map[string]bool {
	taken, base := map[string]bool{}, map[string]bool{}
	for _, s := range fn.Streams {
		for _, st := range s.Statements {
			if st.Kind != asm.Instruction || machine.Of(f).Kind(st).Jumps() {
				continue
			}
			got := strings.Contains(st.Args, "_GLOBAL_OFFSET_TABLE_")
			asm.EachLocal(st.Args, func(name string) {
				taken[name] = taken[name] || f.Labels[name] != nil && !strings.HasPrefix(name, ".LASANPC")
				base[name] = base[name] || got
			})
		}
	}
	maps.DeleteFunc(taken, func(name string, is bool) bool { return !is || base[name] })
	return taken
}

// dataMentions returns data that holds the address of one of some tables of labels.
func dataMentions(f *asm.File, tables map[string]bool) *asm.Problem {
	if len(tables) == 0 {
		return nil
	}
	for _, b := range f.Order {
		if b.Section.IsUnwind() {
			continue
		}
		for _, st := range b.Items {
			t := asm.Tokens{Text: st.Args}
			for tok, ok := t.Next(); ok; tok, ok = t.Next() {
				if tok.Kind == asm.TokenSymbol && tables[tok.Text] {
					return &asm.Problem{What: fmt.Sprintf("is in %q", b.Name), At: st}
				}
			}
		}
	}
	return nil
}
