package machine

import "strings"

// cfaTracker knows whether the canonical frame address is told by the stack pointer at the current line.
type cfaTracker struct {
	open  bool // between .cfi_startproc and .cfi_endproc
	other bool // told by another register
	saved []bool
}

func (c *cfaTracker) directive(op, args string) {
	switch op {
	case ".cfi_startproc":
		*c = cfaTracker{open: true}
	case ".cfi_endproc":
		*c = cfaTracker{}
	case ".cfi_def_cfa":
		reg, _, _ := strings.Cut(args, ",")
		c.other = !isStackPointer(reg)
	case ".cfi_def_cfa_register":
		c.other = !isStackPointer(args)
	case ".cfi_escape":
		const defCFAExpression = "0xf,"
		c.other = c.other || strings.HasPrefix(args, defCFAExpression)
	case ".cfi_remember_state":
		c.saved = append(c.saved, c.other)
	case ".cfi_restore_state":
		if n := len(c.saved); n > 0 {
			c.other, c.saved = c.saved[n-1], c.saved[:n-1]
		}
	}
}

// moved returns what tells the unwinder that the stack pointer went down by so many bytes.
func (c *cfaTracker) moved(bytes string) []string {
	if !c.open || c.other {
		return nil
	}
	return []string{".cfi_adjust_cfa_offset " + bytes}
}
