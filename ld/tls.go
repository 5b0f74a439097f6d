package ld

import (
	"debug/elf"

	"gocare/internal/fault"
)

func isTLS(t elf.R_X86_64) bool {
	switch t {
	case elf.R_X86_64_TPOFF32, elf.R_X86_64_TPOFF64, elf.R_X86_64_DTPOFF32, elf.R_X86_64_DTPOFF64, elf.R_X86_64_DTPMOD64,
		elf.R_X86_64_GOTTPOFF, elf.R_X86_64_TLSGD, elf.R_X86_64_TLSLD, elf.R_X86_64_GOTPC32_TLSDESC,
		elf.R_X86_64_TLSDESC_CALL, elf.R_X86_64_TLSDESC:
		return true
	}
	return false
}

// tlsVariable is a thread-local variable as the new code may reach it.
type tlsVariable struct {
	name   string
	offset int64 // in the original's TLS block
	tpoff  int64 // from the thread pointer
	fixed  bool  // the variable is in the executable, so that tpoff is known
	byName bool  // the dynamic linker looks it up
}

func (j *joiner) tlsVariable(b binding) tlsVariable {
	v := tlsVariable{name: b.name, byName: b.kind != bindTLS || b.own}
	if seg := j.o.bin.TLS(); seg != nil && b.kind == bindTLS {
		align := max(int64(seg.Align), 1)
		v.offset = int64(b.addr - seg.Vaddr)
		v.tpoff = v.offset - (int64(seg.Memsz)+align-1)/align*align
		v.fixed = !j.o.link.shared && !b.own
	}
	return v
}

// slot finds a GOT slot of the original for a thread-local variable.
func (j *joiner) tlsSlot(v tlsVariable, t elf.R_X86_64) (uint64, bool) {
	keys := []tlsKey{{t, v.name, 0}}
	if !v.byName {
		keys = append(keys, tlsKey{t, "", uint64(v.offset)})
	}
	for _, k := range keys {
		if list := j.o.slots.tls[k]; len(list) > 0 {
			return list[0], true
		}
	}
	return 0, false
}

// reduceTLS handles the four TLS models. In an executable everything about its own variables is a constant, as the linker
// would make it; otherwise the original's own GOT slots are used (ELF Handling For Thread-Local Storage 0.21, and the
// psABI 1.0 for TLSDESC).
func (j *joiner) reduceTLS(p *spot, d dest) error {
	v := j.tlsVariable(d.b)
	if d.known {
		return j.unsupported(p)
	}
	switch p.kind() {
	case elf.R_X86_64_TPOFF32:
		if !v.fixed {
			return j.tlsModel(p)
		}
		return j.put32(p, v.tpoff+p.addend())
	case elf.R_X86_64_DTPOFF32:
		return j.dtpoff(p, v)
	case elf.R_X86_64_GOTTPOFF:
		return j.initialExec(p, v)
	case elf.R_X86_64_TLSGD:
		return j.generalDynamic(p, v)
	case elf.R_X86_64_TLSLD:
		return j.localDynamic(p)
	case elf.R_X86_64_GOTPC32_TLSDESC:
		return j.descriptor(p, v)
	case elf.R_X86_64_TLSDESC_CALL:
		return j.descriptorCall(p, v)
	}
	return j.unsupported(p)
}

func (j *joiner) tlsModel(p *spot) error {
	return fault.Refuse("tls-model", "", "%v against %q, which has no fixed place in this binary", p.kind(), p.ref.sym.Name).
		WithHint("compile the patched unit with the options of the original")
}

func (j *joiner) noTLSSlot(p *spot) error {
	return fault.Refuse("new-tls-slot", "", "thread-local %q: the original has no GOT slot for %v", p.ref.sym.Name, p.kind()).
		WithHint("reach it through a function of the original that does")
}

// throughTLSSlot points a field at the original's slot.
func (j *joiner) throughTLSSlot(p *spot, v tlsVariable, t elf.R_X86_64) error {
	slot, found := j.tlsSlot(v, t)
	if !found {
		return j.noTLSSlot(p)
	}
	return j.toOriginal(p, elf.R_X86_64_PC32, slot)
}

// dtpoff is an offset from what a local-dynamic sequence found: the block, or in an executable the thread pointer.
func (j *joiner) dtpoff(p *spot, v tlsVariable) error {
	switch {
	case p.out != outText || v.byName:
		return j.unsupported(p)
	case v.fixed:
		return j.put32(p, v.tpoff+p.addend())
	}
	return j.put32(p, v.offset+p.addend())
}

// initialExec loads or adds an offset from the GOT. In an executable it becomes an immediate of the same length:
// mov becomes mov, add becomes lea, or add where lea would need another byte (%rsp and %r12), just as the linker does it.
func (j *joiner) initialExec(p *spot, v tlsVariable) error {
	if !v.fixed {
		return j.throughTLSSlot(p, v, elf.R_X86_64_TPOFF64)
	}
	op := j.code(p, 3)
	if op == nil || p.addend() != -4 || op[0]&0xf8 != 0x48 || op[2]&0xc7 != 0x05 || op[1] != 0x8b && op[1] != 0x03 {
		return j.throughPrivateSlot(p, gotKey{constant: true, value: uint64(v.tpoff)})
	}
	high, reg := op[0]>>2&1, op[2]>>3&7 // the register's number, REX.R and three bits
	switch {
	case op[1] == 0x8b:
		op[0], op[1], op[2] = 0x48|high, 0xc7, 0xc0|reg
	case reg == 4:
		op[0], op[1], op[2] = 0x48|high, 0x81, 0xc0|reg
	default:
		op[0], op[1], op[2] = 0x48|high<<2|high, 0x8d, 0x80|reg<<3|reg
	}
	return j.put32(p, v.tpoff)
}

// The sequences of the dynamic models that the linker may replace as a whole: the instructions around the field
// at offset 4 (general dynamic) or 3 (local dynamic), with a call behind it, direct or through the GOT.
const (
	loadThreadPointer = "\x64\x48\x8b\x04\x25\x00\x00\x00\x00" // mov %fs:0,%rax
	padLD             = "\x66\x66\x66"
)

// generalDynamic: data16 lea x@tlsgd(%rip),%rdi; data16 data16 rex.W call __tls_get_addr. In an executable: mov %fs:0,%rax
// and lea x@tpoff(%rax),%rax, or for a variable of a library add x@gottpoff(%rip),%rax.
func (j *joiner) generalDynamic(p *spot, v tlsVariable) error {
	if j.o.link.shared {
		return j.throughTLSSlot(p, v, elf.R_X86_64_DTPMOD64)
	}
	seq := j.code(p, 4)
	if len(seq) < 16 || string(seq[:4]) != "\x66\x48\x8d\x3d" || !isGDCall(seq[8:12]) || p.addend() != -4 {
		return j.unsupported(p)
	}
	at := spot{ref: p.ref, out: p.out, at: p.at + 8}
	slot, found := j.tlsSlot(v, elf.R_X86_64_TPOFF64)
	if !v.fixed && !found {
		return j.throughTLSSlot(p, v, elf.R_X86_64_DTPMOD64)
	}
	j.done[field{at.out, at.at}] = true
	copy(seq, loadThreadPointer)
	if v.fixed {
		copy(seq[9:], "\x48\x8d\x80")
		return j.put32(&at, v.tpoff)
	}
	copy(seq[9:], "\x48\x03\x05")
	return j.toOriginal(&at, elf.R_X86_64_PC32, slot)
}

func isGDCall(b []byte) bool {
	return string(b) == "\x66\x66\x48\xe8" || string(b) == "\x66\x48\xff\x15"
}

// localDynamic: lea x@tlsld(%rip),%rdi; call __tls_get_addr. In an executable: mov %fs:0,%rax behind prefixes.
func (j *joiner) localDynamic(p *spot) error {
	if j.o.link.shared {
		return j.throughTLSSlot(p, tlsVariable{}, elf.R_X86_64_DTPMOD64)
	}
	seq := j.code(p, 3)
	if len(seq) < 13 || string(seq[:3]) != "\x48\x8d\x3d" || p.addend() != -4 {
		return j.unsupported(p)
	}
	switch {
	case seq[7] == 0xe8:
		copy(seq, padLD+loadThreadPointer)
		j.done[field{p.out, p.at + 5}] = true
	case seq[7] == 0xff && seq[8] == 0x15:
		copy(seq, "\x66"+padLD+loadThreadPointer)
		j.done[field{p.out, p.at + 6}] = true
	default:
		return j.unsupported(p)
	}
	return nil
}

// descriptor: lea x@tlsdesc(%rip),%rax, in an executable mov $x@tpoff,%rax, or for a variable of a library
// mov x@gottpoff(%rip),%rax.
func (j *joiner) descriptor(p *spot, v tlsVariable) error {
	slot, found := j.descriptorOffset(v)
	if !v.fixed && !found {
		return j.throughTLSSlot(p, v, elf.R_X86_64_TLSDESC)
	}
	op := j.code(p, 3)
	if op == nil || p.addend() != -4 || op[0]&0xfb != 0x48 || op[1] != 0x8d || op[2]&0xc7 != 0x05 {
		return j.unsupported(p)
	}
	if !v.fixed {
		op[1] = 0x8b
		return j.toOriginal(p, elf.R_X86_64_PC32, slot)
	}
	op[0] = 0x48 | op[0]>>2&1
	op[1] = 0xc7
	op[2] = 0xc0 | op[2]>>3&7
	return j.put32(p, v.tpoff)
}

// descriptorOffset finds the slot that in an executable takes the place of a descriptor.
func (j *joiner) descriptorOffset(v tlsVariable) (uint64, bool) {
	if j.o.link.shared || v.fixed {
		return 0, false
	}
	return j.tlsSlot(v, elf.R_X86_64_TPOFF64)
}

// descriptorCall: call *x@tlscall(%rax), in an executable a nop of two bytes.
func (j *joiner) descriptorCall(p *spot, v tlsVariable) error {
	if _, found := j.descriptorOffset(v); !v.fixed && !found {
		if _, found := j.tlsSlot(v, elf.R_X86_64_TLSDESC); !found {
			return j.noTLSSlot(p)
		}
		return nil
	}
	seq := j.code(p, 0)
	if len(seq) < 2 || seq[0] != 0xff || seq[1] != 0x10 {
		return j.unsupported(p)
	}
	copy(seq, "\x66\x90")
	return nil
}
