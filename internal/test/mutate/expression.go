package mutate

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// binary is an operator with two operands in parentheses, as csmith writes all of them.
type binary struct {
	start, end int // of what stands between the parentheses
	at         int // offset of the operator, behind its blank
	op         string
}

var operators = []string{"==", "!=", "<=", ">=", "<", ">", "&&", "||", "^", "|", "&", "+", "-", ","}

// operatorAt returns the operator that stands at an offset between blanks.
func operatorAt(line string, at int) string {
	if strings.HasPrefix(line[at:], ", ") {
		return ","
	}
	for _, op := range operators {
		if strings.HasPrefix(line[at:], " "+op+" ") {
			return op
		}
	}
	return ""
}

// binaries lists the expressions of a line that are of one operator.
func binaries(line string) (list []binary) {
	type group struct {
		start int
		ops   []binary
	}
	stack := []group{{}}
	quote := byte(0)
	for i := 0; i < len(line); i++ {
		top := &stack[len(stack)-1]
		switch c := line[i]; {
		case quote != 0:
			if c == '\\' {
				i++
			} else if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case strings.IndexByte("([{", c) >= 0:
			stack = append(stack, group{start: i + 1})
		case strings.IndexByte(")]}", c) >= 0 && len(stack) > 1:
			if len(top.ops) == 1 && c == ')' {
				list = append(list, binary{top.start, i, top.ops[0].at, top.ops[0].op})
			}
			stack = stack[:len(stack)-1]
		default:
			if op := operatorAt(line, i); op != "" {
				top.ops = append(top.ops, binary{at: i + strings.Index(line[i:], op), op: op})
			}
		}
	}
	return list
}

// exchanges are the operators that can stand in place of another; of those that compare, pointers have their own.
var exchanges = [][]string{{"==", "!="}, {"<", "<=", ">", ">="}, {"&&", "||"}, {"^", "|", "&"}}

func exchange(op string) []string {
	for _, list := range exchanges {
		if slices.Contains(list, op) {
			return list
		}
	}
	return nil
}

// expression picks one of the program's expressions that fit.
func (e *editor) expression(fit func(line string, b binary) bool) (spot, binary, bool) {
	of := func(s spot) (list []binary) {
		for _, b := range binaries(s.text()) {
			if fit(s.text(), b) {
				list = append(list, b)
			}
		}
		return list
	}
	s, ok := e.spot(func(s spot) bool { return s.expression() && len(of(s)) > 0 })
	if !ok {
		return s, binary{}, false
	}
	return s, oneOf(e, of(s)), true
}

func (e *editor) changeOperator() bool {
	s, b, ok := e.expression(func(_ string, b binary) bool { return exchange(b.op) != nil })
	if !ok {
		return false
	}
	others := slices.DeleteFunc(slices.Clone(exchange(b.op)), func(op string) bool { return op == b.op })
	line := s.text()
	s.set(line[:b.at] + oneOf(e, others) + line[b.at+len(b.op):])
	return true
}

func (e *editor) swapOperands() bool {
	s, b, ok := e.expression(func(_ string, b binary) bool {
		return slices.Contains(exchanges[0], b.op) || slices.Contains(exchanges[1], b.op)
	})
	if !ok {
		return false
	}
	line := s.text()
	left, right := line[b.start:b.at-1], line[b.at+len(b.op)+1:b.end]
	s.set(fmt.Sprintf("%s%s %s %s%s", line[:b.start], right, b.op, left, line[b.end:]))
	return true
}

func (e *editor) replaceExpression() bool {
	s, b, ok := e.expression(func(_ string, b binary) bool { return slices.Contains(exchanges[3], b.op) })
	if !ok {
		return false
	}
	line := s.text()
	s.set(line[:b.start] + e.constant() + line[b.end:])
	return true
}

var number = regexp.MustCompile(`\b(?:0x[0-9A-F]+|\d+)(U?L{0,2})\b`)

// fraction is what stands before the rest of a floating-point number.
var fraction = regexp.MustCompile(`\.$|\dp[+-]$`)

// numbers lists the offsets of the constants of a line that are no index, size or part of a string.
func numbers(line string) (list [][]int) {
	if strings.Contains(line, `"`) {
		return nil
	}
	for _, m := range number.FindAllStringSubmatchIndex(line, -1) {
		before, after := line[:m[0]], line[m[1]:]
		part := fraction.MatchString(before) || strings.HasPrefix(after, ".") // of a floating-point number
		if strings.Count(before, "[") == strings.Count(before, "]") && !part {
			list = append(list, m)
		}
	}
	return list
}

func (e *editor) changeConstant() bool {
	s, ok := e.spot(func(s spot) bool {
		return s.expression() && !strings.HasPrefix(s.trimmed(), "case ") && len(numbers(s.text())) > 0
	})
	if !ok {
		return false
	}
	line := s.text()
	m := oneOf(e, numbers(line))
	value := fmt.Sprint(e.r.Intn(10))
	if m[1]-m[0] > 4 {
		value = strings.TrimSuffix(e.constant(), "U")
	}
	s.set(line[:m[0]] + value + line[m[2]:])
	return line != s.text()
}

var (
	safeCall   = regexp.MustCompile(`\bsafe_(add|sub|mul|div|mod|lshift|rshift)_func_u?int`)
	arithmetic = map[string][]string{
		"add": {"sub", "mul"}, "sub": {"add", "mul"}, "mul": {"add", "sub"}, "div": {"mod"}, "mod": {"div"}, "lshift": {"rshift"}, "rshift": {"lshift"},
	}
)

// replaceMatch replaces the group of one match of a pattern in a line by what next makes of it.
func (e *editor) replaceMatch(pattern *regexp.Regexp, next func(old string) string) bool {
	s, ok := e.spot(func(s spot) bool { return s.expression() && pattern.MatchString(s.text()) })
	if !ok {
		return false
	}
	line := s.text()
	m := oneOf(e, pattern.FindAllStringSubmatchIndex(line, -1))
	s.set(line[:m[2]] + next(line[m[2]:m[3]]) + line[m[3]:])
	return true
}

func (e *editor) changeArithmetic() bool {
	return e.replaceMatch(safeCall, func(old string) string { return oneOf(e, arithmetic[old]) })
}

var (
	assignment = regexp.MustCompile(` ([|&^])= `)
	condition  = regexp.MustCompile(`^\s*if (\(.*\))$`)
	text       = regexp.MustCompile(`"([a-z][a-z ]*)`)
)

func (e *editor) changeAssignment() bool {
	return e.replaceMatch(assignment, func(old string) string {
		return oneOf(e, slices.DeleteFunc([]string{"|", "&", "^"}, func(op string) bool { return op == old }))
	})
}

func (e *editor) negateCondition() bool {
	return e.replaceMatch(condition, func(old string) string { return "(!" + old + ")" })
}

func (e *editor) changeString() bool {
	return e.replaceMatch(text, func(old string) string {
		switch e.r.Intn(3) {
		case 0:
			return "new " + old
		case 1:
			return strings.ToUpper(old)
		}
		return old[:len(old)/2]
	})
}
