// Package asm takes GNU assembler text, as compilers write it for one unit, apart.
//
// Input: the text. Output: a File, functions with all their parts, labelled data, aliases, symbols and what lies outside of
// these; and answers to what the text alone can tell: what a name stands for, who mentions it, which names the compiler numbered.
//
// It refuses text that is not assembly (not-assembly). What keeps a function out of a patch it notes as a Problem of the function:
// asm-directive, asm-function, asm-label, asm-macro, asm-section, comdat, entry-table, label-table. It knows no instructions; it
// follows the GNU as manual.
package asm
