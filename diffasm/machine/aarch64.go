package machine

import (
	"slices"
	"strings"

	"gocare/diffasm/asm"
	"gocare/internal/lazyregexp"
)

// arm64 is the Arm 64-bit target, as gcc and clang write it.
type arm64 struct{}

func (arm64) Syntax() *asm.Syntax { return armSyntax }

func (arm64) Convention() *Convention { return &aapcs64 }

func (arm64) Kind(st asm.Statement) Kind { return armFind(st.Op).kind }

// Decode spells an instruction as x86-64 would: what is written comes last, and what is the sum of two operands is an address.
func (arm64) Decode(st asm.Statement) Insn {
	row := armFind(st.Op)
	d := armDecoder{op: strings.ToLower(st.Op), row: row, ops: armOperands(st.Args)}
	d.decode()
	return d.chain()
}

// armDecoder takes one instruction apart into what it does, one after the other.
type armDecoder struct {
	op    string
	row   armRow
	ops   []Operand
	steps []Insn
}

// chain links the steps.
func (d *armDecoder) chain() Insn {
	if len(d.steps) == 0 {
		return Insn{Kind: d.row.kind, ReadsOnly: true}
	}
	for i := len(d.steps) - 1; i > 0; i-- {
		d.steps[i-1].Then = &d.steps[i]
	}
	return d.steps[0]
}

// do adds a step; the last operand is written.
func (d *armDecoder) do(kind Kind, operands ...Operand) *Insn {
	d.steps = append(d.steps, Insn{Kind: kind, Overwrites: true, Operands: operands})
	return &d.steps[len(d.steps)-1]
}

// move adds a copy of so many bits at most.
func (d *armDecoder) move(from, to Operand) {
	in := d.do(Move, from, to)
	in.Width = to.Width
	if to.Kind != InRegister {
		in.Width = from.Width
	}
	if d.row.width > 0 && to.Kind == Memory {
		in.Width = d.row.width
	}
	if in.Width == 0 {
		in.Width = 8 * wordBytes
	}
}

// decode tells the steps by the form of the instruction.
func (d *armDecoder) decode() {
	switch d.row.form {
	case armTransfer:
		d.transfer()
	case armReads:
		d.steps = append(d.steps, Insn{Kind: d.row.kind, Operands: d.ops, ReadsOnly: true})
	case armLoad, armLoadPair, armLoadList, armStore, armStorePair, armStoreList, armStoreTry, armSwap, armCompareSwap:
		d.access()
	case armCopy, armFill:
		d.block()
	case armUnknown:
		d.unknown()
	default:
		d.compute()
	}
}

// transfer reads a call or a jump. A branch reads registers besides.
func (d *armDecoder) transfer() {
	in := Insn{Kind: d.row.kind, ReadsOnly: true}
	if d.row.kind != Return {
		to := Operand{Kind: Memory, Register: NoRegister, Base: NoRegister, Index: NoRegister}
		switch at := labelAt(d.op); {
		case at >= 0 && at < len(d.ops):
			to = d.ops[at]
			to.Kind = Memory
			to.Linked = d.row.kind == Call || d.op == "b"
		case len(d.ops) > 0:
			to = d.ops[0]
			to.Indirect = true
		}
		in.Operands = []Operand{to}
	}
	d.steps = append(d.steps, in)
}

// compute reads what writes its first operand.
func (d *armDecoder) compute() {
	if len(d.ops) == 0 {
		return
	}
	dst, from := d.ops[0], d.ops[1:]
	switch {
	case d.op == "adrp": // the page alone is no address: what completes it names the symbol, too
		d.move(zero(), dst)
	case d.row.kind == Address && len(from) == 1:
		place := from[0]
		place.Kind = Memory
		d.do(Address, place, dst)
	case d.row.form == armAdd && len(from) == 2:
		d.add(from[0], from[1], dst)
	case d.row.form == armSub && len(from) == 2:
		d.subtract(from[0], from[1], dst)
	case d.row.form == armMask && len(from) == 2 && from[1].Kind == Immediate:
		d.both(And, from[0], from[1], dst)
	case d.row.kind == Move && len(from) <= 1 && !dst.element:
		d.move(append(from, zero())[0], dst)
	default:
		in := d.do(Other, append(from[:len(from):len(from)], dst)...)
		in.Overwrites = d.row.form != armMerges && !dst.element
	}
}

func zero() Operand {
	return Operand{Kind: Immediate, Register: NoRegister, Base: NoRegister, Index: NoRegister}
}

// add makes an address of a sum.
func (d *armDecoder) add(a, b, dst Operand) {
	at := Operand{Kind: Memory, Register: NoRegister, Base: a.Register, Index: NoRegister, Named: a.Named | b.Named}
	switch {
	case b.Kind == Immediate && b.Symbol != "" && !b.Segment: // the rest of an address, of which a register holds the page
		at = b
		at.Kind = Memory
	case b.Kind == Immediate:
		at.Disp = b.Disp
	default:
		at.Index = b.Register
	}
	d.do(Address, at, dst)
}

// subtract makes an address where a number is taken off, else room on the stack, or a distance.
func (d *armDecoder) subtract(a, b, dst Operand) {
	if b.Kind == Immediate {
		d.add(a, Operand{Kind: Immediate, Register: NoRegister, Base: NoRegister, Index: NoRegister, Disp: -b.Disp}, dst)
		return
	}
	d.both(Sub, a, b, dst)
}

// both does to a copy of a, in dst, what two operands do.
func (d *armDecoder) both(e Effect, a, b, dst Operand) {
	if b.Kind == InRegister && b.Register == dst.Register {
		in := d.do(Other, a, b, dst)
		in.Overwrites = true
		return
	}
	if a.Kind != InRegister || a.Register != dst.Register {
		d.move(a, dst)
	}
	in := d.do(Other, b, dst)
	in.Overwrites, in.Effect = false, e
}

// access reads loads and stores of one register or several.
func (d *armDecoder) access() {
	n := len(d.ops)
	for n > 0 && d.ops[n-1].Kind != Memory {
		n--
	}
	if n == 0 { // "ldr x0, place", "ldr x0, =symbol"
		d.place()
		return
	}
	at := d.ops[n-1]
	at.Bare = d.row.bare
	regs, behind := d.ops[:n-1], d.ops[n:]
	if at.moves && at.Base != NoRegister { // before the access
		d.do(Address, atSelf(at), baseOf(at))
		at.Disp, at.Index = 0, NoRegister
	}
	d.accesses(regs, at)
	if len(behind) > 0 && at.Base != NoRegister { // "[x0], 8"
		d.add(baseOf(at), behind[0], baseOf(at))
	}
}

// accesses are those of the registers, one word after the other.
func (d *armDecoder) accesses(regs []Operand, at Operand) {
	switch d.row.form {
	case armStoreTry:
		if len(regs) > 1 {
			d.storeAll(regs[1:], at)
			d.move(zero(), regs[0])
		}
	case armSwap:
		if len(regs) == 2 {
			d.move(regs[0], at)
			d.move(at, regs[1])
		}
	case armCompareSwap:
		if len(regs) == 2 {
			d.move(regs[1], at)
			d.move(at, regs[0])
		}
	case armStore, armStorePair, armStoreList:
		d.storeAll(regs, at)
	default:
		d.loadAll(regs, at)
	}
}

func (d *armDecoder) storeAll(regs []Operand, at Operand) {
	for _, r := range regs {
		if r.Kind == InRegister || r.Kind == Immediate {
			d.move(r, at)
			at.Disp += bytesOf(r)
		}
	}
}

// loadAll loads what does not lead to the rest first.
func (d *armDecoder) loadAll(regs []Operand, at Operand) {
	var last []Insn
	for i, r := range regs {
		from := at
		for _, before := range regs[:i] {
			from.Disp += bytesOf(before)
		}
		leads := r.Kind == InRegister && r.Register != NoRegister && (r.Register == at.Base || r.Register == at.Index)
		d.move(from, r)
		in := &d.steps[len(d.steps)-1]
		if len(regs) == 1 && at.Symbol != "" && !at.GOT && !at.Segment {
			in.AccessSize = d.accessSize(r)
		}
		if leads {
			last = append(last, *in)
			d.steps = d.steps[:len(d.steps)-1]
		}
	}
	d.steps = append(d.steps, last...)
}

// accessSize returns how many bytes a load reads.
func (d *armDecoder) accessSize(to Operand) int64 {
	if d.row.width > 0 {
		return int64(d.row.width / 8)
	}
	return bytesOf(to)
}

func bytesOf(o Operand) int64 { return int64(o.Width / 8) }

// place reads "ldr x0, place", which loads from there, and "ldr x0, =symbol", whose place is one of the assembler's own.
func (d *armDecoder) place() {
	if len(d.ops) != 2 {
		d.unknown()
		return
	}
	from := d.ops[1]
	if !from.literal {
		from.Kind = Memory
	}
	d.move(from, d.ops[0])
}

// atSelf is the address of an operand in memory that moves its base; baseOf is that base.
func atSelf(o Operand) Operand {
	o.moves = false
	return o
}

func baseOf(o Operand) Operand {
	return Operand{Kind: InRegister, Register: o.Base, Width: 8 * wordBytes, Base: NoRegister, Index: NoRegister, Named: Set(o.Base)}
}

// block reads what copies or fills memory: "cpyfp [x0]!, [x1]!, x2!", "setp [x0]!, x1!, x2".
func (d *armDecoder) block() {
	if len(d.ops) < 2 {
		d.unknown()
		return
	}
	in := Insn{Kind: String, Copies: d.row.form == armCopy, Fills: d.row.form == armFill, To: d.ops[0].Base, From: d.ops[1].Base, Operands: d.ops, ReadsOnly: true}
	if in.Fills {
		in.From = d.ops[len(d.ops)-1].Register
	}
	if in.To == NoRegister || in.From == NoRegister {
		d.unknown()
		return
	}
	d.steps = append(d.steps, in)
}

// unknown may read and write every register, and memory.
func (d *armDecoder) unknown() {
	var regs, memory []Operand
	for _, o := range d.ops {
		if o.Kind == Memory {
			memory = append(memory, o)
		} else if o.Kind == InRegister {
			regs = append(regs, o)
		}
	}
	for _, to := range memory {
		for _, r := range regs {
			d.move(r, to)
			d.move(to, r)
		}
	}
	for _, to := range regs {
		in := d.do(Other, append(append([]Operand(nil), d.ops...), to)...)
		in.Overwrites = false
	}
}

func (m arm64) Writes(st asm.Statement) (may, surely RegisterSet) {
	row := armFind(st.Op)
	may = row.unseen & ^armKept
	if row.form == armUnknown || row.kind == String {
		for _, o := range armOperands(st.Args) {
			may |= o.Named
		}
		return may & ^armKept, 0
	}
	in := m.Decode(st)
	for s := &in; s != nil; s = s.Then {
		if n := len(s.Operands); n > 0 && !s.ReadsOnly && s.Operands[n-1].Kind == InRegister {
			surely |= s.Operands[n-1].Named & ^armKept
		}
	}
	return may | surely, surely
}

// NamesAddress knows what completes an address, or has it as a whole.
func (arm64) NamesAddress(st asm.Statement) bool {
	switch op := strings.ToLower(st.Op); {
	case op == "adr", strings.HasPrefix(op, "ldr") && (strings.Contains(st.Args, "=") || strings.Contains(st.Args, ":got")):
		return true
	case strings.HasPrefix(op, "add"), strings.HasPrefix(op, "mov"):
		return strings.Contains(st.Args, ":") || len(asm.SymbolsOf(st.Args)) > 0
	}
	return false
}

// Thunk knows those of gcc's -mharden-sls=blr.
func (arm64) Thunk(name string) bool { return strings.HasPrefix(name, "__call_indirect_x") }

// LeadIn: where the function signs its return address and the replacement does not begin so, a hook behind the former needs the check.
func (arm64) LeadIn(old, replacement *asm.Function) string {
	first := slices.IndexFunc(replacement.Streams[0].Statements, isInstruction)
	if first >= 0 && armSigns(replacement.Streams[0].Statements[first]) || !slices.ContainsFunc(old.Streams[0].Statements, armSigns) {
		return ""
	}
	return "nop"
}

// armSlotLoad is the load of where a thread-local variable is from the thread pointer.
var armSlotLoad = lazyregexp.New(`(?m)^\s*ldr\s.*:gottprel_lo12:.*$`)

func (arm64) WithRoom(asm []byte) []byte {
	return armSlotLoad.ReplaceAllFunc(asm, func(line []byte) []byte { return append(slices.Clip(line), "\n\tnop"...) })
}

func isInstruction(st asm.Statement) bool { return st.Kind == asm.Instruction }

// armSigns reports whether a statement signs the return address, by name or by the number of the hint that it is.
func armSigns(st asm.Statement) bool {
	const keyA, keyB = "25", "27"
	switch strings.ToLower(st.Op) {
	case "paciasp", "pacibsp":
		return true
	case "hint":
		n := strings.TrimPrefix(strings.TrimSpace(st.Args), "#")
		return n == keyA || n == keyB
	}
	return false
}

// MarksNumber takes the numbers that moves load: gcc writes them as it does offsets.
func (arm64) MarksNumber(statement, token string) bool {
	return strings.HasPrefix(statement, "mov ") && (token == "#" || token == ",")
}

// MaskMoved leaves lines alone: pieces of text that are moved by number count as they are.
func (arm64) MaskMoved(line string, _ func(v uint64) bool) string { return line }
