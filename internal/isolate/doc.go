// Package isolate runs builds in a private view of a tree, so that nothing in the tree itself changes.
//
// Input: a directory to protect and commands to run in it. Output: commands that see the tree at its usual path and may
// write anywhere in it; what they write is kept from one command of a Sandbox to the next and gone after Close.
//
// Three ways, best first: an overlay mounted over the tree in a private mount namespace (own user namespace when not
// root); a copy of the tree bound over it in such a namespace; and, where namespaces are refused, the tree itself with a
// journal from which everything is put back, by the next run if this one is killed. With the first two the kernel takes
// the view down with its last process, SIGKILL included.
//
// The commands are started through the program itself, executed anew: RunChild must be the first thing in its main. It
// mounts the view, starts the command and keeps it: when the program ends, however, the keeper ends the command with all its
// descendants. Another such process waits for the program's end to remove the scratch directory.
//
// It refuses scratch directories inside the tree and writes that leave the tree. Reason codes: isolate-mode,
// isolate-path, isolate-busy.
package isolate
