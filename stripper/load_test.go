package stripper

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gocare/internal/arch"
	"gocare/internal/kpname"
	"gocare/internal/test/refload"
	"gocare/kpatch"
)

// TestLoads checks that what Strip and Encode make loads by the rules of the format, and that references lead where
// the joined object said.
func TestLoads(t *testing.T) {
	p, err := Strip(joined(), options)
	if err != nil {
		t.Fatal(err)
	}
	data, err := kpatch.Encode(p)
	if err != nil {
		t.Fatal(err)
	}
	const base, bias, strchr = 0x555555400000, 0x555555554000, 0x7ffff7c12340
	img, err := refload.Load(data, refload.Env{Base: base, Bias: bias, BuildID: options.BuildID, Resolve: func(name string) (uint64, bool) {
		return strchr, name == "strchr"
	}})
	if err != nil {
		t.Fatal(err)
	}
	text, dataAddr := img.Sections[kpname.Text], img.Sections[kpname.Data]
	want := []refload.Function{
		{Daddr: bias + 0x1060, Saddr: text, Dlen: 20, Slen: 32, Name: "f"},
		{Saddr: text + 32, Slen: 16, Name: "g"},
	}
	if diff := cmp.Diff(want, img.Functions); diff != "" {
		t.Errorf("functions:\n%s", diff)
	}
	at := func(addr uint64) []byte { return img.Bytes[addr-base:] }
	reached := func(place uint64) uint64 {
		return place + 4 + uint64(int64(int32(binary.LittleEndian.Uint32(at(place)))))
	}
	for _, row := range []struct {
		name      string
		got, want uint64
	}{
		{"within the section", reached(text + 1), text + 32},
		{"to another section", reached(text + 8), dataAddr + 4},
		{"to the import", binary.LittleEndian.Uint64(at(reached(text + 16))[8:]), strchr},
		{"to the original", reached(text + 24), bias + 0x1020 + 0x80},
		{"address in data", binary.LittleEndian.Uint64(at(dataAddr + 8)), bias + 0x4000 + 8 + 2},
		{"writable from", base + img.CodeSize, dataAddr},
	} {
		if row.got != row.want {
			t.Errorf("%s: %s, want %s", row.name, hexAddr(row.got), hexAddr(row.want))
		}
	}
	layout, err := mustDecode(t, data).Layout(&arch.X86_64)
	if err != nil {
		t.Fatal(err)
	}
	got := kpatch.Layout{
		JumpSlots: 1, JmpOffset: img.JmpOffset, ElfOffset: img.ElfOffset, DataOffset: uint32(img.CodeSize),
		UserInfo: img.UserInfo, UserUndo: img.UserUndo, Frames: layout.Frames, TotalMemory: uint64(len(img.Bytes)),
	}
	if diff := cmp.Diff(got, layout); diff != "" {
		t.Errorf("layout (-loader +kpatch):\n%s", diff)
	}
}

func hexAddr(v uint64) string { return fmt.Sprintf("0x%x", v) }

func mustDecode(t *testing.T, data []byte) *kpatch.Patch {
	t.Helper()
	p, err := kpatch.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
