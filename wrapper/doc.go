// Package wrapper stands in for the compiler, the assembler and the linker: it runs the real tool and records the call.
package wrapper
