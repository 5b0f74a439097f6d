// Package unwind walks call stacks by .eh_frame CFI over memory read through io.ReaderAt (address = offset).
package unwind
