package buildtree

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// PlanFile names the file of a store that holds the plan of the last run, which names files of the tree.
const PlanFile = "plan.json"

// rootFile names the file of a store that holds the directory which the store stood in when it was made: the root of the tree.
const rootFile = "root"

// underWay stands behind the root in that file until all that names it has followed.
const underWay = "/"

// Root returns the directory above a store that keeps a place in its tree, "" for one that KPATCH_ASM_DIR put elsewhere.
func (s *Store) Root() string {
	if filepath.Base(s.dir) != storeName {
		return ""
	}
	root, err := filepath.EvalSymlinks(filepath.Dir(s.dir))
	if err != nil {
		return ""
	}
	return root
}

// Moved reports whether a tree stands elsewhere than its record says.
func (s *Store) Moved() bool {
	before, err := os.ReadFile(filepath.Join(s.dir, rootFile))
	now := s.Root()
	return err == nil && now != "" && string(before) != now
}

// Follow makes the record of a tree that was moved or copied, together with its store, one of the tree where it stands now. It
// returns the place where it stood, "" if that is the same. What is of the patched build is forgotten. It returns ErrInUse while something
// is recorded. After one that was interrupted, the next does what is left: each entry that was moved says so.
func (s *Store) Follow() (from string, err error) {
	before, err := os.ReadFile(filepath.Join(s.dir, rootFile))
	if errors.Is(err, fs.ErrNotExist) || err == nil && !s.Moved() {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	unlock, err := s.lockUsers()
	if err != nil {
		return "", err
	}
	defer unlock()
	m := move{strings.TrimSuffix(string(before), underWay), s.Root()}
	if err := s.writeFile(filepath.Join(s.dir, rootFile), []byte(m.from+underWay)); err != nil {
		return "", err
	}
	if err := s.moveLog(m); err != nil {
		return "", err
	}
	if err := os.Remove(filepath.Join(s.dir, PlanFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	for _, st := range []Stage{Patched, Unpatched} {
		if err := s.Reset(st); err != nil {
			return "", err
		}
	}
	if err := s.writeFile(filepath.Join(s.dir, rootFile), []byte(m.to)); err != nil || m.from == m.to {
		return "", err
	}
	return m.from, nil
}

// moveLog rewrites the original's log.
func (s *Store) moveLog(m move) error {
	path, err := s.logPath(Original)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	units, err := s.unpacker()
	if err != nil {
		return err
	}
	defer units.close()
	lists, err := s.ReadLists()
	if err != nil {
		return err
	}
	var out bytes.Buffer
	for line := range bytes.Lines(data) {
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if line, err = s.moveLine(m, line, units, lists); err != nil {
			return err
		}
		out.Write(append(line, '\n'))
	}
	return s.writeFile(path, out.Bytes())
}

// moveLine returns a line of the log moved: from where its entry says, if it does. One that is damaged stays.
func (s *Store) moveLine(m move, line []byte, units unpacker, lists *ReadLists) ([]byte, error) {
	var e entry
	u, l, err := decodeLine(line, units)
	if err != nil || json.Unmarshal(line, &e) != nil || e.Root == m.to {
		return line, nil
	}
	m.from = cmp.Or(e.Root, m.from)
	return s.moveEntry(m, u, l, lists)
}

// moveEntry returns the line of a unit or a link that was moved.
func (s *Store) moveEntry(m move, u *Unit, l *Link, lists *ReadLists) ([]byte, error) {
	var e entry
	var err error
	if u != nil {
		if err = s.moveLists(m, u, lists); err == nil {
			e, err = s.unitEntry(u)
		}
	} else if l != nil {
		if err = s.moveLink(m, l); err == nil {
			e, err = linkEntry(l)
		}
	}
	if err != nil {
		return nil, err
	}
	e.Root = m.to
	return json.Marshal(e)
}

// moveLists moves a unit with the lists of what it reads: those that cannot be read are asked for again.
func (s *Store) moveLists(m move, u *Unit, lists *ReadLists) error {
	recorded, recordedErr := lists.Get(u.Reads)
	later, known := lists.Of(u)
	m.unit(u)
	var err error
	if recordedErr == nil {
		m.reads(recorded)
		u.Reads, err = s.PutReads(recorded)
	}
	if known && err == nil {
		m.reads(later)
		err = s.PutReadsOf(UnitReads{u, later})
	}
	return err
}

// unit moves all of a unit but its lists.
func (m move) unit(u *Unit) {
	for _, text := range []*string{&u.Dir, &u.Driver, &u.Source, &u.Object, &u.As} {
		*text = m.text(*text)
	}
	for _, list := range [][]string{u.Argv, u.Responses, u.Options, u.AsArgs, u.Env} {
		m.all(list)
	}
	m.reads(u.Included)
}

func (m move) reads(list []Read) {
	for i := range list {
		list[i].Path = m.text(list[i].Path)
	}
}

// moveLink moves what a link was made of along with its map, which spells inputs as the link does.
func (s *Store) moveLink(m move, l *Link) error {
	for _, text := range []*string{&l.Dir, &l.Linker, &l.Output} {
		*text = m.text(*text)
	}
	m.all(l.Argv)
	m.all(l.Shared)
	for i := range l.Inputs {
		l.Inputs[i].Path = m.text(l.Inputs[i].Path)
	}
	for i := range l.Files {
		l.Files[i].Path = m.text(l.Files[i].Path)
	}
	text, err := s.Blob(l.MapID)
	if err != nil {
		return err
	}
	var moved strings.Builder
	for line := range strings.Lines(string(text)) {
		moved.WriteString(m.text(line))
	}
	l.MapID, err = s.PutBlob([]byte(moved.String()))
	return err
}

// move is a directory that is now another one.
type move struct{ from, to string }

// text replaces the directory wherever a text names it or what is below it: /a in "-I/a/include", not in "/b/a" or "/ab".
func (m move) text(s string) string {
	const breaks = " \t\n\"'=,:;()"
	var out strings.Builder
	done := 0
	for {
		i := strings.Index(s[done:], m.from)
		if i < 0 {
			return out.String() + s[done:]
		}
		i += done
		end := i + len(m.from)
		before := s[strings.LastIndexAny(s[:i], breaks)+1 : i]
		whole := end == len(s) || s[end] == '/' || strings.IndexByte(breaks, s[end]) >= 0
		out.WriteString(s[done:i])
		if whole && !strings.Contains(before, "/") {
			out.WriteString(m.to)
		} else {
			out.WriteString(m.from)
		}
		done = end
	}
}

func (m move) all(list []string) {
	for i := range list {
		list[i] = m.text(list[i])
	}
}
