package asmpack

// Which shape a line has mostly follows from those before it: the lines of an entry of debugging information from its abbreviation, those of code from
// what was compiled. So for the last lines, for more of them and for fewer, it is kept which shapes came next, and whether the next is one of
// these takes a bit or two. Only one that is none of them is written as a number.

// orderLengths are the numbers of lines that are looked back at, the most first.
var orderLengths = [...]int{6, 3, 2, 1}

const (
	// longestOrder is the first of these.
	longestOrder = 6
	// maxSlots is how many contexts of the first length are told apart, and a quarter of the others; minSlots in short texts, which take no large tables.
	minSlots, maxSlots = 1 << 10, 1 << 19
	// bytesPerSlot is how long a text is for each.
	bytesPerSlot = 16
	// followers is how many shapes are kept for each.
	followers = 3
	// contextBits are those of what is known of a follower.
	contextBits = 9
	// maxShapes bounds the numbers of shapes: so many that differ do not go into MaxText.
	maxShapes = 1 << 24
)

// follower is a shape that came next.
type follower uint32 // the shape behind how many times it came, up to 255

func (f follower) shape() uint32 { return uint32(f) & (maxShapes - 1) }

func (f follower) times() uint32 { return uint32(f) >> 24 }

type slot [followers]follower

// lineOrder knows the lines so far.
type lineOrder struct {
	slots   [len(orderLengths)][]slot
	chances []chance // that a follower comes, by its context
	newest  chance   // that a shape is new
	digits  []chance // those of the numbers of shapes
	last    [longestOrder]uint32
	shapes  uint32 // how many there were
	hits    uint32 // whether the last lines were as the first follower
	here    [len(orderLengths)]*slot
}

// newLineOrder is for texts of so many bytes together.
func newLineOrder(length int) *lineOrder {
	count := minSlots
	for count < maxSlots && count < length/bytesPerSlot {
		count *= 2
	}
	o := &lineOrder{chances: evenChances(len(orderLengths) * followers << contextBits), newest: evenChances(1)[0], digits: evenChances(3 << 16)}
	for i := range o.slots {
		o.slots[i] = make([]slot, count)
		if i == 0 {
			count /= 4 // the others are asked where the first cannot tell
		}
	}
	return o
}

// code writes or reads the shape of a line, which is so far from the beginning of an entry.
func (o *lineOrder) code(c *bitCoder, shape uint32, entry, distance uint64) uint32 {
	o.find(entry, distance)
	shape, first, by := o.codeFollower(c, shape)
	o.hits = o.hits << 1 & 7
	if first {
		o.hits |= 1
	}
	if by == len(o.here) {
		shape = o.codeNumber(c, shape)
	}
	for _, s := range o.here[:min(by+1, len(o.here))] { // what fewer lines say was not asked for
		s.add(shape)
	}
	copy(o.last[1:], o.last[:])
	o.last[0] = shape
	o.shapes = max(o.shapes, shape+1)
	return shape
}

// find finds the slots of the lines so far.
func (o *lineOrder) find(entry, distance uint64) {
	hash, n := (uint32(entry)<<6+uint32(min(distance, maxDistance)))*0x9e3779b1, 0
	for i := len(orderLengths) - 1; i >= 0; i-- {
		for ; n < orderLengths[i]; n++ {
			hash = (hash ^ o.last[n] ^ hash>>15) * 0x85ebca6b
		}
		o.here[i] = &o.slots[i][int(hash>>13)&(len(o.slots[i])-1)]
	}
}

// codeFollower codes whether the shape is one of the followers, and which. by is the index of the slot that has it, the number of slots if none does.
func (o *lineOrder) codeFollower(c *bitCoder, shape uint32) (_ uint32, first bool, by int) {
	var tried [len(orderLengths) * followers]uint32
	n := 0
	for i, s := range o.here {
		for k, f := range s {
			if f.times() == 0 || tells(tried[:n], f.shape()) {
				continue
			}
			context := (i*followers+k)<<contextBits | int(min(f.times(), 15))<<5 | int(o.hits)<<2 | min(n, 3)
			if c.bit(&o.chances[context], f.shape() == shape) {
				return f.shape(), n == 0, i
			}
			tried[n] = f.shape()
			n++
		}
	}
	return shape, false, len(o.here)
}

func tells(list []uint32, shape uint32) bool {
	for _, s := range list {
		if s == shape {
			return true
		}
	}
	return false
}

// codeNumber codes the number of a shape, byte by byte. One that is new is the next.
func (o *lineOrder) codeNumber(c *bitCoder, shape uint32) uint32 {
	if c.bit(&o.newest, shape == o.shapes) {
		return o.shapes
	}
	number := uint32(0)
	for place := 2; place >= 0; place-- {
		table := o.digits[place<<16|int(number&0xff)<<8:]
		node := uint32(1)
		for bit := 7; bit >= 0; bit-- {
			node <<= 1
			if c.bit(&table[node>>1], shape>>(8*place+bit)&1 != 0) {
				node |= 1
			}
		}
		number = number<<8 | node&0xff
	}
	return number
}

// add takes note of a shape that came next. Those that come more often move to the front.
func (s *slot) add(shape uint32) {
	i := 0
	for i < followers-1 && s[i].times() > 0 && s[i].shape() != shape {
		i++
	}
	if s[i].times() == 0 || s[i].shape() != shape {
		s[i] = follower(shape)
	}
	s[i] += follower(1<<24) * follower(min(1, 255-s[i].times()))
	if i > 0 {
		s[i-1] = follower(s[i-1].shape() | (s[i-1].times()/2+1)<<24)
		s[i-1], s[i] = s[i], s[i-1]
	}
}
