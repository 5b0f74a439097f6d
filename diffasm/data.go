package diffasm

import (
	"strconv"
	"strings"
)

// itemSizes is the width of the numbers a data directive writes.
var itemSizes = map[string]int{
	".byte": 1, ".value": 2, ".short": 2, ".2byte": 2, ".hword": 2, ".long": 4, ".int": 4, ".4byte": 4, ".quad": 8, ".8byte": 8,
}

// itemSize returns the bytes of each number that a data directive writes, 0 for other directives.
func itemSize(op string) int { return itemSizes[op] }

// constBytes returns the content of a block of plain numbers, little-endian.
func constBytes(b *block) ([]byte, bool) {
	var out []byte
	for _, st := range b.items {
		size := itemSize(st.op)
		if st.op == ".zero" {
			n, err := strconv.ParseUint(st.args, 0, 16)
			if err != nil {
				return nil, false
			}
			out = append(out, make([]byte, n)...)
			continue
		}
		if size == 0 {
			return nil, false
		}
		for _, arg := range strings.Split(st.args, ",") {
			v, ok := number(trim(arg))
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

// normalNumber spells a number in decimal; 1b, 1f and characters stay.
func normalNumber(s string) string {
	if s[0] != '0' || len(s) == 1 {
		return s
	}
	if n, err := strconv.ParseUint(s, 0, 64); err == nil {
		return strconv.FormatUint(n, 10)
	}
	return s
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// sameBytes reports whether two blocks of plain numbers have the same content however it is spelt.
func sameBytes(p, o *block) bool {
	pb, ok := constBytes(p)
	ob, ok2 := constBytes(o)
	return ok && ok2 && string(pb) == string(ob)
}
