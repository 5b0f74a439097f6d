package buildtree

import (
	"path/filepath"
	"slices"
	"strings"
)

// Option is one of what shapes the code of a unit, or what a linker makes of its inputs, beside files.
type Option struct {
	Key  string // what it sets: options of one key override or complete each other
	Text string // as it is written
}

// ShapingOptions lists what shapes the code of a unit beside its sources: the compiler, its options in the order of the command
// line, the variables that it reads. Warnings, outputs and what is for the linker alone are none.
func (u *Unit) ShapingOptions() []Option {
	argv := u.Argv
	if argv == nil {
		argv = u.Options
	}
	list := []Option{{"compiler", realPath(u.Driver)}}
	if u.Driver == "" {
		list = []Option{{"assembler", realPath(u.As)}, {"assembler", strings.Join(u.AsArgs, " ")}}
	}
	for _, a := range parseDriver(argv) {
		if a.kind != argOption {
			continue
		}
		if text := withoutDepend(a.text); len(text) > 0 && !onlyWarns(text[0]) {
			list = append(list, Option{optionKey(text), strings.Join(text, " ")})
		}
	}
	if lang := ParseDriver(argv).LangOf(u.Source); lang != "" {
		list = append(list, Option{"-x", "-x " + lang})
	}
	for _, v := range u.Env {
		if name, value, _ := strings.Cut(v, "="); Shapes(name) && withoutOurs(value) != "" {
			list = append(list, Option{name, name + "=" + withoutOurs(value)})
		}
	}
	return list
}

// IncludeDir is the directory of a store in which compilers of a patched version find the header of ours.
const IncludeDir = "gocare-include"

// WithOurs is an environment with that directory where another one has it.
func WithOurs(env, like []string) []string {
	env = slices.Clip(env)
	for _, v := range like {
		name, value, _ := strings.Cut(v, "=")
		if !Shapes(name) || withoutOurs(value) == value {
			continue
		}
		i := slices.IndexFunc(env, func(e string) bool { return strings.HasPrefix(e, name+"=") })
		dir := value[strings.LastIndexByte(value, ':')+1:]
		if i < 0 {
			env = append(env, name+"="+dir)
			continue
		}
		env = slices.Clone(env)
		env[i] += ":" + dir
	}
	return env
}

// withoutOurs is a list of directories without that: what it has is for the source patch to ask for.
func withoutOurs(path string) string {
	dirs := strings.Split(path, ":")
	return strings.Join(slices.DeleteFunc(dirs, func(dir string) bool { return filepath.Base(dir) == IncludeDir }), ":")
}

// CompileVars are variables that change what a compiler makes of the same arguments. GCC 12 manual, section 3.21; the last is clang's.
var CompileVars = []string{
	"CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "OBJC_INCLUDE_PATH", "GCC_EXEC_PREFIX", "SOURCE_DATE_EPOCH", "LANG", "LC_ALL", "LC_CTYPE",
	"CCC_OVERRIDE_OPTIONS",
}

// neutralVars are recorded variables that do not shape code but for __DATE__, which is looked at by itself.
var neutralVars = []string{"SOURCE_DATE_EPOCH", "LANG", "LC_ALL", "LC_CTYPE"}

// Shapes reports whether a variable shapes the code that a compiler writes.
func Shapes(variable string) bool {
	return slices.Contains(CompileVars, variable) && !slices.Contains(neutralVars, variable)
}

// realPath is a path without symbolic links, as far as it still leads somewhere.
func realPath(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}

// onlyWarns reports whether an option says what the compiler prints, and nothing of what it makes.
func onlyWarns(option string) bool {
	switch {
	case strings.HasPrefix(option, "-Wa,"), strings.HasPrefix(option, "-Wp,"):
		return false
	case strings.HasPrefix(option, "-W"), option == "-w", strings.HasPrefix(option, "-pedantic"):
		return true
	}
	return strings.HasPrefix(option, "-fdiagnostics-") || strings.HasPrefix(option, "-fno-diagnostics-") || strings.HasPrefix(option, "-fmessage-length") ||
		option == "-fcolor-diagnostics" || option == "-fno-color-diagnostics" || option == "-Qunused-arguments"
}

// optionKey names what an option sets.
func optionKey(text []string) string {
	name, value, joined := strings.Cut(text[0], "=")
	switch {
	case strings.HasPrefix(name, "-D"), strings.HasPrefix(name, "-U"):
		macro := name[2:]
		if len(text) == 2 {
			macro, _, _ = strings.Cut(text[1], "=")
		}
		macro, _, _ = strings.Cut(macro, "(")
		return "-D" + macro
	case strings.HasPrefix(name, "-I"), strings.HasPrefix(name, "-O"), strings.HasPrefix(name, "-g"):
		return name[:2]
	case name == "--param" && len(text) == 2:
		param, _, _ := strings.Cut(text[1], "=")
		return name + " " + param
	case name == "--param" && joined:
		param, _, _ := strings.Cut(value, "=")
		return name + " " + param
	}
	for _, prefix := range []string{"-f", "-m"} {
		if rest, ok := strings.CutPrefix(name, prefix+"no-"); ok {
			return prefix + rest
		}
	}
	return name
}

// Difference is a key of which two lists have different options.
type Difference struct {
	Key  string
	A, B []string // the options of the key in each list, in order
}

// DifferentOptions compares two lists key by key, in the order in which the keys first stand. That only the order of
// options of different keys differs is one difference more, when there is no other.
func DifferentOptions(a, b []Option) []Difference {
	of := func(list []Option, key string) (values []string) {
		for _, o := range list {
			if o.Key == key {
				values = append(values, o.Text)
			}
		}
		return values
	}
	var found []Difference
	seen := map[string]bool{}
	for _, o := range slices.Concat(a, b) {
		if seen[o.Key] {
			continue
		}
		seen[o.Key] = true
		if x, y := of(a, o.Key), of(b, o.Key); !slices.Equal(x, y) {
			found = append(found, Difference{o.Key, x, y})
		}
	}
	if len(found) == 0 && !slices.Equal(a, b) {
		found = append(found, Difference{"order", texts(a), texts(b)})
	}
	return found
}

func texts(list []Option) []string {
	all := make([]string, len(list))
	for i, o := range list {
		all[i] = o.Text
	}
	return all
}

// String says the first that differs, seen from the first list.
func (d Difference) String() string {
	switch {
	case len(d.A) == 0:
		return "with " + strings.Join(d.B, " ")
	case len(d.B) == 0:
		return "without " + strings.Join(d.A, " ")
	}
	return "with " + strings.Join(d.B, " ") + " in place of " + strings.Join(d.A, " ")
}
