package buildtree

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// PutReads keeps a list of files and returns its digest.
func (s *Store) PutReads(reads []Read) (Digest, error) {
	d := DigestOf(FormatReads(reads))
	return d, s.putReads([]namedReads{{d, reads}})
}

// UnitReads is what a unit reads.
type UnitReads struct {
	Unit  *Unit
	Reads []Read
}

// PutReadsOf keeps lists of what units read, in place of those that were recorded with them.
func (s *Store) PutReadsOf(lists ...UnitReads) error {
	var named []namedReads
	for _, l := range lists {
		named = append(named, namedReads{readsOf(l.Unit), l.Reads})
	}
	return s.putReads(named)
}

// readsOf names the list that PutReadsOf keeps, whichever load of the record a unit comes from.
func readsOf(u *Unit) Digest {
	return DigestOf([]byte("reads\x00" + u.Object + "\x00" + string(u.ObjectID)))
}

// namedReads is a list with its name.
type namedReads struct {
	name  Digest
	reads []Read
}

// putReads keeps lists by their names: a later one of a name replaces an earlier one.
func (s *Store) putReads(lists []namedReads) error {
	text, err := s.readFiles()
	if err != nil || len(lists) == 0 {
		return err
	}
	var all []fileLine
	known, index := lines{}, map[Read]int{}
	for _, l := range lists {
		for _, r := range l.reads {
			if _, has := index[r]; !has {
				index[r] = len(all)
				all = append(all, fileLine{r.ID, noMark, r.Path})
				known[r.Path] = nil
			}
		}
	}
	known.find(text)
	number, err := s.place(text, known, all)
	if err != nil {
		return err
	}
	var out [][]byte
	for _, l := range lists {
		numbers := make([]int, 0, len(l.reads))
		for _, r := range l.reads {
			numbers = append(numbers, number[index[r]])
		}
		out = append(out, readsLine(l.name, sumOf(DigestOf(FormatReads(l.reads))), numbers))
	}
	return s.appendLine(s.readsPath(), bytes.Join(out, []byte("\n")))
}

// PutReadsNow keeps a list of files, absolute paths, each once, with what they hold now, and returns its digest and one that was written since their
// reader began, "" if none was. Of a system header, which no build writes, what it holds is a Stamp.
func (s *Store) PutReadsNow(paths []string, began time.Time) (id Digest, late string, err error) {
	text, err := s.readFiles()
	if err != nil {
		return "", "", err
	}
	known, once := make(lines, len(paths)), make([]string, 0, len(paths))
	for _, path := range paths {
		if _, twice := known[path]; !twice {
			known[path], once = nil, append(once, path)
		}
	}
	known.find(text)
	list, now := make([]fileLine, 0, len(once)), time.Now()
	for _, path := range once {
		line, err := known.lookAt(path, began, now)
		if err != nil {
			return "", "", err
		}
		if IsLate(line.id) {
			late = path
		}
		list = append(list, line)
	}
	numbers, err := s.place(text, known, list)
	if err != nil {
		return "", "", err
	}
	id = DigestOf(formatLines(list))
	return id, late, s.appendLine(s.readsPath(), readsLine(id, sumOf(id), numbers))
}

// lookAt returns the line that a file has for a reader that began at a time. Where it still has the mark of a known line it is not read.
func (ls lines) lookAt(path string, began, now time.Time) (fileLine, error) {
	if strings.HasPrefix(path, "/usr/") {
		return fileLine{Stamp(path), noMark, path}, nil
	}
	fi, link, err := statBoth(path)
	if err != nil {
		return fileLine{}, err
	}
	mark := markOf(fi, now)
	if known, ok := ls.marked(path, mark); ok && ChangedAt(fi) < began.UnixNano() && ChangedAt(link) < began.UnixNano() {
		return known, nil
	}
	r, err := ReadNow(path, began)
	if IsLate(r.ID) {
		mark = noMark // it is of this reader alone
	}
	return fileLine{r.ID, mark, path}, err
}

// statBoth returns what a path leads to and what it is itself: mostly the same, and a unit reads hundreds of files.
func statBoth(path string) (file, link os.FileInfo, err error) {
	link, err = os.Lstat(path)
	if err != nil || link.Mode()&fs.ModeSymlink == 0 {
		return link, link, err
	}
	file, err = os.Stat(path)
	return file, link, err
}

// formatLines is FormatReads of lines.
func formatLines(list []fileLine) []byte {
	var text bytes.Buffer
	text.Grow(len(list) * 96) // mostly enough
	for _, l := range list {
		text.WriteString(l.id)
		text.WriteByte(' ')
		text.WriteString(l.path)
		text.WriteByte('\n')
	}
	return text.Bytes()
}

func (s *Store) readsPath() string { return filepath.Join(s.dir, "reads.log") }

// listSum is how a list is known: its numbers may be of a files.log that was since written anew.
type listSum [8]byte

// sumOf returns the sum of a list with a digest.
func sumOf(d Digest) (sum listSum) {
	copy(sum[:], d)
	return sum
}

// readsLine is a line of reads.log: the name of a list, its sum and its numbers. These are runs, each by how far its first number is from
// the one behind the last run, and its length.
func readsLine(name Digest, sum listSum, numbers []int) []byte {
	packed := append([]byte(nil), sum[:]...)
	next := 0
	for i := 0; i < len(numbers); {
		first, length := numbers[i], 1
		for i+length < len(numbers) && numbers[i+length] == first+length {
			length++
		}
		packed = binary.AppendUvarint(binary.AppendVarint(packed, int64(first-next)), uint64(length))
		next = first + length
		i += length
	}
	return base64.RawStdEncoding.AppendEncode([]byte(string(name)+" "), packed)
}

var errList = errors.New("damaged list of files")

// parseNumbers reads what readsLine wrote behind the name. No number is limit or above.
func parseNumbers(text []byte, limit int) (sum listSum, numbers []int, err error) {
	packed, err := base64Bytes(text)
	if err != nil || len(packed) < len(sum) {
		return sum, nil, errList
	}
	copy(sum[:], packed)
	packed = packed[len(sum):]
	for next := int64(0); len(packed) > 0; {
		distance, n := binary.Varint(packed)
		if n <= 0 {
			return sum, nil, errList
		}
		length, m := binary.Uvarint(packed[n:])
		first := next + distance
		if m <= 0 || first < 0 || first > int64(limit) || length > uint64(int64(limit)-first) || len(numbers)+int(length) > limit {
			return sum, nil, errList
		}
		for k := range int(length) {
			numbers = append(numbers, int(first)+k)
		}
		next, packed = first+int64(length), packed[n+m:]
	}
	return sum, numbers, nil
}

// ReadLists are the lists of files that units read.
type ReadLists struct {
	packed map[Digest][]byte
	files  []fileLine // by number
	lines  int        // of lists, superseded ones among them
	size   int64      // of both logs, in bytes
}

// ReadLists reads all of them.
func (s *Store) ReadLists() (*ReadLists, error) {
	data, err := os.ReadFile(s.readsPath()) // before the files that its lists name
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	text, err := s.readFiles()
	if err != nil {
		return nil, err
	}
	lists := &ReadLists{packed: map[Digest][]byte{}, size: int64(len(data) + len(text))}
	for line := range strings.Lines(text) {
		l, _ := parseFileLine(strings.TrimSuffix(line, "\n")) // a damaged one makes no list whole
		lists.files = append(lists.files, l)
	}
	for line := range bytes.Lines(data) {
		if name, packed, ok := bytes.Cut(bytes.TrimSpace(line), []byte(" ")); ok {
			lists.packed[Digest(name)] = packed
			lists.lines++
		}
	}
	return lists, nil
}

// Get returns the list with a digest.
func (l *ReadLists) Get(d Digest) ([]Read, error) {
	reads, err := l.list(d)
	if err == nil && DigestOf(FormatReads(reads)) != d {
		err = fmt.Errorf("list of files %s: content does not match its digest", d)
	}
	if err != nil {
		return nil, err
	}
	return reads, nil
}

// Of returns what PutReadsOf kept for a unit, and whether there is any.
func (l *ReadLists) Of(u *Unit) ([]Read, bool) {
	reads, err := l.list(readsOf(u))
	return reads, err == nil
}

func (l *ReadLists) list(name Digest) ([]Read, error) {
	line, ok := l.packed[name]
	if !ok {
		return nil, fmt.Errorf("list of files %s: %w", name, fs.ErrNotExist)
	}
	sum, numbers, err := parseNumbers(line, len(l.files))
	if err != nil {
		return nil, err
	}
	reads := make([]Read, 0, len(numbers))
	for _, n := range numbers {
		reads = append(reads, Read{Path: l.files[n].path, ID: l.files[n].id})
	}
	if sumOf(DigestOf(FormatReads(reads))) != sum {
		return nil, errList
	}
	return reads, nil
}
