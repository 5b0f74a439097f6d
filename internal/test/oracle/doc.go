// Oracle makes identity patches of all functions of real programs and runs the programs' tests with these applied before
// main runs: once as they are, once with every original body overwritten by traps. A program must behave as without a patch.
//
// Input: recipes in testdata/oracle, Debian's source packages; PROGRAMS and LEVELS in the environment choose among the
// rows. Output: a table with what was patched, what was left out and why, what ran and what passed. It fails when a test
// does, or when a goal is missed. It works in a temporary directory, of which nothing is left but
// the source packages that were fetched.
package main
