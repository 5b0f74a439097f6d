// Package ui turns results and errors into what users see, errors into exit codes, and a command line with options
// anywhere into one that the CLI library reads.
//
// Input: values and errors (internal/fault). Output: headings and results on standard output, progress and errors on
// standard error, or one JSON document. Only cmd imports it.
package ui
