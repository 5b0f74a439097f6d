package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// threads patches a process that makes threads all the time, each of which calls the function, and measures how many it makes a second.
func threads(ctx context.Context, s *soak) error {
	const source = `#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
static volatile int sink;
static atomic_long made, wrong;
__attribute__((noinline)) int f0(int x) { sink = x; return x + CHANGED; }
static void *work(void *arg)
{
	int n = f0(0);
	if (n != 0 && n != 1) wrong++;
	made++;
	return arg;
}
static void *maker(void *arg)
{
	for (pthread_t t[4];;) {
		for (int i = 0; i < 4; i++) if (pthread_create(&t[i], 0, work, arg)) abort();
		for (int i = 0; i < 4; i++) pthread_join(t[i], 0);
	}
}
int main(void)
{
	char line[64];
	pthread_t t;
	if (pthread_create(&t, 0, maker, 0)) abort();
	while (fgets(line, sizeof line, stdin)) {
		printf("%d %ld %ld\n", f0(0), made, wrong);
		fflush(stdout);
	}
	return 0;
}
`
	program, patch, _, err := s.makePatch(ctx, "threads", strings.ReplaceAll(source, "CHANGED", "0"), strings.ReplaceAll(source, "CHANGED", "1"))
	if err != nil {
		return err
	}
	t, err := talk(program)
	if err != nil {
		return err
	}
	defer t.end()
	var made, wrong int
	p := &patient{soak: s, pids: t.pids(), patch: patch, ask: func() (bool, error) {
		line, err := t.ask()
		if err != nil {
			return false, err
		}
		var value int
		_, err = fmt.Sscanf(line, "%d %d %d", &value, &made, &wrong)
		return value == 1, err
	}}
	if err := p.expect(false); err != nil {
		return err
	}
	from, start := made, time.Now()
	time.Sleep(3 * time.Second)
	if err := p.expect(false); err != nil {
		return err
	}
	alone := float64(made-from) / time.Since(start).Seconds()
	from, start = made, time.Now()
	for p.cycles < min(s.cycles, 500) {
		if err := p.cycle(ctx); err != nil {
			return err
		}
	}
	fmt.Printf("threads: %d cycles; %.0f threads a second alone, %.0f patched; %d with a wrong result; stopped for %s, at most %s\n",
		p.cycles, alone, float64(made-from)/time.Since(start).Seconds(), wrong, median(p.freezes), maxOf(p.freezes))
	if wrong > 0 {
		return fmt.Errorf("%d threads had a wrong result", wrong)
	}
	return nil
}
