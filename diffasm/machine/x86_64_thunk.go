package machine

import "strings"

// returnThunk is what code of gcc jumps to in place of a return (-mfunction-return=thunk).
const returnThunk = "__x86_return_thunk"

// indirectThunks begin the names of what code jumps to in place of a jump through the register that ends the name: of gcc
// (-mindirect-branch=thunk), whoever provides it (thunk-extern), and of clang (-mretpoline, -mlvi-cfi).
var indirectThunks = []string{"__x86_indirect_thunk_", "__llvm_retpoline_", "__llvm_lvi_thunk_"}

func (x86) Thunk(name string) bool { return name == returnThunk || thunkRegister(name) != NoRegister }

// thunkRegister returns the register through which a thunk jumps, NoRegister for other names.
func thunkRegister(name string) Register {
	for _, prefix := range indirectThunks {
		rest, found := strings.CutPrefix(name, prefix)
		if !found {
			continue
		}
		if i := strings.LastIndexByte(rest, '_'); i >= 0 { // "nt_rax"
			rest = rest[i+1:]
		}
		if ops := parseOperands("%" + rest); len(ops) == 1 && ops[0].Kind == InRegister {
			return ops[0].Register
		}
	}
	return NoRegister
}

// seeThrough makes a transfer to a thunk what the thunk does.
func (in *Insn) seeThrough() {
	name, _ := in.Target()
	switch reg := thunkRegister(name); {
	case name == returnThunk && in.Kind == Jump:
		in.Kind, in.Operands = Return, nil
	case reg != NoRegister && (in.Kind == Jump || in.Kind == Call):
		in.Operands = []Operand{{Kind: InRegister, Register: reg, Width: 64, Base: NoRegister, Index: NoRegister, Indirect: true, Named: Set(reg)}}
	}
}
