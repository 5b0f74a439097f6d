package engine

import (
	"gocare/engine/inspect"
	"gocare/engine/unwind"
)

// This file tells the code in the region of a patch: its functions, where they are entered, and what else of it is no function.

// code returns the code in a live region, first that of its functions.
func (l *live) code(p *inspect.Process) []Code {
	if l.all == nil {
		l.all = l.readCode(p)
	}
	return l.all
}

func (l *live) readCode(p *inspect.Process) []Code {
	rest := Code{Start: l.Start, End: l.Start + inspect.Addr(l.Size), Function: "patch " + l.ID}
	text, ok := l.text()
	if !ok {
		return append(l.versions(rest.End), rest)
	}
	list := l.functions(p, text)
	if list == nil {
		list = append(l.versions(text.Hi), Code{Start: text.Lo, End: text.Hi, Function: rest.Function})
	}
	rest.entrance = passed
	before, behind := rest, rest
	before.End, behind.Start = text.Lo, text.Hi
	return append(list, before, behind)
}

// version returns the code of the function that begins at an address of a live region: up to the next that replaces one, its cold part included.
func (l *live) version(p *inspect.Process, start inspect.Addr) (list []Code) {
	extent := liveCode(l, start)
	for _, c := range l.code(p) {
		if c.entrance != passed && c.Start >= extent.Start && c.End <= extent.End {
			list = append(list, c)
		}
	}
	return list
}

// text returns where a region has its functions, of one of ours.
func (l *live) text() (inspect.Range, bool) {
	r := inspect.Range{Lo: l.Start + inspect.Addr(l.state.text.offset)}
	r.Hi = r.Lo + inspect.Addr(l.state.text.size)
	return r, l.ours && r.Lo < r.Hi && r.Hi <= l.Start+inspect.Addr(l.Size)
}

// versions returns the code of each function that replaces one, as far as it can be told without unwind data.
func (l *live) versions(end inspect.Addr) (list []Code) {
	for _, f := range l.Functions {
		c := liveCode(l, f.New)
		c.End = min(c.End, end)
		list = append(list, c)
	}
	return list
}

// functions returns the code of each function of a region, and of each part of one; nil if the unwind data do not tell all of them.
func (l *live) functions(p *inspect.Process, text inspect.Range) (list []Code) {
	table := l.state.unwindTable(p, l.Start)
	if table == nil {
		return nil
	}
	code := make([]byte, text.Hi-text.Lo)
	if _, err := p.Mem().ReadAt(code, int64(text.Lo)); err != nil {
		return nil
	}
	end := text.Lo
	for _, e := range table.Functions() {
		start := inspect.Addr(e.Start)
		if start < end || inspect.Addr(e.End) > text.Hi || !l.padding(code[end-text.Lo:start-text.Lo]) {
			return nil
		}
		end = inspect.Addr(e.End)
		list = append(list, l.function(e)...)
	}
	if !l.padding(code[end-text.Lo:]) {
		return nil
	}
	return list
}

// padding reports whether code between two functions is none.
func (l *live) padding(code []byte) bool { return l.Machine.Padding(code) == len(code) }

// function returns the code that unwind data call one function. The hook that leads there may pass over its first instruction.
func (l *live) function(e unwind.Extent) []Code {
	c := Code{Start: inspect.Addr(e.Start), End: inspect.Addr(e.End), Function: "patch " + l.ID, entrance: atStart}
	if e.Part {
		c.entrance = nowhere
	}
	var begins inspect.Addr
	for _, f := range l.Functions {
		if f.New >= begins && f.New <= c.Start+inspect.Addr(l.Machine.LandingSize) {
			begins, c.Function = f.New, f.Name
		}
	}
	if begins <= c.Start {
		return []Code{c}
	}
	passed := c
	passed.End, passed.entrance, c.Start = begins, nowhere, begins
	return []Code{passed, c}
}

// unwindTable returns the unwind table of a region of ours, nil if there is none.
func (s *state) unwindTable(p *inspect.Process, start inspect.Addr) *unwind.Table {
	if s.unwind.size == 0 {
		return nil
	}
	data := make([]byte, s.unwind.size)
	at := start + inspect.Addr(s.unwind.offset)
	if _, err := p.Mem().ReadAt(data, int64(at)); err != nil {
		return nil
	}
	t, err := unwind.NewTableBytes(data, uint64(at))
	if err != nil {
		return nil
	}
	return t
}
