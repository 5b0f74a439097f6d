package mutate

import (
	"fmt"
	"strings"
)

// includes are what the pieces of code that edits insert need.
const includes = `#include <ctype.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
`

// render returns the sources by file name: prog.c, or prog.c and more.c with a header that both include.
func (p *program) render() map[string]string {
	var shared strings.Builder
	shared.WriteString(includes + strings.Join(p.head, "\n") + "\n\n")
	if p.units == 1 {
		return map[string]string{"prog.c": shared.String() + p.unit(0)}
	}
	for _, g := range p.globals {
		if !g.static {
			fmt.Fprintf(&shared, "extern %s;\n", g.decl)
		}
	}
	shared.WriteString("\n")
	for _, f := range p.funcs {
		if (!f.static || f.header) && f.name != "main" {
			fmt.Fprintf(&shared, "%s%s%s;\n", f.attributes, storage(f.static), f.head)
		}
	}
	for _, f := range p.funcs {
		if f.header {
			shared.WriteString("\n" + f.render())
		}
	}
	include := "#include \"prog.h\"\n\n"
	return map[string]string{"prog.h": "#pragma once\n" + shared.String(), "prog.c": include + p.unit(0), "more.c": include + p.unit(1)}
}

// unit returns what one unit defines.
func (p *program) unit(unit int) string {
	var b strings.Builder
	for _, f := range p.funcs {
		if f.unit == unit && f.name != "main" && (f.static || p.units == 1) && (!f.header || p.units == 1) {
			fmt.Fprintf(&b, "%s%s%s;\n", f.attributes, storage(f.static), f.head)
		}
	}
	b.WriteString("\n")
	for _, g := range p.globals {
		if g.unit == unit {
			fmt.Fprintf(&b, "%s%s%s;\n", storage(g.static), g.decl, g.value)
		}
	}
	for _, f := range p.funcs {
		if f.unit == unit && (!f.header || p.units == 1) {
			b.WriteString("\n" + f.render())
		}
	}
	return b.String()
}

func storage(static bool) string {
	if static {
		return "static "
	}
	return ""
}

func (f *function) render() string {
	return fmt.Sprintf("%s%s%s\n{\n%s\n}\n", f.attributes, storage(f.static), f.head, strings.Join(f.body, "\n"))
}
