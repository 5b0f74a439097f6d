package planner

import (
	"context"
	"debug/elf"
	"slices"

	"gocare/buildtree"
	"gocare/diffasm"
)

// indirectFlags make compilers reach the variables of other objects through the GOT only, gcc 12 and clang 12; code so
// compiled may call the original's functions, so it must not know what those spare. On aarch64 gcc does so in position-independent code, which
// is to be made of the same source all the same. By the name of the machine.
var indirectFlags = map[string][2][]string{
	"x86_64": {
		{"-mno-direct-extern-access", "-fno-ipa-ra"},
		{"-fno-direct-access-external-data"},
	},
	"aarch64": {
		{"-fPIE", "-fno-ipa-ra", "-fno-section-anchors", "-U__PIC__", "-U__pic__", "-U__PIE__", "-U__pie__"},
		{"-fno-direct-access-external-data", "-mno-global-merge"},
	},
}

// compileIndirect compiles patched units and additions so, where their code reaches for names in ways that cannot be rewritten. A
// compiler that cannot do it leaves them as they are. The result has the units first, then the additions.
func (c sideCompiler) compileIndirect(ctx context.Context, links []pairedLink) ([]buildtree.Digest, error) {
	var indirect []buildtree.Digest
	var records []request
	var of []int
	var indirectOf [][2][]string // of each record, to be tried in this order
	add := func(machine elf.Machine, record *buildtree.Unit, asm buildtree.Digest, flags []string) {
		data, err := c.b.Store.Blob(asm)
		if err == nil && compilable(record) && len(diffasm.Stubborn(archOf(machine), data)) > 0 {
			records, of = append(records, request{unit: record, flags: flags}), append(of, len(indirect))
			indirectOf = append(indirectOf, indirectFlags[archOf(machine).Name])
		}
		indirect = append(indirect, "")
	}
	for _, l := range links {
		for i := range l.units {
			u := &l.units[i]
			add(l.machine, &u.record, u.asm, u.keepFlags())
		}
	}
	for _, l := range links {
		for _, a := range l.added {
			if a.Patched == nil {
				a.Patched = &buildtree.Unit{}
			}
			add(l.machine, a.Patched, a.Patched.AsmID, nil)
		}
	}
	for try := range 2 {
		requests := make([]request, len(records))
		for i, r := range records {
			requests[i] = request{unit: r.unit, flags: slices.Concat(r.flags, indirectOf[i][try])}
		}
		results, err := c.b.compileInView(ctx, requests)
		if err != nil {
			return nil, err
		}
		for k, r := range results {
			if indirect[of[k]] == "" && r.err == nil {
				indirect[of[k]] = r.asm
			}
		}
	}
	return indirect, nil
}
