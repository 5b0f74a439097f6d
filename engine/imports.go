package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"gocare/engine/inspect"
	"gocare/engine/link"
	"gocare/engine/trace"
	"gocare/internal/arch"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
	"gocare/kpatch"
)

// chosen maps IFUNC resolvers to the functions they chose.
type chosen map[inspect.Addr]inspect.Addr

// needResolver is a refusal that ends when the resolver has run.
type needResolver struct {
	refusal *fault.Error
	def     inspect.Symbol
}

func (e *needResolver) Error() string { return e.refusal.Error() }
func (e *needResolver) Unwrap() error { return e.refusal }

// importsOf returns what binds a patch's undefined symbols as ld.so would in this process, to what the check lets pass.
func importsOf(p *inspect.Process, known chosen, check func(*inspect.Symbol) error) link.Import {
	return func(sym kpatch.Symbol) (inspect.Addr, error) {
		def, err := p.Lookup(sym.Name, sym.Version)
		if err == nil {
			err = check(&def)
		}
		if err != nil {
			return 0, err
		}
		switch {
		case def.TLS():
			return 0, fault.Refuse(fault.TLSImport, fmt.Sprintf("pid %d", p.PID), "%q is a thread-local variable of %s", sym.Name, def.Object.Name)
		case def.IFunc() && known[def.Addr] != 0:
			return known[def.Addr], nil
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
	e := fault.Refuse(fault.IfuncUnresolved, fmt.Sprintf("pid %d", p.PID),
		"%q of %s is chosen at run time and no object of the process has it resolved", def.Name, def.Object.Name)
	e.WithState("process unchanged and running").WithHint("patch lets the process choose; check does not")
	return 0, &needResolver{e, *def}
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
	target, ok := arch.ByMachine(o.ELF.Machine)
	if !ok {
		return false
	}
	switch target.Reloc(rel.Type).Kind {
	case arch.IRelative:
		return o == def.Object && uint64(rel.Addend) == def.Value
	case arch.JumpSlot, arch.GlobDat:
		if rel.Symbol <= 0 || rel.Symbol >= len(o.ELF.DynSymbols) {
			return false
		}
		sym := &o.ELF.DynSymbols[rel.Symbol]
		return sym.Name == def.Name && (sym.Version == "" || def.Version == "" || sym.Version == def.Version)
	}
	return false
}

// Plan plans as NewPlan does. Where a new import is an IFUNC that nothing in the process has resolved yet, its resolver is run there.
func (h *Held) Plan(ctx context.Context, r Request) (*Plan, error) {
	return planFor(h.Process, r, func(def *inspect.Symbol) (inspect.Addr, error) { return h.runResolver(ctx, def) })
}

// planFor plans with a way to run the resolver of an IFUNC.
func planFor(p *inspect.Process, r Request, resolve func(*inspect.Symbol) (inspect.Addr, error)) (*Plan, error) {
	known := chosen{}
	for {
		plan, err := newPlan(p, r, known)
		var need *needResolver
		if !errors.As(err, &need) || known[need.def.Addr] != 0 {
			return plan, err
		}
		addr, err := resolve(&need.def)
		if err != nil {
			return nil, fmt.Errorf("import %q: %w", need.def.Name, err)
		}
		known[need.def.Addr] = addr
	}
}

func (h *Held) runResolver(ctx context.Context, def *inspect.Symbol) (addr inspect.Addr, err error) {
	p := h.Process
	defer h.waits.Settle(ctx)
	err = h.waits.Do(ctx, func(s *trace.Session) error {
		t, err := s.AttachForCall()
		if err != nil {
			return err
		}
		addr, err = runResolverIn(s, t, p, def)
		return err
	})
	if err != nil {
		return 0, settled(p.PID, "run the resolver", interrupted(p.PID, err))
	}
	return addr, nil
}

// runResolverIn runs a resolver in a thread of a session.
func runResolverIn(s *trace.Session, t *trace.Thread, p *inspect.Process, def *inspect.Symbol) (inspect.Addr, error) {
	value, err := s.Run(t, uint64(def.Addr))
	if err != nil {
		return 0, err
	}
	addr := inspect.Addr(value)
	if m := p.MappingAt(addr); m == nil || !m.Exec {
		return 0, fault.Refuse(fault.IfuncUnresolved, fmt.Sprintf("pid %d", p.PID), "the resolver of %q returned %#x, which is no code", def.Name, uint64(addr)).
			WithState("process unchanged and running")
	}
	return addr, nil
}
