/* The unit whose functions the tests carry over unchanged: every way C reaches things outside a function. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern int one_count(int), two_count(int);
extern int hidden_global(int) __attribute__((visibility("hidden")));
extern int hidden_var __attribute__((visibility("hidden")));
extern __thread int other_tls;
extern char **environ;
int maybe_absent(void) __attribute__((weak));

int shared_common;
int exported = 11, unused_export = 12;
static int cnt;
static int table[4] = { 3, 1, 4, 1 };
static const int squares[] = { 0, 1, 4, 9, 16, 25 };
__thread int tls_exported = 5, unused_tls = 6;
static __thread int tls_static = 6;
static __thread char tls_zero[40];

static int (*hook)(const char *) = puts;

__attribute__((noinline)) static int helper(int x) { cnt += x; return cnt + table[x & 3]; }
__attribute__((noinline)) int public_helper(int x) { static int cnt_local; cnt_local += x; return cnt_local + exported; }

__attribute__((noinline)) int use_statics(int x) { shared_common += x; return helper(x) + public_helper(x) + squares[x % 6]; }
__attribute__((noinline)) int use_others(int x) { return one_count(x) + two_count(x) + hidden_global(x) + hidden_var; }
__attribute__((noinline)) int use_tls(int x) { tls_static += x; tls_zero[3]++; return tls_exported + tls_static + other_tls + errno; }
__attribute__((noinline)) int use_tls_address(int **p) { *p = &tls_exported; p[1] = &tls_static; p[2] = &other_tls; return tls_zero[1]; }
__attribute__((noinline)) int use_libc(const char *s) { fprintf(stderr, "%s %d\n", s, (int)strlen(s)); return strchr(s, 'x') != 0; }
__attribute__((noinline)) int use_more(char *s) { fflush(stdout); return environ != 0 && getenv(s) && hook == puts; }
__attribute__((noinline)) void *use_address(int x) { return x ? (void *)malloc : x > 3 ? (void *)free : (void *)use_libc; }
__attribute__((noinline)) double use_double(double x) { return sqrt(x) * 2.5 + fmod(x, 3.25); }
#ifdef NO_WEAK
int use_weak(int x) { return cnt += x; }
#else
__attribute__((noinline)) int use_weak(int x) { return maybe_absent ? maybe_absent() + x : x; }
#endif
__attribute__((noinline)) int use_switch(int x)
{
	switch (x) {
	case 1: return helper(7);
	case 2: return exported;
	case 3: return public_helper(8);
	case 4: return cnt;
	case 5: return (int)getpid();
	case 6: return rand();
	default: return 0;
	}
}
static int twice(int x) { return 2 * x; }
static int (*choose_twice(void))(int) { return twice; }
static int static_ifunc(int) __attribute__((ifunc("choose_twice")));
int hidden_ifunc(int) __attribute__((ifunc("choose_twice"), visibility("hidden")));
int exported_ifunc(int) __attribute__((ifunc("choose_twice")));
__attribute__((noinline)) int use_ifunc(int x) { return static_ifunc(x) + hidden_ifunc(x) + exported_ifunc(x) + (hook == (void *)hidden_ifunc); }
extern char _end[], __bss_start[], __start_listed[], __stop_listed[];
__attribute__((section("listed"), used)) static int first_listed = 1;
#ifdef NO_LINKER_SYMBOLS
long use_linker_symbols(char *p) { return p != 0; }
#else
__attribute__((noinline)) long use_linker_symbols(char *p) { return (p < _end) + (p > __bss_start) + (__stop_listed - __start_listed); }
#endif
__attribute__((noinline)) int never_called_by_anyone(int x) { return x * 3 + cnt; }
