package patcher

import (
	"bytes"
	"debug/elf"
	"fmt"
	"strings"

	"gocare/internal/elfobj"
	"gocare/internal/fault"
)

// Shipped is a binary given with --target: a patch made from a rebuilt one that is proved to be the same code is for it.
type Shipped struct {
	path string
	file *elfobj.File
}

// LoadShipped reads the binaries; each needs a BuildID.
func LoadShipped(paths []string) ([]Shipped, error) {
	var list []Shipped
	for _, path := range paths {
		f, err := elfobj.Load(path)
		if err != nil {
			return nil, fault.New(fault.Refused, "", "--target").WithCause(err).WithState("tree unchanged")
		}
		if f.BuildID() == "" {
			return nil, fault.Refuse(fault.NoBuildID, path, "the binary has no BuildID").
				WithState("tree unchanged").WithHint("processes that run it cannot be told from others")
		}
		list = append(list, Shipped{path, f})
	}
	return list, nil
}

// matchShipped returns the BuildID of the first shipped binary that holds the same code and data at the same addresses as
// the rebuilt one.
func matchShipped(name string, rebuilt *elfobj.File, list []Shipped) (string, error) {
	var why []string
	for _, s := range list {
		d := difference(s.file, rebuilt)
		if d == "" {
			return s.file.BuildID(), nil
		}
		why = append(why, s.path+": "+d)
	}
	return "", fault.Refuse(fault.TargetMismatch, name, "the rebuilt binary is not the one to be patched: %s", strings.Join(why, "; "))
}

// difference names the first difference in what two files load, "" if there is none. The BuildID may differ: another point
// release of a compiler changes nothing else.
func difference(a, b *elfobj.File) string {
	if a.Type != b.Type || a.Machine != b.Machine || a.Entry != b.Entry {
		return "the ELF headers differ"
	}
	x, y := allocated(a), allocated(b)
	if len(x) == 0 {
		return "it has no section headers"
	}
	for i := range x {
		if i >= len(y) || x[i].Name != y[i].Name {
			return fmt.Sprintf("section %s is in one of them only", x[i].Name)
		}
		if d := sectionDifference(x[i], y[i]); d != "" {
			return fmt.Sprintf("section %s: %s", x[i].Name, d)
		}
	}
	if len(y) > len(x) {
		return fmt.Sprintf("section %s is in one of them only", y[len(x)].Name)
	}
	return ""
}

func sectionDifference(a, b *elfobj.Section) string {
	if a.Addr != b.Addr || a.Type != b.Type || a.Flags != b.Flags {
		return fmt.Sprintf("other address, type or flags (%#x and %#x)", a.Addr, b.Addr)
	}
	if a.Size != b.Size {
		return fmt.Sprintf("%d and %d bytes", a.Size, b.Size)
	}
	if a.Name == ".note.gnu.build-id" || bytes.Equal(a.Data, b.Data) {
		return ""
	}
	i := 0
	for a.Data[i] == b.Data[i] {
		i++
	}
	return fmt.Sprintf("differs at %#x", a.Addr+uint64(i))
}

func allocated(f *elfobj.File) []*elfobj.Section {
	var list []*elfobj.Section
	for i := range f.Sections {
		if f.Sections[i].Flags&elf.SHF_ALLOC != 0 {
			list = append(list, &f.Sections[i])
		}
	}
	return list
}
