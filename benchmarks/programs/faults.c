/* SPDX-License-Identifier: MIT */
/*
 * Page faults and little else: faults FILE PROCESSES MIB. Each process maps MIB of private memory, writes a byte
 * to each 4 KiB page and unmaps it; FILE gets the seconds from the first's start to the last's end, and those of
 * processor time that they took.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec * 1e-9;
}

static double processor_time(void)
{
	struct rusage used;

	getrusage(RUSAGE_CHILDREN, &used);
	return used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6;
}

static int fault(size_t nbytes)
{
	char *memory = mmap(NULL, nbytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED || madvise(memory, nbytes, MADV_NOHUGEPAGE))
		return 1;
	for (size_t at = 0; at < nbytes; at += 4096)
		*(volatile char *)(memory + at) = 1;
	return munmap(memory, nbytes) != 0;
}

int main(int argc, char **argv)
{
	int processes = argc == 4 ? atoi(argv[2]) : 0, status, failed = !processes;
	size_t nbytes = argc == 4 ? (size_t)atol(argv[3]) << 20 : 0;
	double start = now();
	FILE *file;

	for (int i = 0; i < processes; i++) {
		if (!fork())
			_exit(fault(nbytes));
	}
	while (wait(&status) > 0)
		failed |= status;
	file = argc == 4 ? fopen(argv[1], "w") : NULL;
	if (!file || fprintf(file, "%f %f\n", now() - start, processor_time()) < 0 || fclose(file))
		return 2;
	return failed != 0;
}
