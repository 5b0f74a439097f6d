package elfobj

import (
	"bytes"
	"debug/elf"
	"slices"
)

// SameButRunPath reports whether two files tell the dynamic linker the same, but for where it looks for libraries: meson, cmake and chrpath
// take run paths out of what was linked when they install it.
func SameButRunPath(a, b *File) bool {
	x, y := a.firstOfType(elf.SHT_DYNAMIC), b.firstOfType(elf.SHT_DYNAMIC)
	if x == nil || y == nil {
		return x == y
	}
	kept := withoutRunPath(a.dynamic())
	if !slices.Equal(kept, withoutRunPath(b.dynamic())) || len(x.Data) != len(y.Data) {
		return false
	}
	s, errA := a.linkedStrings(x)
	t, errB := b.linkedStrings(y)
	if errA != nil || errB != nil || len(s.s) != len(t.s) {
		return false
	}
	paths := slices.Concat(a.runPaths(s), b.runPaths(t))
	return bytes.Equal(blanked(s, paths), blanked(t, paths)) && sameNames(a, b) && sameValues(kept, s, t)
}

// HasRunPath reports whether a file tells the dynamic linker where to look for libraries.
func (f *File) HasRunPath() bool { return slices.ContainsFunc(f.dynamic(), isRunPath) }

func isRunPath(e dynEntry) bool { return e.tag == elf.DT_RPATH || e.tag == elf.DT_RUNPATH }

func withoutRunPath(entries []dynEntry) []dynEntry { return slices.DeleteFunc(entries, isRunPath) }

// byteRange is [start, end) in a string table.
type byteRange struct{ start, end uint64 }

func (f *File) runPaths(names strtab) (list []byteRange) {
	for _, e := range f.dynamic() {
		if isRunPath(e) {
			path, _ := names.at(e.value)
			list = append(list, byteRange{e.value, e.value + uint64(len(path))})
		}
	}
	return list
}

func blanked(names strtab, ranges []byteRange) []byte {
	data := []byte(names.s)
	for _, r := range ranges {
		if r.end <= uint64(len(data)) {
			clear(data[r.start:r.end])
		}
	}
	return data
}

// sameNames compares the dynamic symbols' names: a linker lets a name be the end of another string, of a run path that was overwritten, say.
func sameNames(a, b *File) bool {
	return slices.EqualFunc(a.DynSymbols, b.DynSymbols, func(x, y Symbol) bool { return x.Name == y.Name && x.Version == y.Version })
}

// sameValues compares what entries that may name a string name.
func sameValues(entries []dynEntry, s, t strtab) bool {
	for _, e := range entries {
		switch e.tag {
		case elf.DT_NEEDED, elf.DT_SONAME, elf.DT_AUXILIARY, elf.DT_FILTER, elf.DT_AUDIT, elf.DT_DEPAUDIT, elf.DT_CONFIG:
			x, errA := s.at(e.value)
			y, errB := t.at(e.value)
			if x != y || errA != nil || errB != nil {
				return false
			}
		}
	}
	return true
}
