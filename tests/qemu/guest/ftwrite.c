// SPDX-License-Identifier: GPL-2.0
/*
 * A writer that remembers what it was promised.
 *
 * It writes numbered, checksummed records of 4 KiB to a file or block device, syncs,
 * and prints "ack N NS" once record N and all before it are durable.  Which block
 * record N goes to depends on N alone, so whoever kept the acks can have the file
 * checked later: every block must hold the last record that was acknowledged for it,
 * or a newer one.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define RECORD_SIZE 4096
#define MAGIC 0x3164726f63657266ULL

struct record {
	uint64_t magic;
	uint64_t number;
	uint64_t block;
	uint64_t written_ns;
	uint64_t sum;
	uint64_t body[(RECORD_SIZE - 40) / 8];
};

static uint64_t blocks = 4096, from = 1, count = UINT64_MAX, batch = 1, inflight;
static bool shuffled;
static volatile sig_atomic_t stopping;

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 31)) * 0x9e3779b97f4a7c15ULL;
	x = (x ^ (x >> 29)) * 0xbf58476d1ce4e5b9ULL;
	return x ^ (x >> 32);
}

/* Spread: a stride through the whole file.  Shuffled: overwrites in random order. */
static uint64_t block_of(uint64_t number)
{
	uint64_t stride = blocks * 5 / 13 | 1;

	if (shuffled)
		return mix(number) % blocks;
	while (1) {
		uint64_t a = stride, b = blocks;

		while (b) {
			uint64_t rest = a % b;

			a = b;
			b = rest;
		}
		if (a == 1)
			return number % blocks * stride % blocks;
		stride += 2;
	}
}

static uint64_t checksum(const struct record *record)
{
	const uint64_t *word = (const uint64_t *)record;
	uint64_t sum = 0;

	for (size_t i = 0; i < RECORD_SIZE / 8; i++)
		if (word + i != &record->sum)
			sum = mix(sum + word[i]);
	return sum;
}

static void fill(struct record *record, uint64_t number)
{
	record->magic = MAGIC;
	record->number = number;
	record->block = block_of(number);
	record->written_ns = now_ns();
	for (size_t i = 0; i < sizeof(record->body) / 8; i++)
		record->body[i] = mix(number * 1000 + i);
	record->sum = checksum(record);
}

/* Was a write to this block under way at a power cut?  Disks tear what is larger than a
 * sector, so such a block may hold anything.
 */
static bool may_be_torn(uint64_t block, uint64_t upto)
{
	for (uint64_t number = upto + 1; number <= upto + inflight; number++)
		if (block_of(number) == block)
			return true;
	return false;
}

static int verify(const char *path, uint64_t upto)
{
	struct record *record = aligned_alloc(RECORD_SIZE, RECORD_SIZE);
	uint64_t *newest = calloc(blocks, sizeof(*newest));
	uint64_t lost = 0, corrupt = 0, checked = 0, newer = 0, torn = 0;
	int fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);

	if (!record || !newest || fd < 0) {
		fprintf(stderr, "ftwrite: %s: %s\n", path, strerror(errno));
		return 2;
	}
	for (uint64_t number = from; number <= upto; number++)
		newest[block_of(number)] = number;
	for (uint64_t block = 0; block < blocks; block++) {
		ssize_t got;

		if (!newest[block])
			continue;
		checked++;
		got = pread(fd, record, RECORD_SIZE, block * RECORD_SIZE);
		if (got != RECORD_SIZE) {
			printf("corrupt block %llu: %s\n", (unsigned long long)block,
			       got < 0 ? strerror(errno) : "the file ends before it");
			corrupt++;
		} else if (record->magic != MAGIC || record->sum != checksum(record) ||
			   record->block != block || block_of(record->number) != block) {
			if (may_be_torn(block, upto)) {
				torn++;
				continue;
			}
			printf("corrupt block %llu: instead of record %llu\n",
			       (unsigned long long)block, (unsigned long long)newest[block]);
			corrupt++;
		} else if (record->number < newest[block]) {
			printf("lost record %llu: block %llu still holds record %llu\n",
			       (unsigned long long)newest[block], (unsigned long long)block,
			       (unsigned long long)record->number);
			lost++;
		} else if (record->number > newest[block]) {
			newer++;
		}
	}
	printf("verified %llu lost %llu corrupt %llu newer %llu torn %llu\n",
	       (unsigned long long)checked, (unsigned long long)lost,
	       (unsigned long long)corrupt, (unsigned long long)newer, (unsigned long long)torn);
	return lost || corrupt;
}

static void stop(int signal)
{
	(void)signal;
	stopping = 1;
}

static int run(const char *path, double rate, double seconds, bool direct)
{
	struct record *record = aligned_alloc(RECORD_SIZE, RECORD_SIZE);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | (direct ? O_DIRECT : 0), 0644);
	uint64_t start = now_ns(), last = start, longest = 0, number = from;
	uint64_t end = seconds ? start + (uint64_t)(seconds * 1e9) : UINT64_MAX;
	struct stat info;

	if (!record || fd < 0 || fstat(fd, &info)) {
		fprintf(stderr, "ftwrite: %s: %s\n", path, strerror(errno));
		return 2;
	}
	if (S_ISREG(info.st_mode) && ftruncate(fd, blocks * RECORD_SIZE)) {
		fprintf(stderr, "ftwrite: %s: %s\n", path, strerror(errno));
		return 2;
	}
	while (!stopping && now_ns() < end && number - from < count) {
		uint64_t acked, gap;

		for (uint64_t i = 0; i < batch; i++, number++) {
			fill(record, number);
			if (pwrite(fd, record, RECORD_SIZE, record->block * RECORD_SIZE) !=
			    RECORD_SIZE) {
				printf("error write of record %llu: %s\n",
				       (unsigned long long)number, strerror(errno));
				return 1;
			}
		}
		if (fdatasync(fd)) {
			printf("error sync of record %llu: %s\n", (unsigned long long)number - 1,
			       strerror(errno));
			return 1;
		}
		acked = now_ns();
		gap = acked - last;
		if (gap > longest)
			longest = gap;
		last = acked;
		printf("ack %llu %llu\n", (unsigned long long)number - 1, (unsigned long long)acked);
		if (rate) {
			double due = start + (number - from) / rate * 1e9;

			/* Never catch up in a burst: a stall must stay visible as one gap. */
			if (due > acked) {
				uint64_t pause = due - acked;
				struct timespec nap = { pause / 1000000000, pause % 1000000000 };

				nanosleep(&nap, NULL);
			}
		}
	}
	printf("done records %llu longest_gap_ms %.1f\n", (unsigned long long)(number - from),
	       longest / 1e6);
	return 0;
}

static void usage(void)
{
	fprintf(stderr,
		"usage: ftwrite FILE [--blocks N] [--shuffled] [--from N] [--count N] [--batch N]\n"
		"               [--rate PER_SECOND] [--seconds S] [--direct]\n"
		"       ftwrite FILE --verify --upto N [--from N] [--blocks N] [--shuffled]\n"
		"               [--inflight N]\n");
	exit(2);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "blocks", required_argument, NULL, 'b' },
		{ "shuffled", no_argument, NULL, 'r' },
		{ "from", required_argument, NULL, 'f' },
		{ "count", required_argument, NULL, 'c' },
		{ "batch", required_argument, NULL, 'n' },
		{ "rate", required_argument, NULL, 'p' },
		{ "seconds", required_argument, NULL, 's' },
		{ "direct", no_argument, NULL, 'd' },
		{ "verify", no_argument, NULL, 'v' },
		{ "upto", required_argument, NULL, 'u' },
		{ "inflight", required_argument, NULL, 'i' },
		{ }
	};
	double rate = 0, seconds = 0;
	bool direct = false, check = false;
	uint64_t upto = 0;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'b': blocks = strtoull(optarg, NULL, 0); break;
		case 'r': shuffled = true; break;
		case 'f': from = strtoull(optarg, NULL, 0); break;
		case 'c': count = strtoull(optarg, NULL, 0); break;
		case 'n': batch = strtoull(optarg, NULL, 0); break;
		case 'p': rate = strtod(optarg, NULL); break;
		case 's': seconds = strtod(optarg, NULL); break;
		case 'd': direct = true; break;
		case 'v': check = true; break;
		case 'u': upto = strtoull(optarg, NULL, 0); break;
		case 'i': inflight = strtoull(optarg, NULL, 0); break;
		default: usage();
		}
	}
	if (optind != argc - 1 || !blocks || !batch || !from)
		usage();
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGTERM, stop);
	signal(SIGINT, stop);
	return check ? verify(argv[optind], upto) : run(argv[optind], rate, seconds, direct);
}
