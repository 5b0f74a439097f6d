package diffasm

import (
	"bytes"
	"slices"
	"strings"

	"gocare/diffasm/asm"
	"gocare/diffasm/machine"
	"gocare/internal/arch"
	"gocare/internal/lazyregexp"
)

// fileStamp is a time as the preprocessor writes __TIMESTAMP__: when the source file was changed.
const fileStamp = `\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ 0-3]\d [0-2]\d:[0-5]\d:[0-6]\d \d{4}\b`

// stamp is one, or a date or a time of day as in __DATE__ and __TIME__.
var stamp = lazyregexp.New(fileStamp + `|\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ 0-3]\d \d{4}\b|\b[0-2]\d:[0-5]\d:[0-6]\d\b`)

// Stamps returns what may be dates and times of a compile in a unit's assembly, in order.
func Stamps(asm []byte) []string {
	if !holdsMonth(asm) && !holdsTimeOfDay(asm) {
		return nil
	}
	var list []string
	for _, m := range stamp.FindAll(asm, -1) {
		list = append(list, string(m))
	}
	return list
}

var fileStamps = lazyregexp.New(fileStamp)

// holdsMonth reports whether a text may hold a date: nearly no assembly does, and to look for a month is much faster than to match.
func holdsMonth(text []byte) bool {
	for _, month := range []string{"Jan ", "Feb ", "Mar ", "Apr ", "May ", "Jun ", "Jul ", "Aug ", "Sep ", "Oct ", "Nov ", "Dec "} {
		if bytes.Contains(text, []byte(month)) {
			return true
		}
	}
	return false
}

// holdsTimeOfDay reports likewise whether a text may hold a time of day, whose colons are three bytes apart.
func holdsTimeOfDay(text []byte) bool {
	for {
		i := bytes.IndexByte(text, ':')
		if i < 0 || i+3 >= len(text) {
			return false
		}
		if text[i+3] == ':' {
			return true
		}
		text = text[i+1:]
	}
}

// FileStamps returns what may be times of source files in a unit's assembly, each once, in order.
func FileStamps(asm []byte) []string {
	if !holdsMonth(asm) {
		return nil
	}
	var list []string
	for _, m := range fileStamps.FindAll(asm, -1) {
		if !slices.Contains(list, string(m)) {
			list = append(list, string(m))
		}
	}
	return list
}

// Restamp returns the assembly that a unit with other times of its source files gives: each of the times from becomes the one of the same
// index in to.
func Restamp(asm []byte, from, to []string) []byte {
	return fileStamps.ReplaceAllFunc(asm, func(m []byte) []byte {
		if i := slices.Index(from, string(m)); i >= 0 {
			return []byte(to[i])
		}
		return m
	})
}

// SameButStamps reports whether two assembly texts are equal but for dates and times in their strings: one source,
// compiled at two times.
func SameButStamps(a, b []byte) bool {
	al, bl := strings.Split(string(a), "\n"), strings.Split(string(b), "\n")
	return slices.EqualFunc(al, bl, func(x, y string) bool { return x == y || withoutStamps(x) == withoutStamps(y) })
}

// withoutStamps takes stamps out of a line: the text in strings, and pieces of it that a move copies.
func withoutStamps(line string) string {
	if op := asm.FirstWord(asm.Trim(line)); op == ".string" || op == ".ascii" {
		return stamp.ReplaceAllString(line, "")
	}
	return machine.For(arch.Default()).MaskMoved(line, isText)
}

// isText reports whether a number is two characters or more of a date or time, as memory holds them.
func isText(v uint64) bool {
	n := 0
	for ; v != 0; v >>= 8 {
		c := byte(v)
		if c != ' ' && c != ':' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
		n++
	}
	return n > 1
}

// Stamps takes what differs in the time of the compile only out of a delta, and out of what it says of a changed function. later is the delta of the same patched unit to
// the original source compiled at the patched one's time, see SameButStamps.
func (d *Delta) Stamps(later *Delta) {
	then := map[string]Function{}
	for _, f := range later.Functions {
		if f.Orig != "" {
			then[f.Name+"\x00"+f.Orig] = f
		}
	}
	for i, f := range d.Functions {
		if f.Status != Changed {
			continue
		}
		switch l := then[f.Name+"\x00"+f.Orig]; l.Status {
		case Same, LineOnly:
			d.Functions[i] = Function{Name: f.Name, Orig: f.Orig, Status: LineOnly, Reason: "time of the build only", File: f.File}
		case Changed: // its first difference is none of the time
			d.Functions[i] = l
		}
	}
	unchanged := map[string]bool{}
	for _, v := range later.Variables {
		unchanged[v.Name+"\x00"+v.Orig] = v.Orig != "" && v.Status == Same
	}
	for i, v := range d.Variables {
		if v.Status == Changed && unchanged[v.Name+"\x00"+v.Orig] {
			d.Variables[i].Status, d.Variables[i].Code, d.Variables[i].Reason = Same, "", ""
		}
	}
}
