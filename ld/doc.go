// Package ld reads link maps, resolves the references of new code against the original binary and joins units.
//
// Input: assembled objects of chosen functions, the original binary, the map and the objects of its link. Output: one
// joined object in which every reference is a place in the patch, a link address of the original, or a named import.
// What does not resolve is an error naming symbol, user and where it was sought.
package ld
