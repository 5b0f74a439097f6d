// Package inspect reads what a live process is made of: threads, mappings, ELF objects and the patches in it. It only
// reads /proc and never stops anything.
//
// Input: a PID. Output: a Process whose file descriptors (pidfd, memory) stay on that one process, so that nothing read
// later comes from another one with the same number. ELF objects are opened through /proc/PID/exe and
// /proc/PID/map_files, which give the very files that are mapped, deleted or replaced ones included; by path only where
// these are closed to us, and then only when device, inode and BuildID are the mapping's.
//
// It refuses, by code: no-process, zombie, kernel-thread, permission, machine. An object that cannot be read stays in the
// list with the reason in its Err.
//
// Formats: proc(5), System V ABI (ELF, notes, symbol versions), and glibc's <link.h> for the order of objects.
package inspect
