package wrapper

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"gocare/buildtree"
)

// fileDirective finds the names that assembly gives as those of its sources: the assembler lists them among what it depends on.
const fileDirective = `(?m)^\s*(?:\.file\s+(?:\d+\s+)?(?:"[^"\n]*"\s+)?|# \d+ )"([^"\n]*)"`

// included returns the files that assembly text reads (.incbin, .include), as the assembler lists them when it assembles the text once
// more.
func (r *asRun) included(text []byte) ([]buildtree.Read, error) {
	dir, err := os.MkdirTemp(filepath.Join(r.store.Dir(), "tmp"), "included-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	source, list := filepath.Join(dir, "unit.s"), filepath.Join(dir, "unit.d")
	if err := os.WriteFile(source, text, 0o600); err != nil {
		return nil, err
	}
	args := append(append([]string{r.real}, r.call.options...), "--MD", list, "-o", filepath.Join(dir, "unit.o"), source)
	if err := r.p.silently(r.real, args); err != nil {
		return nil, err
	}
	rules, err := os.ReadFile(list)
	if err != nil {
		return nil, err
	}
	passed := map[string]bool{source: true}
	for _, m := range regexp.MustCompile(fileDirective).FindAllSubmatch(text, -1) {
		passed[string(m[1])] = true
	}
	var reads []buildtree.Read
	for _, names := range buildtree.Prerequisites(string(rules)) {
		for _, name := range names {
			if path := buildtree.ReadPath(r.p.Dir, name); !passed[name] && !passed[path] {
				read, err := buildtree.ReadNow(path, r.started)
				if err != nil {
					return nil, err
				}
				reads = append(reads, read)
			}
		}
	}
	return reads, nil
}

// silently runs a tool that reads and says nothing.
func (p *Process) silently(path string, argv []string) error {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	c, err := start(path, argv, p.handOver(p.Env, path), [3]*os.File{null, null, null})
	if err != nil {
		return err
	}
	if st, err := c.wait(); err != nil || !st.ok() {
		return fmt.Errorf("%s: ended with status %d, signal %d", path, st.code, st.signal)
	}
	return nil
}
