package asmpack

// Bits of which one value is likelier take less than a bit each: a number between 0 and 1 stands for all of them, and each leaves it that part
// of the range so far which is as large as the bit was likely (arithmetic coding). How likely it is is learnt from those before.

// chance is how likely a bit is to be set.
type chance struct {
	set  uint16 // of 1<<16
	seen uint8  // how many bits it was learnt from, up to settledChance
}

// settledChance is from how many bits on a chance follows new ones no slower.
const settledChance = 30

func (c *chance) learn(set bool) {
	if set {
		c.set += uint16(uint32(1<<16-1-c.set) * steps[c.seen] >> 16)
	} else {
		c.set -= uint16(uint32(c.set) * steps[c.seen] >> 16)
	}
	c.seen = min(c.seen+1, settledChance)
}

// steps are the parts of the way to a new bit that a chance goes, of 1<<16, by how many it has seen.
var steps = func() (list [settledChance + 1]uint32) {
	for n := range list {
		list[n] = (1 << 17) / uint32(2*n+3)
	}
	return list
}()

func evenChances(n int) []chance {
	list := make([]chance, n)
	for i := range list {
		list[i].set = 1 << 15
	}
	return list
}

// bitCoder writes bits, or reads them: bit returns what was read, which is what was written. So one function does for both.
type bitCoder interface {
	bit(c *chance, set bool) bool
}

// codeRange is what is left for the number, its first and last 32 bits.
type codeRange struct{ low, high uint32 }

// split returns where the part for a bit that is set ends.
func (r *codeRange) split(c chance) uint32 {
	return r.low + uint32(uint64(r.high-r.low)*uint64(max(c.set, 1))>>16)
}

func (r *codeRange) narrow(middle uint32, set bool) {
	if set {
		r.high = middle
	} else {
		r.low = middle + 1
	}
}

// settled reports whether the first byte is known, and goes on behind it.
func (r *codeRange) settled() bool {
	if (r.low^r.high)>>24 != 0 {
		return false
	}
	r.low, r.high = r.low<<8, r.high<<8|0xff
	return true
}

type bitWriter struct {
	codeRange
	out []byte
}

func newBitWriter() *bitWriter { return &bitWriter{codeRange: codeRange{0, 1<<32 - 1}} }

func (w *bitWriter) bit(c *chance, set bool) bool {
	w.narrow(w.split(*c), set)
	for first := w.low; w.settled(); first = w.low {
		w.out = append(w.out, byte(first>>24))
	}
	c.learn(set)
	return set
}

// bytes returns all that was written.
func (w *bitWriter) bytes() []byte {
	return append(w.out, byte(w.low>>24), byte(w.low>>16), byte(w.low>>8), byte(w.low))
}

type bitReader struct {
	codeRange
	code uint32 // the part of the number in the range
	in   []byte
	past int // bytes that were asked for behind the end
}

func newBitReader(data []byte) *bitReader {
	r := &bitReader{codeRange: codeRange{0, 1<<32 - 1}, in: data}
	for range 4 {
		r.shift()
	}
	return r
}

func (r *bitReader) shift() {
	r.code <<= 8
	if len(r.in) == 0 {
		r.past++
		return
	}
	r.code |= uint32(r.in[0])
	r.in = r.in[1:]
}

func (r *bitReader) bit(c *chance, _ bool) bool {
	middle := r.split(*c)
	set := r.code <= middle
	r.narrow(middle, set)
	for r.settled() {
		r.shift()
	}
	c.learn(set)
	return set
}

// ended reports whether more was read than there is.
func (r *bitReader) ended() bool { return r.past > 4 }
