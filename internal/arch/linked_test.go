package arch

import "testing"

// TestLinked: what GNU ld and lld make of thread-local accesses and loads from the GOT is told from what compilers write.
func TestLinked(t *testing.T) {
	const tp = "\x64\x48\x8b\x04\x25\x00\x00\x00\x00"
	for _, tt := range []struct {
		name    string
		kind    RelocKind
		code    string
		at      int
		want    LinkedField
		changed bool
		ok      bool
	}{
		{"call", Call, "\xe8\x00\x00\x00\x00", 1, LinkedField{}, false, true},
		{"general dynamic", TLSGeneralDynamic, "\x66\x48\x8d\x3d\x00\x00\x00\x00\x66\x66\x48\xe8\x00\x00\x00\x00", 4, LinkedField{}, false, true},
		{"general dynamic to local exec", TLSGeneralDynamic, tp + "\x48\x8d\x80\x00\x00\x00\x00", 4, LinkedField{Kind: TLSLocalExec, Moved: 8, Call: 8}, true, true},
		{"general dynamic to initial exec", TLSGeneralDynamic, tp + "\x48\x03\x05\x00\x00\x00\x00", 4, LinkedField{Kind: TLSInitialExec, Moved: 8, Bias: -4, Call: 8}, true, true},
		{"general dynamic to something else", TLSGeneralDynamic, "\x90\x90\x90\x90\x00\x00\x00\x00", 4, LinkedField{}, false, false},
		{"local dynamic", TLSLocalDynamic, "\x48\x8d\x3d\x00\x00\x00\x00\xe8\x00\x00\x00\x00", 3, LinkedField{}, false, true},
		{"local dynamic to local exec", TLSLocalDynamic, "\x66\x66\x66" + tp, 3, LinkedField{Kind: None, Call: 5}, true, true},
		{"initial exec", TLSInitialExec, "\x48\x8b\x05\x00\x00\x00\x00", 3, LinkedField{}, false, true},
		{"initial exec to a constant", TLSInitialExec, "\x48\xc7\xc0\x00\x00\x00\x00", 3, LinkedField{Kind: TLSLocalExec}, true, true},
		{"initial exec to an addition", TLSInitialExec, "\x48\x8d\x80\x00\x00\x00\x00", 3, LinkedField{Kind: TLSLocalExec}, true, true},
		{"descriptor to a constant", TLSDescLoad, "\x48\xc7\xc0\x00\x00\x00\x00", 3, LinkedField{Kind: TLSLocalExec}, true, true},
		{"descriptor's call that is gone", TLSDescCall, "\x66\x90", 0, LinkedField{Kind: None}, true, true},
		{"load", GOTLoadRelax, "\x48\x8b\x05\x00\x00\x00\x00", 3, LinkedField{}, false, true},
		{"load that became an address", GOTLoadRelax, "\x48\x8d\x05\x00\x00\x00\x00", 3, LinkedField{Kind: PC32, Bias: -4}, true, true},
		{"call through the GOT that became one", GOTLoadRelax, "\x67\xe8\x00\x00\x00\x00", 2, LinkedField{Kind: PC32, Bias: -4}, true, true},
		{"load that became something else", GOTLoadRelax, "\x48\xc7\xc0\x00\x00\x00\x00", 3, LinkedField{}, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, changed, ok := X86_64.Linked(tt.kind, []byte(tt.code), tt.at)
			if got != tt.want || changed != tt.changed || ok != tt.ok {
				t.Errorf("%+v, %v, %v", got, changed, ok)
			}
		})
	}
}
