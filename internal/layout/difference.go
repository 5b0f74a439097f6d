package layout

import (
	"debug/dwarf"
	"fmt"
	"slices"
	"strings"
)

// noBody stands for the members of a structure without a name, where a type is told in a line.
const noBody = "{…}"

// maxMembers is how many members of a version are shown at most.
const maxMembers = 8

// difference shows two descriptions as their sources spell them; where that is alike, a typedef between them changed. What cannot be told
// in a line are members of structures without a name: these are listed, "- int u.a at 8" for one that is gone, "+" for a new one.
func difference(before, after *description) (was, is string, members []string) {
	was, is = firstDifference(before.text, after.text)
	if isTold(was, is) {
		return was, is, nil
	}
	if b, a := innerStruct(before.t), innerStruct(after.t); b != nil && a != nil {
		return withoutMember(was), withoutMember(is), memberDiff(b, a, 0)
	}
	if was == is {
		was, is = firstDifference(before.same, after.same)
	}
	return was, is, nil
}

// firstDifference cuts two descriptions down to their sizes and the first members that differ.
func firstDifference(before, after string) (string, string) {
	b, a := strings.Split(before, ";"), strings.Split(after, ";")
	bSize, bFirst, bOK := strings.Cut(b[0], " { ")
	aSize, aFirst, aOK := strings.Cut(a[0], " { ")
	if !bOK || !aOK {
		return before, after
	}
	b[0], a[0] = bFirst, aFirst
	i := 0
	for i < len(b)-1 && i < len(a)-1 && b[i] == a[i] {
		i++
	}
	return summary(bSize, b[i]), summary(aSize, a[i])
}

func summary(size, member string) string {
	member = strings.TrimSpace(member)
	if member == "}" {
		member = "no more members"
	}
	return fmt.Sprintf("%s, … %s", size, member)
}

// isTold reports whether two descriptions show a difference, and not in a structure without a name.
func isTold(was, is string) bool {
	_, before, _ := strings.Cut(was, ", … ")
	_, after, members := strings.Cut(is, ", … ")
	return was != is && (!members || before != after) && !strings.Contains(was+is, noBody)
}

func withoutMember(text string) string {
	size, _, _ := strings.Cut(text, ", … ")
	return size
}

// innerStruct is the structure that a type is, or that it points to or is an array of; nil for other types.
func innerStruct(t dwarf.Type) *dwarf.StructType {
	for range maxMembers {
		switch u := bare(t).(type) {
		case *dwarf.PtrType:
			t = u.Type
		case *dwarf.ArrayType:
			t = u.Type
		case *dwarf.StructType:
			return u
		}
	}
	return nil
}

// memberDiff lists the members that only one of two structures has; where there are none, those of the first structures without a name
// that members point to and that differ. depth says how many structures lead here.
func memberDiff(before, after *dwarf.StructType, depth int) []string {
	var b, a memberList
	b.add("", 0, before)
	a.add("", 0, after)
	lines := append(b.without(a, "-"), a.without(b, "+")...)
	for i := 0; len(lines) == 0 && depth < maxMembers && i < min(len(before.Field), len(after.Field)); i++ {
		f, g := before.Field[i].Type, after.Field[i].Type
		if s, t := innerStruct(f), innerStruct(g); s != nil && t != nil && plainly(f) != plainly(g) {
			lines = memberDiff(s, t, depth+1)
		}
	}
	return lines
}

// memberList is the members of a structure, those of structures without a name within it as its own: "int u.a at 8".
type memberList []string

func (m *memberList) add(path string, base int64, t *dwarf.StructType) {
	for _, f := range t.Field {
		s := nameless(f.Type)
		if s == nil || len(*m) > maxSteps || strings.Count(path, ".") > maxMembers {
			*m = append(*m, memberLine(path, base, f))
			continue
		}
		inner := path
		if f.Name != "" {
			inner += f.Name + "."
		}
		m.add(inner, base+f.ByteOffset, s)
	}
}

func memberLine(path string, base int64, f *dwarf.StructField) string {
	var s speller
	line := fmt.Sprintf("%s %s at %d", s.spell(f.Type), path+f.Name, base+f.ByteOffset)
	if f.BitSize != 0 {
		first := f.DataBitOffset + f.BitOffset
		line += fmt.Sprintf(", bits %d to %d", first, first+f.BitSize-1)
	}
	return line
}

// without lists what another structure has not.
func (m memberList) without(other memberList, sign string) (lines []string) {
	more := 0
	for _, line := range m {
		switch {
		case slices.Contains(other, line):
		case len(lines) == maxMembers:
			more++
		default:
			lines = append(lines, sign+" "+line)
		}
	}
	if more > 0 {
		lines = append(lines, fmt.Sprintf("%s %d more", sign, more))
	}
	return lines
}
