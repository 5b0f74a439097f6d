// Reads numbers, one a line, and hands each to the code under test, which prints one line.
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>

void answer(int n);

int main(void)
{
	char line[64];

	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0); // for machines where only parents may attach
	while (fgets(line, sizeof line, stdin)) {
		answer(atoi(line));
		fflush(stdout);
	}
	return 0;
}
