package unwind

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const tableAddr = 0x10000 // link address of hand-made unwind data

// builder writes .eh_frame by the LSB's tables.
type builder struct {
	data []byte
	ra   byte // register with the return address
}

// record appends a record and returns the position of its length field.
func (b *builder) record(body []byte) int {
	for len(body)%4 != 0 {
		body = append(body, 0) // DW_CFA_nop
	}
	at := len(b.data)
	b.data = binary.LittleEndian.AppendUint32(b.data, uint32(len(body)))
	b.data = append(b.data, body...)
	return at
}

// cie appends a CIE: code alignment 1, data alignment -8, return address 16 unless another is set.
func (b *builder) cie(version byte, augmentation, data string, program ...byte) int {
	body := append([]byte{0, 0, 0, 0, version}, augmentation+"\x00"...)
	if version == 4 {
		body = append(body, 8, 0)
	}
	body = append(body, 1, 0x78, max(b.ra, x86PC))
	if strings.HasPrefix(augmentation, "z") {
		body = append(body, byte(len(data)))
	}
	body = append(body, data...)
	return b.record(append(body, program...))
}

// fde appends an FDE with absolute addresses for [start, start+size).
func (b *builder) fde(cie int, start, size uint64, program ...byte) {
	b.fdeSized(cie, true, start, size, program...)
}

func (b *builder) fdeSized(cie int, sized bool, start, size uint64, program ...byte) {
	body := binary.LittleEndian.AppendUint32(nil, uint32(len(b.data)+4-cie))
	body = binary.LittleEndian.AppendUint64(body, start)
	body = binary.LittleEndian.AppendUint64(body, size)
	if sized {
		body = append(body, 0)
	}
	b.record(append(body, program...))
}

// standard is the program of every x86-64 CIE: CFA=rsp+8, return address at CFA-8.
var standard = []byte{0x0c, 7, 8, 0x80 | 16, 1}

func (b *builder) table(t testing.TB) *Table {
	t.Helper()
	table, err := NewTableBytes(b.data, tableAddr)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestRows(t *testing.T) {
	cfa := func(reg uint64, off int64) row { return row{cfaReg: reg, cfaOff: off, ra: 16} }
	with := func(r row, rules map[int]rule) row {
		r.regs[16] = rule{kind: ruleOffset, n: -8}
		for n, rule := range rules {
			r.regs[n] = rule
		}
		return r
	}
	off := func(n int64) rule { return rule{kind: ruleOffset, n: n} }
	for _, tt := range []struct {
		name    string
		program []byte
		pc      uint64 // from the start of the function
		want    row
	}{
		{"at entry", []byte{0x41, 0x0e, 16}, 0, with(cfa(7, 8), nil)},
		{"at the advance", []byte{0x41, 0x0e, 16}, 1, with(cfa(7, 16), nil)},
		{"before advance_loc1", []byte{0x02, 200, 0x0e, 16}, 199, with(cfa(7, 8), nil)},
		{"after advance_loc1", []byte{0x02, 200, 0x0e, 16}, 200, with(cfa(7, 16), nil)},
		{"advance_loc2", []byte{0x03, 0x10, 0x01, 0x0e, 16}, 0x110, with(cfa(7, 16), nil)},
		{"advance_loc4", []byte{0x04, 0x10, 0x01, 0, 0, 0x0e, 16}, 0x110, with(cfa(7, 16), nil)},
		{"set_loc", []byte{0x01, 0x08, 0x10, 0, 0, 0, 0, 0, 0, 0x0e, 16}, 8, with(cfa(7, 16), nil)},
		{"before set_loc", []byte{0x01, 0x08, 0x10, 0, 0, 0, 0, 0, 0, 0x0e, 16}, 7, with(cfa(7, 8), nil)},
		{"offset", []byte{0x86, 2}, 0, with(cfa(7, 8), map[int]rule{6: off(-16)})},
		{"offset_extended", []byte{0x05, 12, 3}, 0, with(cfa(7, 8), map[int]rule{12: off(-24)})},
		{"offset_extended_sf", []byte{0x11, 12, 0x7d}, 0, with(cfa(7, 8), map[int]rule{12: off(24)})},
		{"negative_offset_extended", []byte{0x2f, 12, 3}, 0, with(cfa(7, 8), map[int]rule{12: off(24)})},
		{"offset of a vector register", []byte{0x05, 17, 3}, 0, with(cfa(7, 8), nil)},
		{"restore", []byte{0x86, 2, 0xc6}, 0, with(cfa(7, 8), nil)},
		{"restore to the CIE's rule", []byte{0x90, 9, 0xd0}, 0, with(cfa(7, 8), nil)},
		{"restore_extended", []byte{0x86, 2, 0x06, 6}, 0, with(cfa(7, 8), nil)},
		{"undefined", []byte{0x07, 16}, 0, with(cfa(7, 8), map[int]rule{16: {kind: ruleUndefined}})},
		{"same_value", []byte{0x08, 3}, 0, with(cfa(7, 8), map[int]rule{3: {kind: ruleSame}})},
		{"register", []byte{0x09, 3, 12}, 0, with(cfa(7, 8), map[int]rule{3: {kind: ruleRegister, n: 12}})},
		{"def_cfa", []byte{0x0c, 6, 16}, 0, with(cfa(6, 16), nil)},
		{"def_cfa_register", []byte{0x0d, 6}, 0, with(cfa(6, 8), nil)},
		{"def_cfa_sf", []byte{0x12, 6, 0x7e}, 0, with(cfa(6, 16), nil)},
		{"def_cfa_offset_sf", []byte{0x13, 0x7c}, 0, with(cfa(7, 32), nil)},
		{"val_offset", []byte{0x14, 7, 2}, 0, with(cfa(7, 8), map[int]rule{7: {kind: ruleValOffset, n: -16}})},
		{"val_offset_sf", []byte{0x15, 7, 0x7e}, 0, with(cfa(7, 8), map[int]rule{7: {kind: ruleValOffset, n: 16}})},
		{"GNU_args_size", []byte{0x2e, 0x90, 1, 0x0e, 16}, 0, with(cfa(7, 16), nil)},
		{"expression", []byte{0x10, 6, 2, 0x76, 0}, 0, with(cfa(7, 8), map[int]rule{6: {kind: ruleExpression, expr: []byte{0x76, 0}}})},
		{"val_expression", []byte{0x16, 6, 2, 0x76, 0}, 0, with(cfa(7, 8), map[int]rule{6: {kind: ruleValExpression, expr: []byte{0x76, 0}}})},
		{"remember and restore the CFA too", []byte{0x0a, 0x0e, 64, 0x86, 2, 0x41, 0x0b}, 1, with(cfa(7, 8), nil)},
		{"between remember and restore", []byte{0x0a, 0x0e, 64, 0x86, 2, 0x41, 0x0b}, 0, with(cfa(7, 64), map[int]rule{6: off(-16)})},
		{"def_cfa ends an expression", []byte{0x0f, 1, 0x30, 0x0c, 6, 16}, 0, with(cfa(6, 16), nil)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := &builder{}
			b.fde(b.cie(1, "z", "", standard...), 0x1000, 0x1000, tt.program...)
			table := b.table(t)
			f := table.find(0x1000 + tt.pc)
			if f == nil {
				t.Fatal("no FDE")
			}
			got, err := f.rowAt(0x1000 + tt.pc)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, *got, cmp.AllowUnexported(row{}, rule{})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestRowsRefused(t *testing.T) {
	for _, tt := range []struct {
		name    string
		program []byte
		want    string
	}{
		{"unknown instruction", []byte{0x3f}, "not known"},
		{"restore without remember", []byte{0x0b}, "no remembered state"},
		{"endless remember", []byte(strings.Repeat("\x0a", 70)), "too many"},
		{"CFA from a vector register", []byte{0x0c, 17, 8}, "CFA from register 17"},
		{"operand cut off", []byte{0, 0, 0, 0x03, 1}, "ends early"},
		{"expression cut off", []byte{0, 0, 0x0f, 200, 1}, "ends early"},
		{"LEB128 without end", []byte("\x0e\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "64 bits"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := &fde{start: 0x1000, end: 0x2000, cie: &cie{codeAlign: 1, dataAlign: -8, ra: 16}, program: tt.program}
			if got, err := f.rowAt(0x1800); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%+v, %v; want %q", got, err, tt.want)
			}
		})
	}
}

func TestTableForms(t *testing.T) {
	for _, tt := range []struct {
		name         string
		version      byte
		augmentation string
		data         string
		unsized      bool
		covered      bool
		signal       bool
	}{
		{name: "no augmentation", version: 1, unsized: true, covered: true},
		{name: "version 3", version: 3, augmentation: "zR", data: "\x00", covered: true},
		{name: "version 4", version: 4, augmentation: "zR", data: "\x00", covered: true},
		{name: "signal frame", version: 1, augmentation: "zRS", data: "\x00", covered: true, signal: true},
		{name: "personality and LSDA", version: 1, augmentation: "zPLR", data: "\x9b\x01\x02\x03\x04\x1b\x00", covered: true},
		{name: "pointer authentication", version: 1, augmentation: "zRB", data: "\x00", covered: true},
		{name: "version 2", version: 2, augmentation: "zR", data: "\x00"},
		{name: "unknown letter", version: 1, augmentation: "zRX", data: "\x00"},
		{name: "unknown without size", version: 1, augmentation: "R", unsized: true},
		{name: "data cut off", version: 1, augmentation: "zR", data: ""},
		{name: "indirect addresses", version: 1, augmentation: "zR", data: "\x80"},
		{name: "addresses relative to what is not known", version: 1, augmentation: "zR", data: "\x30"},
		{name: "unknown format of addresses", version: 1, augmentation: "zR", data: "\x05"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := &builder{}
			b.fdeSized(b.cie(tt.version, tt.augmentation, tt.data, standard...), !tt.unsized, 0x1000, 0x100)
			table := b.table(t)
			if got := table.Covers(0x1000); got != tt.covered {
				t.Fatalf("covered: %v", got)
			}
			if !tt.covered {
				if table.Skipped() != 1 {
					t.Errorf("%d skipped, want 1", table.Skipped())
				}
				return
			}
			if got := table.find(0x1000).cie.signal; got != tt.signal {
				t.Errorf("signal: %v", got)
			}
			if table.Covers(0xfff) || !table.Covers(0x10ff) || table.Covers(0x1100) {
				t.Error("bounds of the FDE")
			}
		})
	}
}

func TestTableEncodings(t *testing.T) {
	// The address stands at tableAddr + 20 (the CIE) + 8.
	for _, tt := range []struct {
		name     string
		encoding byte
		address  []byte // start, then length 0x10
		want     uint64
	}{
		{"pcrel sdata4", 0x1b, []byte{0x00, 0xf0, 0xff, 0xff, 0x10, 0, 0, 0}, tableAddr + 28 - 0x1000},
		{"pcrel sdata8", 0x1c, []byte{0, 0xf0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x10, 0, 0, 0, 0, 0, 0, 0}, tableAddr + 28 - 0x1000},
		{"udata4", 0x03, []byte{0, 0, 0, 0x80, 0x10, 0, 0, 0}, 0x80000000},
		{"sdata4", 0x0b, []byte{0, 0, 0, 0x70, 0x10, 0, 0, 0}, 0x70000000},
		{"udata2", 0x02, []byte{0x00, 0x80, 0x10, 0}, 0x8000},
		{"uleb128", 0x01, []byte{0x80, 0x80, 0x01, 0x10}, 0x4000},
		{"aligned", 0x50, []byte{0xff, 0xff, 0xff, 0xff, 0x34, 0x12, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0}, 0x1234},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := &builder{}
			cie := b.cie(1, "zR", string([]byte{tt.encoding}))
			if len(b.data) != 20 {
				t.Fatalf("CIE of %d bytes", len(b.data))
			}
			body := binary.LittleEndian.AppendUint32(nil, uint32(len(b.data)+4-cie))
			b.record(append(append(body, tt.address...), 0))
			table := b.table(t)
			if !table.Covers(tt.want) || !table.Covers(tt.want+0xf) || table.Covers(tt.want+0x10) || table.Covers(tt.want-1) {
				t.Errorf("FDEs %+v, want one at 0x%x", table.fdes, tt.want)
			}
		})
	}
}

func TestTableOrderAndGaps(t *testing.T) {
	b := &builder{}
	cie := b.cie(1, "z", "", standard...)
	b.fde(cie, 0x3000, 0x10)
	b.data = append(b.data, 0, 0, 0, 0) // a terminator in the middle, as a relocatable link leaves it
	b.fde(cie, 0x1000, 0x10)
	b.fde(cie, 0, 0x10) // of a function that the linker discarded
	b.fde(cie, 0x2000, 0x10)
	table := b.table(t)
	if table.Len() != 3 {
		t.Errorf("%d FDEs, want 3", table.Len())
	}
	for addr, want := range map[uint64]bool{0: false, 0x1000: true, 0x1010: false, 0x2008: true, 0x300f: true, 0x3010: false} {
		if table.Covers(addr) != want {
			t.Errorf("0x%x: covered %v", addr, !want)
		}
	}
}

func TestTableRefused(t *testing.T) {
	for _, tt := range []struct{ name, data, want string }{
		{"record past the end", "\x40\x00\x00\x00\x00\x00\x00\x00", "ends early"},
		{"64-bit record", "\xff\xff\xff\xff\x08\x00\x00\x00\x00\x00\x00\x00", "64-bit"},
		{"CIE before the start", "\x08\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00\x00", "before the start"},
		{"record without id", "\x02\x00\x00\x00\x00\x00", "ends early"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			table, err := NewTableBytes([]byte(tt.data), 0)
			if err == nil || table != nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, %v; want %q", table, err, tt.want)
			}
		})
	}
}

func FuzzTable(f *testing.F) {
	b := &builder{}
	b.fde(b.cie(1, "zRS", "\x00", standard...), 0x1000, 0x1000, 0x41, 0x0e, 16, 0x0a, 0x42, 0x86, 2, 0x44, 0x0b)
	f.Add(b.data)
	plt := &builder{}
	plt.fde(plt.cie(3, "zPLR", "\x9b\x01\x02\x03\x04\x1b\x00", standard...), 0x1000, 0x1000,
		0x0f, 11, 0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22)
	f.Add(plt.data)
	f.Fuzz(func(t *testing.T, data []byte) {
		table, err := NewTableBytes(data, tableAddr)
		if err != nil {
			if table != nil {
				t.Fatal("a value and an error")
			}
			return
		}
		if table.Len()+table.Skipped() > len(data)/4 {
			t.Fatalf("%d FDEs in %d bytes", table.Len(), len(data))
		}
		for i := range table.fdes {
			e := &table.fdes[i]
			for _, pc := range []uint64{e.start, e.start + (e.end-e.start)/2, e.end - 1} {
				if _, err := e.rowAt(pc); err != nil {
					continue
				}
				modules := []Module{{Start: 0, End: ^uint64(0), Table: table}}
				NewWalker(&x86, modules).Walk(stackAt{0x1000, data}, Regs{PC: pc, SP: 0x1000, Valid: AllValid}, 100)
			}
		}
	})
}
