package unlink

import (
	"debug/elf"

	"gocare/internal/arch"
	"gocare/internal/elfobj"
)

// imports are what a program takes from libraries, by the index of its symbol.
type imports struct {
	versions map[int]string // of which version of its library it is
	copies   map[int]bool   // the linker made room for it in the program: it is the library's all the same
	unclear  map[int]bool   // the program takes several versions by the name, and the symbol does not say which
}

// readImports reads what the program takes from libraries. Linkers other than GNU's leave out versions where they keep all symbols; the
// dynamic symbols tell them.
func (p *Program) readImports() error {
	p.imports = imports{map[int]string{}, map[int]bool{}, map[int]bool{}}
	relas, err := p.file.DynRelas()
	if err != nil {
		return err
	}
	copied := map[uint64]bool{}
	for _, r := range relas {
		if p.target.Reloc(r.Type).Kind == arch.Copy {
			copied[r.Offset] = true
		}
	}
	versions := map[string][]string{}
	for i := range p.file.DynSymbols {
		if s := &p.file.DynSymbols[i]; !s.Defined() || copied[s.Value] {
			versions[s.Name] = append(versions[s.Name], s.Version)
		}
	}
	for i := range p.file.Symbols {
		s := &p.file.Symbols[i]
		known := versions[s.Name]
		isCopy := s.Defined() && copied[s.Value] && s.Size > 0 && s.Type == elf.STT_OBJECT && len(known) > 0
		if s.Defined() && !isCopy || len(known) == 0 {
			continue
		}
		p.imports.copies[i] = isCopy
		switch {
		case s.Version != "" || len(known) == 1 && known[0] == "":
			p.imports.versions[i] = s.Version
		case len(known) == 1:
			p.imports.versions[i] = known[0]
		default:
			p.imports.unclear[i] = true
		}
	}
	return nil
}

// isImport reports whether a symbol is that of a library.
func (p *Program) isImport(s *elfobj.Symbol) bool { return !s.Defined() || p.imports.copies[s.Index] }

// Copies says of the variables of libraries that the program has room for how many bytes they have, by name.
func (p *Program) Copies() map[string]uint64 {
	sizes := map[string]uint64{}
	for i, isCopy := range p.imports.copies {
		if isCopy {
			sizes[p.file.Symbols[i].Name] = p.file.Symbols[i].Size
		}
	}
	return sizes
}
