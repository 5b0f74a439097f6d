//go:build linux

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"gocare/internal/test/vm/cell"
)

// playTool is the name under which the guest's first program plays cells.
const playTool = "play"

// longestAnswer bounds the wait for one line of a program.
const longestAnswer = 20 * time.Second

// playAll plays the cells in a folder, and tells of each as go test does of a test.
func playAll(from, folder string) int {
	dirs, err := filepath.Glob(filepath.Join(folder, "*"))
	carectl := filepath.Join(os.TempDir(), "carectl") // the host's folder is slow
	if err == nil {
		err = copyFile(from, carectl, 0o755)
	}
	if err != nil || len(dirs) == 0 {
		fmt.Println("guest: no cells in", folder, err)
		return 1
	}
	status := 0
	for _, dir := range dirs {
		began := time.Now()
		verdict, err := "PASS", play(carectl, dir)
		if err != nil {
			verdict, status = "FAIL", 1
		}
		fmt.Printf("--- %s: %s (%.2fs)\n", verdict, filepath.Base(dir), time.Since(began).Seconds())
		if err != nil {
			fmt.Printf("guest: %s: %s\n", filepath.Base(dir), strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "\nguest:   "))
		}
	}
	return status
}

// play has the conversation of a cell with its program, in a copy of the cell.
func play(carectl, from string) error {
	dir, err := os.MkdirTemp("", "cell")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := copyTree(from, dir); err != nil {
		return err
	}
	c, err := cell.Read(dir)
	if err != nil {
		return err
	}
	p, err := start(filepath.Join(dir, cell.Program, "host"))
	if err != nil {
		return err
	}
	defer p.end()
	for i, turn := range c.Turns {
		if err := p.take(turn, carectl, dir, c.Objects); err != nil {
			return fmt.Errorf("turn %d, %s: %w", i+1, strings.TrimSpace(turn.Act+" "+turn.Input), err)
		}
	}
	return nil
}

// process is a program that answers each line with a line.
type process struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	answers chan string
}

func start(path string) (*process, error) {
	p := &process{cmd: exec.Command(path), answers: make(chan string)}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	p.cmd.Stderr = os.Stdout
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.answers)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			p.answers <- lines.Text()
		}
	}()
	return p, nil
}

func (p *process) end() {
	_ = p.in.Close() // it may have ended
	_ = p.cmd.Process.Kill()
	for range p.answers {
	}
	_ = p.cmd.Wait()
}

func (p *process) take(t cell.Turn, carectl, dir string, objects int) error {
	id := strconv.Itoa(p.cmd.Process.Pid)
	switch t.Act {
	case "patch":
		return carectlSays(fmt.Sprintf("%d patch hunk(s) have been successfully applied to PID '%s'", objects, id),
			carectl, "patch", "-p", id, filepath.Join(dir, cell.Patches))
	case "unpatch":
		return carectlSays(fmt.Sprintf("%d patch hunk(s) were successfully cancelled from PID '%s'", objects, id),
			carectl, "unpatch", "-p", id, "-i", "c1")
	}
	if _, err := fmt.Fprintln(p.in, t.Input); err != nil {
		return err
	}
	select {
	case got, open := <-p.answers:
		if !open {
			return errors.New("the program has ended")
		}
		if got != t.Want {
			return fmt.Errorf("got %q, want %q", got, t.Want)
		}
	case <-time.After(longestAnswer):
		return errors.New("no answer")
	}
	return nil
}

func carectlSays(want, carectl string, args ...string) error {
	out, err := exec.Command(carectl, args...).CombinedOutput()
	if err != nil || !strings.Contains(string(out), want) {
		return fmt.Errorf("carectl %s: %w, want %q\n%s", args[0], err, want, out)
	}
	return nil
}
