// Package endtoend holds the tests that run the three programs as their users do: on C as compilers write it (testdata/c), on
// the sample program (testdata/foo), on a configured project; and the tests of what stands around the programs: set-up,
// installation, man pages.
//
// It has no code of its own. Input: the module's root. The programs are built once per run into a temporary directory.
package endtoend
