package mutate

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// program is a C program, in pieces that can be moved.
type program struct {
	head    []string // includes and types
	globals []*global
	funcs   []*function // main is the last
	units   int         // 1, or 2 that share a header
	count   int         // of the names made so far
}

// global is a variable of file scope.
type global struct {
	decl  string // without storage class and value
	name  string
	value string // " = …", or nothing
	place
}

// place is where something is defined, and who sees it.
type place struct {
	static bool
	unit   int
	header bool // defined in what the units share
}

// sees reports whether code at a place can name what stands at another.
func (p place) sees(other place) bool {
	return !other.static || other.header || p.unit == other.unit && !p.header
}

// function is a function; body are the lines between its braces.
type function struct {
	attributes string // before the head, with a blank behind
	head       string // without storage class
	name       string
	body       []string
	place
}

var (
	globalLine   = regexp.MustCompile(`^static (.*?\b(g_\d+)(?:\[\d+\])*)( = .*)?;$`)
	functionLine = regexp.MustCompile(`^static (.*?\b(func_\d+)\(.*\))(;?)$`)
	comment      = regexp.MustCompile(`\s*/\*.*?\*/\s*$`)
)

// parse reads the output of csmith --concise.
func parse(source string) (*program, error) {
	p := &program{units: 1}
	var open *function
	lines := strings.Split(source, "\n")
	for i := 0; i < len(lines); i++ {
		line := strings.TrimRight(comment.ReplaceAllString(lines[i], ""), " ")
		fn, variable := functionLine.FindStringSubmatch(line), globalLine.FindStringSubmatch(line)
		switch {
		case line == "" || strings.HasPrefix(line, "//") || line == "{" && open != nil:
		case open != nil && line == "}":
			open = nil
		case open != nil:
			open.body = append(open.body, line)
		case fn != nil && fn[3] == "":
			open = &function{head: fn[1], name: fn[2], place: place{static: true}}
			p.funcs = append(p.funcs, open)
		case fn != nil: // a prototype; they are made of the functions again
		case strings.HasPrefix(line, "int main"):
			open = &function{head: line, name: "main"}
			p.funcs = append(p.funcs, open)
		case variable != nil:
			p.globals = append(p.globals, &global{decl: variable[1], name: variable[2], value: variable[3], place: place{static: true}})
		default:
			p.head = append(p.head, line)
		}
	}
	if open != nil || len(p.funcs) < 2 || p.funcs[len(p.funcs)-1].name != "main" {
		return nil, fmt.Errorf("not a program of csmith's")
	}
	return p, nil
}

func (p *program) clone() *program {
	c := *p
	c.head, c.globals, c.funcs = slices.Clone(p.head), nil, nil
	for _, g := range p.globals {
		copied := *g
		c.globals = append(c.globals, &copied)
	}
	for _, f := range p.funcs {
		copied := *f
		copied.body = slices.Clone(f.body)
		c.funcs = append(c.funcs, &copied)
	}
	return &c
}

// main is the program's main function.
func (p *program) main() *function { return p.funcs[len(p.funcs)-1] }

// fresh makes a name that the program does not have.
func (p *program) fresh(prefix string) string {
	p.count++
	return fmt.Sprintf("%s_%d", prefix, p.count)
}

// texts calls visit with every line of code that may hold a name.
func (p *program) texts(visit func(line *string)) {
	for _, g := range p.globals {
		visit(&g.decl)
		visit(&g.value)
	}
	for _, f := range p.funcs {
		visit(&f.head)
		for i := range f.body {
			visit(&f.body[i])
		}
	}
}

// rename gives everything of a name another one.
func (p *program) rename(old, fresh string) {
	p.texts(func(line *string) { *line = renamed(*line, old, fresh) })
	for _, g := range p.globals {
		if g.name == old {
			g.name = fresh
		}
	}
	for _, f := range p.funcs {
		if f.name == old {
			f.name = fresh
		}
	}
}

// renamed replaces a word.
func renamed(line, old, fresh string) string {
	if !strings.Contains(line, old) {
		return line
	}
	return regexp.MustCompile(`\b`+old+`\b`).ReplaceAllLiteralString(line, fresh)
}

// mentions reports whether a function's code names something.
func (f *function) mentions(name string) bool {
	word := regexp.MustCompile(`\b` + name + `\b`)
	return slices.ContainsFunc(f.body, word.MatchString)
}

// reaches reports whether a function calls another, through any others.
func (p *program) reaches(from *function, name string) bool {
	seen := map[string]bool{}
	var visit func(f *function) bool
	visit = func(f *function) bool {
		if f.name == name || f.mentions(name) {
			return true
		}
		seen[f.name] = true
		for _, g := range p.funcs {
			if !seen[g.name] && f.mentions(g.name) && visit(g) {
				return true
			}
		}
		return false
	}
	return visit(from)
}
