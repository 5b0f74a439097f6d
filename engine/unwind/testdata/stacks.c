/* Blocks in read(2) at a known place after printing what the stack must look like: for each function that called NOTE
 * its return address and CFA, innermost first, as the compiler knows them. */
#include <alloca.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline, noclone))
#define MAX 20000
static void *notes[MAX][2];
static int count;
static volatile int sink;

#define NOTE() (notes[count][0] = __builtin_return_address(0), notes[count][1] = __builtin_dwarf_cfa(), count++)
#define LEAVE() (count--)

NOINLINE void block(void)
{
	char c;
	NOTE();
	for (int i = count - 1; i >= 0; i--)
		printf("frame %p %p\n", notes[i][0], notes[i][1]);
	printf("ready\n");
	fflush(stdout);
	if (read(0, &c, 1) != 1)
		_exit(3);
	LEAVE();
}

NOINLINE static int compare(const void *a, const void *b)
{
	NOTE();
	if (count < 4)
		block();
	LEAVE();
	return *(const int *)a - *(const int *)b;
}

NOINLINE static void run_qsort(void)
{
	int v[] = {3, 1, 2, 5};
	NOTE();
	qsort(v, 4, sizeof v[0], compare);
	LEAVE();
}

static void handler(int sig)
{
	NOTE();
	sink = sig;
	block();
	LEAVE();
}

static void outer_handler(int sig)
{
	NOTE();
	sink = sig;
	raise(SIGUSR2);
	LEAVE();
}

static void install(int sig, void (*f)(int), int flags)
{
	struct sigaction sa;
	memset(&sa, 0, sizeof sa);
	sa.sa_handler = f;
	sa.sa_flags = flags;
	sigaction(sig, &sa, 0);
}

NOINLINE static void run_signal(int flags)
{
	NOTE();
	install(SIGUSR1, outer_handler, flags);
	install(SIGUSR2, handler, flags);
	raise(SIGUSR1);
	LEAVE();
}

static char altstack[64 * 1024];

NOINLINE static void run_altstack(void)
{
	stack_t ss = {.ss_sp = altstack, .ss_size = sizeof altstack};
	NOTE();
	sigaltstack(&ss, 0);
	install(SIGUSR1, handler, SA_ONSTACK);
	raise(SIGUSR1);
	LEAVE();
}

/* The fault is in the very first instruction, and the byte before it belongs to a function with another CFA. */
__asm__(".text\n.type before, @function\nbefore:\n.cfi_startproc\npush %rbx\n.cfi_def_cfa_offset 16\npush %rbx\n"
	".cfi_def_cfa_offset 24\nud2\n.cfi_endproc\n.globl faults\n.type faults, @function\nfaults:\n.cfi_startproc\n"
	"movl (%rdi), %eax\nret\n.cfi_endproc\n.previous\n");
int faults(int *);

NOINLINE static void run_fault(void)
{
	NOTE();
	install(SIGSEGV, handler, 0);
	sink = faults(0);
	LEAVE();
}

NOINLINE static void run_alloca(int n)
{
	volatile char aligned[64] __attribute__((aligned(64)));
	volatile char *p = alloca(n * 100);
	aligned[0] = p[0] = 1;
	block();
	sink = aligned[0] + p[0];
}

NOINLINE static int run_deep(int n)
{
	NOTE();
	if (n == 0)
		block();
	else
		sink += run_deep(n - 1);
	LEAVE();
	return sink + 1;
}

NOINLINE __attribute__((noreturn)) static void never(void)
{
	NOTE();
	block();
	_exit(0);
}

NOINLINE static void run_noreturn(int n)
{
	NOTE();
	if (n)
		never(); /* the call is the last instruction */
}

static void *run_thread(void *arg)
{
	NOTE();
	block();
	LEAVE();
	return arg;
}

/* Everything between the two marks is single-stepped. */
NOINLINE void mark(void) { __asm__ volatile(""); sink++; }

NOINLINE static int leaf(int a, int b) { return a * b + sink; }

NOINLINE static int stepped(int n)
{
	volatile char *p = alloca(n * 16);
	char text[32];
	p[0] = leaf(n, 3);
	snprintf(text, sizeof text, "%d %s", n, "text");
	run_alloca(n);
	return leaf(strlen(text), p[0]) + atoi(text);
}

NOINLINE static void run_steps(void)
{
	mark();
	sink = stepped(5);
	mark();
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "plain";
	pthread_t thread;
	if (!strcmp(mode, "plain")) block();
	if (!strcmp(mode, "qsort")) run_qsort();
	if (!strcmp(mode, "signal")) run_signal(0);
	if (!strcmp(mode, "altstack")) run_altstack();
	if (!strcmp(mode, "fault")) run_fault();
	if (!strcmp(mode, "alloca")) run_alloca(argc);
	if (!strcmp(mode, "deep")) run_deep(12000);
	if (!strcmp(mode, "noreturn")) run_noreturn(argc);
	if (!strcmp(mode, "steps")) { block(); run_steps(); block(); }
	if (!strcmp(mode, "thread")) {
		pthread_create(&thread, 0, run_thread, 0);
		pthread_join(thread, 0);
	}
	return 0;
}
