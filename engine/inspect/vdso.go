package inspect

import (
	"debug/elf"
	"slices"

	"gocare/internal/elfobj"
	"gocare/internal/fault"
)

// VDSO returns the kernel's own shared object with its ELF file, read from memory as it has none of its own. It is not
// among Objects: nothing binds to it through ld.so's scope and nothing patches it, but stacks go through it. It is nil
// without error if the process has none.
func (p *Process) VDSO() (*Object, error) {
	i := slices.IndexFunc(p.Mappings, func(m Mapping) bool { return m.Path == "[vdso]" })
	if i < 0 {
		return nil, nil
	}
	m := p.Mappings[i]
	data := make([]byte, m.End-m.Start)
	if _, err := p.mem.ReadAt(data, int64(m.Start)); err != nil {
		return nil, fault.New(fault.Environment, p.where(), "cannot read the vdso").WithCause(err)
	}
	file, err := elfobj.Parse(data)
	if err != nil {
		return nil, fault.New(fault.Environment, p.where(), "cannot read the vdso").WithCause(err)
	}
	o := &Object{Path: m.Path, Name: m.Path, BuildID: file.BuildID(), ELF: file, Start: m.Start, End: m.End}
	for _, seg := range file.Segments {
		if seg.Type == elf.PT_LOAD {
			o.Bias = m.Start - Addr(p.Machine.PageDown(seg.Vaddr))
			break
		}
	}
	return o, nil
}
