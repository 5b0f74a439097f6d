package asm

import "strings"

// IsCounter reports whether a name is that of an array in which code of clang counts what it does (--coverage, -fprofile-generate,
// -fprofile-instr-generate). Some of these names are local; they say what is counted all the same, or are only numbered.
func IsCounter(name string) bool {
	return name == llvmCounter || strings.HasPrefix(name, llvmCounter+".") || strings.HasPrefix(name, ".L__profc_")
}

const llvmCounter = "__llvm_gcov_ctr"
