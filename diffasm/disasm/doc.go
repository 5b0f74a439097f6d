// Package disasm writes the code and data of an object as assembly text, so that objects without their assembly go through the same
// comparison as others.
//
// Input: a relocatable object, and what a disassembler lists of its code. Output: text for package asm, with a label for each place that
// code or data refers to. Instructions are the disassembler's; Prove compares what an assembler makes of them with the object, byte by
// byte and relocation by relocation, and whatever did not come back the same is refused where a patch would need it.
//
// Assemblers put the start of a section in the place of a private symbol (.bss+8 for b). Which symbol was meant is certain where code
// accesses the place itself, where the section has one symbol, or where both versions lay it out alike; else the function is refused.
package disasm
