// Package engine applies patches to live processes and removes them: inspect, plan (pure), prepare while the target
// runs, commit while it is stopped, revert.
//
// Input: a snapshot of a process (inspect) and patch files (kpatch). Output: what was done, what is live, or what would be
// done. It refuses whatever it cannot do safely and leaves the process as it was; a thread in the way is reported as busy
// after a bounded wait. It follows doc/FORMAT.md for what lies in the target.
package engine
