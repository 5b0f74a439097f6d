package buildtree

import (
	"crypto/sha256"
	"encoding/hex"
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

	"gocare/buildtree/asmpack"
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
	dir      string
	uid, gid int      // whom new files are given to; -1 to leave them
	users    *os.File // see Share
	remakes  remakes
	packs    packs
}

// OpenStore opens the store in dir, which must exist.
func OpenStore(dir string) (*Store, error) {
	if fi, err := os.Stat(filepath.Join(dir, "blobs")); err != nil {
		return nil, fmt.Errorf("no record of a build in %s: %w", dir, err)
	} else if !fi.IsDir() {
		return nil, fmt.Errorf("no record of a build in %s: blobs is no directory", dir)
	}
	s := &Store{dir: dir}
	s.uid, s.gid = giveTo(dir)
	return s, nil
}

// giveTo returns the owner of a directory when that is not who runs this and this may give files away.
func giveTo(dir string) (uid, gid int) {
	fi, err := os.Stat(dir)
	if err != nil || os.Geteuid() != 0 {
		return -1, -1
	}
	st := fi.Sys().(*syscall.Stat_t)
	if st.Uid == 0 {
		return -1, -1
	}
	return int(st.Uid), int(st.Gid)
}

// give hands a new file over. In a user namespace it may not be possible, nor needed.
func (s *Store) give(path string) {
	if s.uid >= 0 {
		_ = os.Lchown(path, s.uid, s.gid)
	}
}

// HandOver gives what root wrote into a user's store in other ways to that user.
func (s *Store) HandOver() {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		s.give(filepath.Join(s.dir, e.Name()))
	}
}

// CreateStore opens the store in dir and makes it first if need be.
func CreateStore(dir string) (*Store, error) {
	if s, err := OpenStore(dir); err == nil {
		return s, nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return nil, err
	}
	s := &Store{dir: dir}
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

// mkdir makes a directory unless it is there.
func (s *Store) mkdir(path string) error {
	err := os.Mkdir(path, 0o755)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err == nil {
		s.give(path)
	}
	return err
}

// Dir returns the store's directory.
func (s *Store) Dir() string { return s.dir }

// DigestOf returns the name of a blob with this content.
func DigestOf(data []byte) Digest {
	sum := sha256.Sum256(data)
	return Digest(hex.EncodeToString(sum[:]))
}

// PutBlob keeps data, unless it is there already, and returns its digest.
func (s *Store) PutBlob(data []byte) (Digest, error) { return s.putBlob(data, zstd.SpeedFastest) }

// PutOutput keeps what a link of a stage wrote as PutBlob does, in less space: there are few, and the original's stay.
func (s *Store) PutOutput(st Stage, data []byte) (Digest, error) {
	if st == Original {
		return s.putBlob(data, zstd.SpeedBestCompression)
	}
	return s.putBlob(data, zstd.SpeedBetterCompression)
}

func (s *Store) putBlob(data []byte, level zstd.EncoderLevel) (Digest, error) {
	d := DigestOf(data)
	if exists(s.blobPath(d)) {
		return d, nil
	}
	packed, err := compressAs(level, data, 0, nil)
	if err != nil {
		return "", err
	}
	return d, s.writeBlob(d, packed)
}

// PutText keeps a text of lines that are alike as PutBlob does, in less space.
func (s *Store) PutText(text []byte) (Digest, error) {
	d := DigestOf(text)
	if len(text) < shortText || exists(s.blobPath(d)) {
		return s.PutBlob(text)
	}
	packed, err := asmpack.Pack(zstd.SpeedDefault, text)
	if err != nil {
		return s.PutBlob(text)
	}
	return d, s.writeBlob(d, packed)
}

// shortText is the length in bytes below which taking a text apart is not worth the time.
const shortText = 32 << 10

func (s *Store) writeBlob(d Digest, packed []byte) error {
	path := s.blobPath(d)
	if err := s.mkdir(filepath.Dir(path)); err != nil {
		return err
	}
	return s.writeFile(path, packed)
}

// windowFor keeps the encoder's tables small for small data.
func windowFor(n int) int {
	w := zstd.MinWindowSize
	for w < n && w < 1<<20 {
		w *= 2
	}
	return w
}

// ErrNoBlob says that a store has nothing with a digest, and can make nothing that has it.
var ErrNoBlob = errors.New("not in the record")

// Blob returns the content with this digest, else ErrNoBlob. An object that is not kept is read from the tree, or assembled anew.
func (s *Store) Blob(d Digest) ([]byte, error) {
	if !d.valid() {
		return nil, fmt.Errorf("no blob can have the digest %q", d)
	}
	data, err := s.keptBlob(d)
	if errors.Is(err, fs.ErrNotExist) {
		if again, found := s.remake(d); found {
			return again, nil
		}
		return nil, fmt.Errorf("%w: %w", ErrNoBlob, err)
	}
	return data, err
}

func (s *Store) keptBlob(d Digest) ([]byte, error) {
	data, err := s.readKept(d)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("blob %s in %s: %w", d, s.dir, err)
	}
	if DigestOf(data) != d {
		return nil, fmt.Errorf("blob %s in %s: content does not match its digest", d, s.dir)
	}
	return data, nil
}

// readKept looks where a blob may be. What is loose may be packed meanwhile, so packs come last.
func (s *Store) readKept(d Digest) ([]byte, error) {
	packed, err := os.ReadFile(s.blobPath(d))
	if err == nil {
		return unpackBlob(packed)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if text, err := s.readLoose(d); !errors.Is(err, fs.ErrNotExist) {
		return text, err
	}
	return s.packed(d)
}

func unpackBlob(packed []byte) ([]byte, error) {
	if !asmpack.Is(packed) {
		return unpackPlain(packed)
	}
	texts, err := asmpack.Unpack(packed)
	if err != nil || len(texts) != 1 {
		return nil, errors.Join(errPack, err)
	}
	return texts[0], nil
}

// unpackPlain decodes a frame that needs no dictionary.
func unpackPlain(packed []byte) ([]byte, error) {
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	defer dec.Close()
	return dec.DecodeAll(packed, nil)
}

// has reports whether a blob is kept, which Prune may have taken away since.
func (s *Store) has(d Digest) bool {
	if !d.valid() {
		return false
	}
	if exists(s.blobPath(d)) || exists(s.loosePath(d)) {
		return true
	}
	if _, known := s.packOf(d); known {
		return true
	}
	_ = s.findPacks() // what cannot be read holds nothing
	_, known := s.packOf(d)
	return known
}

// digestLength is that of a Digest in characters.
const digestLength = 2 * sha256.Size

func (d Digest) valid() bool {
	return len(d) == digestLength && strings.Trim(string(d), "0123456789abcdef") == ""
}

func (s *Store) blobPath(d Digest) string {
	return filepath.Join(s.dir, "blobs", string(d[:2]), string(d[2:])+".zst")
}

// TempFile makes an empty file in the store's tmp directory for a tool to write to; the caller removes it.
func (s *Store) TempFile(pattern string) (string, error) {
	f, err := os.CreateTemp(s.tmpDir(), pattern)
	if err != nil {
		return "", err
	}
	return f.Name(), f.Close()
}

func (s *Store) tmpDir() string { return filepath.Join(s.dir, "tmp") }

// writeFile writes under a temporary name and renames.
func (s *Store) writeFile(path string, data []byte) error {
	f, err := os.CreateTemp(s.tmpDir(), "write-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	s.give(f.Name())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// appendLine appends one line in one write under a lock. A leading newline sets it apart from a line that a killed
// writer left unfinished; empty lines mean nothing.
func (s *Store) appendLine(path string, line []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	s.give(path)
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	buf := make([]byte, 0, len(line)+2)
	buf = append(append(append(buf, '\n'), line...), '\n')
	_, err = f.Write(buf)
	return err
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
