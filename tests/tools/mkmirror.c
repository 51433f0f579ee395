// SPDX-License-Identifier: GPL-2.0
/*
 * mkmirror - make the superblocks of a mirror by hand, and show them.
 *
 *	mkmirror [--same] [--region-shift N] [--size SECTORS] LEG0 LEG1
 *			a new mirror; prints its "<sectors> <uuid>". With --same the
 *			legs are taken to be equal, else LEG1 is to be copied in full.
 *			Without a size it is as large as the smaller leg.
 *	mkmirror --show LEG		one line: gen base syncing sectors, or what is wrong
 *
 * For scenarios that test the kernel alone; on a server, ftd does this.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <unistd.h>

#include "../../kmod/uapi/ft_mirror_format.h"

static void die(const char *what)
{
	fprintf(stderr, "mkmirror: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int leg_open(const char *path, __u64 *sectors)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	__u64 bytes;

	if (fd < 0 || ioctl(fd, BLKGETSIZE64, &bytes))
		die(path);
	*sectors = bytes / 512;
	return fd;
}

static void put(int fd, const void *data, __u64 sector)
{
	if (pwrite(fd, data, 4096, sector * 512) != 4096)
		die("write");
}

static int show(const char *path)
{
	static struct ft_sb sb[FT_SB_SLOTS];
	static const char *const text[] = {
#define ROW(n, v, t) [(v)] = t,
		FT_SB_ERRORS(ROW)
#undef ROW
	};
	struct ft_leg_meta m = { };
	__u64 sectors;
	int fd = leg_open(path, &sectors), i;
	enum ft_sb_error err;

	/* The kernel's own writes are not in the cache. */
	if (ioctl(fd, BLKFLSBUF))
		die(path);
	for (i = 0; i < FT_SB_SLOTS; i++)
		if (pread(fd, &sb[i], 4096, FT_SB_SECTOR(i) * 512) != 4096)
			die(path);
	err = ft_sb_choose(&sb[0], &sb[1], sectors, &m);
	if (err == FT_SB_OK)
		printf("%016llx %016llx %d %llu\n", m.gen, m.base, m.syncing, m.data_size);
	else
		printf("%s\n", text[err]);
	return 0;
}

static void make(char **leg, bool same, unsigned int shift, __u64 wanted)
{
	static struct ft_bitmap_block block;
	static char zero[4096];
	static struct ft_sb sb;
	struct ft_leg_meta m[2] = { };
	__u64 sectors[2], size;
	int fd[2], i, l;
	__u32 b;

	for (l = 0; l < 2; l++)
		fd[l] = leg_open(leg[l], &sectors[l]);
	size = (sectors[0] < sectors[1] ? sectors[0] : sectors[1]) - FT_DATA_ALIGN;
	if (wanted && wanted < size)
		size = wanted;
	if (getrandom(m[0].uuid, 16, 0) != 16 || getrandom(m[0].id, 16, 0) != 16 ||
	    getrandom(m[1].id, 16, 0) != 16 || getrandom(&m[0].gen, 8, 0) != 8)
		die("random");
	for (l = 0; l < 2; l++) {
		memcpy(m[l].uuid, m[0].uuid, 16);
		memcpy(m[l].peer, m[!l].id, 16);
		m[l].gen = m[0].gen;
		m[l].seq = 1;
		m[l].data_offset = FT_DATA_ALIGN;
		m[l].data_size = size & ~7ULL;
		m[l].bitmap_offset = FT_BITMAP_SECTOR;
		m[l].region_shift = shift;
		m[l].syncing = l && !same;
		for (i = 0; i < FT_SB_SLOTS; i++)
			put(fd[l], zero, FT_SB_SECTOR(i));
		for (b = 0; b < ft_bitmap_blocks(ft_regions(m[l].data_size, shift)); b++) {
			memset(block.bits, same ? 0 : 0xff, sizeof(block.bits));
			ft_bitmap_block_seal(&block, b);
			put(fd[l], &block, FT_BITMAP_SECTOR + 8ULL * b);
		}
		ft_sb_encode(&m[l], &sb);
		put(fd[l], &sb, FT_SB_SECTOR(0));
		if (fsync(fd[l]))
			die(leg[l]);
	}
	printf("%llu ", m[0].data_size);
	for (i = 0; i < 16; i++)
		printf("%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", m[0].uuid[i]);
	printf("\n");
}

int main(int argc, char **argv)
{
	unsigned int shift = FT_REGION_SHIFT_MIN;
	__u64 size = 0;
	bool same = false;
	int i = 1;

	if (argc == 3 && !strcmp(argv[1], "--show"))
		return show(argv[2]);
	for (; i < argc - 2; i++) {
		if (!strcmp(argv[i], "--same"))
			same = true;
		else if (!strcmp(argv[i], "--region-shift"))
			shift = strtoul(argv[++i], NULL, 10);
		else if (!strcmp(argv[i], "--size"))
			size = strtoull(argv[++i], NULL, 10);
	}
	if (i != argc - 2) {
		fprintf(stderr, "usage: mkmirror [--same] [--region-shift N] [--size SECTORS] LEG0 LEG1\n"
			"       mkmirror --show LEG\n");
		return 2;
	}
	make(&argv[i], same, shift, size);
	return 0;
}
