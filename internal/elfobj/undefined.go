package elfobj

import "debug/elf"

// Undefined lists the names that a file looks for elsewhere.
func (f *File) Undefined() (names []string) {
	for i := range f.Symbols {
		if s := &f.Symbols[i]; s.Section == int(elf.SHN_UNDEF) && s.Name != "" {
			names = append(names, s.Name)
		}
	}
	return names
}
