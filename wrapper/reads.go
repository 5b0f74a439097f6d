package wrapper

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gocare/buildtree"
)

// Variables by which gcc lists what it reads, beside what it is asked for, unless its options ask for a list. GCC 12 manual, section 3.21.
const (
	listUser   = "DEPENDENCIES_OUTPUT"
	listSystem = "SUNPRO_DEPENDENCIES" // with system headers
)

// listPrefix begins the names of the lists that gcc writes for us.
const listPrefix = "reads-"

// listReads has gcc list what it reads in a file of the store, which the assembler finds. Where the user has a list of his own, it is his;
// with -pipe the assembler ends before the list is written.
func (p *Process) listReads(store *buildtree.Store, args, env []string) []string {
	d := buildtree.ParseDriver(args)
	if p.getenv(listUser) != "" || p.getenv(listSystem) != "" || len(d.Sources()) == 0 || d.Has("-pipe") || d.Has("-MD") || d.Has("-MMD") {
		return env
	}
	if strings.ContainsAny(store.Dir(), " \t") { // behind a blank stands the name of the rule
		return env
	}
	return withEnv(env, listSystem, filepath.Join(store.Dir(), "tmp", fmt.Sprint(listPrefix, os.Getpid())))
}

// recordReads keeps the list of what the compiler read with what it holds; without one it is asked for later.
func (r *asRun) recordReads() {
	if !r.unit.Preprocessed() || r.unit.Source == "" || r.unit.Source == "-" {
		return
	}
	names, partial := r.ownList(), false
	if len(names) == 0 {
		names, partial = r.usersList()
	}
	if len(names) == 0 {
		return
	}
	if id, _, err := putReads(r.store, r.p.Dir, append([]string{r.unit.Source}, names...), r.began); err == nil {
		r.unit.Reads, r.unit.Partial = id, partial
	}
}

// ownList returns what gcc listed for us, and removes it: the next source of the same command begins anew.
func (r *asRun) ownList() (names []string) {
	path := r.p.getenv(listSystem)
	if filepath.Dir(path) != filepath.Join(r.store.Dir(), "tmp") || !strings.HasPrefix(filepath.Base(path), listPrefix) {
		return nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	os.Remove(path)
	return lastRule(string(data))
}

// usersList returns the list that the command asked for, and whether it lacks system headers.
func (r *asRun) usersList() (names []string, partial bool) {
	name, partial := buildtree.ParseDriver(r.drv.argv).DependFile()
	if name == "" {
		return nil, false
	}
	data, err := os.ReadFile(r.p.abs(name))
	if err != nil {
		return nil, false
	}
	if names = lastRule(string(data)); !slices.Contains(names, r.unit.Source) {
		return nil, false // not the one that this compile wrote
	}
	return names, partial
}

// lastRule returns the names of the last rule that has any: gcc appends, and empty rules may follow (-MP).
func lastRule(text string) (names []string) {
	for _, rule := range buildtree.Prerequisites(text) {
		if len(rule) > 0 {
			names = rule
		}
	}
	return names
}

// putReads keeps a list of files with what they hold now, and returns one that was written since the compile began, "" if none was. No build
// writes system headers: their sizes and times will do.
func putReads(store *buildtree.Store, dir string, names []string, began time.Time) (id buildtree.Digest, late string, err error) {
	paths := make([]string, 0, len(names))
	for _, name := range names {
		paths = append(paths, buildtree.ReadPath(dir, name))
	}
	return store.PutReadsNow(paths, began)
}
