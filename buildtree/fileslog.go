package buildtree

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Thousands of units read the same headers. So each file with what it held is a line of files.log, and lists of files are numbers of these
// lines, counted from 0:
//
//	ID MARK PATH
//
// A file that still has the mark of a line holds what that says, and is not read again. Without a mark ("-") nothing is known of when.

// noMark stands in a line without a mark.
const noMark = "-"

// settled is how long ago a file must have changed for a mark: clocks of file systems tick slowly, and within a tick it may change again
// without a trace.
const settled = 2 * time.Second

// markOf tells one state of a file from all others. A copy is not the same file; a view of the same file is, so its device is left out.
func markOf(fi os.FileInfo, now time.Time) string {
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok || now.Sub(time.Unix(st.Ctim.Unix())) < settled {
		return noMark
	}
	mark := make([]byte, 0, 64)
	for _, n := range []int64{int64(st.Ino), st.Size, st.Mtim.Nano(), st.Ctim.Nano()} {
		mark = append(strconv.AppendInt(mark, n, 36), '.')
	}
	return string(mark)
}

// fileLine is a line of files.log.
type fileLine struct{ id, mark, path string }

func parseFileLine(line string) (l fileLine, ok bool) {
	id, rest, ok := strings.Cut(line, " ")
	if !ok {
		return fileLine{}, false
	}
	mark, path, ok := strings.Cut(rest, " ")
	return fileLine{id, mark, path}, ok
}

func (l fileLine) String() string { return l.id + " " + l.mark + " " + l.path + "\n" }

func (s *Store) filesPath() string { return filepath.Join(s.dir, "files.log") }

func (s *Store) readFiles() (string, error) {
	f, err := os.Open(s.filesPath())
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	var text strings.Builder
	if fi, err := f.Stat(); err == nil {
		text.Grow(int(fi.Size()))
	}
	_, err = io.Copy(&text, f)
	return text.String(), err
}

// numbered is a line with its number.
type numbered struct {
	fileLine
	number int
}

// lines are those of some files, by path: the keys are there before the lines are.
type lines map[string][]numbered

// find collects the lines that files.log has of the files.
func (ls lines) find(text string) {
	for number := 0; ; number++ {
		end := strings.IndexByte(text, '\n')
		if end < 0 {
			return
		}
		if l, ok := parseFileLine(text[:end]); ok {
			if known, wanted := ls[l.path]; wanted {
				ls[l.path] = append(known, numbered{l, number})
			}
		}
		text = text[end+1:]
	}
}

// number returns the number of a line that says of a file what l does, -1 if there is none.
func (ls lines) number(l fileLine) int {
	for _, known := range ls[l.path] {
		if known.id == l.id && (l.mark == noMark || l.mark == known.mark) {
			return known.number
		}
	}
	return -1
}

// marked returns the line with a file's mark.
func (ls lines) marked(path, mark string) (l fileLine, ok bool) {
	for _, known := range ls[path] {
		if known.mark == mark && mark != noMark {
			return known.fileLine, true
		}
	}
	return fileLine{}, false
}

// place gives each file of a list its line, a new one if need be. text is files.log as it was read, known what was found in it.
func (s *Store) place(text string, known lines, list []fileLine) (numbers []int, err error) {
	var fresh bytes.Buffer
	for _, l := range list {
		if strings.ContainsRune(l.path, '\n') {
			return nil, fmt.Errorf("%q cannot stand in a list of files", l.path)
		}
		number := known.number(l)
		if numbers = append(numbers, number); number < 0 {
			fresh.WriteString(l.String())
		}
	}
	if fresh.Len() == 0 {
		return numbers, nil
	}
	first, err := s.appendFiles(text, fresh.Bytes())
	for i, n := range numbers {
		if n < 0 {
			numbers[i] = first
			first++
		}
	}
	return numbers, err
}

// appendFiles appends lines and returns the number of the first. text is what the log held when it was read.
func (s *Store) appendFiles(text string, lines []byte) (first int, err error) {
	f, err := os.OpenFile(s.filesPath(), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	s.give(s.filesPath())
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return 0, err
	}
	tail, err := io.ReadAll(io.NewSectionReader(f, int64(len(text)), maxText))
	if err != nil {
		return 0, err
	}
	first = strings.Count(text, "\n") + bytes.Count(tail, []byte("\n"))
	if all := text + string(tail); all != "" && !strings.HasSuffix(all, "\n") { // a killed writer's, which ends here
		lines = append([]byte("\n"), lines...)
		first++
	}
	_, err = f.Write(lines)
	return first, err
}
