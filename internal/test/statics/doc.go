// Package statics makes pairs of C units for tests: one with many static locals of few names, and the same unit edited.
// It also knows what both compute.
//
// Input: a seed. Output: the source of both versions, and a machine that runs either of them on one state, which holds the
// value of every static variable by what the variable is in the source: its declaration, wherever an edit has moved it.
// So a program that is patched from one version to the other in the middle of its run must print what the machine
// predicts, or the patch must have been refused.
package statics
