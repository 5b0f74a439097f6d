package isolate

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"gocare/internal/fault"
)

// Mode is a way to keep the tree unchanged.
type Mode string

const (
	Auto    Mode = "auto"    // the best that works
	Overlay Mode = "overlay" // overlay file system over the tree
	Copy    Mode = "copy"    // copy of the tree, bound over it
	InPlace Mode = "inplace" // the tree itself, put back from a journal afterwards
)

// Options say what to protect and how.
type Options struct {
	Tree    string   // absolute directory to protect; commands see it at the same path
	Shared  []string // absolute paths below Tree (or elsewhere) where writes reach the real directory; made when missing
	Scratch string   // directory for upper layers and copies, outside Tree; "" for the usual temporary directories
	Mode    Mode     // "" is Auto
	Writes  []string // absolute paths of directories in which files are going to be made, in the tree
}

// Cmd is a command to run in the view.
type Cmd struct {
	Dir      string // absolute working directory, "" for the tree
	Env      []string
	Args     []string
	ReadOnly bool     // everything but the tree, Shared, Writable, /tmp, /var/tmp, /dev and /proc refuses writes (EROFS)
	Writable []string // absolute paths, made when missing
}

// Sandbox is a private view of a tree. Its commands must not run at the same time.
type Sandbox struct {
	tree    string // as the user wrote it
	real    string // without symbolic links
	shared  []string
	writes  []string
	mode    Mode
	why     []string
	user    bool     // with a user namespace
	names   bool     // mount namespaces work
	scratch *scratch // nil in place
	journal *journal // only in place
}

// Open makes a view of a tree, or says why it cannot. An interrupted in-place run is rolled back first.
func Open(ctx context.Context, o Options) (*Sandbox, error) {
	s, err := newSandbox(o)
	if err != nil {
		return nil, err
	}
	if err := Recover(s.real); err != nil {
		return nil, err
	}
	for _, dir := range s.shared {
		if err := makeDir(dir); err != nil {
			return nil, err
		}
	}
	switch o.Mode {
	case Auto, "":
		for _, m := range []Mode{Overlay, Copy, InPlace} {
			if err = s.try(ctx, m, o.Scratch); err == nil {
				return s, nil
			}
		}
	case Overlay, Copy, InPlace:
		if err = s.try(ctx, o.Mode, o.Scratch); err == nil {
			return s, nil
		}
	default:
		return nil, fault.New(fault.Usage, "", "unknown isolation mode %q", o.Mode).
			WithHint("auto, overlay, copy or inplace")
	}
	return nil, err
}

func newSandbox(o Options) (*Sandbox, error) {
	if !filepath.IsAbs(o.Tree) {
		return nil, fault.New(fault.Bug, o.Tree, "the tree to isolate is not an absolute path")
	}
	if os.Args[0] == childName {
		return nil, fault.New(fault.Bug, "", "isolate.RunChild is not called at the start of main")
	}
	real, err := filepath.EvalSymlinks(o.Tree)
	if err != nil {
		return nil, fault.New(fault.Environment, o.Tree, "cannot isolate the tree").WithCause(err)
	}
	if o.Scratch != "" && Within(resolve(o.Scratch), real) {
		return nil, fault.Refuse(fault.IsolatePath, o.Scratch, "the scratch directory is inside the tree %s", o.Tree).
			WithHint("name a directory outside the tree")
	}
	return &Sandbox{tree: filepath.Clean(o.Tree), real: real, shared: resolveAll(o.Shared), writes: o.Writes}, nil
}

// try sets the view up in one mode, or notes why that mode cannot be had.
func (s *Sandbox) try(ctx context.Context, m Mode, dir string) error {
	var err error
	switch m {
	case Overlay:
		err = s.openOverlay(ctx, dir)
	case Copy:
		err = s.openCopy(ctx, dir)
	case InPlace:
		err = s.openInPlace(ctx)
	}
	if err == nil {
		s.mode = m
		return nil
	}
	s.why = append(s.why, string(m)+": "+err.Error())
	if fault.As(err) != nil {
		return err
	}
	return fault.Refuse(fault.IsolateMode, s.tree, "isolation mode %s is not possible here", m).WithCause(err)
}

// Mode returns the mode in use.
func (s *Sandbox) Mode() Mode { return s.mode }

// Why says for each better mode why it could not be had; "" when the first choice worked.
func (s *Sandbox) Why() string { return strings.Join(s.why, "; ") }

// Close takes the view down and removes everything made for it; in place, it puts the tree back.
func (s *Sandbox) Close() error {
	if s.journal != nil {
		return s.journal.rollBack()
	}
	return s.scratch.remove()
}

// Command returns a command that runs in the view. Standard input, output and error are the caller's to set; SysProcAttr
// is not.
func (s *Sandbox) Command(ctx context.Context, c Cmd) *exec.Cmd {
	sp := s.spec("run")
	sp.Dir = c.Dir
	if sp.Dir == "" {
		sp.Dir = s.tree
	}
	sp.ReadOnly = c.ReadOnly && s.names
	sp.Names = sp.Names || sp.ReadOnly
	sp.Writable = resolveAll(c.Writable)
	return sp.command(ctx, c.Env, c.Args)
}

// spec describes the view to the child.
func (s *Sandbox) spec(op string) *spec {
	sp := &spec{Op: op, Tree: s.real, Mode: s.mode, Shared: s.shared, User: s.user, Names: s.names}
	if s.scratch != nil {
		sp.Scratch, sp.Lock = s.scratch.dir, s.scratch.lockName()
	}
	if s.journal != nil {
		sp.Lock = s.journal.lockName()
		sp.Names = false
	}
	return sp
}

// Command returns a command for the real tree. Like all commands here it ends, with everything it started, when this program
// does.
func Command(ctx context.Context, c Cmd) *exec.Cmd {
	sp := &spec{Op: "run", Dir: c.Dir}
	return sp.command(ctx, c.Env, c.Args)
}

// ReadOnlyCommand returns a command for the real tree during which everything but the tree, writable, c.Writable, /tmp,
// /var/tmp, /dev and /proc refuses writes. It is an error when the kernel allows no mount namespace.
func ReadOnlyCommand(ctx context.Context, tree string, writable []string, c Cmd) (*exec.Cmd, error) {
	s, err := newSandbox(Options{Tree: tree})
	if err != nil {
		return nil, err
	}
	sp := &spec{Op: "run", Tree: s.real, Names: true, ReadOnly: true, Dir: c.Dir}
	sp.Writable = resolveAll(append(append([]string{}, writable...), c.Writable...))
	if sp.Dir == "" {
		sp.Dir = s.tree
	}
	if err := sp.probeNamespaces(ctx); err != nil {
		return nil, fault.New(fault.Environment, tree, "cannot make the rest of the system read-only").WithCause(err)
	}
	return sp.command(ctx, c.Env, c.Args), nil
}

func makeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fault.New(fault.Environment, dir, "cannot make the directory").WithCause(err)
	}
	return nil
}

// resolve removes symbolic links from as much of path as exists.
func resolve(path string) string {
	path = filepath.Clean(path)
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	dir, name := filepath.Split(path)
	if dir == path || dir == "" {
		return path
	}
	return filepath.Join(resolve(dir), name)
}

func resolveAll(paths []string) []string {
	var out []string
	for _, p := range paths {
		out = append(out, resolve(p))
	}
	return out
}

// Within reports whether path is dir or below it. Symbolic links are not followed.
func Within(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}

// modeBits are the bits of a file mode that chmod takes.
const modeBits = fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky
