package trace

import "testing"

func TestInstructionAt(t *testing.T) {
	const insn = "\x01\x00\x00\xd4"
	for _, tt := range []struct {
		name, code string
		align      int
		want       int
	}{
		{"at the start", insn, 4, 0},
		{"behind another", "1234" + insn, 4, 4},
		{"its bytes inside two others", "123" + insn + "4567" + "8" + insn, 4, 12},
		{"only there", "123" + insn + "4", 4, -1},
		{"anywhere", "123" + insn, 1, 3},
		{"nowhere", "12345678", 1, -1},
	} {
		if got := instructionAt([]byte(tt.code), []byte(insn), tt.align); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}
