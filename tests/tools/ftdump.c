// SPDX-License-Identifier: GPL-2.0
/*
 * ftdump FILE TEXT: writes it with one write(2), and says "done" or the error's
 * name.
 * ftdump fill MIB: fills memory with what depends on the place, reads it back,
 * and says how many words were wrong.
 * ftdump hold FILE: reads a file through read(2) and mmap(2), again and again,
 * until both have failed; says how.
 * ftdump now FILE: writes the CPU's time stamp counter to a file, durably.
 * ftdump panic FILE: the same, and then panics.
 * ftdump ask ADDRESS FILE: asks for a page until it is there, then writes the
 * counter.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
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

/* It runs on through a panic, and begins at 0 when the power comes. */
static int now(const char *file)
{
	unsigned int low, high;
	char text[32];
	int fd;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	snprintf(text, sizeof(text), "%llu\n",
		 (unsigned long long)high << 32 | low);
	fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || write(fd, text, strlen(text)) < 0 || fsync(fd)) {
		perror(file);
		return 1;
	}
	return close(fd);
}

/* Is there an answer, and one that says that all is well? */
static int answered(const char *address)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons(80) };
	const char *ask = "GET / HTTP/1.0\r\n\r\n";
	char said[512] = "";
	size_t got = 0;
	ssize_t more;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	inet_pton(AF_INET, address, &at.sin_addr);
	if (!connect(fd, (struct sockaddr *)&at, sizeof(at)) &&
	    write(fd, ask, strlen(ask)) > 0)
		while (got < sizeof(said) - 1 &&
		       (more = read(fd, said + got,
				    sizeof(said) - 1 - got)) > 0)
			got += more;
	close(fd);
	return strstr(said, " 200 OK") && strstr(said, "durable");
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "now"))
		return now(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "panic"))
		return now(argv[2]) || put("/proc/sysrq-trigger", "c");
	if (argc == 4 && !strcmp(argv[1], "ask")) {
		while (!answered(argv[2]))
			usleep(5000);
		return now(argv[3]);
	}
	if (argc == 3 && !strcmp(argv[1], "fill"))
		return fill(strtoul(argv[2], NULL, 0));
	if (argc == 3 && !strcmp(argv[1], "hold"))
		return hold(argv[2]);
	if (argc == 3)
		return put(argv[1], argv[2]);
	fprintf(stderr, "usage: ftdump FILE TEXT | fill MIB | hold FILE | now FILE | "
			"panic FILE | ask ADDRESS FILE\n");
	return 2;
}
