package unlink

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// ListingArgs are the arguments that make objdump list the code of a program as Open reads it.
func ListingArgs(program string) []string {
	return []string{"--disassemble", "--wide", "--disassemble-zeroes", "--", program}
}

// stepsOf reads lines such as "  1f:\te8 00 00 00 00 \tcall 24 <f+0x24>".
func stepsOf(listing []byte) (list []step) {
	for line := range strings.Lines(string(listing)) {
		place, rest, isStep := strings.Cut(line, ":\t")
		if !isStep {
			continue
		}
		start, err := strconv.ParseUint(strings.TrimSpace(place), 16, 64)
		if err != nil {
			continue
		}
		code, _, _ := strings.Cut(rest, "\t")
		if n := len(strings.Fields(code)); n > 0 {
			list = append(list, step{start, start + uint64(n)})
		}
	}
	slices.SortFunc(list, func(a, b step) int { return cmp.Compare(a.start, b.start) })
	return list
}
