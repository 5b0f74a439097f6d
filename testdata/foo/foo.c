// foo.c
#include <stdio.h>
#include <time.h>
#include <unistd.h>

void print_hello(void)
{
	printf("Hello world!\n");
	fflush(stdout);
}

int main(void)
{
	while (1) {
		print_hello();
		sleep(1);
	}
}
