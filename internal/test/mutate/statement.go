package mutate

import (
	"fmt"
	"regexp"
	"strings"
)

func (e *editor) deleteStatement() bool {
	s, ok := e.spot(spot.simple)
	if ok {
		s.f.body = append(s.f.body[:s.line:s.line], s.f.body[s.line+1:]...)
	}
	return ok
}

func (e *editor) repeatStatement() bool {
	s, ok := e.spot(spot.simple)
	if ok {
		s.insert(s.trimmed())
	}
	return ok
}

func (e *editor) swapStatements() bool {
	s, ok := e.spot(func(s spot) bool {
		return s.simple() && s.line > 0 && spot{s.f, s.line - 1}.simple() && s.text() != s.f.body[s.line-1]
	})
	if ok {
		s.f.body[s.line], s.f.body[s.line-1] = s.f.body[s.line-1], s.f.body[s.line]
	}
	return ok
}

// wrap puts a statement into a block.
func (e *editor) wrap(head string) bool {
	s, ok := e.spot(spot.simple)
	if ok {
		indent, text := s.indent(), s.trimmed()
		s.set(indent + "}")
		s.insert(head, "{", "    "+text)
	}
	return ok
}

func (e *editor) wrapInIf() bool {
	head := fmt.Sprintf("if ((%s %s %s))", e.anything(), oneOf(e, []string{"==", "!=", "<", ">="}), e.constant())
	return e.wrap(head)
}

func (e *editor) wrapInLoop() bool {
	counter := e.fresh("n")
	return e.wrap(fmt.Sprintf("for (int %s = 0; %s < %d; %s++)", counter, counter, 1+e.r.Intn(4), counter))
}

var returned = regexp.MustCompile(`^(\s*return )(.*);$`)

func (e *editor) changeReturn() bool {
	s, ok := e.spot(func(s spot) bool { return returned.MatchString(s.text()) && s.f.integer() && s.f.name != "main" })
	if !ok {
		return false
	}
	m := returned.FindStringSubmatch(s.text())
	if e.chance(30) {
		s.set(m[1] + e.constant() + ";")
	} else {
		s.set(fmt.Sprintf("%s(%s) ^ %s;", m[1], m[2], e.constant()))
	}
	return true
}

// integer reports whether a function returns an integer.
func (f *function) integer() bool {
	return regexp.MustCompile(`^(inline )?(const )?u?int\d*(_t)?\s+` + f.name + `\b`).MatchString(f.head)
}

// parameters are those of a function's head.
func (f *function) parameters() (list []string) {
	_, rest, _ := strings.Cut(f.head, f.name)
	rest = strings.Trim(strings.TrimSpace(rest), "()")
	if rest == "void" || rest == "" {
		return nil
	}
	return strings.Split(rest, ",")
}

var integerParameter = regexp.MustCompile(`^\s*(const )?u?int\d+_t\s+(const\s+)?\w+$`)

// callable reports whether code at a spot can call a function with constants, and does not call itself so.
func (e *editor) callable(f *function, s spot) bool {
	if f.name == "main" || !f.integer() || !s.f.sees(f.place) || e.reaches(f, s.f.name) {
		return false
	}
	for _, p := range f.parameters() {
		if !integerParameter.MatchString(p) {
			return false
		}
	}
	return true
}

// call is a call of a function with constants.
func (e *editor) call(f *function) string {
	var args []string
	for range f.parameters() {
		args = append(args, e.constant())
	}
	return fmt.Sprintf("%s(%s)", f.name, strings.Join(args, ", "))
}

func (e *editor) callFunction() bool {
	s, ok := e.place()
	if !ok {
		return false
	}
	var list []*function
	for _, f := range e.funcs {
		if e.callable(f, s) {
			list = append(list, f)
		}
	}
	if len(list) == 0 {
		return false
	}
	s.insert(fmt.Sprintf("%s ^= (uint32_t)%s;", e.sum(), e.call(oneOf(e, list))))
	return true
}

// place picks a line before which a statement can stand, often in main.
func (e *editor) place() (spot, bool) {
	main := e.chance(30)
	return e.spot(func(s spot) bool {
		return s.insertable() && (!main || s.f.name == "main" && strings.HasPrefix(s.trimmed(), "transparent_crc("))
	})
}

func (e *editor) addLines() bool {
	s, ok := e.spot(spot.separate)
	if ok {
		s.insert("/* what follows", " * is not new */", "")
	}
	return ok
}

var local = regexp.MustCompile(`^\s*(const )?(u?int\d+_t) (l_\d+)( = .*)?;$`)

func (e *editor) renameLocal() bool {
	s, ok := e.spot(func(s spot) bool { return local.MatchString(s.text()) })
	if !ok {
		return false
	}
	old, fresh := local.FindStringSubmatch(s.text())[3], e.fresh("renamed")
	for i, line := range s.f.body {
		s.f.body[i] = renamed(line, old, fresh)
	}
	return true
}

var constantLocal = regexp.MustCompile(`^(\s*)(u?int\d+_t l_\d+ = \(?-?[0-9A-Fa-fxUL]+\)?;)$`)

func (e *editor) makeStatic() bool {
	s, ok := e.spot(func(s spot) bool { return constantLocal.MatchString(s.text()) })
	if ok {
		m := constantLocal.FindStringSubmatch(s.text())
		s.set(m[1] + "static " + m[2])
	}
	return ok
}

// widenLocal gives a variable of which no address is taken another type.
func (e *editor) widenLocal() bool {
	s, ok := e.spot(func(s spot) bool {
		m := local.FindStringSubmatch(s.text())
		return m != nil && !strings.HasSuffix(m[2], "64_t") && !strings.Contains(strings.Join(s.f.body, "\n"), "&"+m[3])
	})
	if ok {
		m := local.FindStringSubmatchIndex(s.text())
		line := s.text()
		s.set(line[:m[4]] + "int64_t" + line[m[5]:])
	}
	return ok
}
