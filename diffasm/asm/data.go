package asm

import (
	"strconv"
	"strings"
)

// itemSizes is the width of the numbers a data directive writes.
var itemSizes = map[string]int{
	".byte": 1, ".value": 2, ".short": 2, ".2byte": 2, ".hword": 2, ".long": 4, ".int": 4, ".4byte": 4, ".quad": 8, ".8byte": 8,
}

// ItemSize returns the bytes of each number that a data directive writes, 0 for other directives.
func ItemSize(op string) int { return itemSizes[op] }

// ConstBytes returns the content of a block of plain numbers, little-endian.
func ConstBytes(b *Block) ([]byte, bool) {
	var out []byte
	for _, st := range b.Items {
		size := ItemSize(st.Op)
		if st.Op == ".zero" {
			n, err := strconv.ParseUint(st.Args, 0, 16)
			if err != nil {
				return nil, false
			}
			out = append(out, make([]byte, n)...)
			continue
		}
		if size == 0 {
			return nil, false
		}
		for _, arg := range strings.Split(st.Args, ",") {
			v, ok := Number(Trim(arg))
			if !ok {
				return nil, false
			}
			for i := 0; i < size; i++ {
				out = append(out, byte(v>>(8*i)))
			}
		}
	}
	return out, true
}

// NormalNumber spells a number in decimal; 1b, 1f and characters stay.
func NormalNumber(s string) string {
	if s[0] != '0' || len(s) == 1 {
		return s
	}
	if n, err := strconv.ParseUint(s, 0, 64); err == nil {
		return strconv.FormatUint(n, 10)
	}
	return s
}

// IsDigit reports whether a byte is a decimal digit.
func IsDigit(c byte) bool { return c >= '0' && c <= '9' }

// SameBytes reports whether two blocks of plain numbers have the same content however it is spelt.
func SameBytes(p, o *Block) bool {
	pb, ok := ConstBytes(p)
	ob, ok2 := ConstBytes(o)
	return ok && ok2 && string(pb) == string(ob)
}
