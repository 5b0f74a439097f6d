package engine

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"strings"

	"gocare/engine/inspect"
	"gocare/engine/link"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
	"gocare/kpatch"
)

// importsOf returns what binds a patch's undefined symbols as ld.so would in this process.
func importsOf(p *inspect.Process) link.Import {
	return func(sym kpatch.Symbol) (inspect.Addr, error) {
		name, version, _ := strings.Cut(sym.Name, "@")
		def, err := p.Lookup(name, strings.TrimPrefix(version, "@"))
		if err != nil {
			return 0, err
		}
		switch {
		case def.TLS():
			return 0, fault.Refuse("tls-import", fmt.Sprintf("pid %d", p.PID), "%q is a thread-local variable of %s", name, def.Object.Name)
		case def.IFunc():
			return resolvedIFunc(p, &def)
		}
		return def.Addr, nil
	}
}

// resolvedIFunc returns the function that an IFUNC chose, from a GOT slot of any object where ld.so has stored it.
func resolvedIFunc(p *inspect.Process, def *inspect.Symbol) (inspect.Addr, error) {
	for i := range p.Objects {
		o := &p.Objects[i]
		if o.ELF == nil {
			continue
		}
		if addr, ok := slotValue(p, o, def); ok {
			return addr, nil
		}
	}
	return 0, fault.Refuse("ifunc-unresolved", fmt.Sprintf("pid %d", p.PID),
		"%q of %s is chosen at run time and no object of the process has it resolved", def.Name, def.Object.Name).
		WithState("process unchanged and running").
		WithHint("call a function that the program calls already, or one that does not depend on the processor")
}

func slotValue(p *inspect.Process, o *inspect.Object, def *inspect.Symbol) (inspect.Addr, bool) {
	relas, err := o.ELF.DynRelas()
	if err != nil {
		return 0, false
	}
	for _, rel := range relas {
		if !slotFor(o, rel, def) {
			continue
		}
		var b [8]byte
		if _, err := p.Mem().ReadAt(b[:], int64(o.Addr(inspect.LinkAddr(rel.Offset)))); err != nil {
			continue
		}
		addr := inspect.Addr(binary.LittleEndian.Uint64(b[:]))
		if def.Object.Contains(addr) && addr != def.Addr { // a slot not bound yet points into its own object's PLT
			return addr, true
		}
	}
	return 0, false
}

// slotFor reports whether a relocation fills a slot with the function that an IFUNC chose: in another object by name, in
// its own also by the address of its resolver.
func slotFor(o *inspect.Object, rel elfobj.Rela, def *inspect.Symbol) bool {
	switch elf.R_X86_64(rel.Type) {
	case elf.R_X86_64_IRELATIVE:
		return o == def.Object && uint64(rel.Addend) == def.Value
	case elf.R_X86_64_JMP_SLOT, elf.R_X86_64_GLOB_DAT:
		if rel.Symbol <= 0 || rel.Symbol >= len(o.ELF.DynSymbols) {
			return false
		}
		sym := &o.ELF.DynSymbols[rel.Symbol]
		return sym.Name == def.Name && (sym.Version == "" || def.Version == "" || sym.Version == def.Version)
	}
	return false
}
