package layout

import (
	"cmp"
	"debug/dwarf"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// enumerators are the named values of all enumerations of a unit, those without a name and those inside functions included.
type enumerators struct {
	values described            // of each name
	places map[[2]string]member // by name and value
}

// member says where an enumerator stands.
type member struct {
	offset dwarf.Offset // in the order of declaration
	of     *enumeration
}

// enumeration is one that enumerators belong to.
type enumeration struct {
	name     string // "enum state", "an enum without a name"
	declared string // FILE:LINE, "" if not known
	last     string // its last enumerator
}

// enumReader collects enumerators entry by entry: they follow their enumeration.
type enumReader struct {
	to    *enumerators
	in    *enumeration
	dir   string // of the compile
	files []*dwarf.LineFile
}

func newEnumReader(to *enumerators) *enumReader {
	to.values, to.places = described{}, map[[2]string]member{}
	return &enumReader{to: to}
}

func (r *enumReader) read(d *data, e *dwarf.Entry) error {
	switch e.Tag {
	case dwarf.TagCompileUnit:
		r.dir, _ = e.Val(dwarf.AttrCompDir).(string)
		r.files = nil
		if lines, err := d.LineReader(e); err == nil && lines != nil { // else messages name no lines
			r.files = lines.Files()
		}
	case dwarf.TagEnumerationType:
		r.in = &enumeration{name: "an enum without a name", declared: r.declared(e)}
		if name, _ := e.Val(dwarf.AttrName).(string); name != "" {
			r.in.name = "enum " + name
		}
	case dwarf.TagEnumerator:
		return r.add(e)
	}
	return nil
}

// declared returns where the source declares something.
func (r *enumReader) declared(e *dwarf.Entry) string {
	file, _ := e.Val(dwarf.AttrDeclFile).(int64)
	line, ok := e.Val(dwarf.AttrDeclLine).(int64)
	if !ok || file < 0 || file >= int64(len(r.files)) || r.files[file] == nil {
		return ""
	}
	name := filepath.Clean(r.files[file].Name)
	if rel, ok := strings.CutPrefix(name, r.dir+"/"); ok {
		name = rel
	}
	return fmt.Sprintf("%s:%d", name, line)
}

func (r *enumReader) add(e *dwarf.Entry) error {
	name, _ := e.Val(dwarf.AttrName).(string)
	value, err := enumValue(e)
	if err == nil && (name == "" || r.in == nil) {
		err = fmt.Errorf("it has no name, or is in no enumeration")
	}
	if err != nil {
		return fmt.Errorf("enumerator at %#x: %w", e.Offset, err)
	}
	r.to.values[name] = append(r.to.values[name], description{same: value, text: value})
	r.to.places[[2]string{name, value}] = member{e.Offset, r.in}
	r.in.last = name
	return nil
}

// enumValue returns the value of an enumerator. Forms say nothing about it: compilers write a value in the shortest one, and
// with a sign or without as the values beside it need it. Values from 1<<63 are negative here, in both versions.
func enumValue(e *dwarf.Entry) (string, error) {
	switch v := e.Val(dwarf.AttrConstValue).(type) {
	case int64:
		return fmt.Sprint(v), nil
	case []byte: // of more than 64 bits
		return fmt.Sprintf("%#x", v), nil
	}
	return "", fmt.Errorf("it has no value")
}

// renumbered lists enumerators of another value: of each enumeration the first one, with the number of the others.
func renumbered(before, after enumerators) []Change {
	changes := compare(Enumerator, before.values, after.values)
	at := func(c Change) member { return after.places[[2]string{c.Name, c.After}] }
	slices.SortFunc(changes, func(a, b Change) int { return cmp.Compare(at(a).offset, at(b).offset) })
	var first []Change
	var last *enumeration
	for _, c := range changes {
		if of := at(c).of; of != last {
			last, c.Of, c.Declared = of, of.name, of.declared
			c.Last = of.last == c.Name && before.places[[2]string{c.Name, c.Before}].of.last == c.Name && isLess(c.Before, c.After)
			first = append(first, c)
			continue
		}
		first[len(first)-1].More++
		first[len(first)-1].Last = false
	}
	return first
}

// isLess reports whether a value is less than another one, and neither is negative.
func isLess(a, b string) bool {
	n, err := strconv.ParseUint(a, 10, 64)
	m, otherErr := strconv.ParseUint(b, 10, 64)
	return err == nil && otherErr == nil && n < m
}
