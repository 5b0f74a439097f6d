package kpatch

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gocare/internal/arch"
	"gocare/internal/fault"
	"gocare/internal/kpname"
)

// acting is a patch with an action, and an anchor of shadow variables.
func acting() *Patch {
	p := small()
	data := &p.Sections[5]
	data.Data, data.Size = make([]byte, ShadowSize), ShadowSize
	p.Functions = append(p.Functions,
		Function{Name: "added", Role: kpname.PreApply, New: Location{3, 16}, NewSize: 16},
		Function{Name: "anchor", Role: kpname.Shadow, New: Location{5, 0}, NewSize: ShadowSize})
	return p
}

// TestRoles: roles are read as they were written; a summary does not count them as functions.
func TestRoles(t *testing.T) {
	p := mustDecode(t, mustEncode(t, acting()))
	for _, role := range []kpname.Role{kpname.PreApply, kpname.Shadow, kpname.PostRemove} {
		var got, want []string
		for _, f := range p.Roles(role) {
			got = append(got, f.Name)
		}
		for _, f := range acting().Roles(role) {
			want = append(want, f.Name)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s:\n%s", role, diff)
		}
	}
	text := Summarize(p).String()
	for _, want := range []string{"Functions: 2\n", "For carectl: pre-apply: added\n", "For carectl: shadow variables: anchor\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}

// TestDamagedRoles: what is half a role is refused, and an entry of which only the flags are left is a function.
func TestDamagedRoles(t *testing.T) {
	const action, anchor = 2 * InfoEntrySize, 3 * InfoEntrySize
	for _, tt := range []struct {
		name   string
		damage func(info *Section)
	}{
		{"of no kind", func(s *Section) { s.Data[action+40] = 10 }},
		{"without flags", func(s *Section) { s.Data[action+40] = 0 }},
		{"of a gate", func(s *Section) { s.Data[action+40] = InfoGate }},
		{"of another place", func(s *Section) { via(s, action).Addend++ }},
		{"an action in data", func(s *Section) { s.Data[anchor+40] = byte(kpname.PostApply) }},
		{"an anchor in code", func(s *Section) { s.Data[action+40] = byte(kpname.Shadow) }},
		{"an anchor of another size", func(s *Section) { s.Data[anchor+20] = 8 }},
		{"before a function", func(s *Section) {
			s.Data[InfoEntrySize+40] = byte(kpname.PreApply)
			add := *via(s, action)
			add.Offset = InfoEntrySize + infoVia
			via(s, action).Type = arch.X86_64.RelocOf(arch.None)
			s.Relocs = append(s.Relocs, add)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := mustDecode(t, mustEncode(t, acting()))
			tt.damage(p.section(kpname.Info))
			var err error
			if p.Functions, err = decodeFunctions(p); err == nil {
				err = checkRoles(p)
			}
			if fault.As(err) == nil || fault.As(err).Code != fault.FormatCorrupt {
				t.Errorf("got %v", err)
			}
		})
	}
}

// via returns the relocation of the vaddr of an entry.
func via(info *Section, entry uint64) *Reloc {
	for i := range info.Relocs {
		if info.Relocs[i].Offset == entry+infoVia {
			return &info.Relocs[i]
		}
	}
	panic("no such relocation")
}

// TestRolesRefused: a patch of which a role cannot be written is not, nor one with nothing but roles.
func TestRolesRefused(t *testing.T) {
	for _, tt := range []struct {
		name  string
		spoil func(p *Patch)
	}{
		{"of an original function", func(p *Patch) { p.Functions[0].Role = kpname.PreApply }},
		{"not known", func(p *Patch) { p.Functions[2].Role = 12 }},
		{"an action in data", func(p *Patch) { p.Functions[3].Role = kpname.PostApply }},
		{"before a function", func(p *Patch) { p.Functions[1], p.Functions[2] = p.Functions[2], p.Functions[1] }},
		{"two anchors", func(p *Patch) { p.Functions = append(p.Functions, p.Functions[3]) }},
		{"alone", func(p *Patch) { p.Functions = p.Functions[2:] }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := acting()
			tt.spoil(p)
			if _, err := Encode(p); err == nil {
				t.Error("it was written")
			}
		})
	}
}
