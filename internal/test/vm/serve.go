package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"gocare/internal/test/vm/request"
)

// tools are those that the guest asks the host for; the host has them with the prefix of the cross compiler.
var tools = []string{"gcc", "as", "ld", "strip", "objcopy", "objdump", "readelf", "nm", "ar"}

const toolPrefix = "aarch64-linux-gnu-"

// serve answers requests until the function it returns is called.
func serve(dir, flags string) (stop func()) {
	done := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		answered := map[string]bool{}
		for {
			select {
			case <-done:
				return
			case <-time.After(2 * time.Millisecond):
			}
			entries, _ := os.ReadDir(dir) // none yet
			for _, e := range entries {
				path := filepath.Join(dir, e.Name())
				text, err := os.ReadFile(filepath.Join(path, request.QuestionFile))
				if err != nil || answered[path] {
					continue
				}
				answered[path] = true
				running.Go(func() { answer(path, text, flags) })
			}
		}
	})
	return func() {
		close(done)
		running.Wait()
	}
}

// answer runs the tool of a request and tells what it made.
func answer(dir string, question []byte, flags string) {
	var q request.Question
	var a request.Answer
	if err := json.Unmarshal(question, &q); err != nil {
		a = request.Answer{Status: 125, Stderr: []byte(err.Error())}
	} else {
		a = runTool(dir, &q, flags)
	}
	_ = request.Reply(dir, a) // else the guest gives up after a time
}

func runTool(dir string, q *request.Question, flags string) (a request.Answer) {
	root := filepath.Join(dir, request.Files)
	began := time.Now().Add(-time.Second)
	before := modified(root)
	args := q.Args
	if q.Tool == "gcc" {
		args = append(strings.Fields(flags), args...)
	}
	var stdout, stderr bytes.Buffer
	// The guest's files are at their own paths: these get into what is linked.
	const inGuest = `mount --bind "$0/tmp" /tmp && cd "$1" && shift && TMPDIR=/tmp exec "$@"`
	cmd := exec.Command("unshare", append([]string{"-rm", "sh", "-c", inGuest, root, q.Dir, toolPrefix + q.Tool}, args...)...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		a.Status = exit.ExitCode()
	case err != nil:
		a.Status = 127
		stderr.WriteString(err.Error())
	}
	a.Stdout, a.Stderr = stdout.Bytes(), stderr.Bytes()
	var made strings.Builder
	for path, t := range modified(root) {
		if old, found := before[path]; !found || t != old && t.After(began) {
			made.WriteString(path + "\n")
		}
	}
	if err := os.WriteFile(filepath.Join(dir, request.MadeFile), []byte(made.String()), 0o644); err != nil {
		return request.Answer{Status: 125, Stderr: []byte(err.Error())}
	}
	return a
}

// modified returns when the regular files below a directory were written, by path from there.
func modified(root string) map[string]time.Time {
	found := map[string]time.Time{}
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // there are none
		}
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
			found[strings.TrimPrefix(path, root)] = info.ModTime()
		}
		return nil
	})
	return found
}
