// Package ld reads link maps, resolves the references of new code against the original binary and joins units.
//
// Input: assembled objects of chosen functions, the original binary, the map and the objects of its link. Output: one
// joined object in which every reference is a place in the patch, a link address of the original, or a named import,
// by one of the five relocation types that a patch may hold. What does not resolve is an error naming symbol, user and
// where it was sought. Inputs that only the patched link has are cut down to what is needed of them, and joined too.
//
// A name means, in this order: a symbol of the unit itself; a local symbol of the unit's original object, placed by the
// map; in a shared library what the dynamic linker may bind elsewhere; a global of the link, by the binary's symbol table
// and by the inputs with the map, which have to agree; a new global of another unit of the patch; an import. Where headers
// do not tell how the linker bound a name, the code it wrote does.
//
// What is found at run time is reached through the PLT entry or GOT slot that the original has for it. Without one it
// becomes an Import. The loader gives each import an entry of 16 bytes in its jump table: a stub, and at offset 8 the address
// that it jumps to. A call goes to the stub. A load of the address has 8 added to its addend, so that the entry's second half
// serves as GOT slot: that is exact for functions and data. An absolute address may be the entry's instead of the symbol's,
// so it is used for functions only; GLOB_DAT stores the symbol's, in data that points at variables.
//
// What is known of the original stands in layers: image and objects; link, which says where the objects are in the image; the tables of
// symbols, libraries and slots; scope, which says what a name means. originals, hooks, literalIndex and seekers ask these. Of a patch that is
// being joined, members says what is in it, output holds it, and reducer writes references into that.
//
// The bytes of every function that is to be replaced are compared with those of the original object, relocated fields
// left out: map, objects and binary belong together or the patch is refused. The relaxations and TLS transitions are those
// of the System V ABI, AMD64 supplement 1.0, as GNU ld makes them; tests compare with it byte by byte.
package ld
