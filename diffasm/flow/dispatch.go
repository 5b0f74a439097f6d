package flow

import (
	"slices"

	"gocare/diffasm/asm"
	"gocare/diffasm/machine"
)

// dispatched returns the labels that the indirect jump at i leads to. Where its table holds distances from a label in the code, as those of
// aarch64 do, the jump goes to such a distance from the label whose address is added right before:
//
//	adr     x1, .Lrtx4              .L4:    .byte   (.L8 - .Lrtx4) / 4
//	add     x0, x1, w0, sxtb #2             .byte   (.L5 - .Lrtx4) / 4
//	br      x0
//
// Else it is all labels whose address is taken.
func (w *flow) dispatched(i int, to *machine.Operand) []string {
	base := w.baseOf(i, to)
	if _, inCode := w.at[base]; !inCode {
		return w.taken
	}
	var targets []string
	for _, b := range w.fn.Tables {
		for _, st := range b.Items {
			if names := asm.SymbolsOf(st.Args); slices.Contains(names, base) {
				targets = append(targets, names...)
			}
		}
	}
	if targets == nil {
		return w.taken
	}
	return targets
}

// baseOf returns the label to whose address a distance was added for the jump at i, "" if that is not plain.
func (w *flow) baseOf(i int, to *machine.Operand) string {
	sum, ok := w.addressIn(i-1, to.Register)
	if !ok || to.Kind != machine.InRegister || sum.Symbol != "" || sum.Index == machine.NoRegister {
		return ""
	}
	for k := i - 2; k >= i-3 && k >= 0 && w.stmts[k].Kind == asm.Instruction; k-- {
		if label, ok := w.addressIn(k, sum.Base); ok {
			return label.Symbol
		}
		if may, _ := w.m.Writes(w.stmts[k]); may.Has(sum.Base) {
			return ""
		}
	}
	return ""
}

// addressIn returns the address that the instruction at i puts into a register, if it does nothing else.
func (w *flow) addressIn(i int, reg machine.Register) (*machine.Operand, bool) {
	if i < 0 || w.stmts[i].Kind != asm.Instruction || reg == machine.NoRegister {
		return nil, false
	}
	in := w.insn(i)
	if in.Kind != machine.Address || in.Then != nil || len(in.Operands) != 2 || in.Operands[1].Kind != machine.InRegister || in.Operands[1].Register != reg {
		return nil, false
	}
	return &in.Operands[0], true
}
