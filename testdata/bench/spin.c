// spin [THREADS [DEPTH [COROUTINES [stay]]]]: one thread reads the clock without a pause and keeps the largest gap it sees; the main thread and
// THREADS - 2 others are blocked (with THREADS 1 the spinning thread reads its commands itself, without waiting for them).
// The blocked ones are DEPTH calls deep; as many COROUTINES, as deep, are suspended. With "stay" one of the threads spins in stay() for ever.
// Each line on standard input is answered with "VERSION NANOSECONDS", the largest gap since the answer before.
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <ucontext.h>
#include <time.h>
#include <unistd.h>

#define CHANGED 0 // the patched version has another value, if stay() is to differ, too

static atomic_long largest;
static volatile long sink;
static int depth;

__attribute__((noinline)) static void stay(void)
{
	for (;;)
		sink += CHANGED;
}

__attribute__((noinline)) static const char *version(void)
{
	return "original";
}

static long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000L + t.tv_nsec;
}

__attribute__((noinline)) static void answer(void)
{
	printf("%s %ld\n", version(), atomic_exchange(&largest, 0));
	fflush(stdout);
}

// Spins; polls standard input every so often when asked to.
static void *spin(void *poll)
{
	long last = now();

	for (unsigned n = 0;; n++) {
		long t = now();
		char line[64];

		if (t - last > largest)
			largest = t - last;
		last = t;
		if (poll && n % 4096 == 0) {
			ssize_t got = read(0, line, sizeof line);
			if (got == 0)
				exit(0);
			if (got > 0) {
				answer();
				last = now();
			}
		}
	}
	return NULL;
}

static ucontext_t first, *coroutine;

__attribute__((noinline)) static int deep(int left)
{
	volatile char room[48];

	room[left & 31] = 1;
	if (left > 0)
		return deep(left - 1) + room[left & 31];
	if (coroutine)
		swapcontext(coroutine, &first);
	for (;;)
		pause();
}

static void *block(void *spins)
{
	if (spins)
		stay();
	deep(depth);
	return NULL;
}

static void body(void) { deep(depth); }

static void suspend(void)
{
	ucontext_t *c = calloc(1, sizeof *c);

	getcontext(c);
	c->uc_stack.ss_size = 64 << 10;
	c->uc_stack.ss_sp = malloc(c->uc_stack.ss_size);
	makecontext(c, body, 0);
	coroutine = c;
	swapcontext(&first, c);
	coroutine = NULL;
}

int main(int argc, char **argv)
{
	int threads = argc > 1 ? atoi(argv[1]) : 1;
	char line[64];
	pthread_t t;

	depth = argc > 2 ? atoi(argv[2]) : 1;
	for (int i = 0; argc > 3 && i < atoi(argv[3]); i++)
		suspend();
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
	if (threads <= 1) {
		fcntl(0, F_SETFL, O_NONBLOCK);
		spin(line);
	}
	pthread_create(&t, NULL, spin, NULL);
	for (int i = 2; i < threads; i++)
		pthread_create(&t, NULL, block, argc > 4 && i == 2 ? line : NULL);
	while (fgets(line, sizeof line, stdin))
		answer();
	return 0;
}
