// Package ui turns results and errors into what users see, and errors into exit codes. Only cmd imports it.
package ui
