package mutate

import (
	"fmt"
	"math/rand"
	"regexp"
	"strings"
)

// editor changes a program at random.
type editor struct {
	r *rand.Rand
	*program
}

// edit is a kind of change. do reports whether the program has a place for it, and changes nothing if not.
type edit struct {
	name   string
	weight int
	do     func(e *editor) bool
}

var edits []edit

func init() { // a table that refers to itself: enrich picks from it
	edits = []edit{
		{"change a constant", 12, (*editor).changeConstant},
		{"change an operator", 8, (*editor).changeOperator},
		{"swap the operands of a comparison", 5, (*editor).swapOperands},
		{"change the arithmetic", 6, (*editor).changeArithmetic},
		{"change an assignment", 4, (*editor).changeAssignment},
		{"put a constant in place of an expression", 4, (*editor).replaceExpression},
		{"negate a condition", 6, (*editor).negateCondition},
		{"delete a statement", 8, (*editor).deleteStatement},
		{"repeat a statement", 4, (*editor).repeatStatement},
		{"swap two statements", 4, (*editor).swapStatements},
		{"put a statement into an if", 5, (*editor).wrapInIf},
		{"put a statement into a loop", 4, (*editor).wrapInLoop},
		{"change what is returned", 5, (*editor).changeReturn},
		{"change a string", 4, (*editor).changeString},
		{"insert code", 20, (*editor).insertPiece},
		{"call a function", 6, (*editor).callFunction},
		{"add a parameter", 5, (*editor).addParameter},
		{"rename a local variable", 2, (*editor).renameLocal},
		{"rename a function", 3, (*editor).renameFunction},
		{"rename a global variable", 1, (*editor).renameGlobal},
		{"move a function", 4, (*editor).moveFunction},
		{"move a function to the other unit", 3, (*editor).moveToOtherUnit},
		{"change who sees a function", 3, (*editor).changeSeen},
		{"change a function's attributes", 4, (*editor).changeAttributes},
		{"make a local variable static", 4, (*editor).makeStatic},
		{"widen a local variable", 3, (*editor).widenLocal},
		{"move a global variable", 2, (*editor).moveGlobal},
		{"change the value of a global variable", 1, (*editor).changeValue},
		{"widen a global variable", 1, (*editor).widenGlobal},
		{"add a member", 1, (*editor).addMember},
		{"add lines", 3, (*editor).addLines},
	}
}

// pick picks a kind of change by its weight.
func (e *editor) pick() edit {
	total := 0
	for _, k := range edits {
		total += k.weight
	}
	n := e.r.Intn(total)
	for _, k := range edits {
		if n -= k.weight; n < 0 {
			return k
		}
	}
	return edits[0]
}

func (e *editor) chance(percent int) bool { return e.r.Intn(100) < percent }

// oneOf picks an element.
func oneOf[T any](e *editor, list []T) T { return list[e.r.Intn(len(list))] }

// constant makes a constant that fits into 32 bits.
func (e *editor) constant() string {
	switch e.r.Intn(4) {
	case 0:
		return fmt.Sprintf("%dU", e.r.Intn(4))
	case 1:
		return fmt.Sprintf("%dU", e.r.Intn(256))
	}
	return fmt.Sprintf("0x%XU", e.r.Uint32())
}

// spot is a line of a function.
type spot struct {
	f    *function
	line int
}

func (s spot) text() string    { return s.f.body[s.line] }
func (s spot) set(text string) { s.f.body[s.line] = text }
func (s spot) trimmed() string { return strings.TrimSpace(s.text()) }
func (s spot) indent() string  { return s.text()[:len(s.text())-len(strings.TrimLeft(s.text(), " "))] }

func (s spot) previous() string {
	return strings.TrimSpace(strings.Join(s.f.body[max(0, s.line-1):s.line], ""))
}

// insert inserts lines before the spot, indented as it is.
func (s spot) insert(lines ...string) {
	var indented []string
	for _, line := range lines {
		indented = append(indented, s.indent()+line)
	}
	s.f.body = append(s.f.body[:s.line:s.line], append(indented, s.f.body[s.line:]...)...)
}

// spots lists the lines that are fit for something.
func (e *editor) spots(fit func(s spot) bool) (list []spot) {
	for _, f := range e.funcs {
		for i := range f.body {
			if s := (spot{f, i}); fit(s) {
				list = append(list, s)
			}
		}
	}
	return list
}

// spot picks one of these lines.
func (e *editor) spot(fit func(s spot) bool) (spot, bool) {
	list := e.spots(fit)
	if len(list) == 0 {
		return spot{}, false
	}
	return oneOf(e, list), true
}

var (
	declaration = regexp.MustCompile(`^(static |const |volatile |register |__thread )*(u?int\d+_t|u?int|unsigned|signed|char|double|float|jmp_buf|va_list|void|__int128|struct \w+|union \w+)\b[ *]`)
	leaving     = regexp.MustCompile(`^(return|break|continue|goto|case|default)\b`)
	control     = regexp.MustCompile(`^(for|if|while|switch|do|else)\b`)
)

// separate reports whether the line begins a statement that stands in a block of its own, so that others can stand before it.
func (s spot) separate() bool {
	text, previous := s.trimmed(), s.previous()
	return text != "{" && text != "else" && previous != "else" && !strings.HasSuffix(previous, ")") &&
		!strings.HasPrefix(text, "case ") && !strings.HasPrefix(text, "default:")
}

// simple reports whether the line is a statement that stands for itself.
func (s spot) simple() bool {
	text := s.trimmed()
	return s.separate() && strings.HasSuffix(text, ";") && !strings.HasPrefix(text, "}") &&
		!declaration.MatchString(text) && !leaving.MatchString(text) && !control.MatchString(text)
}

// insertable reports whether a statement can stand before the line: it is behind the declarations.
func (s spot) insertable() bool { return s.separate() && !declaration.MatchString(s.trimmed()) }

// expression reports whether the line may hold an expression that can be changed without the program running for ever.
func (s spot) expression() bool { return !strings.HasPrefix(s.trimmed(), "for (") }
