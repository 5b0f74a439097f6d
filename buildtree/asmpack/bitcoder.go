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

// bitCoder writes bits, or reads them: bit returns what was read, which is what was written. So one function does for both.
type bitCoder struct {
	codeRange
	out []byte // what was written

	reading bool
	code    uint32 // the part of the number in the range
	in      []byte
	past    int // bytes that were asked for behind the end
}

func newBitWriter() *bitCoder { return &bitCoder{codeRange: codeRange{0, 1<<32 - 1}} }

func newBitReader(data []byte) *bitCoder {
	b := &bitCoder{codeRange: codeRange{0, 1<<32 - 1}, in: data, reading: true}
	for range 4 {
		b.shift()
	}
	return b
}

func (b *bitCoder) bit(c *chance, set bool) bool {
	middle := b.split(*c)
	if b.reading {
		set = b.code <= middle
	}
	b.narrow(middle, set)
	for first := b.low; b.settled(); first = b.low {
		if b.reading {
			b.shift()
		} else {
			b.out = append(b.out, byte(first>>24))
		}
	}
	c.learn(set)
	return set
}

func (b *bitCoder) shift() {
	b.code <<= 8
	if len(b.in) == 0 {
		b.past++
		return
	}
	b.code |= uint32(b.in[0])
	b.in = b.in[1:]
}

// bytes returns all that was written.
func (b *bitCoder) bytes() []byte {
	return append(b.out, byte(b.low>>24), byte(b.low>>16), byte(b.low>>8), byte(b.low))
}

// ended reports whether more was read than there is.
func (b *bitCoder) ended() bool { return b.past > 4 }
