package jobs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/gob"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sync/errgroup"

	"gocare/internal/fault"
	"gocare/internal/isolate"
	"gocare/internal/meter"
)

// Question asks what some files hold, and which files there are, where a command would see them.
type Question struct {
	Files []string // absolute paths
	Root  string   // directory whose files are listed, "" for none
	Skip  []string // directories below Root that are not looked into
}

// Survey is the answer.
type Survey struct {
	Digests map[string]string // SHA-256 in hex by path, of what a symbolic link leads to; files that cannot be read have none
	Changed map[string]int64  // when those that have a digest were written, or put in their place, in nanoseconds since 1970
	Names   map[string]bool   // paths below Root of what is no directory, but for those that version control and gocare keep
}

// surveyMode is the argument that makes this program answer a question.
const surveyMode = "survey"

// LookHere answers a question in the tree as it is.
func LookHere(ctx context.Context, q Question) (*Survey, error) {
	s, err := q.answer(ctx)
	if ctx.Err() != nil {
		return nil, q.interrupted(ctx)
	}
	return s, err
}

// Look answers a question in a view of the tree, which another process sees.
func Look(ctx context.Context, at Place, env []string, q Question) (*Survey, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var input, stderr bytes.Buffer
	if err := gob.NewEncoder(&input).Encode(q); err != nil {
		return nil, err
	}
	cmd := at(ctx, isolate.Cmd{Env: env, Args: []string{self, surveyMode}})
	cmd.Stdin, cmd.Stderr = &input, &stderr
	defer meter.Other(ctx)()
	out, err := cmd.Output()
	if ctx.Err() != nil {
		return nil, q.interrupted(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("looking at %d files: %w: %s", len(q.Files), err, stderr.Bytes())
	}
	s := &Survey{}
	return s, gob.NewDecoder(bytes.NewReader(out)).Decode(s)
}

func (q Question) interrupted(ctx context.Context) error {
	return fault.New(fault.Refused, "", "interrupted while looking at %d files", len(q.Files)).WithCause(context.Cause(ctx))
}

// answer is the other end: a question on standard input, its survey on standard output.
func answer(stdin io.Reader, stdout io.Writer) error {
	var q Question
	if err := gob.NewDecoder(stdin).Decode(&q); err != nil {
		return err
	}
	s, err := q.answer(context.Background())
	if err != nil {
		return err
	}
	return gob.NewEncoder(stdout).Encode(s)
}

// answer looks at the files and for the names, as far as the context lets it, with all processors: there are thousands.
func (q Question) answer(ctx context.Context) (*Survey, error) {
	s := &Survey{Digests: map[string]string{}, Changed: map[string]int64{}, Names: map[string]bool{}}
	files := make([]seenFile, len(q.Files))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.NumCPU())
	g.Go(func() error { return s.list(ctx, q.Root, q.Skip) })
	for i, path := range q.Files {
		g.Go(func() error {
			files[i] = look(path)
			return ctx.Err()
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for i, f := range files {
		if f.digest != "" {
			s.Digests[q.Files[i]], s.Changed[q.Files[i]] = f.digest, f.changed
		}
	}
	return s, nil
}

// seenFile is what a Survey says of a file.
type seenFile struct {
	digest  string // "" for one that cannot be read
	changed int64
}

// look digests a regular file: a pipe or a device would block.
func look(path string) seenFile {
	fi, err := os.Stat(path)
	if err != nil || !fi.Mode().IsRegular() {
		return seenFile{}
	}
	f, err := os.Open(path)
	if err != nil {
		return seenFile{}
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return seenFile{}
	}
	changed := fi.Sys().(*syscall.Stat_t).Ctim // no tool can set it back
	return seenFile{hex.EncodeToString(h.Sum(nil)), changed.Nano()}
}

// versionControl are the directories that hold files of other versions, many of them.
var versionControl = map[string]bool{".git": true, ".hg": true, ".svn": true, ".bzr": true}

// list adds the names below root, if there is one. A directory that goes away meanwhile, or may not be read, has none.
func (s *Survey) list(ctx context.Context, root string, skip []string) error {
	if root == "" {
		return nil
	}
	skipped := map[string]bool{}
	for _, dir := range skip {
		skipped[dir] = true
	}
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission):
			return nil
		case err != nil:
			return err
		case !d.IsDir():
			s.Names[path] = true
		case path != root && (skipped[path] || versionControl[d.Name()] || strings.HasPrefix(d.Name(), ".gocare")):
			return filepath.SkipDir
		}
		return nil
	})
}
