package buildtree

import (
	"path/filepath"
	"slices"
	"strings"
)

// CompileArgs returns the arguments for u.Driver, run in u.Dir with u.Env added to the environment, that compile another
// source file as this unit was compiled, to an assembly file: the same options without those for outputs, dependencies
// and linking, and without the other inputs. A source in another directory finds the quoted includes of the old one. It
// returns nil for a unit that is not compiled from C or C++ or preprocessed assembly.
func (u *Unit) CompileArgs(source, outAsm string) []string {
	lang := u.inputLang()
	if lang == "assembler" || u.Lang == "lto" && u.Source == "" {
		return nil
	}
	stage := "-S"
	if lang == "assembler-with-cpp" {
		stage = "-E"
	}
	args := append(append(u.options(source), u.profileName()...), stage, "-o", outAsm)
	return append(args, u.langArgs(source)...)
}

// profileName returns the options by which gcc finds the profile that the unit was compiled with, or names the one that its code
// writes: it goes by the name of what it writes, which is another one when we compile. Files of notes (--coverage) would be written
// by that name as well, into the tree.
func (u *Unit) profileName() []string {
	profiled := func(a string) bool {
		return strings.HasPrefix(a, "-fprofile-") || strings.HasPrefix(a, "-fbranch-probabilities")
	}
	if !slices.ContainsFunc(u.Argv, profiled) || IsClang(u.Driver) {
		return nil
	}
	d := ParseDriver(u.Argv)
	if d.Has("--coverage") || d.Has("-ftest-coverage") || slices.Contains(u.Argv, "-dumpbase") {
		return nil
	}
	name := filepath.Base(u.Source)
	ext := filepath.Ext(name)
	dir, out := "", d.Output()
	switch compiles := d.Has("-c") || d.Has("-S"); {
	case compiles && out != "":
		dir, out = filepath.Split(out)
		name = strings.TrimSuffix(out, filepath.Ext(out)) + ext
	case !compiles && out != "":
		dir = out + "-"
	case !compiles:
		dir = "a-"
	}
	return []string{"-dumpdir", dir, "-dumpbase", name, "-dumpbase-ext", ext}
}

// coverageFile is where the code that clang made counts what ran.
func (u *Unit) coverageFile(d Driver) string {
	name := filepath.Base(u.Source)
	if out := d.Output(); out != "" && d.Has("-c") {
		name = out
	}
	return absIn(u.Dir, strings.TrimSuffix(name, filepath.Ext(name))+".gcda")
}

// IsClang reports whether a compiler driver is a clang, by its name (clang, clang-14, x86_64-linux-gnu-clang) or by that of the file
// behind symbolic links.
func IsClang(driver string) bool {
	if strings.Contains(filepath.Base(driver), "clang") {
		return true
	}
	path, err := filepath.EvalSymlinks(driver)
	return err == nil && strings.Contains(filepath.Base(path), "clang")
}

// DependArgs returns the arguments for u.Driver, run in u.Dir, that print a make rule with every file the source
// includes, those that a precompiled header stands for too.
func (u *Unit) DependArgs(source string) []string {
	args := append(u.options(source), "-M")
	if !IsClang(u.Driver) {
		args = append(args, "-fpch-deps")
	}
	return append(args, u.langArgs(source)...)
}

// Preprocessed reports whether making the unit began with the preprocessor: it may include files.
func (u *Unit) Preprocessed() bool {
	switch u.inputLang() {
	case "", "assembler", "cpp-output", "c++-cpp-output":
		return false
	}
	return true
}

// OptionFiles returns what may be names of files in the unit's options: specs, profiles, plugins, lists for sanitizers.
func (u *Unit) OptionFiles() []string {
	var names []string
	for _, a := range parseDriver(u.Argv) {
		if a.kind != argOption {
			continue
		}
		if len(a.text) == 2 {
			names = append(names, a.text[1])
		}
		if _, value, ok := strings.Cut(a.text[0], "="); ok && !strings.HasPrefix(a.text[0], "-D") {
			names = append(names, value)
		}
	}
	return names
}

// IncludeDirs returns the directories that -I options name, those for the assembler alone too.
func (u *Unit) IncludeDirs() []string {
	var dirs []string
	for _, a := range parseDriver(u.Argv) {
		switch opt := a.text[0]; {
		case len(a.text) == 2 && opt == "-I":
			dirs = append(dirs, a.text[1])
		case strings.HasPrefix(opt, "-I") && len(opt) > 2:
			dirs = append(dirs, opt[2:])
		case strings.HasPrefix(opt, "-Wa,"):
			for part := range strings.SplitSeq(opt, ",") {
				if dir, ok := strings.CutPrefix(part, "-I"); ok {
					dirs = append(dirs, dir)
				}
			}
		}
	}
	return dirs
}

// ToolDirs returns the directories of -B, where a driver looks for its tools first.
func ToolDirs(argv []string) (dirs []string) {
	for _, a := range parseDriver(argv) {
		switch opt := a.text[0]; {
		case opt == "-B" && len(a.text) == 2:
			dirs = append(dirs, a.text[1])
		case strings.HasPrefix(opt, "-B") && len(opt) > 2:
			dirs = append(dirs, opt[2:])
		}
	}
	return dirs
}

// TargetOption returns the machine that a clang is to compile for, "" where its arguments do not say.
func TargetOption(argv []string) (target string) {
	for i, a := range argv {
		if value, found := strings.CutPrefix(a, "--target="); found {
			target = value
		} else if a == "-target" && i+1 < len(argv) {
			target = argv[i+1]
		}
	}
	return target
}

// PreprocessArgs returns the arguments for u.Driver, run in u.Dir, that print what the preprocessor makes of the source, without its lines.
func (u *Unit) PreprocessArgs(source string) []string {
	return append(append(u.options(source), "-E", "-P"), u.langArgs(source)...)
}

// AssembleArgs returns the arguments for u.As, run in u.Dir, that assemble as this unit was assembled.
func (u *Unit) AssembleArgs(asm, obj string) []string {
	args := append([]string(nil), u.AsArgs...)
	return append(args, "-o", obj, asm)
}

// options returns the driver's options that shape the code.
func (u *Unit) options(source string) []string {
	argv := u.Argv
	if argv == nil {
		argv = u.Options
	}
	var opts []string
	clang, d := IsClang(u.Driver), ParseDriver(argv)
	if clang && (d.Has("--coverage") || d.Has("-fprofile-arcs")) {
		opts = append(opts, "-Xclang", "-coverage-data-file="+u.coverageFile(d)) // else it follows the name of the output
	}
	for _, a := range d.args {
		if clang && strings.HasPrefix(a.text[0], "-gsplit-dwarf") { // it would write a .dwo beside assembly too
			opts = append(opts, "-g")
			continue
		}
		if a.kind == argOption {
			opts = append(opts, withoutDepend(a.text)...)
		}
		if strings.Contains(a.text[0], "-save-temps") { // it preprocesses apart, and line columns differ then
			opts = append(opts, "-no-integrated-cpp")
		}
	}
	if old := absIn(u.Dir, u.Source); u.Source != "" && u.Source != "-" && filepath.Dir(old) != filepath.Dir(absIn(u.Dir, source)) {
		opts = append([]string{"-iquote", filepath.Dir(old)}, opts...)
	}
	return opts
}

// withoutDepend takes dependency output out of -Wp,-MD,FILE and its like.
func withoutDepend(text []string) []string {
	if len(text) != 1 || !strings.HasPrefix(text[0], "-Wp,") {
		return text
	}
	parts := strings.Split(text[0], ",")
	kept := parts[:1]
	for i := 1; i < len(parts); i++ {
		switch parts[i] {
		case "-MD", "-MMD", "-MF", "-MT", "-MQ": // the preprocessor's own -MD takes a file, unlike the driver's
			i++
		case "-MP", "-MG":
		default:
			kept = append(kept, parts[i])
		}
	}
	if len(kept) == 1 {
		return nil
	}
	return []string{strings.Join(kept, ",")}
}

// inputLang returns the -x language of the unit's source, given or by suffix.
func (u *Unit) inputLang() string {
	if lang := ParseDriver(u.Argv).LangOf(u.Source); lang != "" {
		return lang
	}
	if lang := SourceLang(u.Source); lang != "" {
		return lang
	}
	return map[string]string{"c": "c", "c++": "c++", "asm": "assembler"}[u.Lang]
}

// langArgs returns the source with the -x that it needs to be taken for what the unit's source was.
func (u *Unit) langArgs(source string) []string {
	given := ParseDriver(u.Argv).LangOf(u.Source)
	if given == "" && filepath.Ext(source) == filepath.Ext(u.Source) {
		return []string{source}
	}
	if lang := u.inputLang(); lang != "" {
		return []string{"-x", lang, source}
	}
	return []string{source}
}
