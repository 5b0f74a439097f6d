package kpatch

import (
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"gocare/internal/kpname"
)

// Summary is what a person reads of a patch. The names of its JSON fields are public.
type Summary struct {
	ID          string            `json:"id"`
	BuildID     string            `json:"build_id"`
	BuildTime   uint64            `json:"build_time"`
	Functions   []functionSummary `json:"functions"`
	Imports     []string          `json:"imports"`
	Relocations []relocSummary    `json:"relocations"`
	Meta        *Meta             `json:"meta"`
}

type functionSummary struct {
	Name    string `json:"name"`
	Old     string `json:"old"` // link address in hex; "" if new
	OldSize uint32 `json:"old_size"`
	New     string `json:"new"` // section+offset
	NewSize uint32 `json:"new_size"`
	Via     string `json:"via,omitempty"`  // link address in hex of the hook that a short function jumps to
	Role    string `json:"role,omitempty"` // what carectl does with it: "pre-apply", …
}

type relocSummary struct {
	Place  string `json:"place"`
	Type   string `json:"type"`
	Target string `json:"target"`
}

// Summarize lists what a patch holds.
func Summarize(p *Patch) Summary {
	v := Summary{ID: p.ID, BuildID: p.BuildID, BuildTime: p.BuildTime, Imports: []string{}, Meta: p.Meta}
	for _, f := range p.Functions {
		fv := functionSummary{Name: f.Name, OldSize: f.OldSize, NewSize: f.NewSize, New: placeName(p, f.New.Section, f.New.Offset)}
		if !f.IsNew() {
			fv.Old = fmt.Sprintf("%#x", p.Sections[f.Old.Section].Addr+f.Old.Offset)
		}
		fv.Role = f.Role.String()
		if f.IsGate() {
			fv.Via = fmt.Sprintf("%#x", p.Sections[f.Via.Section].Addr+f.Via.Offset)
		}
		v.Functions = append(v.Functions, fv)
	}
	for _, s := range p.Symbols {
		if s.Section == 0 && s.Name != "" {
			v.Imports = append(v.Imports, s.Name)
		}
	}
	for _, s := range p.Sections {
		if s.Name == kpname.Info {
			continue
		}
		for _, r := range s.Relocs {
			v.Relocations = append(v.Relocations, relocSummary{fmt.Sprintf("%s+%#x", s.Name, r.Offset), r.Type.String(), relocTarget(p, r)})
		}
	}
	return v
}

func placeName(p *Patch, section int, offset uint64) string {
	return fmt.Sprintf("%s+%#x", p.Sections[section].Name, offset)
}

// relocTarget names what a relocation refers to.
func relocTarget(p *Patch, r Reloc) string {
	s := p.Symbols[r.Symbol]
	name := s.Name
	if name == "" && s.Section < len(p.Sections) {
		name = p.Sections[s.Section].Name
	}
	return fmt.Sprintf("%s%+#x", name, r.Addend+int64(s.Value))
}

// String sets a summary for a terminal, one function, import or relocation a line.
func (s Summary) String() string {
	var b strings.Builder
	s.writeHead(&b)
	s.writeFunctions(&b)
	s.writeRoles(&b)
	s.writeReferences(&b)
	return strings.TrimRight(b.String(), "\n")
}

func (s Summary) writeHead(w io.Writer) {
	fmt.Fprintf(w, "Patch id: %s\nBuild id: %s\n", s.ID, s.BuildID)
	if s.BuildTime != 0 {
		fmt.Fprintf(w, "Build time: %s\n", time.Unix(int64(s.BuildTime), 0).UTC().Format(time.RFC3339))
	}
	if m := s.Meta; m != nil {
		writeMeta(w, m)
	}
}

func (s Summary) writeFunctions(w io.Writer) {
	functions := slices.DeleteFunc(slices.Clone(s.Functions), func(f functionSummary) bool { return f.Role != "" })
	fmt.Fprintf(w, "Functions: %d\n", len(functions))
	for _, f := range functions {
		if f.Old == "" {
			fmt.Fprintf(w, "  %s: new, %s, %d bytes\n", f.Name, f.New, f.NewSize)
			continue
		}
		if f.Via != "" {
			fmt.Fprintf(w, "  %s: %s, %d bytes -> %s\n", f.Name, f.Old, f.OldSize, f.Via)
			continue
		}
		fmt.Fprintf(w, "  %s: %s, %d bytes -> %s, %d bytes\n", f.Name, f.Old, f.OldSize, f.New, f.NewSize)
	}
}

// writeRoles lists what carectl does besides.
func (s Summary) writeRoles(w io.Writer) {
	for _, f := range s.Functions {
		if f.Role != "" {
			fmt.Fprintf(w, "For carectl: %s: %s\n", f.Role, f.Name)
		}
	}
}

func (s Summary) writeReferences(w io.Writer) {
	fmt.Fprintf(w, "Imports: %d\n", len(s.Imports))
	for _, name := range s.Imports {
		fmt.Fprintf(w, "  %s\n", name)
	}
	fmt.Fprintf(w, "Relocations: %d\n", len(s.Relocations))
	for _, r := range s.Relocations {
		fmt.Fprintf(w, "  %-24s %-16s %s\n", r.Place, r.Type, r.Target)
	}
}

func writeMeta(w io.Writer, m *Meta) {
	if m.Description != "" {
		fmt.Fprintf(w, "Description: %s\n", m.Description)
	}
	if len(m.CVEs) > 0 {
		fmt.Fprintf(w, "Fixes: %s\n", strings.Join(m.CVEs, ", "))
	}
	fmt.Fprintf(w, "Made by: %s\nCompiler: %s\nTarget: %s\n", m.Tool, m.Compiler, m.Target)
	if m.Unproved {
		fmt.Fprintf(w, "Addresses: unproved against this BuildID\n")
	}
	for _, id := range m.Bases() {
		fmt.Fprintf(w, "Builds on: %s\n", id)
	}
	for _, s := range m.Sources {
		fmt.Fprintf(w, "Source patch: %s (sha256 %s)\n", s.Name, s.SHA256)
	}
	for _, u := range m.Units {
		fmt.Fprintf(w, "Unit: %s\n", u.Source)
	}
	for _, p := range m.Parts {
		what := "Replaces"
		if p.Gone {
			what = "Waits for"
		}
		fmt.Fprintf(w, "%s: %s at %#x, %d bytes, sha256 %s (%s)\n", what, p.Name, p.Addr, p.Size, short(p.SHA256), p.Reason)
	}
}

func short(digest string) string {
	if b, err := hex.DecodeString(digest); err == nil && len(b) > 6 {
		return digest[:12]
	}
	return digest
}
