package diffasm

import "testing"

// TestIdentityLiteral: what compares the address of a literal stays the original's, and so does what lets that literal out.
func TestIdentityLiteral(t *testing.T) {
	const array = "\tleaq\t.LC1(%rip), %rax\n\tmovq\t%rax, -24(%rsp)\n\tmovq\t-24(%rsp,%rdi,8), %rax\n\tcmpq\t%rax, %rsi\n"
	text := "\t.section\t.rodata.str1.1,\"aMS\",@progbits,1\n.LC0:\n\t.string\t\"none\"\n.LC1:\n\t.string\t\"other\"\n" +
		"\t.data\n\t.globl\tv\nv:\n\t.quad\t.LC0\n" +
		asmText("compares", "\tleaq\t.LC0(%rip), %rax\n\tcmpq\t%rax, v(%rip)") +
		asmText("returns", "\tleaq\t.LC0(%rip), %rax") + asmText("prints", "\tleaq\t.LC0(%rip), %rdi\n\tcall\tputs\n\txorl\t%eax, %eax") +
		asmText("another", "\tleaq\t.LC1(%rip), %rax") + asmText("indexes", array) +
		asmText("distance", "\tleaq\t.LC1(%rip), %rax\n\tsubq\t%rdi, %rax\n\tcmpq\t%rax, %rsi")
	f, err := Parse("a.s", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	d, err := Match(f, f, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Decide(d, Options{Identity: func(string) bool { return true }})
	if err != nil {
		t.Fatal(err)
	}
	skipped, taken := "", ""
	for _, f := range s.Skipped {
		skipped += f.Name + " "
	}
	for _, f := range s.Functions {
		taken += f.Name + " "
	}
	if skipped != "compares returns " || taken != "prints another indexes distance " {
		t.Errorf("skipped %q, took %q", skipped, taken)
	}
}
