package wrapper

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"gocare/buildtree"
	"gocare/internal/elfobj"
)

// readCommandLine reads the objects of the command line while the linker runs.
func (r *linkRun) readCommandLine() {
	for _, path := range r.call.files {
		if ext := filepath.Ext(path); ext == ".o" || ext == ".lo" || ext == ".obj" {
			_, _, _ = r.object(path)
		}
	}
}

// object returns the input that a path is, with its blob put into the store unless the record can make it again. It is false for what is no relocatable
// object (an archive, a shared library, a linker script).
func (r *linkRun) object(path string) (buildtree.Input, bool, error) {
	if in, ok := r.blobs[path]; ok {
		return in, true, nil
	}
	data, err := os.ReadFile(r.p.abs(path))
	if err != nil {
		return buildtree.Input{}, false, err
	}
	if !relocatable(data) {
		return buildtree.Input{}, false, nil
	}
	in, err := r.putInput(path, "", data)
	if err == nil {
		r.blobs[path] = in
	}
	return in, true, err
}

func (r *linkRun) putInput(path, member string, data []byte) (buildtree.Input, error) {
	in := buildtree.Input{Path: path, Member: member, ObjectID: buildtree.DigestOf(data), AllocID: allocDigest(data)}
	r.late = r.late || isBitcode(data) || bytes.Contains(data, []byte(".gnu.lto_"))
	if r.remade == nil {
		r.remade = r.store.Remakable(r.p.stage())
	}
	if r.remade[in.ObjectID] {
		return in, nil
	}
	_, err := r.store.PutBlob(data)
	return in, err
}

// relocatable reports whether data is an ELF relocatable file (e_type is the half-word at 16 and ET_REL is 1), or LLVM's
// bitcode in place of one.
func relocatable(data []byte) bool {
	return elfobj.IsELF(data) && len(data) > 20 && data[16] == 1 && data[17] == 0 || isBitcode(data)
}

// isBitcode goes by the magic number. LLVM Bitcode File Format, sections "Magic Numbers" and "Bitcode Wrapper Format".
func isBitcode(data []byte) bool {
	return bytes.HasPrefix(data, []byte("BC\xc0\xde")) || bytes.HasPrefix(data, []byte("\xde\xc0\x17\x0b"))
}

// inputs fills in the inputs, in the order in which the linker loaded them. Linkers whose map has no LOAD lines: the
// command line's objects, then the archive members that the map names.
func (r *linkRun) inputs(l *buildtree.Link, stage buildtree.Stage, mapText []byte) error {
	m := readLoads(mapText)
	if len(m.loaded) == 0 {
		m.loaded = slices.DeleteFunc(slices.Clone(r.call.files), func(f string) bool { return r.p.abs(f) == l.Output })
		m.loaded = append(m.loaded, m.archives()...)
	}
	var missing []string
	seen := map[string]bool{}
	for _, path := range m.loaded {
		pulled := m.pulled[path]
		if seen[path] && len(pulled) > 0 {
			continue
		}
		seen[path] = true
		ins, shared, err := r.load(path, pulled, &m)
		switch {
		case os.IsNotExist(err):
			missing = append(missing, path)
			l.Inputs = append(l.Inputs, buildtree.Input{Path: path})
		case err != nil:
			return err
		case shared && !slices.Contains(l.Shared, path):
			l.Shared = append(l.Shared, path)
		}
		l.Inputs = append(l.Inputs, ins...)
	}
	if len(missing) == 0 {
		return nil
	}
	return r.fillFromUnits(l, stage, missing)
}

// load returns the inputs that one loaded file stands for.
func (r *linkRun) load(path string, pulled []string, m *loads) (ins []buildtree.Input, shared bool, err error) {
	if in, ok := r.blobs[path]; ok {
		return []buildtree.Input{in}, false, nil
	}
	if len(pulled) > 0 {
		ins, err = r.members(path, pulled)
		return ins, false, err
	}
	kind, err := kindOfFile(r.p.abs(path))
	switch {
	case err != nil:
		return nil, false, err
	case kind == fileShared:
		return nil, true, nil
	case kind == fileThin && len(m.thin)+len(m.pulled) > 0:
		ins, err = r.thinMembers(path, m)
		return ins, false, err
	case kind != fileObject:
		return nil, false, nil // a script, or an archive that nothing was needed from
	}
	in, ok, err := r.object(path)
	if err != nil || !ok {
		return nil, false, err
	}
	return []buildtree.Input{in}, false, nil
}

type fileKind int

const (
	fileOther fileKind = iota
	fileObject
	fileShared
	fileThin
)

func kindOfFile(path string) (fileKind, error) {
	f, err := os.Open(path)
	if err != nil {
		return fileOther, err
	}
	defer f.Close()
	head := make([]byte, 32)
	n, err := io.ReadFull(f, head)
	if err != nil && n == 0 && err != io.EOF {
		return fileOther, err
	}
	switch {
	case relocatable(head[:n]):
		return fileObject, nil
	case elfobj.IsELF(head[:n]):
		return fileShared, nil
	case bytes.HasPrefix(head[:n], []byte(thinMagic)):
		return fileThin, nil
	}
	return fileOther, nil
}

// members returns the members pulled from an archive, in the order they were. Of several members with one name the map
// does not tell which: unless all were pulled, they are recorded without a digest of their own. Those of a thin archive,
// which some linkers call members too, are told apart by their paths.
func (r *linkRun) members(path string, pulled []string) ([]buildtree.Input, error) {
	data, err := os.ReadFile(r.p.abs(path))
	if err != nil {
		return nil, err
	}
	all, err := elfobj.Members(data)
	if err != nil {
		return nil, err
	}
	key := filepath.Base
	if bytes.HasPrefix(data, []byte(thinMagic)) {
		key = filepath.Clean
		if err := r.readThin(path, all); err != nil {
			return nil, err
		}
	}
	byName := map[string][]elfobj.Member{}
	for _, m := range all {
		byName[key(m.Name)] = append(byName[key(m.Name)], m)
	}
	want := map[string]int{}
	for _, name := range pulled {
		want[key(name)]++
	}
	var ins []buildtree.Input
	used := map[string]int{}
	for _, name := range pulled {
		same := byName[key(name)]
		n := used[key(name)]
		used[key(name)]++
		if len(same) != want[key(name)] {
			var both []byte
			for _, m := range same {
				both = append(both, m.Data...)
			}
			ins = append(ins, buildtree.Input{Path: path, Member: name, SameNameID: buildtree.DigestOf(both)})
			continue
		}
		in, err := r.putInput(path, name, same[n].Data)
		if err != nil {
			return nil, err
		}
		ins = append(ins, in)
	}
	return ins, nil
}

// thinMagic begins a thin archive.
const thinMagic = "!<thin>"

// readThin reads the members of a thin archive, which are files beside it.
func (r *linkRun) readThin(path string, members []elfobj.Member) (err error) {
	for i := range members {
		file := members[i].Name
		if !filepath.IsAbs(file) {
			file = filepath.Join(filepath.Dir(r.p.abs(path)), file)
		}
		if members[i].Data, err = os.ReadFile(file); err != nil {
			return err
		}
		if members[i].Origin != 0 {
			if members[i], err = memberAt(members[i].Data, members[i].Origin); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
		}
	}
	return nil
}

// memberAt returns the member of an archive whose header is at an offset.
func memberAt(archive []byte, offset int64) (elfobj.Member, error) {
	all, err := elfobj.Members(archive)
	if err != nil {
		return elfobj.Member{}, err
	}
	i := slices.IndexFunc(all, func(m elfobj.Member) bool { return m.Offset == offset })
	if i < 0 {
		return elfobj.Member{}, fmt.Errorf("no member at %d", offset)
	}
	return all[i], nil
}

// thinMembers returns which of the files pulled from thin archives are listed in this one, and takes them from those: an archive that is
// named twice gives each once. They are inputs of their own, as in the map, where members of an archive that it lists are those of that one.
func (r *linkRun) thinMembers(path string, m *loads) ([]buildtree.Input, error) {
	data, err := os.ReadFile(r.p.abs(path))
	if err != nil {
		return nil, err
	}
	members, err := elfobj.Members(data)
	if err != nil {
		return nil, err
	}
	listed := map[string]bool{}
	for _, m := range members {
		file := m.Name
		if !filepath.IsAbs(file) {
			file = filepath.Join(filepath.Dir(r.p.abs(path)), file)
		}
		listed[filepath.Clean(file)] = true
	}
	var ins []buildtree.Input
	for _, archive := range m.archives() {
		if !listed[r.p.abs(archive)] {
			continue
		}
		nested, err := r.members(archive, m.pulled[archive])
		if err != nil {
			return nil, err
		}
		delete(m.pulled, archive)
		ins = append(ins, nested...)
	}
	pulled := m.thin
	m.thin = nil
	for _, file := range pulled {
		if !listed[r.p.abs(file)] {
			m.thin = append(m.thin, file)
			continue
		}
		in, ok, err := r.object(file)
		if err != nil {
			return nil, err
		}
		if ok {
			ins = append(ins, in)
		}
	}
	return ins, nil
}

// fillFromUnits gives inputs that vanished before the linker ended (LTO) the digests that the assembler recorded.
func (r *linkRun) fillFromUnits(l *buildtree.Link, stage buildtree.Stage, missing []string) error {
	rec, err := r.store.Load(stage)
	if err != nil {
		return err
	}
	byObject := map[string]*buildtree.Unit{}
	for i := range rec.Units {
		byObject[rec.Units[i].Object] = &rec.Units[i]
	}
	for i := range l.Inputs {
		in := &l.Inputs[i]
		if in.ObjectID != "" || !slices.Contains(missing, in.Path) {
			continue
		}
		if u := byObject[r.p.abs(in.Path)]; u != nil {
			in.ObjectID, in.AllocID = u.ObjectID, u.AllocID
		}
	}
	return nil
}
