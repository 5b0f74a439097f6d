// Package unwind walks call stacks by .eh_frame CFI over memory read through io.ReaderAt (address = offset).
//
// Input: registers of a stopped thread, the unwind tables of the objects (from their files), and memory. Output: the
// frames, and whether the stack was walked to its end. Where it was not, the caller learns from which address to scan
// the rest word by word. Nothing is guessed: a frame is either found by CFI or not at all.
//
// It follows the Linux Standard Base Core 5.0, chapter 10.6 (.eh_frame, .eh_frame_hdr), DWARF 5, sections 2.5 and 6.4
// (expressions, call frame information), and the System V ABI AMD64 supplement 1.0 (register numbers).
package unwind
