// Package canon writes canonical text: two functions, or initial values, are the same when their texts are.
//
// Input: a File of package asm, and what each symbol is called. Output: text in which labels are numbered by first use, literals
// stand with their content, tables of labels with the function they belong to, and symbols under their names; and, by the same
// walk, every symbol that a function or a variable stands on.
//
// It refuses nothing: what is circular or nested too deeply to write is marked (Writer.Deep), for its caller to refuse.
package canon
