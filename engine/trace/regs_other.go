//go:build !amd64 && !arm64

package trace

import (
	"errors"

	"gocare/internal/arch"
)

// Regs has no content on machines that this package does not know.
type Regs struct{}

func (r *Regs) PC() uint64                         { return 0 }
func (r *Regs) SP() uint64                         { return 0 }
func (r *Regs) DWARF() [arch.DWARFRegisters]uint64 { return [arch.DWARFRegisters]uint64{} }
func (r *Regs) inSyscall() bool                    { return false }
func (r *Regs) restart() bool                      { return false }
func (r *Regs) restartsByCall() bool               { return false }
func (r *Regs) beginAnew()                         {}
func (r *Regs) result() uint64                     { return 0 }

func (r *Regs) end(result uint64) {}

func (r *Regs) forCall(pc uint64, nr uint64, args [6]uint64) Regs { return *r }

func (r *Regs) forFunction(pc, sp, returnTo uint64, args [2]uint64) Regs { return *r }
func (r *Regs) called() uint64                                           { return 0 }
func (r *Regs) returned() uint64                                         { return 0 }
func (r *Regs) slept(Sleep)                                              {}
func (r *Regs) kept() Regs                                               { return *r }

// SystemCall returns nothing here.
func (r *Regs) SystemCall() (number uint64, inside bool) { return 0, false }

func (r *Regs) returnedValue() uint64 { return 0 }
func (r *Regs) noCall(tid int) error  { return errors.ErrUnsupported }

var forbiddenCalls []uint64

func (r *Regs) callCode(at uint64) (code []byte, ok bool) { return nil, false }

var callCodeSize = 0

func isCallCode(code []byte) bool { return false }

func (r *Regs) returnCode(mask uint64) []byte { return nil }

const (
	returnRun, returnExecute                       = 0, 0
	afterReturn, ownTop                            = 0, 0
	returnNumber                                   = 0
	returnUnblocks, looksBefore, frameHoldsVectors = false, false, false
)

func (r *Regs) ownFrame(returnTo, mask uint64, vectors []byte) []byte { return nil }

func (r *Regs) atTrap(addr uint64) bool { return false }

var timeouts map[int64]timeout

var trapInsn []byte

var syscallInsn []byte

const codeAlign = 1

var xStates []uintptr

const (
	breakLength          = 0
	stepsOverBreakpoints = false
)

func getRegs(tid int) (Regs, error)     { return Regs{}, errors.ErrUnsupported }
func setRegs(tid int, regs *Regs) error { return errors.ErrUnsupported }
