// Package wrapper stands in for the compiler, the assembler and the linker: it runs the real tool and records the call.
//
// Input: one command line with its environment. Output: exactly what the real tool puts out, exit status and signals
// included, and records in a buildtree.Store beside it.
//
// As the compiler it only points COMPILER_PATH at the shim directory, whose as and ld are links to carecc, and becomes
// the real compiler by exec. As the assembler and the linker it runs the real one as a child and records what went in
// and came out; it never has the linker keep relocations (-q), which would change the BuildID. What it does not record:
// preprocessing, queries, probes of configure, outputs that are no files. An error in recording is written to the store's log
// and never fails the command.
//
// What a compile read is listed by gcc itself (SUNPRO_DEPENDENCIES, unless the command or the user asks for such a list) or by the
// second run of clang, and what assembly reads by a second run of the assembler. Every carecc, of whichever copy or version, is passed
// over when the real tool is sought, and so is what leads back to one.
//
// Whatever starts gcc is recorded if only the environment is set (carecc --env); what ccache keeps is kept by us as well, for the builds
// that it hands it out to. A clang, which assembles
// inside, runs as a child, then once more to assembly; it looks for the linker in COMPILER_PATH as gcc does, for the assembler
// only with -fno-integrated-as.
//
// The shim directory is $XDG_CACHE_HOME/gocare/shim-HASH, else below ~/.cache, else below $TMPDIR or /tmp; HASH stands
// for the path of carecc. It is not in the store, so that it does not change from tree to tree and outlives a clean
// (libtool writes the path of ld that it found into its scripts).
package wrapper
