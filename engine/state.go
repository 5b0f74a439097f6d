package engine

import (
	"bytes"
	"encoding/binary"
	"encoding/json"

	"gocare/engine/inspect"
	"gocare/kpatch"
)

// Our own state in a region, in the header's padding at kpatch.StateOffset. LibcarePlus does not look there.
//
//	 0  8  stateMagic
//	 8  4  phase
//	12  4  sequence number: a patch applied later has a greater one
//	16 32  SHA-256 of the patch file
//	48  8  load bias of the patched object
//	56  8  .kpatch.meta: offset from the region's start, size
//	64  8  .kpatch.eh_frame, likewise
//	72  8  .kpatch.text, likewise
//	80  4  how far the unwind data are known to the unwinders of the process
//	84  4  what they keep of it: offset from the region's start
//	88  4  that actions have begun and are not over
//	92  4  1 if its hooks are far
const (
	stateMagic = kpatch.StateMagic
	stateSize  = 96
	phaseAt    = kpatch.StateOffset + 8
	framesAt   = kpatch.StateOffset + 80
	begunAt    = kpatch.StateOffset + 88
)

// Phases of a region.
const (
	phasePrepared = 1 // mapped, nothing jumps there
	phaseLive     = 2
	phaseRemoved  = 3 // nothing jumps there any more, but old stacks may still lead there
)

// span is a part of a region: bytes from its start.
type span struct{ offset, size uint32 }

type state struct {
	phase, seq         uint32
	digest             [32]byte
	bias               inspect.Addr
	meta, unwind, text span
	frames             uint32 // framesUnknown, …
	objects            uint32 // offset
	begun              uint32 // begunNothing, …
	far                bool   // see kpatch.FarHooks
}

func (s *state) encode() []byte {
	b := make([]byte, stateSize)
	copy(b, stateMagic)
	binary.LittleEndian.PutUint32(b[8:], s.phase)
	binary.LittleEndian.PutUint32(b[12:], s.seq)
	copy(b[16:], s.digest[:])
	binary.LittleEndian.PutUint64(b[48:], uint64(s.bias))
	for i, sp := range []span{s.meta, s.unwind, s.text} {
		binary.LittleEndian.PutUint32(b[56+8*i:], sp.offset)
		binary.LittleEndian.PutUint32(b[60+8*i:], sp.size)
	}
	binary.LittleEndian.PutUint32(b[80:], s.frames)
	binary.LittleEndian.PutUint32(b[84:], s.objects)
	binary.LittleEndian.PutUint32(b[88:], s.begun)
	if s.far {
		binary.LittleEndian.PutUint32(b[kpatch.StateHooks-kpatch.StateOffset:], 1)
	}
	return b
}

// decodeState reads the state in a region's header; ok is false if the region is not ours.
func decodeState(header []byte) (s state, ok bool) {
	if len(header) < kpatch.StateOffset+stateSize {
		return state{}, false
	}
	b := header[kpatch.StateOffset:]
	if !bytes.HasPrefix(b, []byte(stateMagic)) {
		return state{}, false
	}
	s.phase = binary.LittleEndian.Uint32(b[8:])
	s.seq = binary.LittleEndian.Uint32(b[12:])
	copy(s.digest[:], b[16:])
	s.bias = inspect.Addr(binary.LittleEndian.Uint64(b[48:]))
	for i, sp := range []*span{&s.meta, &s.unwind, &s.text} {
		sp.offset = binary.LittleEndian.Uint32(b[56+8*i:])
		sp.size = binary.LittleEndian.Uint32(b[60+8*i:])
	}
	s.frames = binary.LittleEndian.Uint32(b[80:])
	s.objects = binary.LittleEndian.Uint32(b[84:])
	s.begun = binary.LittleEndian.Uint32(b[88:])
	s.far = kpatch.FarHooks(header)
	return s, true
}

// live is a patch in the process, with our state when it is ours.
type live struct {
	inspect.Region
	state   state
	ours    bool
	noMagic bool   // not listed: it was being applied or removed when that was killed
	all     []Code // see code; nil until asked for
}

// liveRegions returns the patches in a process.
func liveRegions(p *inspect.Process) ([]live, error) {
	regions, err := p.Regions()
	if err != nil {
		return nil, err
	}
	list := make([]live, len(regions))
	for i, r := range regions {
		list[i].Region = r
		list[i].state, list[i].ours = decodeState(r.Raw[:])
	}
	return list, nil
}

// dormant is a region of ours that is mapped but not live.
type dormant struct {
	start  inspect.Addr
	header []byte
	state  state
}

// dormantRegions returns our regions that are mapped but not live.
func dormantRegions(p *inspect.Process) []dormant {
	var list []dormant
	for _, m := range p.Mappings {
		header := make([]byte, kpatch.HeaderSize)
		if !inspect.MayHoldRegion(m) {
			continue
		}
		if _, err := p.Mem().ReadAt(header, int64(m.Start)); err != nil || kpatch.BeginsLive(header) {
			continue
		}
		if s, ok := decodeState(header); ok {
			list = append(list, dormant{start: m.Start, header: header, state: s})
		}
	}
	return list
}

// meta reads the metadata of a live patch of ours, nil if there is none.
func (l *live) meta(p *inspect.Process) *kpatch.Meta {
	data := l.part(p, l.state.meta)
	if data == nil {
		return nil
	}
	m := new(kpatch.Meta)
	if err := json.NewDecoder(bytes.NewReader(data)).Decode(m); err != nil {
		return nil
	}
	return m
}

// part reads a part of the region, nil if it has none.
func (l *live) part(p *inspect.Process, s span) []byte {
	if !l.ours || s.size == 0 || uint64(s.offset)+uint64(s.size) > l.Size {
		return nil
	}
	data := make([]byte, s.size)
	if _, err := p.Mem().ReadAt(data, int64(l.Start)+int64(s.offset)); err != nil {
		return nil
	}
	return data
}
