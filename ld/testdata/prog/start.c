#include <stdio.h>
extern int use_statics(int), use_others(int), use_tls(int), use_tls_address(int **), use_libc(const char *);
extern int use_more(char *), use_weak(int), use_switch(int);
extern void *use_address(int);
extern double use_double(double);
int main(int argc, char **argv)
{
	int *p[3];
	printf("%d\n", use_statics(argc) + use_others(argc) + use_tls(argc) + use_tls_address(p) + use_libc(argv[0]));
	return use_more(argv[0]) + use_weak(argc) + use_switch(argc) + (use_address(argc) == 0) + (use_double(argc) == 2);
}
