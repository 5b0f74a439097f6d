package disasm

import (
	"fmt"
	"strconv"
	"strings"

	"gocare/internal/arch"
	"gocare/internal/lazyregexp"
)

// field is a part of an instruction that a relocation fills in.
type field struct {
	at, width uint64 // from the start of the instruction, in bytes
	kind      arch.RelocKind
	fromPC    bool   // it holds a distance from the program counter
	shown     bool   // the linker may take what others define by the name
	name      string // symbol or label; the field is filled from name+off, as text spells it
	off       int64
}

var (
	annotation  = lazyregexp.New(` <[^>]*>$`)
	placeOfCode = lazyregexp.New(`^([0-9a-f]+) <[^>]*>$`)
	fromCounter = lazyregexp.New(`-?0x[0-9a-f]+\(%rip\)`)
	noNumber    = lazyregexp.New(`(^|,|\*|:)0x0(\(|,|$)`)
	noImmediate = lazyregexp.New(`\$0x0(,|$)`)
	nothing     = lazyregexp.New(`^((data16|cs|nopw|nopl|nop) ?)*(xchgw? +%ax,%ax|nop[lw]? .*)$`)
)

// modifiers are what an operand says behind a symbol whose field is not just its place.
var modifiers = map[arch.RelocKind]string{
	arch.GOTLoad: "@GOTPCREL", arch.GOTLoadRelax: "@GOTPCREL", arch.TLSLocalExec: "@TPOFF", arch.TLSInitialExec: "@GOTTPOFF",
	arch.TLSGeneralDynamic: "@TLSGD", arch.TLSLocalDynamic: "@TLSLD", arch.TLSBlockOffset32: "@DTPOFF", arch.TLSDescLoad: "@TLSDESC",
	arch.TLSDescCall: "@TLSCALL",
}

// splitText splits what the disassembler says of an instruction into that and the place which a distance from the program counter leads to.
func splitText(text string) (operation, operands string, target uint64, hasTarget bool) {
	text, comment, _ := strings.Cut(text, "#")
	text = strings.TrimSpace(text)
	word, rest := cutOperation(text)
	if m := placeOfCode.FindStringSubmatch(rest); m != nil {
		at, err := strconv.ParseUint(m[1], 16, 64)
		return word, "", at, err == nil
	}
	if m := placeOfCode.FindStringSubmatch(strings.TrimSpace(comment)); m != nil {
		at, err := strconv.ParseUint(m[1], 16, 64)
		return word, rest, at, err == nil
	}
	return word, annotation.ReplaceAllString(rest, ""), 0, false
}

// cutOperation splits an instruction behind its prefixes and its name.
func cutOperation(text string) (word, operands string) {
	for {
		first, rest, more := strings.Cut(text, " ")
		word, text = strings.TrimSpace(word+" "+first), strings.TrimSpace(rest)
		if !more || !isPrefix(first) {
			return word, text
		}
	}
}

// isPrefix reports whether a word of the disassembler's is a prefix, behind which an instruction follows.
func isPrefix(word string) bool {
	switch word {
	case "data16", "addr32", "lock", "rep", "repz", "repnz", "notrack", "bnd", "cs", "ds", "es", "fs", "gs", "ss", "xacquire", "xrelease":
		return true
	}
	return strings.HasPrefix(word, "rex")
}

// doesNothing reports whether an instruction only fills room. Assemblers choose its form by its length.
func doesNothing(text string) bool {
	text, _, _ = strings.Cut(text, "#")
	return nothing.MatchString(strings.TrimSpace(text))
}

// spelt returns an instruction as an assembler takes it: the place that it leads to, and its fields, by name.
func spelt(in instruction, fields []field, target func(offset uint64) string) (string, error) {
	if doesNothing(in.text) && len(in.code) > 1 {
		return asBytes(in.code), nil
	}
	word, operands, to, hasTarget := splitText(in.text)
	word = withoutSize(word)
	if strings.Contains(in.text, "(bad)") {
		return "", fmt.Errorf("the disassembler does not know the instruction at 0x%x", in.offset)
	}
	branch := operands == "" && hasTarget
	if branch && len(fields) == 0 {
		return join(word, target(to)), nil
	}
	for _, f := range fields {
		var err error
		if operands, err = f.put(in, operands, branch); err != nil {
			return "", err
		}
	}
	if hasTarget && !branch && len(fields) == 0 {
		operands = fromCounter.ReplaceAllString(operands, target(to)+"(%rip)")
	}
	if rest, ok := strings.CutPrefix(word, "data16 data16 rex.W "); ok { // of a call for a thread-local variable
		return ".value 0x6666\n\trex64\n\t" + join(rest, operands), nil
	}
	return join(word, operands), nil
}

// longBranch is the length in bytes from which on a jump has a distance of 32 bits.
const longBranch = 5

// asLong returns a jump with the length that it has in the object: an assembler that once made it long, as it saw more padding ahead, leaves
// it so.
func asLong(in instruction, text string) string {
	if strings.HasPrefix(text, "j") && !strings.Contains(text, "*") && len(in.code) >= longBranch {
		return "{disp32} " + text
	}
	return text
}

// withoutSize is a jump, call or return without the size of its operand, which the disassembler only writes where the distance is long.
func withoutSize(word string) string {
	for _, name := range []string{"jmpq", "callq", "retq"} {
		if rest, ok := strings.CutSuffix(word, name); ok && (rest == "" || strings.HasSuffix(rest, " ")) {
			return strings.TrimSuffix(word, "q")
		}
	}
	return word
}

func join(word, operands string) string {
	if operands == "" {
		return word
	}
	return word + "\t" + operands
}

func asBytes(code []byte) string {
	list := make([]string, len(code))
	for i, b := range code {
		list[i] = fmt.Sprintf("0x%02x", b)
	}
	return ".byte\t" + strings.Join(list, ",")
}

// put writes what a field is filled from into the operands.
func (f *field) put(in instruction, operands string, branch bool) (string, error) {
	text := f.name + modifiers[f.kind]
	if f.off != 0 {
		text += fmt.Sprintf("%+d", f.off)
	}
	var spot *lazyregexp.Regexp
	switch {
	case branch && f.kind == arch.Call && f.shown:
		return f.name + "@PLT" + offsetText(f.off), nil
	case branch:
		return text, nil
	case fromCounter.MatchString(operands) && f.kind != arch.TLSDescCall && f.fromPC:
		return fromCounter.ReplaceAllLiteralString(operands, text+"(%rip)"), nil
	case f.at+f.width == uint64(len(in.code)) && noImmediate.MatchString(operands):
		spot, text = noImmediate, "$$"+text+"${1}"
	case noNumber.MatchString(operands):
		spot, text = noNumber, "${1}"+text+"${2}"
	default:
		return "", fmt.Errorf("the instruction at 0x%x has no operand for %s", in.offset, f.name)
	}
	return replaceFirst(spot, operands, text), nil
}

func offsetText(off int64) string {
	if off == 0 {
		return ""
	}
	return fmt.Sprintf("%+d", off)
}

func replaceFirst(r *lazyregexp.Regexp, s, with string) string {
	at := r.FindStringIndex(s)
	return s[:at[0]] + r.ReplaceAllString(s[at[0]:at[1]], with) + s[at[1]:]
}

// isLoose reports whether an instruction takes the address in a field, or adds registers to it, so that it may mean another place.
func isLoose(in instruction, f field) bool {
	word, operands, _, _ := splitText(in.text)
	last := word[strings.LastIndexByte(word, ' ')+1:]
	if strings.HasPrefix(last, "lea") || f.at+f.width == uint64(len(in.code)) && noImmediate.MatchString(operands) {
		return true
	}
	return !fromCounter.MatchString(operands) && strings.Contains(operands, "0x0(")
}

var (
	vectorInMemory = lazyregexp.New(`\(.*%[xyz]mm|%[xyz]mm.*\(`)
	unaligned      = lazyregexp.New(`^(movup[sd]|movdqu|lddqu|mov[dq]|mov[lh]p[sd]|movddup|\w+s[sd]|cvtsi2\w+|cvtt?s[sd]2\w+|cvtps2pd|cvtdq2pd|cvtpi2\w+|` +
		`pinsr\w+|pextr\w+|pmov[sz]x\w+|insertps|extractps|maskmov\w+)$`)
	alignedVEX = lazyregexp.New(`^vmov(ap[sd]|dqa\w*|nt\w+)$`)
)

// asksForAlignment reports whether an instruction may fault where its operand in memory is not aligned: those of vectors, but for what loads
// and stores any place and what works on one number.
func asksForAlignment(in instruction) bool {
	word, operands, _, _ := splitText(in.text)
	if strings.HasPrefix(word, "v") {
		return vectorInMemory.MatchString(operands) && alignedVEX.MatchString(word)
	}
	return vectorInMemory.MatchString(operands) && !unaligned.MatchString(word)
}
