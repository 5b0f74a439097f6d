package machine

import (
	"strings"

	"gocare/diffasm/asm"
	"gocare/internal/arch"
)

// Machine knows the instructions of one target machine as compilers write them for the assembler. Everything else in the comparison of
// assembly asks it, and knows no mnemonic, no register and no form of operands.
type Machine interface {
	// Syntax is what its assembly looks like.
	Syntax() *asm.Syntax
	// Convention tells what registers are for.
	Convention() *Convention
	// Kind is what the first word of an instruction says, without a look at its operands. An instruction behind a prefix is Other.
	Kind(st asm.Statement) Kind
	// Decode reads an instruction, behind its prefixes.
	Decode(st asm.Statement) Insn
	// Writes returns the registers that an instruction may overwrite, and those that it surely does. Registers that calls keep are in
	// neither.
	Writes(st asm.Statement) (may, surely RegisterSet)
	// NamesAddress reports whether an instruction may have the address of a symbol as its value. What it denies is not worth decoding.
	NamesAddress(st asm.Statement) bool
	// Thunk reports whether a name is one that compilers give to code which stands for a return, or a jump through a register. It is the
	// same wherever it is.
	Thunk(name string) bool
	// LeadIn returns the instruction that a replacement of a function needs in front of it for a hook to put another in its place, "" if none.
	LeadIn(old, replacement *asm.Function) string
	// WithRoom returns assembly with a free instruction behind each that loads from a slot where a thread-local variable is: the original may
	// have the slot of another one, from which this one's place follows.
	WithRoom(asm []byte) []byte
	// MarksNumber reports whether a token in front of a number, in the canonical text of a statement, makes it an operand as a line
	// number is one.
	MarksNumber(statement, token string) bool
	// MaskMoved returns a line of assembly with a mark in place of the numbers that hide accepts, if it moves such ones.
	MaskMoved(line string, hide func(v uint64) bool) string
	// ThroughGOT and Stubborn are described at the functions of these names in package diffasm.
	ThroughGOT(asm []byte, symbols []string) []byte
	Stubborn(asm []byte) []string
}

var machines = map[*arch.Target]Machine{&arch.X86_64: x86{}, &arch.AArch64: arm64{}}

// For returns the machine of a target, nil for one whose assembly cannot be read.
func For(t *arch.Target) Machine { return machines[t] }

// Of returns the machine that a file is for.
func Of(f *asm.File) Machine { return For(f.Syntax.Target) }

// Parse reads the assembly of one unit for a target. The name is for messages.
func Parse(t *arch.Target, name string, src []byte) (*asm.File, error) {
	return asm.Parse(For(t).Syntax(), name, src)
}

// Register is the number of a register, whatever part of it an operand names.
type Register int8

const (
	// NoRegister stands for an operand without a register, or with one that holds no address.
	NoRegister Register = -1
	// AddressRegisters is the number of registers in which an address may stand; they have the numbers below.
	AddressRegisters = 64
)

// RegisterSet has one bit for each register.
type RegisterSet uint64

// Set returns the set of some registers.
func Set(list ...Register) (s RegisterSet) {
	for _, r := range list {
		s |= 1 << r
	}
	return s
}

// Has reports whether a register is in the set.
func (s RegisterSet) Has(r Register) bool { return r >= 0 && s&(1<<r) != 0 }

// Convention is what callers and callees agree on.
type Convention struct {
	Stack, Frame Register    // the stack and the frame pointer
	Args         []Register  // integers and addresses, in order; eight at most
	VectorArgs   []Register  // floating-point numbers
	Results      []Register  // the first one holds integers
	Kept         RegisterSet // what a callee leaves as it was
	Clobbered    RegisterSet // what it may overwrite
	ResultAt     Register    // leads to where a result in memory goes, if it is no argument; NoRegister if it is
	StackFrame   bool        // code with a frame pointer reaches its variables by the stack pointer, too
}

// Kind is what an instruction does, as far as the rules ask.
type Kind uint8

const (
	Other           Kind = iota // computes its last operand from all of them
	Nop                         // does nothing
	Move                        // copies its first operand to the last
	MoveHalf                    // likewise, but leaves one half of the last as it was
	Address                     // computes the address of its first operand
	Push                        //
	Pop                         //
	Leave                       // gives the frame up: the stack pointer comes from the frame pointer, which is popped
	Call                        //
	Jump                        // is never followed by the next instruction
	JumpPointer                 // likewise, in the spelling that always goes through a pointer
	Branch                      // may be followed by the next instruction
	Return                      //
	Trap                        // does not return
	Compare                     // reads two operands
	Exchange                    // swaps two operands, or adds besides
	CompareExchange             // compares with the first result register and writes its last operand or that one
	WideArithmetic              // multiplies or divides the first two result registers by its operand, into these
	Extend                      // extends the sign of the first result register into the second
	String                      // copies, fills or compares memory, or is repeated otherwise
)

// Effect is what Other does to its last operand, as far as it can be followed.
type Effect uint8

const (
	NoEffect Effect = iota
	Add             // adds the first operand
	Sub             // subtracts it
	And             // clears bits
	Xor             // clears everything where the operands are equal
)

// Insn is an instruction, decoded.
type Insn struct {
	Kind     Kind
	Effect   Effect
	Operands []Operand // the last one is written, unless ReadsOnly

	Overwrites bool // the last operand is written without being read
	ReadsOnly  bool // no operand is written
	Clears     bool // the last operand becomes 0 if it equals the other one
	Width      int  // of a Move: bits it writes at most

	Descriptor bool // of a Call: through a descriptor of a thread-local variable, which keeps all registers but that of the result

	Copies, Fills bool     // of a String: what it does to memory
	From, To      Register // of a String: addresses of what it reads and writes

	AccessSize int64 // bytes of a constant that it reads as its one operand in memory, 0 if that is not known

	Then *Insn // what the same instruction does besides, as if by one behind it
}

// Target returns the symbol whose entry a call or jump goes to without a pointer, "" if it does not; linked says that the linker may
// let it go elsewhere.
func (in *Insn) Target() (symbol string, linked bool) {
	if !in.Transfers() || len(in.Operands) != 1 {
		return "", false
	}
	to := &in.Operands[0]
	if to.Kind != Memory || to.Indirect || to.Disp != 0 || to.Segment || to.Base != NoRegister || to.Index != NoRegister {
		return "", false
	}
	return to.Symbol, to.Linked
}

// Transfers reports whether an instruction calls or jumps.
func (in *Insn) Transfers() bool {
	return in.Kind == Call || in.Kind.Jumps()
}

// Writes reports whether it leaves something in a register, as one of its operands or of what it does besides.
func (in *Insn) Writes(reg Register) bool {
	for ; in != nil; in = in.Then {
		if n := len(in.Operands); n > 0 && !in.ReadsOnly && in.Operands[n-1].Kind == InRegister && in.Operands[n-1].Register == reg {
			return true
		}
	}
	return false
}

// OnlyCalls reports whether a statement that mentions a function calls it or jumps to its entry, and does no more.
func OnlyCalls(m Machine, st asm.Statement, name string) bool {
	if st.Kind != asm.Instruction {
		return false
	}
	in := m.Decode(st)
	if !in.Transfers() || strings.Count(st.Args, name) != 1 {
		return false
	}
	to := in.Operands[0]
	return to.Kind == Memory && to.Symbol == name && to.Disp == 0 && to.Base == NoRegister && to.Index == NoRegister && !to.Segment &&
		to.Indirect == to.GOT
}

// Jumps reports whether an instruction is a jump, with or without a condition.
func (k Kind) Jumps() bool { return k == Jump || k == JumpPointer || k == Branch }

// OperandKind is what an operand of an instruction is.
type OperandKind uint8

const (
	Immediate  OperandKind = iota // a number, or the address of a symbol
	InRegister                    //
	Memory                        // what stands at an address; also where a jump goes to
)

// Operand is one operand of an instruction.
type Operand struct {
	Kind     OperandKind
	Register Register    // of InRegister
	Width    int         // likewise, in bits
	Base     Register    // of Memory
	Index    Register    // likewise
	Disp     int64       // the number in it
	Symbol   string      // the symbol in it
	GOT      bool        // the symbol's GOT slot is meant
	Distance bool        // the slot of its distance from the thread pointer is meant
	Linked   bool        // the linker is told to make something else for the symbol, such as an entry of the PLT
	Segment  bool        // relative to a segment: not in the memory that addresses lead to
	Indirect bool        // a call or jump goes to where the operand points
	Bare     bool        // of Memory: the instruction has no form with more than a base, as atomic ones have none
	High     bool        // of InRegister: the second byte
	Named    RegisterSet // every register in it

	text        string // as written, without what makes it Indirect
	base, index string // names of the registers, as written
	scale       string // behind the index

	literal bool // of Immediate: the assembler puts it somewhere and loads it from there
	element bool // of InRegister: one element of a vector
	moves   bool // of Memory: its address is left in the base register
}

// IsNumber reports whether an operand is an immediate number.
func (o *Operand) IsNumber() bool { return o.Kind == Immediate && o.Symbol == "" }
