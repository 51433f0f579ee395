// SPDX-License-Identifier: GPL-2.0
/*
 * ftreplay - play back a log that device-mapper's log-writes target recorded:
 * the disk as a power cut after any of the recorded writes would have left it.
 *
 *	ftreplay --log LOG --list
 *	ftreplay --log LOG [--from N] --to N --dest0 FILE [--split SECTORS --dest1 FILE]
 *
 * Entries are numbered from 0; --to N plays those before N, --from N leaves out
 * those that an earlier call has played. With --split the recorded disk was two
 * disks, one behind the other: what lies behind SECTORS (of 512 bytes) belongs
 * into the second file. A file may be a block device.
 *
 * The target logs a write when it becomes durable: at the next flush, or at
 * once if it was FUA. So each prefix of the log is a disk whose volatile cache
 * was lost. The whole log is checked before the first byte is written.
 */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include <endian.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOG_MAGIC	0x6a736677736872ULL
#define LOG_VERSION	1ULL
#define LOG_FLUSH	1U
#define LOG_FUA		2U
#define LOG_DISCARD	4U
#define LOG_MARK	8U

/* On disk, all little endian. The header is alone in the first sector; each
 * entry has a sector of its own, and its data in the sectors behind that.
 */
struct log_header {
	uint64_t magic;
	uint64_t version;
	uint64_t nr_entries;
	uint32_t sectorsize;
} __attribute__((packed));

struct log_entry {
	uint64_t sector;	/* in sectors of the header's size, as is: */
	uint64_t nr_sectors;
	uint64_t flags;
	uint64_t data_len;	/* of a mark: its text is behind this struct */
};

struct log {
	const char *name;
	int fd;
	uint64_t bytes;
	uint64_t entries;
	uint32_t sectorsize;
};

struct entry {
	uint64_t number;
	uint64_t at;		/* byte in the log where its data begins */
	uint64_t first, bytes;	/* on the recorded disk */
	uint64_t flags;
	char text[4096];	/* of a mark */
};

struct dest {
	const char *name;
	int fd;
	uint64_t begin, end;	/* bytes of the recorded disk that go here */
};

static void read_all(const struct log *log, void *buf, size_t bytes, uint64_t at)
{
	char *p = buf;

	while (bytes) {
		ssize_t n = pread(log->fd, p, bytes, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			err(1, "%s: cannot read at byte %" PRIu64, log->name, at);
		if (!n)
			errx(1, "%s: ends at byte %" PRIu64 ", within an entry: the log is cut short",
			     log->name, at);
		p += n;
		at += (uint64_t)n;
		bytes -= (size_t)n;
	}
}

static void write_all(const struct dest *dest, const void *buf, size_t bytes, uint64_t at)
{
	const char *p = buf;

	while (bytes) {
		ssize_t n = pwrite(dest->fd, p, bytes, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			err(1, "%s: cannot write at byte %" PRIu64, dest->name, at);
		p += n;
		at += (uint64_t)n;
		bytes -= (size_t)n;
	}
}

static uint64_t size_of(int fd, const char *name)
{
	off_t end = lseek(fd, 0, SEEK_END);

	if (end < 0)
		err(1, "%s: cannot tell its size", name);
	return (uint64_t)end;
}

static struct log open_log(const char *name)
{
	struct log log = { .name = name, .fd = open(name, O_RDONLY | O_CLOEXEC) };
	struct log_header header;

	if (log.fd < 0)
		err(1, "%s", name);
	log.bytes = size_of(log.fd, name);
	if (log.bytes < sizeof(header))
		errx(1, "%s: is not a log of dm-log-writes: too short", name);
	read_all(&log, &header, sizeof(header), 0);
	if (le64toh(header.magic) != LOG_MAGIC)
		errx(1, "%s: is not a log of dm-log-writes, or nothing was flushed to it yet", name);
	if (le64toh(header.version) != LOG_VERSION)
		errx(1, "%s: log version %" PRIu64 ", known is 1", name, le64toh(header.version));
	log.entries = le64toh(header.nr_entries);
	log.sectorsize = le32toh(header.sectorsize);
	if (log.sectorsize < 512 || log.sectorsize > 4096 ||
	    (log.sectorsize & (log.sectorsize - 1)))
		errx(1, "%s: sector size %u is not 512 to 4096", name, log.sectorsize);
	return log;
}

/* Read the head of the entry at byte @at; returns where the next one is. */
static uint64_t read_entry(const struct log *log, uint64_t at, struct entry *e)
{
	const uint64_t limit = UINT64_MAX / 2 / log->sectorsize;
	struct log_entry raw;
	uint64_t first, nr, text;

	read_all(log, &raw, sizeof(raw), at);
	first = le64toh(raw.sector);
	nr = le64toh(raw.nr_sectors);
	text = le64toh(raw.data_len);
	e->flags = le64toh(raw.flags);
	if (first > limit || nr > limit)
		errx(1, "%s: entry %" PRIu64 " has no possible place: the log is damaged", log->name,
		     e->number);
	e->first = first * log->sectorsize;
	e->bytes = nr * log->sectorsize;
	e->at = at + log->sectorsize;
	e->text[0] = 0;
	if (e->flags & LOG_MARK) {
		if (nr || text > log->sectorsize - sizeof(raw))
			errx(1, "%s: entry %" PRIu64 " is a mark that cannot be: the log is damaged",
			     log->name, e->number);
		read_all(log, e->text, text, at + sizeof(raw));
		e->text[text] = 0;
	}
	at = e->at + (e->flags & LOG_DISCARD ? 0 : e->bytes);
	if (at > log->bytes)
		errx(1, "%s: ends within entry %" PRIu64 ": the log is cut short", log->name,
		     e->number);
	return at;
}

static void print_entry(const struct log *log, const struct entry *e)
{
	const char *kind = e->flags & LOG_MARK    ? "mark" :
			   e->flags & LOG_DISCARD ? "discard" :
			   e->bytes               ? "write" : "flush";

	printf("%" PRIu64 " %s", e->number, kind);
	if (e->flags & LOG_MARK)
		printf(" %s", e->text);
	else if (e->bytes)
		printf(" %" PRIu64 "+%" PRIu64 "%s%s", e->first / 512, e->bytes / 512,
		       e->flags & LOG_FUA ? " fua" : "", e->flags & LOG_FLUSH ? " flush" : "");
	printf("\n");
	if (ferror(stdout))
		errx(1, "%s: cannot print its entries", log->name);
}

/* A discarded range reads as zeroes, as the mirror asks of what it discards. */
static void play_entry(const struct log *log, const struct entry *e, const struct dest *dest,
		       int dests)
{
	static char buf[1 << 16];
	uint64_t done = 0;

	while (done < e->bytes) {
		const struct dest *d = e->first + done < dest->end ? dest : dest + dests - 1;
		uint64_t at = e->first + done;
		uint64_t n = e->bytes - done;

		if (n > d->end - at)
			n = d->end - at;
		if (n > sizeof(buf))
			n = sizeof(buf);
		if (e->flags & LOG_DISCARD)
			memset(buf, 0, n);
		else
			read_all(log, buf, n, e->at + done);
		write_all(d, buf, n, at - d->begin);
		done += n;
	}
}

static void open_dest(struct dest *d, uint64_t begin, uint64_t end)
{
	uint64_t bytes;

	d->fd = open(d->name, O_RDWR | O_CLOEXEC);
	if (d->fd < 0)
		err(1, "%s", d->name);
	bytes = size_of(d->fd, d->name);
	if (end && bytes < end - begin)
		errx(1, "%s: has %" PRIu64 " bytes, the recorded disk had %" PRIu64 ": make it larger",
		     d->name, bytes, end - begin);
	d->begin = begin;
	d->end = end ? end : begin + bytes;
}

static uint64_t number(const char *option, const char *text)
{
	char *end;
	uint64_t n;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno || *end || end == text || *text == '-')
		errx(2, "--%s takes a number, not \"%s\"", option, text);
	return n;
}

static const char usage[] =
	"usage: ftreplay --log LOG --list\n"
	"       ftreplay --log LOG [--from N] --to N --dest0 FILE [--split SECTORS --dest1 FILE]\n";

int main(int argc, char **argv)
{
	enum { LOG = 1, LIST, FROM, TO, DEST0, DEST1, SPLIT, HELP };
	static const struct option options[] = {
		{ "log", 1, NULL, LOG },     { "list", 0, NULL, LIST },   { "from", 1, NULL, FROM },
		{ "to", 1, NULL, TO },	     { "dest0", 1, NULL, DEST0 }, { "dest1", 1, NULL, DEST1 },
		{ "split", 1, NULL, SPLIT }, { "help", 0, NULL, HELP },	  {},
	};
	struct dest dest[2] = {};
	const char *name = NULL;
	uint64_t from = 0, to = 0, split = 0, end = 0, at, n;
	bool list = false, play = false;
	int dests, c;
	struct entry e;
	struct log log;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case LOG:
			name = optarg;
			break;
		case LIST:
			list = true;
			break;
		case FROM:
			from = number("from", optarg);
			break;
		case TO:
			to = number("to", optarg);
			play = true;
			break;
		case DEST0:
			dest[0].name = optarg;
			break;
		case DEST1:
			dest[1].name = optarg;
			break;
		case SPLIT:
			split = number("split", optarg);
			break;
		case HELP:
			fputs(usage, stdout);
			return 0;
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	if (optind != argc || !name || list == play || (list && (dest[0].name || dest[1].name)) ||
	    (play && !dest[0].name) || !dest[1].name != !split || split > UINT64_MAX / 1024) {
		fputs(usage, stderr);
		return 2;
	}
	dests = split ? 2 : 1;

	log = open_log(name);
	if (play && (to > log.entries || from > to))
		errx(1, "%s: has %" PRIu64 " entries: no way from %" PRIu64 " to %" PRIu64, name,
		     log.entries, from, to);

	for (n = 0, at = log.sectorsize; n < log.entries; n++) {
		e.number = n;
		at = read_entry(&log, at, &e);
		if (list)
			print_entry(&log, &e);
		if (e.first + e.bytes > end)
			end = e.first + e.bytes;
	}
	if (list)
		return fflush(stdout) ? 1 : 0;

	open_dest(&dest[0], 0, 512 * split);
	if (split)
		open_dest(&dest[1], 512 * split, 0);
	if (end > dest[dests - 1].end)
		errx(1, "%s: the recorded disk had %" PRIu64 " bytes or more, there is room for %" PRIu64
		     ": make it larger", dest[dests - 1].name, end, dest[dests - 1].end);
	for (n = 0, at = log.sectorsize; n < to; n++) {
		e.number = n;
		at = read_entry(&log, at, &e);
		if (n >= from)
			play_entry(&log, &e, dest, dests);
	}
	for (c = 0; c < dests; c++)
		if (close(dest[c].fd))
			err(1, "%s: cannot write it all", dest[c].name);
	return 0;
}
