package asmpack

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

func TestPack(t *testing.T) {
	var long strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&long, "\t.loc 1 %d 5 view .LVU%d\n.LVL%d:\n\t.uleb128 .LVU%d-.Ltext0\n\t.long\t0x%x\n\t.string\t\"name_%d\"\n", i/3, i, i, i+7, i*37%4096, i%900)
	}
	for _, tt := range []struct{ name, text string }{
		{"nothing", ""},
		{"one line without an end", "\tret"},
		{"empty lines", "\n\n\nf:\n\n"},
		{"numbers as they are not written by us", "a 007 0x00ff 0xFF 0x 0xg 123456789012345678901234567890 0xfffffffffffffffff 1e5 -0 18446744073709551615\n"},
		{"numbers in names", "f2b_3: movl $0x1f, -8(%r12)\n"},
		{"quoted", "\t.string \"a \\\"1\\\" 0x2\"\n\t.section .data.rel.local,\"aw\"\n"},
		{"carriage returns", "a 1\r\nb 2\r\n"},
		{"marks in the text", "a\x01b\x02\x03\n"},
		{"zeros", "\x00\n\x00"},
		{"bytes beyond ASCII", "\xff\xfe 12 \xe4\n"},
		{"strings in gcc's order", stringsOf(3, 0, 2, 1)},
		{"strings twice", stringsOf(0, 1, 1)},
		{"strings without some", stringsOf(0, 5)},
		{"a label that is no number", "\n.LASF01:\n\t.string \"x\"\n.LASFx:\n"},
		{"a label without a string", stringsOf(0, 1) + ".LASF2:\n\tnop\n\t.string \"x\"\n"},
		{"a label in the first line", strings.TrimPrefix(stringsOf(1, 0), "\tret\n")},
		{"a label and more in its line", stringsOf(0) + ".LASF1: nop\n"},
		{"labels with a carriage return", strings.ReplaceAll(stringsOf(1, 0), "\n", "\r\n")},
		{"abbreviations", entries("0x1", "0x1", "0x2")},
		{"codes that are none", entries("0x1", "0x3", "0x0", "0x7fffffffffffffff")},
		{"abbreviations that say the same", strings.ReplaceAll(entries("0x1", "0x2"), "0x34", "0x11")},
		{"abbreviations at the end", "\n\t.section\t.debug_abbrev,\"\"\n.Ldebug_abbrev0:\n\t.uleb128 0x1"},
		{"a code twice", strings.Replace(entries("0x1", "0x2"), "0x2\n\t.uleb128 0x34", "0x1\n\t.uleb128 0x34", 1)},
		{"entries among abbreviations", "\n" + strings.Replace(entriesAbbreviations, "abbrev0", "info0", 1)},
		{"long", long.String()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			packed, err := Pack([]byte(tt.text), []byte("between"), []byte(tt.text))
			if strings.HasPrefix(tt.name, "marks") || strings.HasPrefix(tt.name, "zeros") {
				if err == nil {
					t.Error("it was taken apart")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got, err := Unpack(packed)
			if err != nil || len(got) != 3 || string(got[0]) != tt.text || string(got[1]) != "between" || string(got[2]) != tt.text {
				t.Fatalf("%q, %v", got, err)
			}
		})
	}
}

// stringsOf is a table of strings with these labels.
func stringsOf(labels ...int) string {
	text := "\tret\n"
	for _, n := range labels {
		text += fmt.Sprintf(".LASF%d:\n\t.string\t\"name_%d\"\n", n, n*n)
	}
	return text + "\t.long\t.LASF0\n"
}

// entries is debugging information of entries with these codes, 1 and 2 of which are known.
func entries(codes ...string) string {
	text := "\n\t.section\t.debug_info,\"\",@progbits\n.Ldebug_info0:\n\t.long\t0x12\n"
	for i, code := range codes {
		text += fmt.Sprintf("\t.uleb128 %s\n\t.byte\t0x%x\n\t.long\t0x%x\n", code, i, 8*i)
	}
	return text + entriesAbbreviations
}

const entriesAbbreviations = `	.section	.debug_abbrev,"",@progbits
.Ldebug_abbrev0:
	.uleb128 0x1
	.uleb128 0x11
	.byte	0x1
	.uleb128 0x3
	.uleb128 0x8
	.byte	0
	.byte	0
	.uleb128 0x2
	.uleb128 0x34
	.byte	0x1
	.uleb128 0x3
	.uleb128 0x8
	.byte	0
	.byte	0
	.byte	0
	.section	.debug_line,"",@progbits
`

func packedSize(t *testing.T, texts ...string) int {
	t.Helper()
	var list [][]byte
	for _, text := range texts {
		list = append(list, []byte(text))
	}
	packed, err := Pack(list...)
	if err != nil {
		t.Fatal(err)
	}
	return len(packed)
}

// TestStringsInOrder: the order in which gcc writes strings takes next to nothing.
func TestStringsInOrder(t *testing.T) {
	var lines [][]byte
	var inTurn, asGCC []int
	for i := range 1500 {
		inTurn = append(inTurn, i)
		lines = append(lines, fmt.Appendf(nil, "\t.string\t\"name_%d\"", i*i))
	}
	for _, n := range hashOrder(lines, 8) {
		asGCC = append(asGCC, int(n))
	}
	if ordered, other := packedSize(t, stringsOf(asGCC...)), packedSize(t, stringsOf(inTurn...)); ordered+len(lines) > other {
		t.Errorf("in gcc's order they take %d bytes, in another one %d", ordered, other)
	}
}

// TestCodesAreShared: a text that has other codes for the same abbreviations takes next to nothing behind one that is the same otherwise.
func TestCodesAreShared(t *testing.T) {
	var one, two []string
	random := rand.New(rand.NewPCG(1, 2))
	for range 4000 {
		code := random.IntN(2)
		one, two = append(one, fmt.Sprintf("0x%x", 1+code)), append(two, fmt.Sprintf("0x%x", 2-code))
	}
	swapped := strings.NewReplacer("0x11", "0x34", "0x34", "0x11").Replace(entriesAbbreviations)
	first, second := entries(one...), strings.Replace(entries(two...), entriesAbbreviations, swapped, 1)
	if same, other := packedSize(t, first, first), packedSize(t, first, second); other > same+200 {
		t.Errorf("twice the same take %d bytes, with other codes %d", same, other)
	}
}

// TestSmall: what is alike but for counting numbers takes a fraction of what it takes as text.
func TestSmall(t *testing.T) {
	var text bytes.Buffer
	for i := range 20000 {
		fmt.Fprintf(&text, ".LVL%d:\n\t.loc 1 %d 3 is_stmt 1 view .LVU%d\n\tmovl\t$%d, %%eax\n", i, 100+i/2, i, i%64)
	}
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		t.Fatal(err)
	}
	plain := enc.EncodeAll(text.Bytes(), nil)
	packed, err := Pack(text.Bytes())
	if err != nil || len(packed)*10 > len(plain) {
		t.Errorf("%d bytes, as text %d, %v", len(packed), len(plain), err)
	}
}

func FuzzPack(f *testing.F) {
	f.Add([]byte("\t.long 0x12\n.LVL3:\n\t.string \"x\"\n"), []byte(""))
	f.Add([]byte("01 0x0 9999999999999999999\n\r\n"), []byte("0x0000000000000012 0x0000000000000000\n"))
	f.Add([]byte("\n.LASF1:\n\t.string \"x\"\n.LASF0:\n\t.string \"y\"\n"), []byte(".LASF0:\n\t.string \"x\"\n.LASF0:\n"))
	f.Fuzz(func(t *testing.T, one, two []byte) {
		packed, err := Pack(one, two)
		if err != nil {
			return
		}
		if got, err := Unpack(packed); err != nil || len(got) != 2 || !bytes.Equal(got[0], one) || !bytes.Equal(got[1], two) {
			t.Errorf("%q and %q became %q, %v", one, two, got, err)
		}
	})
}

func FuzzUnPack(f *testing.F) {
	packed, err := Pack([]byte("\t.long 0x12\n.LASF0:\n\t.string \"x\"\n"), []byte("\n.LASF0:\n\t.string \"x\"\n"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(packed[len(magic):])
	f.Fuzz(func(t *testing.T, data []byte) {
		texts, err := Unpack(append([]byte(magic), data...))
		if err != nil && texts != nil || len(bytes.Join(texts, nil)) > MaxText {
			t.Errorf("%d texts, %v", len(texts), err)
		}
	})
}
