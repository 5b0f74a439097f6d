package machine

import (
	"testing"

	"gocare/diffasm/asm"
)

// TestThunks: a transfer to a thunk is read as what the thunk does.
func TestThunks(t *testing.T) {
	for _, tt := range []struct {
		name, op, to string
		kind         Kind
		register     Register // that it goes through, NoRegister for none
	}{
		{"return", "jmp", "__x86_return_thunk", Return, NoRegister},
		{"jump", "jmp", "__x86_indirect_thunk_rax", Jump, rax},
		{"call", "call", "__x86_indirect_thunk_r11", Call, 11},
		{"with another prefix", "call", "__x86_indirect_thunk_nt_rax", Call, rax},
		{"clang's", "callq", "__llvm_retpoline_r11", Call, 11},
		{"clang's other", "jmp", "__llvm_lvi_thunk_r11", Jump, 11},
		{"through the stack", "jmp", "__x86_indirect_thunk", Jump, NoRegister},
		{"no register", "jmp", "__x86_indirect_thunk_array", Jump, NoRegister},
		{"another function", "jmp", "__x86_return_thunks", Jump, NoRegister},
		{"a call of the return thunk", "call", "__x86_return_thunk", Call, NoRegister},
		{"a branch", "jne", "__x86_return_thunk", Branch, NoRegister},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := x86{}.Decode(asm.Statement{Op: tt.op, Args: tt.to})
			register := NoRegister
			if len(in.Operands) == 1 && in.Operands[0].Kind == InRegister && in.Operands[0].Indirect {
				register = in.Operands[0].Register
			}
			if in.Kind != tt.kind || register != tt.register {
				t.Errorf("kind %d through register %d, want %d through %d", in.Kind, register, tt.kind, tt.register)
			}
			if want := tt.name != "through the stack" && tt.name != "no register" && tt.name != "another function"; (x86{}).Thunk(tt.to) != want {
				t.Errorf("thunk: %v, want %v", !want, want)
			}
		})
	}
}
