// SPDX-License-Identifier: GPL-2.0
/*
 * ftcable - a cable between two taps, which it makes: what leaves by one comes
 * in by the other. Unlike a veth's, its carrier can fall without an end being
 * closed (ip link set TAP carrier off), and what was sent before still arrives.
 *
 *	ftcable TAP TAP		until it is killed
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int tap(const char *name)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0) {
		fprintf(stderr, "ftcable: %s: %s\n", name, strerror(errno));
		exit(1);
	}
	return fd;
}

int main(int argc, char **argv)
{
	static char frame[65536];
	struct pollfd end[2];
	ssize_t size;
	int i;

	if (argc != 3) {
		fprintf(stderr, "ftcable: wrong usage; see the head of ftcable.c\n");
		return 2;
	}
	for (i = 0; i < 2; i++)
		end[i] = (struct pollfd){ .fd = tap(argv[1 + i]), .events = POLLIN };
	while (poll(end, 2, -1) > 0)
		for (i = 0; i < 2; i++) {
			if (!(end[i].revents & POLLIN))
				continue;
			size = read(end[i].fd, frame, sizeof(frame));
			/* An end that is down takes nothing: it is lost, as on a wire. */
			if (size > 0 && write(end[!i].fd, frame, size) < 0 && errno != EIO)
				perror("ftcable");
		}
	return 1;
}
