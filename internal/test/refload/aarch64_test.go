package refload

import (
	"debug/elf"
	"strings"
	"testing"
)

func TestStoreArm(t *testing.T) {
	const place = 0x10000ff8
	for _, tt := range []struct {
		name    string
		typ     elf.R_AARCH64
		op      uint32
		to      symbol
		want    uint64
		refused string
	}{
		{"call", elf.R_AARCH64_CALL26, 0x94000000, symbol{value: place - 8}, 0x97fffffe, ""},
		{"call too far", elf.R_AARCH64_CALL26, 0x94000000, symbol{value: place + 1<<27}, 0, "cannot hold"},
		{"call between instructions", elf.R_AARCH64_JUMP26, 0x14000000, symbol{value: place + 2}, 0, "no jump"},
		{"page", elf.R_AARCH64_ADR_PREL_PG_HI21, 0x90000001, symbol{value: 0x10003008}, 0xf0000001, ""},
		{"page before", elf.R_AARCH64_ADR_PREL_PG_HI21, 0x90000001, symbol{value: 0xffff008}, 0xf0ffffe1, ""},
		{"page too far", elf.R_AARCH64_ADR_PREL_PG_HI21, 0x90000001, symbol{value: place + 1<<33}, 0, "cannot hold"},
		{"page of another instruction", elf.R_AARCH64_ADR_PREL_PG_HI21, 0x10000001, symbol{value: place}, 0, "no adrp"},
		{"address", elf.R_AARCH64_ABS64, 0, symbol{value: 0x7f0012345678}, 0x7f0012345678, ""},
		{"variable of a library", elf.R_AARCH64_GLOB_DAT, 0, symbol{value: 1, target: 0x7f0012345678, slot: true}, 0x7f0012345678, ""},
		{"another type", elf.R_AARCH64_ADD_ABS_LO12_NC, 0x91000000, symbol{}, 0, "relocation type"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := make([]byte, armWidth(uint32(tt.typ)))
			le.PutUint32(b, tt.op)
			err := storeArm(b, relocation{typ: uint32(tt.typ), symbol: &tt.to, place: place})
			if tt.refused != "" {
				if err == nil || !strings.Contains(err.Error(), tt.refused) {
					t.Errorf("%v, want %s", err, tt.refused)
				}
				return
			}
			got := uint64(le.Uint32(b))
			if len(b) == 8 {
				got = le.Uint64(b)
			}
			if err != nil || got != tt.want {
				t.Errorf("%x, %v, want %x", got, err, tt.want)
			}
		})
	}
}
