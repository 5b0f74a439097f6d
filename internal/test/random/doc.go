// Random makes live patches for programs of csmith that are edited at random, and runs each from its start with its patch, what the
// patch replaces overwritten by traps: it must print what the edited program prints, or the patch must have been refused for a reason
// that has a name.
//
// N pairs of programs are made, from SEED on; COMPILERS and LEVELS in the environment choose how, each pair is made in one way. A pair
// of which compilers make programs that differ is discarded: the edit has led to what C leaves undefined. Output: what goes wrong, as
// it comes, and a table. Pairs that go wrong are kept in KEEP, with the line that repeats each; with N=1 the pair is kept in any case.
// LIST=yes prints what becomes of each. It fails when a pair goes wrong, or when no patch changes what a program does. It works in a
// temporary directory, of which nothing is left.
package main
