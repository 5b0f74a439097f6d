package asm

import "testing"

// Constants that linkers merge are aligned as their section is, whatever their size: clang puts strings with a zero among them.
func TestAlignOfConstants(t *testing.T) {
	const section = "\t.section\t.rodata.cst8,\"aM\",@progbits,8\n"
	for _, tt := range []struct {
		name, text string
		want       []uint64 // of .L0, .L1
	}{
		{"not aligned", section + ".L0:\n\t.asciz\t\"odd\\000one\"\n.L1:\n\t.quad\t1\n", []uint64{1, 1}},
		{"aligned once", section + "\t.p2align\t3\n.L0:\n\t.quad\t1\n.L1:\n\t.quad\t2\n", []uint64{8, 8}},
		{"aligned beyond its size", section + "\t.p2align\t4\n.L0:\n\t.quad\t1\n.L1:\n\t.quad\t2\n", []uint64{16, 8}},
		{"aligned each", section + "\t.align 8\n.L0:\n\t.quad\t1\n\t.align 8\n.L1:\n\t.quad\t2\n", []uint64{8, 8}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, err := Parse(ATT, "a.s", []byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			for i, name := range []string{".L0", ".L1"} {
				if got := f.Blocks[name].Align; got != tt.want[i] {
					t.Errorf("%s is aligned to %d, want %d", name, got, tt.want[i])
				}
			}
		})
	}
}
