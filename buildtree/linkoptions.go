package buildtree

import (
	"slices"
	"strings"
	"sync"

	"gocare/internal/lazyregexp"
)

// linkerWords lists options of linkers whose value is the next argument when none is joined with "=". Binutils 2.40, ld manual,
// section 2.1; lld's and mold's among them.
var linkerWords = words(`A F G I L R T Y a b c e f h l m o u y z
	assert audit auxiliary compress-debug-sections default-script depaudit defsym dynamic-linker dynamic-list entry exclude-libs export-dynamic-symbol export-dynamic-symbol-list filter fini
	format hash-style ignore-unresolved-symbol image-base init just-symbols library library-path Map mri-script oformat orphan-handling output plugin plugin-opt require-defined
	retain-symbols-file rpath rpath-link script section-ordering-file section-start soname sort-section symbol-ordering-file sysroot Tbss Tdata Ttext Ttext-segment Trodata-segment
	Tldata-segment undefined unresolved-symbols version-script wrap`)

// linkerFiles lists options of linkers that name a file to be read: a script, a list of symbols.
var linkerFiles = words(`T c R script default-script mri-script just-symbols version-script dynamic-list retain-symbols-file
	export-dynamic-symbol-list symbol-ordering-file`)

// linkerNeutral lists options that leave no mark on what runs: of outputs, of messages, of where inputs are looked for (what is found is an
// input), of checks, of the binary's layout, which stays the original's.
var linkerNeutral = words(`o output Map M print-map plugin plugin-opt build-id L l library library-path Y nostdlib sysroot m
	( ) start-group end-group start-lib end-lib as-needed no-as-needed add-needed no-add-needed copy-dt-needed-entries no-copy-dt-needed-entries
	whole-archive no-whole-archive push-state pop-state Bstatic Bdynamic static dn dy non_shared call_shared
	no-undefined unresolved-symbols allow-shlib-undefined no-allow-shlib-undefined undefined-version no-undefined-version
	allow-multiple-definition ignore-unresolved-symbol warn-common warn-once warn-section-align warn-textrel warn-unresolved-symbols
	error-unresolved-symbols fatal-warnings no-fatal-warnings no-warnings warn-execstack no-warn-execstack warn-rwx-segments no-warn-rwx-segments
	warn-shared-textrel warn-alternate-em no-warn-mismatch no-warn-search-mismatch t trace v V version verbose stats y trace-symbol cref demangle
	no-demangle color-diagnostics error-limit print-gc-sections no-print-gc-sections print-icf-sections print-memory-usage
	s S x X strip-all strip-debug discard-all discard-locals strip-lto-sections eh-frame-hdr no-eh-frame-hdr ld-generated-unwind-info
	no-ld-generated-unwind-info hash-style O threads no-threads thread-count reduce-memory-overheads no-keep-memory sort-common sort-section
	gdb-index no-gdb-index compress-debug-sections gc-sections no-gc-sections icf relax no-relax rosegment no-rosegment
	package-metadata be8 g lto-O thinlto-jobs emit-relocs q no-mmap-output-file no-map-whole-files map-whole-files`)

// linkerStart lists options that take effect when a program is started or a library loaded.
var linkerStart = words(`z rpath rpath-link soname h dynamic-linker I no-dynamic-linker e entry pie no-pie pic-executable static-pie shared Bshareable
	enable-new-dtags disable-new-dtags init Ttext Tdata Tbss Ttext-segment Trodata-segment Tldata-segment section-start image-base omagic nmagic
	N n no-omagic no-nmagic EL EB`)

// words returns what reports whether a word is in a list. The list is read when that is first asked: most runs of carecc ask nothing.
func words(list string) (has func(word string) bool) {
	read := sync.OnceValue(func() map[string]bool {
		set := map[string]bool{}
		for w := range strings.FieldsSeq(list) {
			set[w] = true
		}
		return set
	})
	return func(word string) bool { return read()[word] }
}

// LinkerTakesWord reports whether the argument behind a linker option, named without its dashes, is the option's value.
func LinkerTakesWord(name string) bool { return linkerWords(name) }

// linkerArg is an option of a linker with its value.
type linkerArg struct{ name, value string }

// parseLinker reads the options of a linker's command line. Names may begin with one dash or two; those of one letter have the value
// joined, and what is no option is left out.
func parseLinker(argv []string) (args []linkerArg) {
	for i := 0; i < len(argv); i++ {
		a := argv[i]
		if !strings.HasPrefix(a, "-") || a == "-" {
			continue
		}
		name, value, joined := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(a, "-"), "-"), "=")
		short := !strings.HasPrefix(a, "--") && len(name) > 1 && strings.ContainsRune("LlzTuehmyYORAbcfFGIo", rune(name[0]))
		switch {
		case linkerWords(name) && !joined && i+1 < len(argv):
			i++
			value = argv[i]
		case linkerWords(name) || linkerNeutral(name) || linkerStart(name) || !short || longOption(name):
		default:
			name, value = a[1:2], a[2:]
		}
		args = append(args, linkerArg{name, value})
	}
	return args
}

// longOption reports whether a name behind one dash is that of a long option, though it begins with the letter of a short one.
func longOption(name string) bool {
	return slices.ContainsFunc([]string{"export-", "exclude-", "undefined", "error-", "enable-", "embedded", "entry", "format", "fini", "filter", "fix-", "force-", "auxiliary", "audit"},
		func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// Effect says when an option of a linker matters.
type Effect int

const (
	Always  Effect = iota
	AtStart        // only when a program is started or a library loaded
)

// ShapingOptions lists the options of a link and its parts that shape what runs, beside files, with an effect; those without any are
// left out.
func (l *Link) ShapingOptions(when Effect) (list []Option) {
	for _, a := range parseLinker(l.Argv) {
		if linkerNeutral(a.name) || linkerFiles(a.name) || linkerStart(a.name) != (when == AtStart) {
			continue
		}
		if a.name == "z" && slices.Contains([]string{"defs", "undefs", "text", "notext", "muldefs", "start-stop-gc", "nostart-stop-gc"}, a.value) {
			continue
		}
		text := "--" + a.name
		if len(a.name) == 1 {
			text = "-" + a.name
		}
		if a.value != "" {
			text += " " + a.value
		}
		list = append(list, Option{text, text})
	}
	for _, p := range l.Parts {
		list = append(list, p.Link.ShapingOptions(when)...)
	}
	return list
}

// FileOptions lists the values of options that name files for the linker to read.
func FileOptions(argv []string) (paths []string) {
	for _, a := range parseLinker(argv) {
		if linkerFiles(a.name) && a.value != "" {
			paths = append(paths, a.value)
		}
	}
	return paths
}

// VersionScripts lists the files of --version-script.
func VersionScripts(argv []string) (paths []string) {
	for _, a := range parseLinker(argv) {
		if a.name == "version-script" {
			paths = append(paths, a.value)
		}
	}
	return paths
}

// SearchDirs lists the directories of -L.
func SearchDirs(argv []string) (dirs []string) {
	for _, a := range parseLinker(argv) {
		if (a.name == "L" || a.name == "library-path") && a.value != "" {
			dirs = append(dirs, a.value)
		}
	}
	return dirs
}

// includeStatement is how a linker script reads another.
var includeStatement = lazyregexp.New(`(?m)\bINCLUDE\s+"?([^\s";]+)"?`)

// Included lists the files that a linker script includes.
func Included(script []byte) (names []string) {
	for _, m := range includeStatement.FindAllSubmatch(script, -1) {
		names = append(names, string(m[1]))
	}
	return names
}

// FileOptions lists what else a link and its parts read, as options: each file with its digest. nil if the record does not tell.
func (l *Link) FileOptions() (list []Option) {
	for _, f := range l.Files {
		path := l.abs(f.Path)
		list = append(list, Option{path, path + " " + string(f.ID)})
	}
	for _, p := range l.Parts {
		list = append(list, p.Link.FileOptions()...)
	}
	return list
}
