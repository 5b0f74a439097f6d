package diffasm

import (
	"slices"
	"strings"

	"gocare/diffasm/asm"
	"gocare/diffasm/canon"
	"gocare/diffasm/machine"
	"gocare/internal/fault"
)

// LLVM knows what a private pointer holds that begins as null and gets one address everywhere: it calls that function, or reads there,
// instead of asking the pointer (GlobalOpt's OptimizeOnceStoredGlobal). In a process that stored another address, patched code would not
// see that.

// oneAddress refuses pointers in which the patched unit stores one address only, and the original another.
func (d *Delta) oneAddress() {
	if !d.patched.Clang || d.plain || d.m.Exact {
		return
	}
	used := map[string]bool{}
	for i, f := range d.Functions {
		if f.Status == Changed || f.Status == New {
			canon.Walk(d.patched.File, d.fns[i].p, func(n string) { used[n] = true })
		}
	}
	for i, pair := range d.vars {
		v := &d.Variables[i]
		if v.Status != Same || pair.p == nil || !used[v.Name] || d.patched.IsGlobal(v.Name) || d.patched.Size(pair.p) != "8" || !strings.HasPrefix(pair.p.Section.Name, ".bss") {
			continue
		}
		now, ok := stored(d.patched.File, v.Name)
		if !ok || len(now) != 1 {
			continue
		}
		was, ok := stored(d.orig.File, v.Orig)
		if ok && (len(was) == 0 || len(was) == 1 && d.sameAddress(now[0], was[0])) {
			continue
		}
		v.Status, v.Code = Changed, fault.DataChanged
		v.Reason = "the compiler knows that it is null or the address of " + now[0] + " in the patched version, and the original stores another"
	}
}

// sameAddress reports whether what a symbol of the patched unit stands for is what one of the original does.
func (d *Delta) sameAddress(p, o string) bool {
	if text := canon.LiteralText(d.patched.File, p); text != "" {
		return text == canon.LiteralText(d.orig.File, o)
	}
	return d.m.Patched.Meaning(p) == d.m.Orig.Meaning(o)
}

// stored returns the symbols whose addresses the code of a unit stores in a variable; ok is false if it may store anything else but
// null, or lets the address of the variable out.
func stored(f *asm.File, name string) (symbols []string, ok bool) {
	for _, b := range f.Variables {
		if canon.ItemsMention(f, b, name) {
			return nil, false
		}
	}
	for _, fn := range f.Functions {
		for _, s := range fn.Streams {
			for i, st := range s.Statements {
				if st.Kind != asm.Instruction || !strings.Contains(st.Args, name) {
					continue
				}
				value, known := storedBy(machine.Of(f), s.Statements, i, name)
				if !known {
					return nil, false
				}
				if value != "" && !slices.Contains(symbols, value) {
					symbols = append(symbols, value)
				}
			}
		}
	}
	return symbols, true
}

// storedBy returns the symbol whose address an instruction stores in a variable, "" for none; it is not known for all else that may
// write the variable.
func storedBy(m machine.Machine, stmts []asm.Statement, at int, name string) (value string, known bool) {
	in := m.Decode(stmts[at])
	for step := &in; step != nil; step = step.Then {
		if value, known = storedIn(m, stmts, at, step, name); !known || value != "" {
			return value, known
		}
	}
	return "", true
}

// storedIn does that for one thing of those that an instruction does.
func storedIn(m machine.Machine, stmts []asm.Statement, at int, in *machine.Insn, name string) (value string, known bool) {
	ops := in.Operands
	for i, o := range ops {
		switch {
		case o.Symbol != name:
		case stmts[at].Asm || o.Kind != machine.Memory || o.GOT || in.Kind == machine.Address:
			return "", false
		case i < len(ops)-1 || in.ReadsOnly || o.Indirect:
		case in.Kind != machine.Move && in.Kind != machine.MoveHalf:
			return "", false
		case ops[0].Kind == machine.Immediate:
			return ops[0].Symbol, ops[0].Symbol != "" || ops[0].Disp == 0
		default:
			return addressIn(m, stmts[:at], ops[0].Register)
		}
	}
	return "", true
}

// addressIn returns the symbol whose address a register got last, in the order of the text; "" for null.
func addressIn(m machine.Machine, stmts []asm.Statement, reg machine.Register) (sym string, known bool) {
	for i := len(stmts) - 1; i >= 0 && reg != machine.NoRegister; i-- {
		if stmts[i].Kind != asm.Instruction {
			continue
		}
		in := m.Decode(stmts[i])
		if !in.Writes(reg) {
			continue
		}
		if in.Then != nil {
			return "", false
		}
		ops := in.Operands
		from := ops[0]
		switch {
		case in.Effect == machine.Xor && len(ops) == 2 && from.Kind == machine.InRegister && from.Register == reg:
			return "", true
		case in.Kind == machine.Address || (in.Kind == machine.Move || in.Kind == machine.MoveHalf) && (from.Kind == machine.Immediate || from.GOT):
			return from.Symbol, from.Symbol != "" && from.Base == machine.NoRegister && from.Index == machine.NoRegister || from.Kind == machine.Immediate && from.Disp == 0
		}
		return "", false
	}
	return "", false
}
