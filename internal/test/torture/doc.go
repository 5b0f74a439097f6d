// Torture makes live patches for the self-checking programs of gcc's own test suite (gcc.c-torture/execute), which hold what
// C compilers find hardest: each must pass with its patch as without it, every replaced body overwritten by traps, or be
// refused for a reason that has a name.
//
// A patch is of one of several kinds: identity puts every function into it as it is; the others edit one function of the program in a
// way that keeps what it does, so that two versions are compared. Input: Debian's package gcc-12-source; COMPILERS, LEVELS, SHAPES,
// KINDS, PROGRAMS (globs) and SEED in the environment choose. Output: what did not pass, as it comes, and a table. It fails when a
// program goes wrong, or when too few functions are patched. It works in a temporary directory, of which nothing is left.
package main
