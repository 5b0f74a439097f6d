package machine

import (
	"slices"
	"strconv"
	"strings"
)

// rewrite returns the statements that replace one, nil to leave it.
func (g *gotRewriter) rewrite(in *gotInsn) []string {
	u, ok := g.use(in)
	switch {
	case !ok:
		return nil
	case strings.HasPrefix(in.texts[u.at], "*"):
		return g.branch(in, u)
	case in.op == "pushq" && in.prefix == "":
		return g.push(u)
	}
	if out := loadInto(in, u); out != nil {
		return out
	}
	return g.throughScratch(in, u)
}

func loadAddress(sym, reg string) string { return "movq\t" + sym + "@GOTPCREL(%rip), " + reg }

// loadInto uses the register that a load writes for the address, nil where there is none.
func loadInto(in *gotInsn, u use) []string {
	if u.at != 0 || len(in.operands) != 2 || in.prefix != "" {
		return nil
	}
	reg := wholeRegister(&in.operands[1])
	if reg == "" || reg == u.base || strings.HasPrefix(u.index, reg) {
		return nil
	}
	before, operand := u.operand(reg)
	out := append([]string{loadAddress(u.symbol, reg)}, before...)
	switch {
	case u.immediate && (in.op == "movl" || in.op == "movq" || in.op == "movabsq"):
		return out
	case u.immediate || !in.row.has(loads):
		return nil
	case in.op == "leaq" && operand == "("+reg+")":
		return out
	}
	return append(out, in.with(0, operand))
}

// branch goes through r11, which no call passes anything in and every call may change.
func (g *gotRewriter) branch(in *gotInsn, u use) []string {
	transfers := in.row.kind == Call || in.row.kind == Jump || in.row.kind == JumpPointer
	if g.inline || u.immediate || u.base != "" || u.index != "" || !transfers || len(in.operands) != 1 {
		return nil
	}
	_, operand := u.operand("%r11")
	return []string{loadAddress(u.symbol, "%r11"), in.with(u.at, "*"+operand)}
}

// push makes room first and fills it then. What tells the unwinder of a push stands behind the instruction.
func (g *gotRewriter) push(u use) []string {
	if u.base != "" || u.index != "" {
		return nil
	}
	before, operand := u.operand("%rax")
	out := append([]string{"leaq\t-8(%rsp), %rsp"}, g.cfa.moved("8")...)
	out = append(append(out, "pushq\t%rax"), g.cfa.moved("8")...)
	out = append(append(out, loadAddress(u.symbol, "%rax")), before...)
	if !u.immediate {
		out = append(out, "movq\t"+operand+", %rax")
	}
	out = append(append(out, "movq\t%rax, 8(%rsp)"), "popq\t%rax")
	return append(out, g.cfa.moved("-16")...)
}

// throughScratch saves a register below the red zone and uses it for the address.
func (g *gotRewriter) throughScratch(in *gotInsn, u use) []string {
	reg := scratch(in)
	if reg == "" || u.immediate && (!strings.HasSuffix(in.op, "q") || len(in.operands) != 2) {
		return nil
	}
	others, ok := in.below(u.at, int64(redZone)+8)
	if !ok || strings.HasPrefix(u.base, "%rsp") {
		return nil
	}
	before, operand := u.operand(reg)
	out := append([]string{"leaq\t-" + strconv.Itoa(redZone) + "(%rsp), %rsp"}, g.cfa.moved(strconv.Itoa(redZone))...)
	out = append(append(out, "pushq\t"+reg), g.cfa.moved("8")...)
	out = append(append(out, loadAddress(u.symbol, reg)), before...)
	out = append(append(out, others.with(u.at, operand), "popq\t"+reg), g.cfa.moved("-8")...)
	out = append(out, "leaq\t"+strconv.Itoa(redZone)+"(%rsp), %rsp")
	return append(out, g.cfa.moved("-"+strconv.Itoa(redZone))...)
}

// scratch returns a register that an instruction neither names, by any of its names, nor uses without naming it; "" where
// that cannot be told.
func scratch(in *gotInsn) string {
	// Next to the second byte of a register there is no r8 to r15.
	high := slices.ContainsFunc(in.operands, func(o Operand) bool { return o.High })
	switch {
	case !isScratchable(in), high && in.row.has(unnamed):
		return ""
	case in.row.has(unnamed):
		return unused(in, r8, r9, r10, r11)
	}
	return unused(in, rax, rcx, rdx)
}

// isScratchable leaves string instructions out, of which the assembler tells the size by the operands.
func isScratchable(in *gotInsn) bool {
	return in.row.has(scratchable) && in.op != "movs" && in.op != "cmps" && in.op != "verr" && in.op != "verw"
}

// unused returns one of some registers of which no name stands in the operands, "" if all do. The letters of a name count anywhere,
// also in symbols: what is passed over so costs nothing.
func unused(in *gotInsn, list ...Register) string {
	for _, r := range list {
		names := namesIn(r)
		if !slices.ContainsFunc(names, func(n string) bool { return strings.Contains(in.args, n) }) {
			return wholeNames()[r]
		}
	}
	return ""
}

// namesIn returns texts of which one stands in all operands that name a register.
func namesIn(r Register) []string {
	whole := wholeNames()[r]
	if r >= r8 {
		return []string{whole}
	}
	letters := whole[len("%r"):]
	return []string{letters, "%" + letters[:1] + "l", "%" + letters[:1] + "h"}
}

// wholeRegister returns the 64 bit name of a register of which an operand writes all; the stack pointer is none.
func wholeRegister(o *Operand) string {
	if o.Kind != InRegister || o.Indirect || o.Width < 32 || o.Register == NoRegister || o.Register >= xmm0 || o.Register == rsp {
		return ""
	}
	return wholeNames()[o.Register]
}
