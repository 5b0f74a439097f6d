// spin THREADS: one thread reads the clock without a pause and keeps the largest gap it sees; the main thread and
// THREADS - 2 others are blocked (with THREADS 1 the spinning thread reads its commands itself, without waiting for them).
// Each line on standard input is answered with "VERSION NANOSECONDS", the largest gap since the answer before.
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

static atomic_long largest;

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

static void *block(void *unused)
{
	(void)unused;
	for (;;)
		pause();
	return NULL;
}

int main(int argc, char **argv)
{
	int threads = argc > 1 ? atoi(argv[1]) : 1;
	char line[64];
	pthread_t t;

	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
	if (threads <= 1) {
		fcntl(0, F_SETFL, O_NONBLOCK);
		spin(line);
	}
	pthread_create(&t, NULL, spin, NULL);
	for (int i = 2; i < threads; i++)
		pthread_create(&t, NULL, block, NULL);
	while (fgets(line, sizeof line, stdin))
		answer();
	return 0;
}
