// Package testkit is what tests share: required tools, golden files, C fixtures, live processes.
//
// Input: a testing.TB and what the test needs. Output: that, or the test is skipped by name (failed when the environment
// has CARE_REQUIRE=all). Nothing here waits by sleeping: live programs are watched through their standard output.
package testkit
