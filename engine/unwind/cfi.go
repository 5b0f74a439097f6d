package unwind

import (
	"errors"
	"fmt"
)

// ruleKind says how the caller's value of a register is found (DWARF 5, section 6.4.1).
type ruleKind uint8

const (
	ruleUnset      ruleKind = iota // no rule: taken as unchanged
	ruleUndefined                  // lost
	ruleSame                       // unchanged
	ruleOffset                     // in memory at CFA+n
	ruleValOffset                  // CFA+n
	ruleRegister                   // in register n
	ruleExpression                 // in memory at the value of expr
	ruleValExpression
)

type rule struct {
	kind ruleKind
	n    int64
	expr []byte
}

// row is the set of rules for one address. The CFA is register cfaReg plus cfaOff, or the value of cfaExpr.
type row struct {
	cfaReg  uint64
	cfaOff  int64
	cfaExpr []byte
	regs    [maxRegs]rule
	ra      uint64
	signal  bool
}

const maxRemembered = 64

// interpreter runs a call frame program up to an address.
type interpreter struct {
	*reader
	cie     *cie
	row     row
	initial row
	stack   []row
	loc     uint64
	target  uint64
}

// rowAt returns the rules for link address pc, which lies in f.
func (f *fde) rowAt(pc uint64) (*row, error) {
	m := &interpreter{reader: &reader{data: f.cie.program}, cie: f.cie, loc: f.start, target: ^uint64(0)}
	if err := m.run(); err != nil {
		return nil, fmt.Errorf("CIE: %w", err)
	}
	m.initial, m.stack, m.loc, m.target = m.row, nil, f.start, pc
	m.reader = &reader{data: f.program, addr: f.programAddr}
	if err := m.run(); err != nil {
		return nil, fmt.Errorf("FDE: %w", err)
	}
	m.row.ra, m.row.signal = f.cie.ra, f.cie.signal
	return &m.row, nil
}

func (m *interpreter) run() error {
	for m.left() > 0 && m.err == nil {
		op := m.u8()
		operand := uint64(op & 0x3f)
		switch op & 0xc0 {
		case 0x40: // DW_CFA_advance_loc
			if !m.advance(operand) {
				return m.err
			}
		case 0x80: // DW_CFA_offset
			m.set(operand, rule{kind: ruleOffset, n: int64(m.uleb()) * m.cie.dataAlign})
		case 0xc0: // DW_CFA_restore
			m.restore(operand)
		default:
			if more := m.extended(op); !more {
				return m.err
			}
		}
	}
	return m.err
}

// advance moves to the next row; false if that is past the target.
func (m *interpreter) advance(delta uint64) bool { return m.moveTo(m.loc + delta*m.cie.codeAlign) }

func (m *interpreter) moveTo(next uint64) bool {
	if next > m.target || next < m.loc {
		return false
	}
	m.loc = next
	return true
}

func (m *interpreter) set(reg uint64, r rule) {
	if reg < m.cie.followed() { // the others, vector registers and such, do not matter here
		m.row.regs[reg] = r
	}
}

func (m *interpreter) restore(reg uint64) {
	if reg < m.cie.followed() {
		m.row.regs[reg] = m.initial.regs[reg]
	}
}

// block reads the bytes of an expression.
func (m *interpreter) block() []byte { return m.bytes(m.uleb()) }

// extended runs an operation with the top bits clear (DWARF 5, table 7.29); false if the program goes past the target.
func (m *interpreter) extended(op uint8) bool {
	switch op {
	case 0x00: // DW_CFA_nop
	case 0x01: // DW_CFA_set_loc
		return m.moveTo(m.pointer(m.cie.encoding, 0))
	case 0x02: // DW_CFA_advance_loc1
		return m.advance(uint64(m.u8()))
	case 0x03: // DW_CFA_advance_loc2
		return m.advance(uint64(m.u16()))
	case 0x04: // DW_CFA_advance_loc4
		return m.advance(uint64(m.u32()))
	case 0x0a: // DW_CFA_remember_state
		m.remember()
	case 0x0b: // DW_CFA_restore_state
		m.recall()
	case 0x0c: // DW_CFA_def_cfa
		m.cfa(m.uleb(), int64(m.uleb()))
	case 0x0d: // DW_CFA_def_cfa_register
		m.cfa(m.uleb(), m.row.cfaOff)
	case 0x0e: // DW_CFA_def_cfa_offset
		m.cfa(m.row.cfaReg, int64(m.uleb()))
	case 0x0f: // DW_CFA_def_cfa_expression
		m.row.cfaExpr = m.block()
	case 0x12: // DW_CFA_def_cfa_sf
		m.cfa(m.uleb(), m.sleb()*m.cie.dataAlign)
	case 0x13: // DW_CFA_def_cfa_offset_sf
		m.cfa(m.row.cfaReg, m.sleb()*m.cie.dataAlign)
	case 0x2e: // DW_CFA_GNU_args_size: for exceptions only
		m.uleb()
	default:
		m.registerRule(op)
	}
	return true
}

// registerRule runs an operation that says where one register is.
func (m *interpreter) registerRule(op uint8) {
	align := m.cie.dataAlign
	switch op {
	case 0x05: // DW_CFA_offset_extended
		m.set(m.uleb(), rule{kind: ruleOffset, n: int64(m.uleb()) * align})
	case 0x06: // DW_CFA_restore_extended
		m.restore(m.uleb())
	case 0x07: // DW_CFA_undefined
		m.set(m.uleb(), rule{kind: ruleUndefined})
	case 0x08: // DW_CFA_same_value
		m.set(m.uleb(), rule{kind: ruleSame})
	case 0x09: // DW_CFA_register
		m.set(m.uleb(), rule{kind: ruleRegister, n: int64(m.uleb())})
	case 0x10: // DW_CFA_expression
		m.set(m.uleb(), rule{kind: ruleExpression, expr: m.block()})
	case 0x11: // DW_CFA_offset_extended_sf
		m.set(m.uleb(), rule{kind: ruleOffset, n: m.sleb() * align})
	case 0x14: // DW_CFA_val_offset
		m.set(m.uleb(), rule{kind: ruleValOffset, n: int64(m.uleb()) * align})
	case 0x15: // DW_CFA_val_offset_sf
		m.set(m.uleb(), rule{kind: ruleValOffset, n: m.sleb() * align})
	case 0x16: // DW_CFA_val_expression
		m.set(m.uleb(), rule{kind: ruleValExpression, expr: m.block()})
	case 0x2d: // DW_CFA_AARCH64_negate_ra_state; see a64
		if m.cie.ra != a64LR {
			m.fail(errors.New("register windows"))
		}
	case 0x2f: // DW_CFA_GNU_negative_offset_extended
		m.set(m.uleb(), rule{kind: ruleOffset, n: -int64(m.uleb()) * align})
	default:
		m.fail(fmt.Errorf("call frame instruction 0x%x is not known", op))
	}
}

// cfa sets the CFA to a register plus an offset, which ends the reign of an expression.
func (m *interpreter) cfa(reg uint64, off int64) {
	if reg >= m.cie.followed() {
		m.fail(fmt.Errorf("CFA from register %d", reg))
		return
	}
	m.row.cfaReg, m.row.cfaOff, m.row.cfaExpr = reg, off, nil
}

func (m *interpreter) remember() {
	if len(m.stack) == maxRemembered {
		m.fail(errors.New("too many remembered states"))
		return
	}
	m.stack = append(m.stack, m.row)
}

func (m *interpreter) recall() {
	if len(m.stack) == 0 {
		m.fail(errors.New("no remembered state"))
		return
	}
	m.row = m.stack[len(m.stack)-1]
	m.stack = m.stack[:len(m.stack)-1]
}
