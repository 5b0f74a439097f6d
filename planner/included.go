package planner

import (
	"os"
	"slices"

	"gocare/buildtree"
	"gocare/internal/fault"
	"gocare/internal/isolate"
	"gocare/internal/lazyregexp"
)

// refuseIncluded refuses a changed unit whose assembly reads other files by itself (.incbin, .include), or the same with other content,
// than the original's: texts are compared, and these only name them.
func (b *Builds) refuseIncluded(links []pairedLink) error {
	for _, u := range unitsOf(links) {
		if !u.orig.Includes && !u.record.Includes {
			continue
		}
		if u.orig.Includes && len(u.orig.Included) == 0 || u.record.Includes && len(u.record.Included) == 0 {
			return fault.Refuse(fault.AsmFile, b.sourceName(u.orig), "its assembly reads files (.incbin, .include), and which was not recorded")
		}
		if path := otherIncluded(u.orig.Included, u.record.Included); path != "" {
			return b.refuseAsmFile(u.orig, path)
		}
	}
	return nil
}

// otherIncluded returns a file that one list has and the other has not, or has with other content; "" if there is none.
func otherIncluded(before, after []buildtree.Read) string {
	for _, lists := range [][2][]buildtree.Read{{before, after}, {after, before}} {
		for _, r := range lists[0] {
			if !slices.Contains(lists[1], r) {
				return r.Path
			}
		}
	}
	return ""
}

// readsInAssembly reports whether a unit's assembler read a file, not its compiler.
func readsInAssembly(u *buildtree.Unit, path string) bool {
	return slices.ContainsFunc(u.Included, func(r buildtree.Read) bool { return r.Path == path })
}

func (b *Builds) refuseAsmFile(u *buildtree.Unit, path string) error {
	return fault.Refuse(fault.AsmFile, b.sourceName(u), "its assembly reads %s (.incbin, .include), which changed", path)
}

// assembled holds the names that sources have assembly read, by the path of the source.
type assembled map[string][]string

// asmFile finds them, in assembly and in strings of C.
var asmFile = lazyregexp.New(`\.(?:incbin|include)\s+\\?"([^"\\\n]+)`)

// files returns the files that a unit may have its assembler read because a source of it says so. clang, which assembles inside, puts their
// content into the assembly it writes, and lists them nowhere.
func (a assembled) files(u *buildtree.Unit, source string) (paths []string) {
	names, ok := a[source]
	if !ok && !isolate.Within(source, "/usr") {
		data, _ := os.ReadFile(source) // one that is gone is seen by its digest
		for _, m := range asmFile.FindAllSubmatch(data, -1) {
			names = append(names, string(m[1]))
		}
		a[source] = names
	}
	for _, name := range names {
		for _, dir := range append([]string{u.Dir}, u.IncludeDirs()...) {
			if path := buildtree.ReadPath(buildtree.ReadPath(u.Dir, dir), name); isFile(path) {
				paths = append(paths, path)
			}
		}
	}
	return paths
}
