// Package toolexec runs the compiler, the assembler, make and their kin.
//
// Input: a command with its directory and environment. Output: what it printed and how it ended; a command that fails is
// an *Error with the command line and the end of its standard error. It looks at no environment of its own.
package toolexec
