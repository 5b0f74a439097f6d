package diffasm

import (
	"slices"
	"strings"
)

// LLVM knows what a private pointer holds that begins as null and gets one address everywhere: it calls that function, or reads there,
// instead of asking the pointer (GlobalOpt's OptimizeOnceStoredGlobal). In a process that stored another address, patched code would not
// see that.

// oneAddress refuses pointers in which the patched unit stores one address only, and the original another.
func (d *Delta) oneAddress() {
	if !d.patched.clang || d.plain || d.m.exact {
		return
	}
	used := map[string]bool{}
	for i, f := range d.Functions {
		if f.Status == Changed || f.Status == New {
			d.patched.walk(d.fns[i].p, func(n string) { used[n] = true })
		}
	}
	for i, pair := range d.vars {
		v := &d.Variables[i]
		if v.Status != Same || pair.p == nil || !used[v.Name] || d.patched.isGlobal(v.Name) || d.patched.size(pair.p) != "8" || !strings.HasPrefix(pair.p.sec.name, ".bss") {
			continue
		}
		now, ok := d.patched.stored(v.Name)
		if !ok || len(now) != 1 {
			continue
		}
		was, ok := d.orig.stored(v.Orig)
		if ok && (len(was) == 0 || len(was) == 1 && d.sameAddress(now[0], was[0])) {
			continue
		}
		v.Status, v.Code = Changed, "data-changed"
		v.Reason = "the compiler knows that it is null or the address of " + now[0] + " in the patched version, and the original stores another"
	}
}

// sameAddress reports whether what a symbol of the patched unit stands for is what one of the original does.
func (d *Delta) sameAddress(p, o string) bool {
	if text := d.patched.literalText(p); text != "" {
		return text == d.orig.literalText(o)
	}
	return d.m.p.meaning(p) == d.m.o.meaning(o)
}

// stored returns the symbols whose addresses the code of a unit stores in a variable; ok is false if it may store anything else but
// null, or lets the address of the variable out.
func (f *File) stored(name string) (symbols []string, ok bool) {
	for _, b := range f.vars {
		if f.itemsMention(b, name) {
			return nil, false
		}
	}
	for _, fn := range f.funcs {
		for _, s := range fn.streams {
			for i, st := range s.stmts {
				if st.kind != insn || !strings.Contains(st.args, name) {
					continue
				}
				value, known := storedBy(s.stmts, i, name)
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
func storedBy(stmts []stmt, at int, name string) (value string, known bool) {
	op, _, ops := operandsOf(stmts[at])
	for i, o := range ops {
		switch {
		case o.sym != name:
		case stmts[at].asm || o.kind != opMem || o.got || strings.HasPrefix(op, "lea"):
			return "", false
		case i < len(ops)-1 || isOneOf(op, readers) || o.indirect:
		case !strings.HasPrefix(op, "mov"):
			return "", false
		case ops[0].kind == opImm:
			return ops[0].sym, ops[0].sym != "" || ops[0].disp == 0
		default:
			return addressIn(stmts[:at], ops[0].reg)
		}
	}
	return "", true
}

// addressIn returns the symbol whose address a register got last, in the order of the text; "" for null.
func addressIn(stmts []stmt, reg int) (sym string, known bool) {
	for i := len(stmts) - 1; i >= 0 && reg != noReg; i-- {
		op, _, ops := operandsOf(stmts[i])
		if stmts[i].kind != insn || len(ops) == 0 || ops[len(ops)-1].kind != opReg || ops[len(ops)-1].reg != reg || isOneOf(op, readers) {
			continue
		}
		from := ops[0]
		switch {
		case strings.HasPrefix(op, "xor") && len(ops) == 2 && from.kind == opReg && from.reg == reg:
			return "", true
		case strings.HasPrefix(op, "lea") || strings.HasPrefix(op, "mov") && (from.kind == opImm || from.got):
			return from.sym, from.sym != "" && from.base == noReg && from.index == noReg || from.kind == opImm && from.disp == 0
		}
		return "", false
	}
	return "", false
}
