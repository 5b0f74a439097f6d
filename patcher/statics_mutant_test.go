package patcher_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gocare/buildtree"
	"gocare/internal/test/testkit"
	"gocare/planner"
)

// mutant is a worse way of telling which variable is which. It renames the variables of both versions so that patchmake
// takes those for the same which it pairs: base__N is what the original calls base.N.
type mutant func(orig, patched string) (o, p string)

var (
	staticLocal = regexp.MustCompile(`\b([a-z]\w*)\.([0-9]+)\b`)
	definition  = regexp.MustCompile(`(?m)^\t\.(?:comm\t([a-z]\w*\.[0-9]+),([0-9]+)|size\t([a-z]\w*\.[0-9]+), ([0-9]+)$)`)
)

// sizes lists the static locals of a unit with their sizes, in order.
func sizes(asm string) (names []string, size map[string]string) {
	size = map[string]string{}
	for _, m := range definition.FindAllStringSubmatch(asm, -1) {
		name, n := m[1]+m[3], m[2]+m[4]
		names, size[name] = append(names, name), n
	}
	return names, size
}

func renamed(asm string, to map[string]string) string {
	return staticLocal.ReplaceAllStringFunc(asm, func(n string) string {
		if to[n] != "" {
			return to[n]
		}
		return n
	})
}

func standIn(name string) string { return strings.Replace(name, ".", "__", 1) }

// byNumber takes the number for the variable.
func byNumber(orig, patched string) (o, p string) {
	all := func(asm string) string {
		names, _ := sizes(asm)
		to := map[string]string{}
		for _, n := range names {
			to[n] = standIn(n)
		}
		return renamed(asm, to)
	}
	return all(orig), all(patched)
}

// byNameAndSize pairs variables of one name and one size in the order in which they stand.
func byNameAndSize(orig, patched string) (o, p string) {
	names, size := sizes(orig)
	key := func(n, size string) string { return strings.SplitN(n, ".", 2)[0] + " " + size }
	open := map[string][]string{}
	to := map[string]string{}
	for _, n := range names {
		k := key(n, size[n])
		open[k] = append(open[k], n)
		to[n] = standIn(n)
	}
	o = renamed(orig, to)
	names, size = sizes(patched)
	to = map[string]string{}
	for _, n := range names {
		k := key(n, size[n])
		if len(open[k]) == 0 {
			to[n] = strings.Replace(n, ".", "__new", 1)
			continue
		}
		to[n], open[k] = standIn(open[k][0]), open[k][1:]
	}
	return o, renamed(patched, to)
}

// mutated is a unit whose variables a mutant paired: they have the names back that they have in the original when it is assembled.
func (b *bench) mutated(u planner.Unit, mutate mutant) planner.Unit {
	text := func(id buildtree.Digest) string {
		data, err := b.store.Blob(id)
		if err != nil {
			b.t.Fatal(err)
		}
		return string(data)
	}
	o, p := mutate(text(u.Orig), text(u.Patched))
	as := filepath.Join(b.dir, "as-with-names")
	script := `#!/bin/sh
for file; do
	case $file in *unit.s) sed -i -E 's/\b([a-z][A-Za-z0-9_]*)__([0-9]+)\b/\1.\2/g' "$file" ;; esac
done
exec as "$@"
`
	if err := os.WriteFile(as, []byte(script), 0o755); err != nil {
		b.t.Fatal(err)
	}
	m := planner.Unit{Source: u.Source, Input: u.Input, Record: u.Record, Orig: b.blob([]byte(o), nil), Patched: b.blob([]byte(p), nil)}
	m.Record.As = as
	return m
}

// TestStaticsMutants shows that the pairs catch a matcher that goes by numbers, and one that goes by name and size.
func TestStaticsMutants(t *testing.T) {
	testkit.Require(t, "gcc", "as", "diff", "ptrace")
	b := newBench(t, t.TempDir(), "gcc", "pie", nil)
	var samples []*sample
	for seed := range int64(batchSize) {
		samples = append(samples, newSample(1000+seed))
	}
	b.prepareAll(samples)
	target, program := b.link(samples)
	for name, mutate := range map[string]mutant{"by number": byNumber, "by name and size": byNameAndSize} {
		t.Run(name, func(t *testing.T) {
			var list []*sample
			for _, s := range samples {
				c := *s
				list = append(list, &c)
			}
			b.decide(target, list, mutate)
			data := b.patch(target, list)
			wrong := 0
			if b.live(program, data, list) {
				for _, s := range list {
					if s.wrong != "" {
						wrong++
					}
				}
			} else {
				wrong = len(list) // it ended, which is caught too
			}
			t.Logf("%d of %d pairs catch it", wrong, len(list))
			if wrong == 0 {
				t.Error("no pair catches it")
			}
		})
	}
}
