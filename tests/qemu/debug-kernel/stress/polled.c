// SPDX-License-Identifier: GPL-2.0
/* polled DEVICE: a write and a read for which no interrupt comes, block by block. */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

int main(int argc, char **argv)
{
	char *sent, *got;
	int fd, i;

	if (argc != 2 || posix_memalign((void **)&sent, 4096, 4096) ||
	    posix_memalign((void **)&got, 4096, 4096))
		errx(2, "usage: polled DEVICE");
	fd = open(argv[1], O_RDWR | O_DIRECT);
	if (fd < 0)
		err(1, "%s", argv[1]);
	for (i = 0; i < 256; i++) {
		struct iovec out = { sent, 4096 }, in = { got, 4096 };

		memset(sent, i, 4096);
		if (pwritev2(fd, &out, 1, i * 65536L, RWF_HIPRI) != 4096)
			err(1, "write %d", i);
		if (preadv2(fd, &in, 1, i * 65536L, RWF_HIPRI) != 4096)
			err(1, "read %d", i);
		if (memcmp(sent, got, 4096))
			errx(1, "block %d holds something else", i);
	}
	return 0;
}
