package asm

import (
	"strings"
	"testing"
)

func TestJoinPartitions(t *testing.T) {
	tests := []struct {
		name  string
		text  string // of the second partition
		names map[string]string
		want  string
	}{
		{"labels and constants", ".LC5:\n\tleaq\t.LC5(%rip), %rdi\n\tjmp\t.L1\n", nil, ".LC10000005:\n\tleaq\t.LC10000005(%rip), %rdi\n\tjmp\t.L10000001\n"},
		{"a label without a number", ".Lend:\n", nil, ".Lend_1:\n"},
		{"a label whose number begins with zero", ".L01:\n", nil, ".L01_1:\n"},
		{"a private name", "\tmovl\tn.0(%rip), %eax\nn.0:\n", map[string]string{"n.0": "n.b_c"}, "\tmovl\tn.b_c(%rip), %eax\nn.b_c:\n"},
		{"a private name that is a mnemonic", "\tcall\tcall\n", map[string]string{"call": "call.0"}, "\tcall\tcall.0\n"},
		{"a private name that is a register", "\tmovl\tcl(%rip), %ecx\n\tmovb\t%cl, cl(%rip)\n", map[string]string{"cl": "cl.0"}, "\tmovl\tcl.0(%rip), %ecx\n\tmovb\t%cl, cl.0(%rip)\n"},
		{"a private name that is a modifier", "\tcall\tPLT@PLT\n", map[string]string{"PLT": "PLT.0"}, "\tcall\tPLT.0@PLT\n"},
		{"a private name in a string", "\t.string\t\"n.0 \\\" n.0\"\n", map[string]string{"n.0": "n"}, "\t.string\t\"n.0 \\\" n.0\"\n"},
		{"a private name that is a section", "\t.section\tset,\"a\",@progbits,.L1\n", map[string]string{"set": "set.0"}, "\t.section\tset,\"a\",@progbits,.L10000001\n"},
		{"several statements", "\tnop; call call; jmp .L1\n", map[string]string{"call": "call.0"}, "\tnop; call call.0; jmp .L10000001\n"},
		{"what was promoted", "\t.hidden\tn.lto_priv.0\n\t.globl\tn.lto_priv.0\n", map[string]string{"n.lto_priv.0": "n"}, ""},
		{"what others see", "\t.globl\tf\n\t.hidden\tf\n", nil, "\t.globl\tf\n\t.hidden\tf\n"},
		{"places", "\t.file\t\"<artificial>\"\n\t.file 0 \"/d\" \"<artificial>\"\n\t.file 1 \"a.c\"\n\t.loc 1 7 3 is_stmt 1\n", nil, "\t.file 10001 \"a.c\"\n\t.loc 10001 7 3 is_stmt 1\n"},
		{"debug information", "\t.section\t.debug_info,\"\",@progbits\n.Ldebug_info0:\n\t.long\t0x2a\n\t.text\n.L1:\n", nil, "\t.text\n.L10000001:\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			const first = ".L1:\n\tcall\tf\n"
			got := JoinPartitions([]Partition{{Text: first}, {Text: tt.text, Names: tt.names}})
			if want := "\t.text\n" + first + "\t.text\n" + tt.want; got != want {
				t.Errorf("got %q, want %q", strings.TrimPrefix(got, "\t.text\n"+first), strings.TrimPrefix(want, "\t.text\n"+first))
			}
		})
	}
}

// A label of the whole is found again in its partition.
func TestPartitionOf(t *testing.T) {
	for _, label := range []string{".LC5", ".LC0", ".Lend", ".LC10000000"} {
		whole := JoinPartitions([]Partition{{}, {}, {Text: "\tjmp\t" + label + "\n"}})
		_, whole, _ = strings.Cut(strings.TrimSpace(whole), "jmp\t")
		number, own := PartitionOf(whole)
		if known := label == ".LC5" || label == ".LC0"; (number == 2 && own == label) != known {
			t.Errorf("%s is %s of the whole, and that %s of partition %d", label, whole, own, number)
		}
	}
	if number, own := PartitionOf(".LC7"); number != 0 || own != ".LC7" {
		t.Errorf(".LC7 is %s of partition %d", own, number)
	}
}
