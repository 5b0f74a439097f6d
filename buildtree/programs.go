package buildtree

import (
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// Programs keeps which programs a unit is compiled and assembled with, the libraries that these load, the plugins and specs that they go by,
// each with what it is (FormatReads), and returns the digest of that list. They are looked at once, and again where one of them changed. The
// environment is that of the compile.
func (s *Store) Programs(u *Unit, environ []string) (Digest, error) {
	q := programsQuery{unit: u, env: environ}
	key := q.key()
	if id, stamps, ok := strings.Cut(s.Answer(key), "\n"); ok && stamps == stampsOf(stampedPaths(stamps)) && s.has(Digest(id)) {
		return Digest(id), nil
	}
	paths := q.paths()
	var list []Read
	for _, path := range paths {
		list = append(list, Read{Path: path, ID: contentID(path)})
	}
	id, err := s.PutBlob(FormatReads(list))
	if err == nil {
		_ = s.PutAnswer(key, string(id)+"\n"+stampsOf(paths)) // asked again next time
	}
	return id, err
}

// OtherProgram compares two lists of programs and returns the path of the first that is not the same in both, "" for none. Where they
// are does not count.
func OtherProgram(before, after []Read) string {
	known := map[Read]bool{}
	for _, r := range before {
		known[Read{filepath.Base(r.Path), r.ID}] = true
	}
	for _, r := range after {
		k := Read{filepath.Base(r.Path), r.ID}
		if !known[k] {
			return r.Path
		}
		delete(known, k)
	}
	for _, r := range before {
		if known[Read{filepath.Base(r.Path), r.ID}] {
			return r.Path
		}
	}
	return ""
}

// stampsOf tells whether files are as they were, one a line: of one that is not there nothing but the path.
func stampsOf(paths []string) string {
	var text strings.Builder
	for _, path := range paths {
		if fi, err := os.Stat(path); err == nil {
			st := fi.Sys().(*syscall.Stat_t)
			fmt.Fprintf(&text, "%d.%d.%d.%d", fi.Size(), fi.ModTime().UnixNano(), st.Ctim.Nano(), st.Ino)
		}
		text.WriteString(" " + path + "\n")
	}
	return text.String()
}

func stampedPaths(stamps string) (paths []string) {
	for line := range strings.Lines(stamps) {
		_, path, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		paths = append(paths, path)
	}
	return paths
}

// programsQuery asks for the programs of a unit.
type programsQuery struct {
	unit *Unit
	env  []string
}

// key is all that the list depends on but the files.
func (q programsQuery) key() string {
	parts := append([]string{"programs", q.unit.Driver, q.unit.As, q.unit.Lang, q.unit.Dir}, q.options()...)
	if !slices.ContainsFunc(parts[5:], func(o string) bool { return !strings.Contains(o, "=/") && !strings.HasPrefix(o, "-B/") }) {
		parts[4] = "" // no option is seen from the directory
	}
	for _, name := range []string{"COMPILER_PATH", "GCC_EXEC_PREFIX", "PATH", "LD_LIBRARY_PATH", "LD_PRELOAD"} {
		for _, v := range q.env {
			if strings.HasPrefix(v, name+"=") {
				parts = append(parts, v)
			}
		}
	}
	return strings.Join(parts, "\x00")
}

// options lists those that choose programs, and files that these load.
func (q programsQuery) options() (list []string) {
	for _, a := range parseDriver(q.unit.Argv) {
		switch name, _, _ := strings.Cut(a.text[0], "="); {
		case strings.HasPrefix(name, "-B"):
			list = append(list, strings.Join(a.text, ""))
		case slices.Contains([]string{"-specs", "--specs", "-fplugin", "-fpass-plugin", "-load"}, name):
			list = append(list, strings.Join(a.text, "="))
		}
	}
	return list
}

// paths lists the files.
func (q programsQuery) paths() []string {
	programs := []string{q.unit.As}
	if q.unit.Driver != "" {
		programs = append(programs, q.unit.Driver)
	}
	var files []string
	if gcc := q.unit.Driver != "" && !IsClang(q.unit.Driver); gcc {
		compiler := q.ask("-print-prog-name=" + compilerProper(q.unit.Lang))
		programs = append(programs, compiler)
		files = append(files, filepath.Join(filepath.Dir(compiler), "specs"))
	}
	for _, o := range q.options() {
		if name, value, ok := strings.Cut(o, "="); ok {
			files = append(files, q.named(name, value))
		}
	}
	all := slices.Concat(programs, files)
	for _, p := range slices.Concat(programs, files) {
		all = append(all, loads(p, q.env)...)
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(path string) bool { return !filepath.IsAbs(path) })
}

// compilerProper is the program in which gcc compiles a language.
func compilerProper(lang string) string {
	switch lang {
	case "c++":
		return "cc1plus"
	case "lto":
		return "lto1"
	}
	return "cc1"
}

// named is the file that an option names: as it is spelt, else where the driver looks for specs and plugins.
func (q programsQuery) named(option, value string) string {
	if path := absIn(q.unit.Dir, value); exists(path) || strings.Contains(value, "/") || IsClang(q.unit.Driver) {
		return path
	}
	if option == "-fplugin" {
		return filepath.Join(q.ask("-print-file-name=plugin"), value+".so")
	}
	return q.ask("-print-file-name=" + value)
}

// ask asks the driver for a path, "" if it knows none.
func (q programsQuery) ask(question string) string {
	args := []string{question}
	for _, o := range q.options() {
		if strings.HasPrefix(o, "-B") {
			args = append(args, o)
		}
	}
	cmd := exec.Command(q.unit.Driver, args...)
	cmd.Env, cmd.Dir = q.env, q.unit.Dir
	out, err := cmd.Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// loads lists the libraries that a program loads at its start: where it names a loader, that prints them in place of running it.
func loads(path string, env []string) (libraries []string) {
	if !hasLoader(path) {
		return nil
	}
	cmd := exec.Command(path)
	cmd.Env = append(slices.Clip(env), "LD_TRACE_LOADED_OBJECTS=1")
	out, err := cmd.Output()
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(out)) {
		for _, word := range strings.Fields(line) {
			if filepath.IsAbs(word) {
				libraries = append(libraries, word)
			}
		}
	}
	return libraries
}

// hasLoader reports whether a file is a program that names a loader. A static one would run, and may write where we are.
func hasLoader(path string) bool {
	f, err := elf.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	return slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP })
}

// contentID says what a file is, "" if it is not there: by its size and how it begins if that has a build ID, else by all that it holds.
func contentID(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil || !fi.Mode().IsRegular() {
		return ""
	}
	head := make([]byte, min(fi.Size(), maxHead))
	if _, err := io.ReadFull(f, head); err != nil {
		return ""
	}
	all := sha256.New()
	all.Write(head)
	if !bytes.Contains(head, []byte(buildIDNote)) {
		if _, err := io.Copy(all, f); err != nil {
			return ""
		}
	}
	return fmt.Sprintf("%x.%d", all.Sum(nil), fi.Size())
}

const (
	// maxHead is how many bytes of a file are its head, where programs and libraries have their build ID.
	maxHead = 1 << 20
	// buildIDNote begins a note with a build ID of 20 bytes: the lengths of name and ID, the type, and the name. GNU ld, --build-id.
	buildIDNote = "\x04\x00\x00\x00\x14\x00\x00\x00\x03\x00\x00\x00GNU\x00"
)
