// Package unlink takes a linked program apart into objects again, one for each unit, where the linker kept its relocations (--emit-relocs).
//
// Input: a program or library with relocations, symbol table and debugging information, and what a disassembler lists of it, which tells
// where instructions end. Output: for each unit a relocatable object, whose sections say by their addresses where in the program they are
// (System V ABI, chapter 4: sh_addr, which is 0 in the objects of compilers).
//
// Debugging information tells which unit a function or a variable that others see is of; private symbols stand behind the name of their
// source in the symbol table. What a unit has in one place of the program becomes one section. Constants without a name are told by what
// leads to them: assemblers leave only constants that linkers merge the labels of compilers. What no unit has is left to Rest.
package unlink
