package buildtree

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/klauspost/compress/zstd"

	"gocare/internal/fault"
)

// Store keeps the records of a build in a directory:
//
//	.gitignore       "*", so that it never shows in git status
//	original.jsonl   one record a line, appended: {"unit.zst":…} or {"link.zst":…}
//	patched.jsonl    unpatched.jsonl, likewise, for a build that told options apart
//	blobs/ab/cd….zst objects, maps and outputs by SHA-256 of their content
//	loose/abcd…      assembly, likewise, until it is in a pack
//	packs/abcd…      assembly of many units
//	files.log        the files that units read, each with what it held
//	reads.log        lists of these, by name: a digest, or what stands for a unit
//	dict/            texts that the lines of these logs are compressed with
//	tools/           answers of compilers to -print-prog-name
//	errors.log       what could not be recorded
//	users            is locked by whoever records
//	root             the directory that the store stands in, as far as the entries of the logs name no other
//	stage            which stage a run of patchmake builds, while it does (package wrapper)
//	tmp/             files being written, link maps being made, assembly being assembled
//
// Any number of processes may write at once: blobs are renamed into place, lines are appended under a lock. What root
// writes into a user's store (make install) belongs to that user.
type Store struct {
	contents
	users   *os.File // see Share
	remakes remakes
	loaded  loaded
}

func storeIn(dir string) *Store { return &Store{contents: contents{folder: folder{dir: dir}}} }

// OpenStore opens the store in dir, which must exist.
func OpenStore(dir string) (*Store, error) {
	if fi, err := os.Stat(filepath.Join(dir, "blobs")); err != nil {
		return nil, fmt.Errorf("no record of a build in %s: %w", dir, err)
	} else if !fi.IsDir() {
		return nil, fmt.Errorf("no record of a build in %s: blobs is no directory", dir)
	}
	s := storeIn(dir)
	s.uid, s.gid = giveTo(dir)
	return s, nil
}

// CreateStore opens the store in dir and makes it first if need be.
func CreateStore(dir string) (*Store, error) {
	if s, err := OpenStore(dir); err == nil {
		return s, nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return nil, err
	}
	s := storeIn(dir)
	s.uid, s.gid = giveTo(filepath.Dir(dir))
	for _, name := range []string{"", "tmp", "tools"} {
		if err := s.mkdir(filepath.Join(dir, name)); err != nil {
			return nil, err
		}
	}
	if err := s.writeFile(filepath.Join(dir, ".gitignore"), []byte("*\n")); err != nil {
		return nil, err
	}
	if root := s.Root(); root != "" {
		if err := s.writeFile(filepath.Join(dir, rootFile), []byte(root)); err != nil {
			return nil, err
		}
	}
	if err := s.mkdir(filepath.Join(dir, "blobs")); err != nil { // last: what OpenStore looks for
		return nil, err
	}
	return s, nil
}

// PutOutput keeps what a link of a stage wrote: the original's, which stay, in less space than PutBlob does. The build waits for it, and better
// than this takes three times as long for a twentieth less.
func (s *Store) PutOutput(st Stage, data []byte) (Digest, error) {
	if st == Original {
		return s.putBlob(data, zstd.SpeedBetterCompression)
	}
	return s.PutBlob(data)
}

// ErrNoBlob says that a store has nothing with a digest, and can make nothing that has it.
var ErrNoBlob = errors.New("not in the record")

// Blob returns the content with this digest, else ErrNoBlob if it is lost, another error if it is damaged. An object that is not kept is read
// from the tree, or assembled anew.
func (s *Store) Blob(d Digest) ([]byte, error) {
	if !d.valid() {
		return nil, fmt.Errorf("no blob can have the digest %q", d)
	}
	data, err := s.keptBlob(d)
	if errors.Is(err, fs.ErrNotExist) {
		if again, found := s.remake(d); found {
			return again, nil
		}
		err = fmt.Errorf("%w: %w", ErrNoBlob, err)
	}
	if err != nil {
		return nil, fault.New(fault.Environment, s.dir, "what a build left in the record is lost or damaged (%s)", d).
			WithHint("record the build anew: patchmake --clean").WithCause(err)
	}
	return data, nil
}

// LogError notes something that could not be recorded; the build goes on. It is for patchmake to report.
func (s *Store) LogError(st Stage, where string, cause error) error {
	msg := strings.ReplaceAll(aboutStage(st)+where+": "+cause.Error(), "\n", " ")
	return s.appendLine(s.errorsPath(), []byte(time.Now().UTC().Format(time.RFC3339)+" "+msg))
}

func aboutStage(st Stage) string { return string(st) + " build: " }

// ForgetErrors takes out what LogError noted in a stage about any of these, which are recorded anew. Without any it takes out all.
func (s *Store) ForgetErrors(st Stage, about ...string) {
	f, err := os.OpenFile(s.errorsPath(), os.O_RDWR, 0)
	if err != nil {
		return // mostly there is none
	}
	defer f.Close()
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX) != nil {
		return
	}
	data, err := io.ReadAll(f)
	if err != nil {
		return
	}
	var kept strings.Builder
	for line := range strings.Lines(string(data)) {
		_, text, _ := strings.Cut(line, " ")
		text, mine := strings.CutPrefix(text, aboutStage(st))
		if !mine || len(about) > 0 && !slices.ContainsFunc(about, func(where string) bool { return strings.HasPrefix(text, where+": ") }) {
			kept.WriteString(line)
		}
	}
	if kept.Len() == len(data) || f.Truncate(0) != nil {
		return
	}
	_, _ = f.WriteAt([]byte(kept.String()), 0) // else the warning is lost, and nothing else
}

// Errors returns what LogError noted, oldest first.
func (s *Store) Errors() ([]string, error) {
	data, err := os.ReadFile(s.errorsPath())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var lines []string
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines, err
}

func (s *Store) errorsPath() string { return filepath.Join(s.dir, "errors.log") }

// Answer returns the cached answer to a question that a compiler was asked, "" when there is none.
func (s *Store) Answer(key string) string {
	data, err := os.ReadFile(s.answerPath(key))
	if err != nil {
		return ""
	}
	return string(data)
}

// PutAnswer caches an answer.
func (s *Store) PutAnswer(key, answer string) error {
	return s.writeFile(s.answerPath(key), []byte(answer))
}

func (s *Store) answerPath(key string) string {
	return filepath.Join(s.dir, "tools", string(DigestOf([]byte(key))))
}
