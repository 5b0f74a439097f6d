// Package trace is the only place that calls ptrace and changes another process. One locked OS thread makes all ptrace
// calls.
//
// Input: a PID and a function to run while attached. Output: threads stopped with their registers, system calls run in
// the target, memory written, and in the end every thread let go as it was, whatever happened. It refuses targets that
// it may not trace or that somebody else traces, and says why. It follows ptrace(2) of Linux 5.11 and later.
package trace
