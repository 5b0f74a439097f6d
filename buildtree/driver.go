package buildtree

import (
	"path/filepath"
	"slices"
	"strings"
)

// What a driver argument is for. GCC 12 manual, section 3 (Invoking GCC).
type argKind int

const (
	argOption argKind = iota // shapes the code; kept when a unit is compiled again
	argInput                 // a source, an object, a library file
	argStage                 // -c -S -E
	argOutput                // -o FILE
	argLang                  // -x LANGUAGE
	argDepend                // -MD -MF FILE ...
	argLink                  // only for the linker
	argAside                 // writes files beside the output, or changes how the tools run
)

type driverArg struct {
	kind argKind
	text []string // one argument, or an option and its separate value
}

// separateValue lists options whose value is the next argument, with what they are for.
var separateValue = map[string]argKind{
	"-o": argOutput, "-x": argLang, "--output": argOutput,
	"-MF": argDepend, "-MT": argDepend, "-MQ": argDepend, "-MJ": argDepend,
	"-serialize-diagnostics": argAside, "--serialize-diagnostics": argAside,
	"-Xlinker": argLink, "-L": argLink, "-l": argLink, "-T": argLink, "-u": argLink, "-z": argLink, "-e": argLink,
	"--entry": argLink, "-Tbss": argLink, "-Tdata": argLink, "-Ttext": argLink, "-Ttext-segment": argLink,
	"-aux-info": argAside, "-wrapper": argAside, "-dumpbase": argAside, "-dumpbase-ext": argAside, "-dumpdir": argAside,
	"-I": argOption, "-D": argOption, "-U": argOption, "-A": argOption, "-B": argOption, "-G": argOption,
	"-isystem": argOption, "-iquote": argOption, "-idirafter": argOption, "-iprefix": argOption,
	"-iwithprefix": argOption, "-iwithprefixbefore": argOption, "-isysroot": argOption, "-imultilib": argOption,
	"-imultiarch": argOption, "-include": argOption, "-imacros": argOption, "--param": argOption, "--sysroot": argOption,
	"-Xassembler": argOption, "-Xpreprocessor": argOption, "-specs": argOption, "--specs": argOption,
	"-target": argOption, "-arch": argOption, "-mllvm": argOption, "-Xclang": argOption,
}

// whole lists options without a value that are not argOption.
var whole = map[string]argKind{
	"-c": argStage, "-S": argStage, "-E": argStage, "-fsyntax-only": argStage,
	"-M": argDepend, "-MM": argDepend, "-MD": argDepend, "-MMD": argDepend, "-MP": argDepend, "-MG": argDepend,
	"-save-temps": argAside, "--save-temps": argAside, "-pipe": argAside, "-v": argAside, "-###": argAside,
	"-fstack-usage": argAside, "-time": argAside, "-ftime-trace": argAside,
}

// joined lists beginnings of options that are not argOption, in the order they are tried.
var joined = []struct {
	prefix string
	kind   argKind
}{
	{"-Wl,", argLink},
	{"-l", argLink},
	{"-L", argLink},
	{"-fuse-ld=", argLink},
	{"-o", argOutput},
	{"-MF", argDepend},
	{"-MT", argDepend},
	{"-MQ", argDepend},
	{"-save-temps=", argAside},
	{"-fdump-", argAside},
	{"-fsave-optimization-record", argAside},
	{"-foptimization-record-file=", argAside},
	{"-fcallgraph-info", argAside},
	{"-x", argLang},
}

// parseDriver groups a driver's arguments.
func parseDriver(argv []string) []driverArg {
	args := make([]driverArg, 0, len(argv))
	for i := 0; i < len(argv); i++ {
		a := argv[i]
		if kind, ok := separateValue[a]; ok && i+1 < len(argv) {
			args = append(args, driverArg{kind, argv[i : i+2]})
			i++
			continue
		}
		args = append(args, driverArg{kindOf(a), argv[i : i+1]})
	}
	return args
}

func kindOf(a string) argKind {
	if kind, ok := whole[a]; ok {
		return kind
	}
	if a == "-" || !strings.HasPrefix(a, "-") {
		return argInput
	}
	for _, j := range joined {
		if strings.HasPrefix(a, j.prefix) {
			return j.kind
		}
	}
	return argOption
}

// Driver is a compiler driver's command line, understood as far as recording needs.
type Driver struct{ args []driverArg }

// ParseDriver reads a driver's arguments, without its name, response files expanded.
func ParseDriver(argv []string) Driver { return Driver{parseDriver(argv)} }

// Inputs returns the input files in order, as spelt; "-" is standard input.
func (d Driver) Inputs() []string {
	var in []string
	for _, a := range d.args {
		if a.kind == argInput {
			in = append(in, a.text[0])
		}
	}
	return in
}

// Sources returns the inputs that are compiled or assembled, in order, as spelt.
func (d Driver) Sources() []string {
	var sources []string
	for _, in := range d.Inputs() {
		if lang := d.LangOf(in); lang != "lto" && (in == "-" || lang != "" || SourceLang(in) != "") {
			sources = append(sources, in)
		}
	}
	return sources
}

// Has reports whether an option stands there, spelt exactly so.
func (d Driver) Has(option string) bool {
	return slices.ContainsFunc(d.args, func(a driverArg) bool { return a.text[0] == option })
}

// Output returns what -o names, "" without it.
func (d Driver) Output() string {
	out := ""
	for _, a := range d.args {
		if a.kind == argOutput {
			out = a.value()
		}
	}
	return out
}

// DependFile returns the file in which the command has what it reads listed, as spelt, "" where there is none or it is not plain which;
// partial lists lack system headers.
func (d Driver) DependFile() (name string, partial bool) {
	listed := false
	for _, a := range d.args {
		switch opt := a.text[0]; {
		case opt == "-MD" || opt == "-MMD":
			listed, partial = true, partial || opt == "-MMD"
		case a.kind == argDepend && strings.HasPrefix(opt, "-MF"):
			name = a.text[len(a.text)-1]
			if len(a.text) == 1 {
				name = opt[len("-MF"):]
			}
		case strings.HasPrefix(opt, "-Wp,-MD,") || strings.HasPrefix(opt, "-Wp,-MMD,"):
			return strings.Split(opt, ",")[2], partial || strings.HasPrefix(opt, "-Wp,-MMD,")
		}
	}
	switch out, sources := d.Output(), d.Sources(); {
	case !listed || len(sources) != 1:
		return "", false
	case name != "":
	case !d.Has("-c"):
		return "", false
	case out != "":
		name = strings.TrimSuffix(out, filepath.Ext(out)) + ".d"
	default:
		base := filepath.Base(sources[0])
		name = strings.TrimSuffix(base, filepath.Ext(base)) + ".d"
	}
	return name, partial
}

// LangOf returns the language given with -x for an input, "" when its suffix decides.
func (d Driver) LangOf(input string) string {
	lang := ""
	for _, a := range d.args {
		switch {
		case a.kind == argLang && a.value() == "none":
			lang = ""
		case a.kind == argLang:
			lang = a.value()
		case a.kind == argInput && a.text[0] == input:
			return lang
		}
	}
	return ""
}

// value returns the value of an option written as one argument or two.
func (a driverArg) value() string {
	if len(a.text) == 2 {
		return a.text[1]
	}
	return a.text[0][2:]
}

// suffixLang maps file name suffixes to -x languages. GCC 12 manual, section 3.2.
var suffixLang = map[string]string{
	".c": "c", ".i": "cpp-output", ".ii": "c++-cpp-output", ".cc": "c++", ".cp": "c++", ".cxx": "c++", ".cpp": "c++",
	".CPP": "c++", ".c++": "c++", ".C": "c++", ".s": "assembler", ".S": "assembler-with-cpp", ".sx": "assembler-with-cpp",
}

// SourceLang returns the -x language of a file by its suffix, "" when it has none (an object, a library).
func SourceLang(path string) string { return suffixLang[filepath.Ext(path)] }
