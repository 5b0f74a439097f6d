package ld

import (
	"debug/elf"

	"gocare/internal/arch"
	"gocare/internal/fault"
)

// layout appends the sections of all units to the outputs.
func (j *joiner) layout() error {
	j.bases = make([][]uint64, len(j.units))
	for u, r := range j.units {
		j.bases[u] = make([]uint64, len(r.sections))
		if j.deadUnit(u) {
			continue
		}
		for i, name := range r.sections {
			if name == "" || r.isLiteral(i) {
				continue
			}
			base, err := j.append(outputIndex(name), &r.Unit.Object.Sections[i])
			if err != nil {
				return err
			}
			j.bases[u][i] = base
		}
		j.trapDead(u)
	}
	if unwind := &j.out[outUnwind]; len(unwind.Data) > 0 { // who reads it in a process goes on to a zero word
		unwind.Data = append(unwind.Data, 0, 0, 0, 0)
	}
	return nil
}

func outputIndex(name string) int {
	for i, n := range outputNames {
		if n == name {
			return i
		}
	}
	return -1
}

func (j *joiner) append(out int, s *elfSection) (base uint64, err error) {
	sec := &j.out[out]
	align := max(s.Align, 1)
	sec.Align = max(sec.Align, align)
	if gap := -uint64(len(sec.Data)) % align; gap > 0 {
		if out == outUnwind {
			return 0, fault.New(fault.Bug, s.Name, "unwind tables of two units do not touch") // zeros would end them
		}
		fill := make([]byte, gap)
		if out == outText {
			arch.Fill(fill, j.bin.target.Nop)
		}
		sec.Data = append(sec.Data, fill...)
	}
	base = uint64(len(sec.Data))
	if s.Type == elf.SHT_NOBITS {
		sec.Data = append(sec.Data, make([]byte, s.Size)...)
	} else {
		sec.Data = append(sec.Data, s.Data...)
	}
	return base, nil
}

// trapDead overwrites the code of functions that were left out.
func (j *joiner) trapDead(u int) {
	for i := range j.units[u].functions {
		if f := &j.units[u].functions[i]; j.dead[[2]int{u, i}] {
			base := j.bases[u][f.section]
			arch.Fill(j.out[outText].Data[base+f.start:base+f.end], j.bin.target.Trap)
		}
	}
}
