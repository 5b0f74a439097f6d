package asmpack

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// TestBits: what is written is read, in as little as it is likely.
func TestBits(t *testing.T) {
	for _, tt := range []struct {
		name     string
		one, of  int // how many bits of how many are set
		smallest int // bytes for 8,000 bits
		largest  int
	}{
		{"all alike", 0, 1, 4, 12},
		{"all set", 1, 1, 4, 12},
		{"one in ten", 1, 10, 440, 560},
		{"even", 1, 2, 980, 1030},
	} {
		t.Run(tt.name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, 2))
			bits := make([]bool, 8000)
			c, w := evenChances(1), newBitWriter()
			for i := range bits {
				bits[i] = random.IntN(tt.of) < tt.one
				w.bit(&c[0], bits[i])
			}
			data := w.bytes()
			if len(data) < tt.smallest || len(data) > tt.largest {
				t.Errorf("%d bytes", len(data))
			}
			c, r := evenChances(1), newBitReader(data)
			for i, want := range bits {
				if r.bit(&c[0], !want) != want {
					t.Fatalf("bit %d", i)
				}
			}
			if r.ended() {
				t.Error("there was more to read")
			}
		})
	}
}

// TestBitsEnd: it is told when there are no more bits.
func TestBitsEnd(t *testing.T) {
	c, r := evenChances(1), newBitReader([]byte{1, 2, 3, 4})
	for range 1000 {
		c[0].set = 1 << 15
		r.bit(&c[0], false)
	}
	if !r.ended() {
		t.Error("1,000 bits were read of 32")
	}
}

// TestLineOrder: what lines follow each other is read as it was written. Which ones do so always takes next to nothing.
func TestLineOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var always, atRandom []uint32
	for i := range uint32(20000) {
		always, atRandom = append(always, i%700), append(atRandom, uint32(random.IntN(700)))
	}
	code := func(shapes []uint32) int {
		t.Helper()
		o, w := newLineOrder(1<<20), newBitWriter()
		for i, shape := range shapes {
			o.code(w, shape, 5, uint64(i))
		}
		data := w.bytes()
		o, r := newLineOrder(1<<20), newBitReader(data)
		for i, want := range shapes {
			if got := o.code(r, 0, 5, uint64(i)); got != want {
				t.Fatalf("line %d: %d, want %d", i, got, want)
			}
		}
		return len(data)
	}
	if n := code(always); n > 600 {
		t.Errorf("lines that follow each other take %d bytes", n)
	}
	if n := code(atRandom); n < 20000 {
		t.Errorf("lines at random take %d bytes", n)
	}
	code([]uint32{0, 1, 2, maxShapes - 1, 0xabcdef, 1, maxShapes - 1, 0x10000, 0xff})
}

// TestShorterContexts: what fewer lines say is neither looked up nor noted where more of them tell the next.
func TestShorterContexts(t *testing.T) {
	o, w := newLineOrder(1<<20), newBitWriter()
	round := func() {
		for shape := range uint32(700) {
			o.code(w, shape, 5, maxDistance)
		}
	}
	round()
	round()
	first, others := slices.Clone(o.slots[0]), [][]slot{slices.Clone(o.slots[1]), slices.Clone(o.slots[2]), slices.Clone(o.slots[3])}
	round()
	if slices.Equal(first, o.slots[0]) {
		t.Error("most lines: nothing was noted")
	}
	for i, before := range others {
		if !slices.Equal(before, o.slots[i+1]) {
			t.Errorf("%d lines: something was noted", orderLengths[i+1])
		}
	}
}

// TestLongContexts: of lines that may be followed by two, those before them tell which.
func TestLongContexts(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	text := func(told bool) string {
		var b strings.Builder
		for range 6000 {
			first, last := random.IntN(2), random.IntN(2)
			if told {
				last = first
			}
			b.WriteString([]string{"\tcall f\n", "\tcall g\n"}[first] + "\tnop\n\tret\n\tnop\n" + []string{"\tleave\n", "\thlt\n"}[last])
		}
		return b.String()
	}
	if told, other := packedSize(t, text(true)), packedSize(t, text(false)); told*3 > other*2 {
		t.Errorf("%d bytes where lines follow from earlier ones, else %d", told, other)
	}
}

// TestCounters: a label of a kind that counts up takes next to nothing, in whatever lines it stands, and so do labels that are numbered alike.
func TestCounters(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var counted, other strings.Builder
	for i := range 8000 {
		shape, line := []string{"\t.loc 1 %d 5 is_stmt 0 view .LVU%d\n", "\t.loc 1 %d 5 view .LVU%d\n"}[random.IntN(2)], 10+i/2
		fmt.Fprintf(&counted, shape, line, i)
		fmt.Fprintf(&other, strings.Replace(shape, ".LVU", "$", 1), line, i)
	}
	if one, two := packedSize(t, counted.String()), packedSize(t, other.String()); one*3 > two*2 {
		t.Errorf("%d bytes with labels that count up, %d with other numbers", one, two)
	}
	for name, want := range map[string]string{
		"\t.uleb\x02 .LVL\x02-\x02-.Ltext\x02": ", .LVL, , ",
		"\t.loc \x02 \x02 \x02 view .LVU\x02":  "f, fi, fil, .LVU",
		"\t.loc \x02 \x02 \x02 is_stmt \x02":   "f, fi, fil, ",
		".LASF\x02:":                           "",
		"\t.long\t.LASF\x02":                   ".LASF",
		".LVUS\x02:":                           ".LLST",
		"\t.quad\t.LBE\x02-.LBB\x02":           ".LBB, .LBB",
		".L\x02:":                              "",
		"LVL\x02 .\x02 \x01":                   ", , ",
		"\x02":                                 "",
		"\tmovq\tA\x02(%rip), .LC\x02":         ", .LC",
	} {
		var got []string
		for i, c := range []byte(name) {
			if c == hexMark || c == numberMark {
				got = append(got, counterName([]byte(name), i, len(got)))
			}
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

// TestAttributes: numbers that mean the same are kept together, whatever abbreviations they are of.
func TestAttributes(t *testing.T) {
	info := func(attribute func(code int) int) string {
		random := rand.New(rand.NewPCG(1, 2))
		text, abbreviations := "\n\t.section\t.debug_info,\"\"\n.Ldebug_info0:\n", "\t.section\t.debug_abbrev,\"\"\n.Ldebug_abbrev0:\n"
		for i := range 8000 {
			text += fmt.Sprintf("\t.uleb128 0x%x\n\t.value\t0x%x\n", 1+random.IntN(10), 1000+i)
		}
		for code := range 10 {
			abbreviations += fmt.Sprintf("\t.uleb128 0x%x\n\t.uleb128 0x34\n\t.byte\t0\n\t.uleb128 0x3f\n\t.uleb128 0x19\n\t.uleb128 0x%x\n\t.uleb128 0x5\n"+
				"\t.uleb128 0x%x\n\t.uleb128 0x21\n\t.byte\t0\n\t.byte\t0\n", 1+code, attribute(code), 0x80+code)
		}
		return text + abbreviations + "\t.byte\t0\n\t.section\t.debug_line,\"\"\n"
	}
	same, different := packedSize(t, info(func(int) int { return 0x3b })), packedSize(t, info(func(code int) int { return 0x40 + code }))
	if same*2 > different {
		t.Errorf("%d bytes for one attribute, for ten %d", same, different)
	}
}

func TestLinesOf(t *testing.T) {
	says := "\t.uleb128 0x34\n\t.byte\t0x1\n\t.uleb128 0x3\n\t.uleb128 0xe\n\t.uleb128 0x3f\n\t.uleb128 0x19\n\t.uleb128 0x3a\n\t.uleb128 0x21\n\t.sleb128 1\n" +
		"\t.uleb128 0x3b\n\t.uleb128 0x5\n\t.uleb128 0x49\n"
	got := fmt.Sprintf("%x", linesOf([]byte(says)))
	if want := "[3400000003 340000003b]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestParseSizes(t *testing.T) {
	varints := func(numbers ...uint64) (data []byte) {
		for _, n := range numbers {
			data = binary.AppendUvarint(data, n)
		}
		return data
	}
	for _, tt := range []struct {
		name  string
		data  []byte
		total int // -1 where it is refused
	}{
		{"none", nil, 0},
		{"two", varints(7, 3, 7, 1, 2, 5, 0, 0, 0, 0), 15},
		{"cut", varints(7, 3, 7, 1), -1},
		{"a section behind the end", varints(7, 3, 8, 1, 2), -1},
		{"a table of no size that is known", varints(7, 3, 7, 1, uint64(len(tableSizes))), -1},
		{"one too large", varints(MaxText+1, 0, 0, 0, 0), -1},
		{"too large together", varints(MaxText, 0, 0, 0, 0, 1, 0, 0, 0, 0), -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, total, err := parseSizes(tt.data); err != nil && tt.total >= 0 || err == nil && total != tt.total {
				t.Errorf("%d, %v", total, err)
			}
		})
	}
}

// TestKindOfColumn: an encoding that is not known is refused.
func TestKindOfColumn(t *testing.T) {
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	dec, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	for kind, want := range map[byte]bool{0: true, 1: true, 2: true, 3: false, 8: false} {
		var packed []byte
		for _, data := range [][]byte{nil, {kind}, {1, 5}} { // the order of lines, one kind, its column
			packed = appendFrame(packed, enc.EncodeAll(data, nil))
		}
		f := frames{rest: packed, dec: dec}
		if err := f.columns(&joiner{}); (err == nil) != want {
			t.Errorf("kind %d: %v", kind, err)
		}
	}
}
