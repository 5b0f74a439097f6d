package disasm

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"gocare/internal/elfobj"
)

// instruction is one of the listing.
type instruction struct {
	offset uint64 // in its section
	code   []byte
	text   string // in AT&T syntax, with what the disassembler says of it
}

func (i *instruction) end() uint64 { return i.offset + uint64(len(i.code)) }

// ListingArgs are the arguments that make objdump list the code of an object as this package reads it.
func ListingArgs(object string) []string {
	return []string{"--disassemble", "--wide", "--disassemble-zeroes", "--disassembler-options=suffix", "--", object}
}

// parseListing reads what objdump lists: sections with code, in the order of the object.
func parseListing(f *elfobj.File, listing []byte) (map[int][]instruction, error) {
	const heading = "Disassembly of section "
	code, section := map[int][]instruction{}, 0
	for line := range strings.Lines(string(listing)) {
		line = strings.TrimRight(line, "\n")
		if name, ok := strings.CutPrefix(line, heading); ok {
			if section = nextNamed(f, section, strings.TrimSuffix(name, ":")); section < 0 {
				return nil, fmt.Errorf("the disassembler lists a section %q, which the object does not have", name)
			}
			continue
		}
		in, ok, err := parseLine(line)
		if err != nil {
			return nil, err
		}
		if ok && section > 0 {
			code[section] = append(code[section], in)
		}
	}
	return code, checkListing(f, code)
}

// nextNamed returns the next section with code of that name.
func nextNamed(f *elfobj.File, after int, name string) int {
	for i := after + 1; i < len(f.Sections); i++ {
		if s := &f.Sections[i]; isCode(s) && s.Name == name {
			return i
		}
	}
	return -1
}

// parseLine reads "  1f:\te8 00 00 00 00 \tcall 24 <f+0x24>".
func parseLine(line string) (in instruction, ok bool, err error) {
	fields := strings.SplitN(line, "\t", 3)
	at, isPlace := strings.CutSuffix(strings.TrimSpace(fields[0]), ":")
	if !isPlace || len(fields) < 2 {
		return in, false, nil
	}
	if in.offset, err = strconv.ParseUint(at, 16, 64); err != nil {
		return in, false, nil
	}
	if in.code, err = hex.DecodeString(strings.ReplaceAll(fields[1], " ", "")); err != nil {
		return in, false, fmt.Errorf("the disassembler's line %q: %w", line, err)
	}
	if len(fields) > 2 {
		in.text = strings.TrimSpace(fields[2])
	}
	return in, true, nil
}

// checkListing makes sure that the listing has every byte of the code.
func checkListing(f *elfobj.File, code map[int][]instruction) error {
	for i := range f.Sections {
		s, at := &f.Sections[i], uint64(0)
		if !isCode(s) || s.Size == 0 {
			continue
		}
		for _, in := range code[i] {
			if in.offset != at || in.end() > s.Size || string(s.Data[at:in.end()]) != string(in.code) {
				return fmt.Errorf("the disassembler's listing of section %s is not that of the object, at 0x%x", s.Name, at)
			}
			at = in.end()
		}
		if at != s.Size {
			return fmt.Errorf("the disassembler's listing of section %s ends at 0x%x of 0x%x", s.Name, at, s.Size)
		}
	}
	return nil
}
