package mutate

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// accumulator adds a variable that the program's checksums hold, for edits to change.
func (e *editor) accumulator() {
	name := e.fresh("sum")
	value := " = " + e.constant()
	at := place{static: e.units == 1 && e.chance(50)}
	e.globals = append(e.globals, &global{decl: "uint32_t " + name, name: name, value: value, place: at})
	main := e.main()
	for i := range main.body {
		if s := (spot{main, i}); strings.HasPrefix(s.trimmed(), "platform_main_end(") {
			s.insert(fmt.Sprintf(`transparent_crc(%s, "%s", print_hash_value);`, name, name))
			return
		}
	}
}

// sum picks an accumulator.
func (e *editor) sum() string {
	var list []string
	for _, g := range e.globals {
		if strings.HasPrefix(g.name, "sum_") {
			list = append(list, g.name)
		}
	}
	return oneOf(e, list)
}

var integerGlobal = regexp.MustCompile(`^(volatile )?u?int\d+_t g_\d+$`)

// anything picks a variable to read: everything sees it, and it is an integer.
func (e *editor) anything() string {
	var list []string
	for _, g := range e.globals {
		if integerGlobal.MatchString(g.decl) && (!g.static || e.units == 1) {
			list = append(list, g.name)
		}
	}
	if len(list) == 0 {
		return e.sum()
	}
	return oneOf(e, list)
}

// function picks a function other than main.
func (e *editor) function(fit func(f *function) bool) (*function, bool) {
	list := slices.DeleteFunc(slices.Clone(e.funcs), func(f *function) bool { return f.name == "main" || !fit(f) })
	if len(list) == 0 {
		return nil, false
	}
	return oneOf(e, list), true
}

func (e *editor) addParameter() bool {
	f, ok := e.function(func(f *function) bool {
		return !e.handedOn(f.name) && len(f.body) > 0 && !strings.Contains(f.head, "...")
	})
	if !ok {
		return false
	}
	name := e.fresh("p")
	call := regexp.MustCompile(`\b` + f.name + `\(\s*(void\))?(\))?`)
	more := func(line, what string) string {
		return call.ReplaceAllStringFunc(line, func(m string) string {
			if strings.HasSuffix(m, ")") {
				return f.name + "(" + what + ")"
			}
			return f.name + "(" + what + ", "
		})
	}
	for _, g := range e.funcs {
		for i := range g.body {
			g.body[i] = more(g.body[i], e.constant())
		}
	}
	f.head = more(f.head, "uint32_t "+name)
	for i := range f.body {
		if s := (spot{f, i}); s.insertable() {
			s.insert(fmt.Sprintf("%s += %s;", e.sum(), name))
			break
		}
	}
	return true
}

// handedOn reports whether something other than a call names a function.
func (e *editor) handedOn(name string) (found bool) {
	word := regexp.MustCompile(`\b` + name + `\b(\(?)`)
	e.texts(func(line *string) {
		for _, m := range word.FindAllStringSubmatch(*line, -1) {
			found = found || m[1] == ""
		}
	})
	return found
}

func (e *editor) renameFunction() bool {
	f, ok := e.function(func(*function) bool { return true })
	if ok {
		e.rename(f.name, e.fresh("renamed"))
	}
	return ok
}

func (e *editor) renameGlobal() bool {
	g := oneOf(e, e.globals)
	if strings.HasPrefix(g.name, "sum_") {
		return false
	}
	e.rename(g.name, e.fresh("renamed"))
	return true
}

// moveFunction puts a function elsewhere in its unit: all have prototypes.
func (e *editor) moveFunction() bool {
	f, ok := e.function(func(*function) bool { return len(e.funcs) > 2 })
	if !ok {
		return false
	}
	from := slices.Index(e.funcs, f)
	e.funcs = slices.Delete(e.funcs, from, from+1)
	to := e.r.Intn(len(e.funcs)) // main stays the last
	e.funcs = slices.Insert(e.funcs, to, f)
	return from != to
}

// moveToOtherUnit moves a function that uses nothing which only its own unit sees.
func (e *editor) moveToOtherUnit() bool {
	f, ok := e.function(func(f *function) bool { return e.units == 2 && !f.static && !f.header && !e.private(f) })
	if ok {
		f.unit = 1 - f.unit
	}
	return ok
}

// private reports whether a function uses what only its own unit sees.
func (e *editor) private(f *function) bool {
	for _, g := range e.globals {
		if g.static && f.mentions(g.name) {
			return true
		}
	}
	return slices.ContainsFunc(e.funcs, func(g *function) bool { return g.static && !g.header && f.mentions(g.name) })
}

// usedOutside reports whether the other unit uses something.
func (e *editor) usedOutside(name string, unit int) bool {
	used := slices.ContainsFunc(e.globals, func(g *global) bool { return g.unit != unit && strings.Contains(g.value, name) })
	return used || slices.ContainsFunc(e.funcs, func(f *function) bool { return (f.unit != unit || f.header) && f.mentions(name) })
}

// changeSeen makes something of file scope static, or no longer so.
func (e *editor) changeSeen() bool {
	if e.chance(50) {
		g := oneOf(e, e.globals)
		if strings.HasPrefix(g.name, "sum_") || !g.static && e.usedOutside(g.name, g.unit) {
			return false
		}
		g.static = !g.static
		return true
	}
	f, ok := e.function(func(f *function) bool {
		return !f.header && !strings.Contains(f.attributes, "weak") && (f.static || !e.usedOutside(f.name, f.unit))
	})
	if ok {
		f.static = !f.static
		f.head = strings.TrimPrefix(f.head, "inline ")
	}
	return ok
}

var attributes = []string{
	"", "", `__attribute__((noinline)) `, `__attribute__((noinline)) `, `__attribute__((cold)) `, `__attribute__((hot)) `,
	`__attribute__((noinline, noclone)) `, `__attribute__((aligned(64))) `, `__attribute__((section(".text.apart"))) `, `__attribute__((flatten)) `,
	`__attribute__((always_inline)) `,
}

func (e *editor) changeAttributes() bool {
	f, ok := e.function(func(f *function) bool {
		return !strings.Contains(f.attributes, "structor") && !strings.Contains(f.attributes, "weak")
	})
	if !ok {
		return false
	}
	next := oneOf(e, attributes)
	if strings.Contains(next, "always_inline") {
		if !f.static || e.handedOn(f.name) {
			return false
		}
		next += "inline "
	}
	if next == f.attributes {
		return false
	}
	f.attributes = next
	return true
}

func (e *editor) moveGlobal() bool {
	i, j := e.r.Intn(len(e.globals)), e.r.Intn(len(e.globals))
	for _, g := range []*global{e.globals[i], e.globals[j]} {
		if strings.Contains(g.value, "&") || e.usedInValues(g.name) {
			return false
		}
	}
	e.globals[i], e.globals[j] = e.globals[j], e.globals[i]
	return i != j
}

func (e *editor) usedInValues(name string) bool {
	word := regexp.MustCompile(`\b` + name + `\b`)
	return slices.ContainsFunc(e.globals, func(g *global) bool { return word.MatchString(g.value) })
}

// integers lists the variables of file scope that are integers with a value.
func (e *editor) integers() (list []*global) {
	for _, g := range e.globals {
		if integerGlobal.MatchString(g.decl) && len(numbers(g.value)) > 0 {
			list = append(list, g)
		}
	}
	return list
}

func (e *editor) changeValue() bool {
	list := e.integers()
	if len(list) == 0 {
		return false
	}
	oneOf(e, list).value = " = " + e.constant()
	return true
}

func (e *editor) widenGlobal() bool {
	list := e.integers()
	if len(list) == 0 {
		return false
	}
	g := oneOf(e, list)
	next := regexp.MustCompile(`u?int\d+_t`).ReplaceAllString(g.decl, "int64_t")
	changed := next != g.decl
	g.decl = next
	return changed
}

func (e *editor) addMember() bool {
	for i, line := range e.head {
		if line == "};" && i > 0 && !strings.Contains(strings.Join(e.head[:i], "\n"), "union") {
			e.head = slices.Insert(slices.Clone(e.head), i, "   int32_t "+e.fresh("more")+";")
			return true
		}
	}
	return false
}
