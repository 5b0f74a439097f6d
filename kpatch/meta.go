package kpatch

import (
	"bytes"
	"encoding/json"
	"strings"

	"gocare/internal/fault"
	"gocare/internal/kpname"
)

// Bases returns the ids of the patches whose changes this one has too.
func (m *Meta) Bases() []string { return strings.Fields(m.BuildsOn) }

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
