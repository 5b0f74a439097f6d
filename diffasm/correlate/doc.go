// Package correlate finds out which static local, clone and literal of the patched unit is which of the original: their names have
// numbers that the compiler gives anew each time.
//
// Input: both units, and the patched one with the original line numbers where there is one; how the source files changed, and what
// decides whether numbers are moved lines. Output: a Matcher, which knows the original's function and variable for each of the
// patched unit's, which pairs are likeness alone (Unproved), and what may be several (Candidates) or only looks new (Doubt).
//
// A Matcher stands on layers: sources (how files changed), declarations (what debug information and sources tell of names) and values (what
// variables are assigned) beside pairing (which name is which). sourceMatcher and search fill the last, by the source and by the code;
// lookalikes and folding refuse what nothing pairs and may still be the same.
//
// Evidence, strongest first: the source with the debug information, texts that are equal, then properties. It never guesses between
// two. It refuses nothing itself: what stays open comes out as Problems with the codes static-ambiguous, static-lost, static-moved
// and static-renamed, which the rules of package diffasm raise.
package correlate
