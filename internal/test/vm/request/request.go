// Package request is how the virtual machine asks the host to run a tool, and the host the machine: through a directory for each request in
// a folder that both see, with a question, copies of files at their paths, and an answer.
package request

import (
	"encoding/json"
	"os"
	"path/filepath"
)

// Names in the directory of a request. Each of the JSON files is there at once, or not yet.
const (
	Files        = "files"
	QuestionFile = "question"
	AnswerFile   = "answer"
	MadeFile     = "made" // the paths of files that the tool has written, one a line
	End          = "end"  // in place of a request of the host's: there are no more
)

// Question is what to run.
type Question struct {
	Tool string
	Args []string
	Dir  string

	Seconds int // how long a command of the host's may run
}

// Answer is how it ended.
type Answer struct {
	Status         int
	Stdout, Stderr []byte
}

// Put writes a question.
func Put(dir string, q Question) error { return put(dir, QuestionFile, q) }

// Reply writes an answer.
func Reply(dir string, a Answer) error { return put(dir, AnswerFile, a) }

func put(dir, name string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path+".new", text, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
