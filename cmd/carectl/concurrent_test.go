package main

import (
	"flag"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"gocare/internal/test/handpatch"
	"gocare/internal/test/testkit"
)

// rounds is how often several commands run at one time. make soak asks for more.
var rounds = flag.Int("rounds", 8, "rounds of concurrent commands")

// TestConcurrent: after commands that ran at one time, what is listed is what runs, whoever came first.
func TestConcurrent(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	program := testkit.CCText(t, `
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
__attribute__((noinline)) int f1(int x) { __asm__ volatile("nop; nop; nop"); return x + 1; }
__attribute__((noinline)) int f2(int x) { __asm__ volatile("nop; nop; nop"); return x + 1; }
static volatile int sum;
static void *work(void *a) { for (;;) { sum = f1(0) + f2(0); usleep(300); } }
int main(void)
{
	char line[64];
	pthread_t t;
	pthread_create(&t, 0, work, 0);
	setvbuf(stdout, 0, _IOLBF, 0);
	puts("ready");
	while (fgets(line, sizeof line, stdin)) printf("%d %d\n", f1(0), f2(0));
	return 0;
}`, []string{"-O2", "-pthread"})
	build := func(id string, add int) string {
		return handpatch.Build(t, handpatch.Spec{Program: program, ID: id, Source: fmt.Sprintf(
			"int f1(int x) { return x + %d; }\nint f2(int x) { return x + %d; }", add, add)})
	}
	a, b := build("a", 10), build("b", 20)
	p := testkit.Start(t, program)
	p.WaitLine("ready")
	pid := strconv.Itoa(p.PID)
	commands := [][]string{
		{"patch", "--replace=b", "-p", pid, a},
		{"unpatch", "-p", pid, "-i", "a"},
		{"patch", "--replace=a", "-p", pid, b},
		{"unpatch", "-p", pid, "-i", "b"},
	}
	for round := range *rounds {
		var running []*exec.Cmd
		for n := range commands {
			cmd := child(commands[(round+n)%len(commands)]...)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			running = append(running, cmd)
		}
		for _, cmd := range running {
			_ = cmd.Wait() // any of them may find nothing to do
		}
		p.Send("")
		answer, info := p.Next(), carectl(t, "info", "-p", pid)
		want := "1 1"
		switch {
		case strings.Count(info.out, "Patch id:") > 1:
			t.Fatalf("round %d: listed:\n%s", round, info.out)
		case strings.Contains(info.out, "Patch id:             a\n"):
			want = "10 10"
		case strings.Contains(info.out, "Patch id:             b\n"):
			want = "20 20"
		}
		if answer != want {
			t.Fatalf("round %d: the process says %q, and listed is\n%s", round, answer, info.out)
		}
	}
}
