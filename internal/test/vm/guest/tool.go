//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gocare/internal/test/vm/request"
)

// askHost has the host run a tool in a copy of the working directory and of the files that arguments name, and returns its exit status.
func askHost(name string, args []string) int {
	dir, err := os.MkdirTemp(filepath.Join(job(), "requests"), "r")
	if err == nil {
		err = ask(dir, name, args)
	}
	var answer request.Answer
	if err == nil {
		answer, err = await(dir)
	}
	if err == nil {
		err = takeBack(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "guest:", name+":", err)
		return 125
	}
	_, _ = os.Stdout.Write(answer.Stdout) // whoever reads it is gone
	_, _ = os.Stderr.Write(answer.Stderr)
	_ = os.RemoveAll(dir) // the host removes what is left
	return answer.Status
}

func ask(dir, name string, args []string) error {
	cwd, err := os.Getwd()
	if err != nil {
		return err
	}
	if err := copyTree(cwd, filepath.Join(dir, request.Files, cwd)); err != nil {
		return err
	}
	for _, arg := range args {
		if i := strings.Index(arg, "/tmp/"); i >= 0 {
			path := arg[i:]
			if err := copyInto(dir, path); err != nil {
				return err
			}
		}
	}
	return request.Put(dir, request.Question{Tool: name, Args: args, Dir: cwd})
}

// copyInto copies a file, or a directory, or makes the directory where a file will be.
func copyInto(dir, path string) error {
	to := filepath.Join(dir, request.Files, path)
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return os.MkdirAll(filepath.Dir(to), 0o755)
	case info.IsDir():
		return copyTree(path, to)
	}
	return copyFile(path, to, info.Mode())
}

// copyTree copies the regular files of a directory.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		}
		info, err := d.Info()
		if err != nil || !info.Mode().IsRegular() {
			return err
		}
		return copyFile(path, filepath.Join(to, rel), info.Mode())
	})
}

func copyFile(from, to string, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	_ = os.Remove(to) // a program that runs cannot be written over
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return out.Close()
}

func await(dir string) (a request.Answer, err error) {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		text, err := os.ReadFile(filepath.Join(dir, request.AnswerFile))
		if err == nil {
			return a, json.Unmarshal(text, &a)
		}
	}
	return a, fmt.Errorf("the host does not answer")
}

// takeBack copies what the host's tool has made or changed.
func takeBack(dir string) error {
	made, err := os.ReadFile(filepath.Join(dir, request.MadeFile))
	if err != nil {
		return err
	}
	for path := range strings.Lines(string(made)) {
		path = strings.TrimSpace(path)
		from := filepath.Join(dir, request.Files, path)
		info, err := os.Stat(from)
		if err != nil {
			return err
		}
		if err := copyFile(from, path, info.Mode()); err != nil {
			return err
		}
	}
	return nil
}
