package wrapper

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"gocare/buildtree"
)

// stageFile names the file of a store that says which stage the run of patchmake builds that is at work: its process, when that began,
// and the stage. A build that clears the environment (env -i) loses KPATCH_STAGE, and its patched objects would pass for the original's.
const stageFile = "stage"

// Announce tells every carecc that this process starts, however far below, which stage is built, until done is called. The file that says so
// is younger than any that was written before.
func Announce(storeDir string, stage buildtree.Stage) (done func(), err error) {
	path := filepath.Join(storeDir, stageFile)
	pid := os.Getpid()
	text := fmt.Sprintf("%d %s %s", pid, statField(pid, statStart), stage)
	return func() { os.Remove(path) }, writeYounger(path, []byte(text))
}

// writeYounger writes a file whose time is later than that of all that were written before.
func writeYounger(path string, text []byte) error {
	for first := int64(0); ; time.Sleep(fileTick / 10) {
		if err := os.WriteFile(path, text, 0o644); err != nil {
			return err
		}
		fi, err := os.Stat(path)
		if err != nil || first > 0 && buildtree.ChangedAt(fi) > first {
			return err
		}
		first = cmp.Or(first, buildtree.ChangedAt(fi))
	}
}

// announced returns the stage that a patchmake above this process builds, "" if there is none.
func (p *Process) announced() buildtree.Stage {
	dir, err := buildtree.FindStore(p.Dir, p.getenv)
	if err != nil {
		return ""
	}
	text, err := os.ReadFile(filepath.Join(dir, stageFile))
	if err != nil {
		return ""
	}
	f := strings.Fields(string(text))
	if len(f) != 3 {
		return ""
	}
	builder, err := strconv.Atoi(f[0])
	if err != nil {
		return ""
	}
	for pid := os.Getpid(); pid > 1; pid = parentOf(pid) {
		if pid == builder && statField(pid, statStart) == f[1] {
			return buildtree.Stage(f[2])
		}
	}
	return ""
}
