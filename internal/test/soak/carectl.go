package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// done is what a carectl command has done.
type done struct {
	took   time.Duration
	freeze time.Duration // the longest of all processes, by carectl's clock
}

// carectl runs a command on processes.
func (s *soak) carectl(ctx context.Context, pids []int, command string, args ...string) (done, error) {
	var list []string
	for _, pid := range pids {
		list = append(list, strconv.Itoa(pid))
	}
	cmd := commandOn(ctx, s.processors.commands, filepath.Join(s.bin, "carectl"), append([]string{"--json", command, "-p", strings.Join(list, ",")}, args...)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	start := time.Now()
	err := cmd.Run()
	d := done{took: time.Since(start)}
	if err != nil {
		return d, fmt.Errorf("carectl %s: %w\n%s%s", command, err, out.Bytes(), errs.Bytes())
	}
	var document struct {
		Processes []struct {
			FreezeUS int64 `json:"freeze_us"`
		}
	}
	if err := json.Unmarshal(out.Bytes(), &document); err != nil {
		return d, err
	}
	for _, p := range document.Processes {
		d.freeze = max(d.freeze, time.Duration(p.FreezeUS)*time.Microsecond)
	}
	return d, nil
}

// patient is processes that are patched and unpatched.
type patient struct {
	*soak
	pids  []int
	patch string
	ask   func() (patched bool, err error) // nil: nobody asks

	cycles  int
	freezes []time.Duration
}

// cycle patches and unpatches once, and asks after each.
func (p *patient) cycle(ctx context.Context) error {
	for _, patched := range []bool{true, false} {
		command, args := "unpatch", []string{"-i", "soak"}
		if patched {
			command, args = "patch", []string{p.patch}
		}
		d, err := p.carectl(ctx, p.pids, command, args...)
		if err != nil {
			return err
		}
		p.freezes = append(p.freezes, d.freeze)
		if err := p.expect(patched); err != nil {
			return fmt.Errorf("cycle %d, after %s: %w", p.cycles+1, command, err)
		}
		time.Sleep(p.pause)
	}
	p.cycles++
	return nil
}

func (p *patient) expect(patched bool) error {
	if p.ask == nil {
		return nil
	}
	got, err := p.ask()
	if err == nil && got != patched {
		err = fmt.Errorf("the answer is of a program with patched=%v", got)
	}
	return err
}
