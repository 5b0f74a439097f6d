package planner

import (
	"context"
	"os"
	"slices"
	"strings"

	"gocare/buildtree"
	"gocare/diffasm"
	"gocare/internal/lazyregexp"
)

// compileStamped compiles the original of units that may hold the time of their compile (__DATE__, __TIME__) once more, at
// the time at which the patched build was compiled: functions equal to that differ in the time only. The sources of the
// tree are those the original was compiled from if nothing but such text differs; else the unit is compared without.
func (c sideCompiler) compileStamped(ctx context.Context, units []pairedUnit) ([]buildtree.Digest, error) {
	stamped := make([]buildtree.Digest, len(units))
	var requests []request
	var of []int
	for i := range units {
		if u := &units[i]; compilable(u.orig) && c.hasStamps(u) {
			requests, of = append(requests, request{unit: u.orig, flags: u.sideFlags(), env: atTime(u.orig.Env, u.record.Env)}), append(of, i)
		}
	}
	results, err := c.b.compileHere(ctx, requests)
	if err != nil {
		return nil, err
	}
	for k, r := range results {
		u := &units[of[k]]
		if r.err != nil {
			c.b.Progress("%s: compiling the original at the time of the patched build failed: %v", c.b.sourceName(u.orig), r.err)
			continue
		}
		same, err := c.b.sameButStamps(u.compared(), r.asm)
		if err != nil {
			return nil, err
		}
		if same {
			stamped[of[k]] = r.asm
		}
	}
	return stamped, nil
}

// hasStamps reports whether the two versions of a unit were compiled at different times, and may hold these.
func (c sideCompiler) hasStamps(u *pairedUnit) bool {
	if slices.Equal(atTime(u.orig.Env, u.orig.Env), atTime(u.orig.Env, u.record.Env)) {
		return false
	}
	if source, err := os.ReadFile(sourcePath(u.orig)); err == nil && usesTime.Match(source) {
		return true
	}
	before, err := c.b.Store.Blob(u.orig.AsmID)
	if err != nil {
		return false
	}
	after, err := c.b.Store.Blob(u.asm)
	return err == nil && !slices.Equal(diffasm.Stamps(before), diffasm.Stamps(after))
}

var usesTime = lazyregexp.New(`\b__(DATE|TIME)__\b`)

// atTime is an environment for compiling with the time of another compile.
func atTime(env, other []string) []string {
	const epoch = "SOURCE_DATE_EPOCH="
	is := func(v string) bool { return strings.HasPrefix(v, epoch) }
	out := slices.DeleteFunc(slices.Clone(env), is)
	if i := slices.IndexFunc(other, is); i >= 0 {
		out = append(out, other[i])
	}
	return append([]string{}, out...)
}

func (b *Builds) sameButStamps(before, after buildtree.Digest) (bool, error) {
	x, err := b.Store.Blob(before)
	if err != nil {
		return false, err
	}
	y, err := b.Store.Blob(after)
	return err == nil && diffasm.SameButStamps(x, y), err
}
