// Package engine applies patches to live processes and removes them: inspect, plan (pure), prepare while the target
// runs, commit while it is stopped, revert.
//
// Input: a snapshot of a process (inspect) and patch files (kpatch). Output: what was done, what is live, or what would be
// done. It refuses whatever it cannot do safely and leaves the process as it was; a thread in the way is reported as busy
// after a bounded wait. It follows doc/FORMAT.md for what lies in the target.
//
// A program that is to be patched from its start becomes one in the process that was asked. A helper, which is no child of it,
// traces it from its execve on; should the helper be killed, the kernel ends the program with it, so that it never runs half
// patched. A patch that takes the place of others is planned on what their removal, which is planned first, leaves.
//
// Stacks that no thread runs on are looked at where the program uses the C library's functions for them (suspended.go), or those of a library that is
// known (switches.go). Other code that switches stacks is not seen.
package engine
