package kpatch

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"gocare/internal/fault"
	"gocare/internal/kpname"
)

// Bases returns the ids of the patches whose changes this one has too.
func (m *Meta) Bases() []string { return strings.Fields(m.BuildsOn) }

// Fixes returns the CVEs that a patch says it fixes; one without a list of them, those of its description. m may be nil.
func (m *Meta) Fixes() []string {
	switch {
	case m == nil:
		return nil
	case len(m.CVEs) > 0:
		return m.CVEs
	}
	return kpname.CVEs(m.Description)
}

// Names reports whether a patch says that it fixes a CVE. m may be nil.
func (m *Meta) Names(cve string) bool {
	return slices.ContainsFunc(m.Fixes(), func(name string) bool { return strings.EqualFold(name, cve) })
}

// encodeMeta returns the JSON of .kpatch.meta: fields in the order of the struct, one line.
func encodeMeta(m *Meta) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(m); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func decodeMeta(data []byte) (*Meta, error) {
	m := &Meta{}
	if err := json.Unmarshal(data, m); err != nil {
		return nil, fault.Refuse(fault.FormatCorrupt, "section "+kpname.Meta, "unreadable metadata").WithCause(err)
	}
	return m, nil
}
