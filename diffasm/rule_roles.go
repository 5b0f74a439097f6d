package diffasm

import (
	"fmt"
	"slices"

	"gocare/diffasm/asm"
	"gocare/internal/fault"
	"gocare/internal/kpname"
)

// roles takes what the source patch gives to carectl, and refuses what it cannot run: functions that are not new have a place in running
// processes already, by their old code.
func (c *decider) roles() {
	for _, m := range c.d.marks().roles {
		if why := c.unfit(m); why != "" {
			c.refuse(asm.Problem{Code: fault.BadAction, At: m.at, What: fmt.Sprintf("%s: %q %s", m.role, SourceName(m.symbol), why)}, c.d.patched, "")
			continue
		}
		c.s.roles = append(c.s.roles, m)
	}
}

// unfit says why something cannot have a role, "" if it can.
func (c *decider) unfit(m mark) string {
	fn, b := c.d.patched.FunctionByName[m.symbol], c.d.patched.Blocks[m.symbol]
	switch {
	case m.role == kpname.Shadow && (b == nil || c.d.m.OrigVariable(b) != nil):
		return "is no new variable of this source"
	case m.role == kpname.Shadow:
		return ""
	case fn == nil:
		return "is no function of this source"
	case c.d.m.OrigFunction(fn) != nil || !c.in[fn]:
		return "is not new: the original has it, too"
	}
	return ""
}

func (s *Selection) hasRole(symbol string) bool {
	return slices.ContainsFunc(s.roles, func(m mark) bool { return m.symbol == symbol })
}
