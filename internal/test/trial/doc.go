// Package trial makes a live patch for a program and runs the program with it, what the patch replaces overwritten by traps. Torture
// and random try their programs so.
//
// Input: a directory with sources, how they are compiled, the arguments of patchmake. Output: how each command ended, and what patchmake's
// answer means. Each command runs in a process group of its own, for a limited time, and nothing of it is left.
package trial
