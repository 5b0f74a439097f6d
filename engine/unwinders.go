package engine

import (
	"debug/elf"
	"fmt"
	"slices"
	"strings"

	"gocare/engine/inspect"
	"gocare/internal/elfobj"
	"gocare/kpatch"
)

// unwinder is a copy of GCC's unwinder in a process.
type unwinder struct {
	object           *inspect.Object
	register, forget inspect.Addr // __register_frame_info, __deregister_frame_info
}

// unwinders finds the copies of GCC's unwinder: that of libgcc_s.so.1 and those linked into programs and libraries.
func unwinders(p *inspect.Process) []unwinder {
	var list []unwinder
	for i := range p.Objects {
		o := &p.Objects[i]
		if o.ELF == nil || functionOf(o, llvmUnwinder) != 0 {
			continue
		}
		register, forget := functionOf(o, "__register_frame_info"), functionOf(o, "__deregister_frame_info")
		if register != 0 && forget != 0 {
			list = append(list, unwinder{o, register, forget})
		}
	}
	return list
}

// llvmUnwinder is a function of LLVM's libunwind alone, whose __register_frame_info does nothing.
const llvmUnwinder = "unw_getcontext"

// cannotKnow says why the unwinders of a process cannot be told of the handlers in a patch; empty if they can.
func cannotKnow(p *inspect.Process, pp *PatchPlan, list []unwinder, ready bool) string {
	switch {
	case !ready:
		return "cannot be told of the handlers of exceptions in the patch, which does not end its unwind data"
	case len(list) > kpatch.FrameObjects:
		return fmt.Sprintf("has %d unwinders, more than %d", len(list), kpatch.FrameObjects)
	case len(list) == 0:
		return "has no unwinder that could be told of the handlers of exceptions in the patch"
	case hidesUnwinder(pp.Object) && !importsResume(pp.File.Patch):
		return pp.Object.Name + " has an unwinder of its own, and no symbols by which it could be told of the handlers of exceptions in the patch"
	}
	if o := otherUnwinder(p, list); o != nil {
		return o.Name + " is its unwinder, which cannot be told of the handlers of exceptions in the patch"
	}
	return ""
}

// resume is what code of compilers calls at the end of a clean-up.
const resume = "_Unwind_Resume"

// hidesUnwinder reports whether an object may have an unwinder that unwinders does not find: it takes none from elsewhere, and has only the
// symbols that ld.so needs.
func hidesUnwinder(o *inspect.Object) bool {
	imports := slices.ContainsFunc(o.ELF.DynSymbols, func(s elfobj.Symbol) bool { return s.Name == resume && !s.Defined() })
	return !imports && len(o.ELF.Symbols) == 0 && functionOf(o, resume) == 0
}

// importsResume reports whether a patch takes its unwinder from a library.
func importsResume(p *kpatch.Patch) bool {
	return slices.ContainsFunc(p.Symbols, func(s kpatch.Symbol) bool {
		name, _, _ := strings.Cut(s.Name, "@")
		return name == resume && s.Section == int(elf.SHN_UNDEF)
	})
}

// otherUnwinder returns the object whose unwinder ld.so binds throwing code to, where that is none of a list; nil otherwise.
func otherUnwinder(p *inspect.Process, list []unwinder) *inspect.Object {
	for _, version := range []string{"", "GCC_3.0"} {
		def, err := p.Lookup("_Unwind_RaiseException", version)
		if err == nil && !slices.ContainsFunc(list, func(u unwinder) bool { return u.object == def.Object }) {
			return def.Object
		}
	}
	return nil
}

// functionOf returns the address of a function that an object defines, 0 if it has no symbol of that name.
func functionOf(o *inspect.Object, name string) inspect.Addr {
	for _, table := range [][]elfobj.Symbol{o.ELF.DynSymbols, o.ELF.Symbols} {
		i := slices.IndexFunc(table, func(s elfobj.Symbol) bool { return s.Name == name && s.Defined() })
		if i >= 0 {
			return o.Addr(inspect.LinkAddr(table[i].Value))
		}
	}
	return 0
}

// unwinds reports whether stacks may be unwound through functions of an object: exceptions thrown, or threads cancelled that have
// clean-ups to do.
func unwinds(p *inspect.Process, o *inspect.Object) bool {
	if throws(p) {
		return true
	}
	main := p.Main()
	return cancels(p) && (cleansUp(o) || main != nil && main.ELF != nil && cleansUp(main))
}

// throws reports whether exceptions may be thrown in a process.
func throws(p *inspect.Process) bool {
	return slices.ContainsFunc(p.Objects, func(o inspect.Object) bool {
		return o.ELF != nil && (functionOf(&o, "__cxa_throw") != 0 || functionOf(&o, "_Unwind_RaiseException") != 0 && o.Name != libgccName)
	})
}

// libgccName is the library of GCC's unwinder. C programs load it too, to cancel threads.
const libgccName = "libgcc_s.so.1"

// cancels reports whether threads of a process may be ended from within their functions.
func cancels(p *inspect.Process) bool {
	ends := func(s elfobj.Symbol) bool { return s.Name == "pthread_cancel" || s.Name == "pthread_exit" }
	return slices.ContainsFunc(p.Objects, func(o inspect.Object) bool {
		used := func(s elfobj.Symbol) bool { return ends(s) && !s.Defined() }
		return o.ELF != nil && (slices.ContainsFunc(o.ELF.DynSymbols, used) || o.Main && slices.ContainsFunc(o.ELF.Symbols, ends))
	})
}

// cleansUp reports whether functions of an object have handlers or clean-ups. C compiled with -fexceptions has some, and needs the
// unwinder from its start.
func cleansUp(o *inspect.Object) bool {
	return slices.ContainsFunc(o.ELF.Sections, func(s elfobj.Section) bool { return s.Name == ".gcc_except_table" })
}

// endsUnwinding reports whether stacks may be unwound in the process through new code that no unwinder knows.
func (p *Plan) endsUnwinding() bool {
	return slices.ContainsFunc(p.Patches, func(pp *PatchPlan) bool {
		return pp.Frames == nil && !pp.known && unwinds(p.Process, pp.Object)
	})
}

// mayMissUnwinder reports whether the process has no unwinder that could throw, and may load one later, with a plugin in C++: that does not
// know of new code which was mapped before.
func (p *Plan) mayMissUnwinder() bool {
	return len(unwinders(p.Process)) == 0 && slices.ContainsFunc(p.Patches, func(pp *PatchPlan) bool {
		return pp.Frames == nil && !pp.known && !unwinds(p.Process, pp.Object) && loadsLibraries(p.Process)
	})
}

// loadsLibraries reports whether the program or one of its libraries asks for the functions that load further ones. The C library does so
// for its own ends.
func loadsLibraries(p *inspect.Process) bool {
	loads := func(s elfobj.Symbol) bool { return (s.Name == "dlopen" || s.Name == "dlmopen") && !s.Defined() }
	return slices.ContainsFunc(p.Objects, func(o inspect.Object) bool {
		return o.ELF != nil && !strings.HasPrefix(o.Name, "libc.") && slices.ContainsFunc(o.ELF.DynSymbols, loads)
	})
}
