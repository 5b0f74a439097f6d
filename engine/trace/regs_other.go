//go:build !amd64

package trace

import "errors"

// Regs has no content on machines that this package does not know.
type Regs struct{}

func (r *Regs) PC() uint64           { return 0 }
func (r *Regs) SP() uint64           { return 0 }
func (r *Regs) DWARF() [17]uint64    { return [17]uint64{} }
func (r *Regs) inSyscall() bool      { return false }
func (r *Regs) restart() bool        { return false }
func (r *Regs) restartsByCall() bool { return false }
func (r *Regs) beginAnew()           {}
func (r *Regs) result() uint64       { return 0 }

func (r *Regs) end(result uint64) {}

func (r *Regs) forCall(pc uint64, nr uint64, args [6]uint64) Regs { return *r }

func (r *Regs) forFunction(pc, sp uint64, args [2]uint64) Regs { return *r }
func (r *Regs) number() uint64                                 { return 0 }

// SystemCall returns nothing here.
func (r *Regs) SystemCall() (number uint64, inside bool) { return 0, false }

func (r *Regs) returnedValue() uint64 { return 0 }
func (r *Regs) noCall()               {}

var forbiddenCalls []uint64

func (r *Regs) callCode() []byte { return nil }

func isCallCode(code []byte) bool { return false }

func (r *Regs) returnCode(mask uint64) []byte { return nil }

const returnCall = 0

func (r *Regs) stackWords(returnTo uint64) []byte { return nil }

func (r *Regs) atTrap(addr uint64) bool { return false }

var timeouts map[int64]timeout

var trapInsn []byte

var syscallInsn []byte

const (
	xState      = 0
	breakLength = 0
)

func getRegs(tid int) (Regs, error)     { return Regs{}, errors.ErrUnsupported }
func setRegs(tid int, regs *Regs) error { return errors.ErrUnsupported }
