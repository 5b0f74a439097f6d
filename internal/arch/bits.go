package arch

// movesPositive is the bit of a move of 16 bits that tells MOVZ from MOVN, which holds the complement (A64, Move wide immediate).
const movesPositive = 1 << 30

// store returns an instruction with a value in its bits.
func (f Bits) store(instruction uint32, value uint64) uint32 {
	if f.Inverting {
		instruction |= movesPositive
		if int64(value) < 0 {
			instruction, value = instruction&^movesPositive, ^value
		}
	}
	value >>= f.Shift
	low := uint32(value) & ones(f.Split)
	high := uint32(value>>f.Split) & ones(f.Count-f.Split)
	instruction &^= ones(f.Split)<<f.SplitAt | ones(f.Count-f.Split)<<f.At
	return instruction | low<<f.SplitAt | high<<f.At
}

// load returns the value in the bits of an instruction.
func (f Bits) load(instruction uint32, signed bool) uint64 {
	low := instruction >> f.SplitAt & ones(f.Split)
	high := instruction >> f.At & ones(f.Count-f.Split)
	value := (uint64(high)<<f.Split | uint64(low)) << f.Shift
	switch {
	case f.Inverting && instruction&movesPositive == 0:
		return ^value
	case f.Inverting:
		return value
	}
	return extend(value, uint64(f.Count)+uint64(f.Shift), signed)
}

// ones returns a word with its lowest bits set.
func ones(count uint8) uint32 { return 1<<count - 1 }
