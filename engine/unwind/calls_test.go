package unwind

import (
	"bytes"
	"testing"

	"gocare/internal/arch"
)

func TestReturnsTo(t *testing.T) {
	for _, tt := range []struct {
		name string
		code []byte
		want bool
	}{
		{"call rel32", []byte{0xe8, 1, 2, 3, 4}, true},
		{"call *%rax", []byte{0xff, 0xd0}, true},
		{"call *%r11", []byte{0x41, 0xff, 0xd3}, true},
		{"call *(%rax)", []byte{0xff, 0x10}, true},
		{"call *8(%rbx)", []byte{0xff, 0x53, 8}, true},
		{"call *(%rsp)", []byte{0xff, 0x14, 0x24}, true},
		{"call *256(%rbx)", []byte{0xff, 0x93, 0, 1, 0, 0}, true},
		{"call *rel32(%rip)", []byte{0xff, 0x15, 1, 2, 3, 4}, true},
		{"call *table(,%rax,8)", []byte{0xff, 0x14, 0xc5, 1, 2, 3, 4}, true},
		{"jmp rel32", []byte{0xe9, 1, 2, 3, 4}, false},
		{"jmp *%rax", []byte{0xff, 0xe0}, false},
		{"push 8(%rbx)", []byte{0xff, 0x73, 8}, false},
		{"nothing", nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code := append(bytes.Repeat([]byte{0x90}, 16), tt.code...)
			if got := MachineOf(&arch.X86_64).ReturnsTo(bytes.NewReader(code), uint64(len(code))); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
