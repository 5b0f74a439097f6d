package correlate

import "gocare/diffasm/asm"

// pairRenamed pairs private functions that have another name and the same text: a process may know one by its address. A function whose
// text others have too is left alone.
func (m *search) pairRenamed() {
	old, found := onlyHere(m.Orig, m.Patched), false
	for hash, p := range onlyHere(m.Patched, m.Orig) {
		o := old[hash]
		if o == nil || p == nil || m.renamed[p.Name] != "" && m.renamed[p.Name] != o.Name {
			continue
		}
		m.join(p.Name, o.Name)
		found = true
	}
	if found {
		m.Orig.forget()
		m.Patched.forget()
		m.refresh()
	}
}

// onlyHere lists by text the private functions with a plain name that the other version has not; nil stands for several.
func onlyHere(s, other *Version) map[string]*asm.Function {
	list := map[string]*asm.Function{}
	for i, fn := range s.Unit.Functions {
		if _, known := s.token[fn.Name]; known || s.Unit.IsGlobal(fn.Name) || other.Unit.Defines(fn.Name) || s.texts[i].deep {
			continue
		}
		hash := string(s.texts[i].hash[:])
		if _, again := list[hash]; again {
			fn = nil
		}
		list[hash] = fn
	}
	return list
}

// forget has the texts written again at the next refresh.
func (s *Version) forget() {
	for i := range s.texts {
		s.texts[i].done = false
	}
}
