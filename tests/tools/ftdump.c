// SPDX-License-Identifier: GPL-2.0
/*
 * ftdump FILE TEXT: writes it with one write(2), and says "done" or the error's
 * name.
 * ftdump fill MIB: fills memory with what depends on the place, reads it back,
 * and says how many words were wrong.
 * ftdump hold FILE: reads a file through read(2) and mmap(2), again and again,
 * until both have failed; says how.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int put(const char *file, const char *text)
{
	int fd = open(file, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0) {
		puts(strerrorname_np(errno));
		return 1;
	}
	puts("done");
	return 0;
}

static uint64_t pattern(uint64_t at)
{
	at *= 0x9e3779b97f4a7c15u;
	return at ^ at >> 29;
}

static int fill(size_t mib)
{
	size_t words = mib << 17, bad = 0;
	uint64_t *at = mmap(NULL, mib << 20, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	for (size_t i = 0; i < words; i++)
		at[i] = pattern(i);
	puts("filled");
	fflush(stdout);
	for (int round = 0; round < 2; round++)
		for (size_t i = 0; i < words; i++)
			bad += at[i] != pattern(i);
	printf("%zu MiB, %zu bad words\n", mib, bad);
	return bad != 0;
}

static sigjmp_buf jump;

static void fault(int signal)
{
	siglongjmp(jump, signal);
}

static int hold(const char *file)
{
	int fd = open(file, O_RDONLY), error = 0;
	volatile char *map;
	uint64_t word;

	if (fd < 0) {
		perror(file);
		return 1;
	}
	/* Behind the headers, which are a copy. */
	map = mmap(NULL, 1 << 20, PROT_READ, MAP_PRIVATE, fd, 1 << 20);
	if (map == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	(void)map[0];
	puts("reading");
	fflush(stdout);
	while (!error) {
		if (pread(fd, &word, sizeof(word), 1 << 20) < 0)
			error = errno;
		usleep(10000);
	}
	signal(SIGBUS, fault);
	if (sigsetjmp(jump, 1)) {
		printf("read %s, mapping SIGBUS\n", strerrorname_np(error));
		return 0;
	}
	printf("read %s, mapping still %d\n", strerrorname_np(error), map[0]);
	return 1;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "fill"))
		return fill(strtoul(argv[2], NULL, 0));
	if (argc == 3 && !strcmp(argv[1], "hold"))
		return hold(argv[2]);
	if (argc == 3)
		return put(argv[1], argv[2]);
	fprintf(stderr, "usage: ftdump FILE TEXT | fill MIB | hold FILE\n");
	return 2;
}
