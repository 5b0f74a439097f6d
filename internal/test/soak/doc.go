// Soak patches and unpatches programs again and again while they serve a load, and says what the load, and the program, had of it.
//
// Programs (PROGRAMS): redis under redis-benchmark and nginx under wrk, CYCLES times (10,000) each, PAUSE between two commands (0); crowd,
// 512 patches in one process; threads, a process that makes threads as fast as it can; large, a patch of 2,000 functions; ticks, how late
// time-outs come while carectl waits for 30 s in vain.
//
// A load is run in windows, one after the other: with the commands on the program that serves, and at the start of every few of them alone, and
// beside the same commands on a twin that nobody asks anything. The load and its servers have one half of the processors and the commands the
// other. With SHARED=yes all have all of them, and the twin shows what the commands take from the load there, whatever they do to a process.
// SOAK_WORK is a directory to keep builds in.
package main
