// Package testkit is what tests share: required tools, golden files, C fixtures, live processes.
package testkit
