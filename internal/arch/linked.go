package arch

// LinkedField is what a linker made of a relocation that it kept as it was, but changed the code of.
type LinkedField struct {
	Kind  RelocKind // None where there is no field any more
	Moved int64     // bytes from the old field to the new one
	Bias  int64     // that the addend of the new one is
	Call  int64     // bytes from the old field to that of a call which is no more; 0 for none
}

// Linked says what a linker made of a relocation of a kind, whose field is code[at:]. changed is false where that is as the relocation
// says; ok is false where the code is none that the kind stands in, nor what a linker makes of it.
func (t *Target) Linked(k RelocKind, code []byte, at int) (f LinkedField, changed, ok bool) {
	if t.linked == nil {
		return f, false, !k.TLS() && k != GOTLoad && k != GOTLoadRelax
	}
	return t.linked(k, code, at)
}

// TakesAddress reports whether an instruction takes the address that is in its field, code[at:], and does not access what is there.
func (t *Target) TakesAddress(k RelocKind, code []byte, at int) bool {
	return t.takesAddress != nil && t.takesAddress(k, code, at)
}
