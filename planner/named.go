package planner

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"gocare/buildtree"
)

// namedUnit is a unit whose two versions are compared as compiled on the side, so that code names every variable.
type namedUnit struct {
	flags         []string
	orig, patched buildtree.Digest // assembly
	alone         buildtree.Digest // the original as it was built, but without a look at callees; "" where that is as it was
}

// namingFlags make compilers name variables in code, gcc and clang. gcc lets callers rely on what it sees callees overwrite; what was
// compiled so has callees of its own.
var (
	namingGCC   = []string{"-fno-section-anchors", "-fno-ipa-ra"}
	aloneGCC    = []string{"-fno-ipa-ra"}
	namingClang = []string{"-mno-global-merge"}
)

// sideFlags are options for all compiles of a unit that are compared with it.
func (u *pairedUnit) sideFlags() []string {
	if u.named == nil {
		return u.keepFlags()
	}
	return slices.Concat(u.keepFlags(), u.named.flags)
}

// compared is the assembly of the original that is compared.
func (u *pairedUnit) compared() buildtree.Digest {
	if u.named == nil {
		return u.orig.AsmID
	}
	return u.named.orig
}

// nameVariables compiles both versions of units on the side whose code knows variables by number alone (-fsection-anchors,
// -mglobal-merge). What the original is now compiled to has to be what it was, else nothing is known of what runs. Units of which that
// fails stay as they are, and are refused when they are compared.
func (c sideCompiler) nameVariables(ctx context.Context, links []pairedLink) ([]pairedLink, error) {
	var units []*pairedUnit
	for i := range links {
		for k := range links[i].units {
			if u := &links[i].units[k]; u.late == nil && compilable(u.orig) && compilable(&u.record) && (c.numbers(u.orig.AsmID) || c.numbers(u.asm)) {
				units = append(units, u)
			}
		}
	}
	if len(units) == 0 {
		return links, nil
	}
	before, err := c.b.compileHere(ctx, originalsOf(units))
	if err != nil {
		return nil, err
	}
	var edited []*pairedUnit
	for _, u := range units {
		if u.asm != u.orig.AsmID { // else it is compared with itself
			edited = append(edited, u)
		}
	}
	after, err := c.b.compileInView(ctx, patchedOf(edited))
	if err != nil {
		return nil, err
	}
	for i, u := range units {
		patched := before[3*i+1]
		if u.asm != u.orig.AsmID {
			patched, after = after[0], after[1:]
		}
		if err := c.name(u, before[3*i:3*i+3], patched); err != nil {
			return nil, err
		}
	}
	return links, nil
}

// numbers reports whether assembly knows variables by number alone.
func (c sideCompiler) numbers(asm buildtree.Digest) bool {
	text, err := c.b.Store.Blob(asm)
	return err == nil && (bytes.Contains(text, []byte(".LANCHOR")) || bytes.Contains(text, []byte("_MergedGlobals")))
}

// originalsOf asks for three compiles of each original: as it was, with names, and without a look at callees.
func originalsOf(units []*pairedUnit) (list []request) {
	for _, u := range units {
		naming, alone := namingGCC, aloneGCC
		if buildtree.IsClang(u.orig.Driver) {
			naming, alone = namingClang, nil
		}
		list = append(list, request{unit: u.orig}, request{unit: u.orig, flags: naming}, request{unit: u.orig, flags: alone})
	}
	return list
}

func patchedOf(units []*pairedUnit) (list []request) {
	for _, u := range units {
		flags := namingGCC
		if buildtree.IsClang(u.record.Driver) {
			flags = namingClang
		}
		list = append(list, request{unit: &u.record, flags: slices.Concat(u.keepFlags(), flags)})
	}
	return list
}

// name notes what a unit was compiled to.
func (c sideCompiler) name(u *pairedUnit, before []compiled, after compiled) error {
	for _, r := range slices.Concat(before, []compiled{after}) {
		if r.err != nil {
			u.unnamed = fmt.Sprintf("the compile that names its variables failed: %v", r.err)
			return nil
		}
	}
	same, err := c.b.sameButStamps(u.orig.AsmID, before[0].asm)
	if err != nil {
		return err
	}
	if !same {
		u.unnamed = "the original is now compiled to other code than it was"
		return nil
	}
	u.named = &namedUnit{flags: namingGCC, orig: before[1].asm, patched: after.asm, alone: before[2].asm}
	if buildtree.IsClang(u.orig.Driver) {
		u.named.flags = namingClang
	}
	return nil
}
