// SPDX-License-Identifier: GPL-2.0
/*
 * ftflow - a one-way UDP flow at a fixed rate, and what became of it. Both ends
 * may be in one guest or in two: only the receiver's clock is looked at.
 *
 *	ftflow send ADDRESS PORT RATE SECONDS [SIZE]
 *	ftflow receive PORT	until it is killed or "ftflow stop" is said to it
 *	ftflow mark PORT	to the receiver on this host: print the figures since
 *				the last mark, in one line:
 *		received N lost N duplicated N reordered N longest_ms F
 *	ftflow cost ADDRESS PORT PACKETS [SIZE]	ns a packet, as fast as it goes
 *
 * Lost are numbers that were left out for good; the longest gap is the longest
 * time between two packets, less the time between two that were sent.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAGIC	0x66744c4fU
#define NUMBERS	(1U << 22)	/* of one flow */

struct packet {
	uint32_t magic;
	uint32_t number;
	uint64_t step;		/* ns between two */
};

static void die(const char *what)
{
	fprintf(stderr, "ftflow: %s: %s\n", what, strerror(errno));
	exit(2);
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

/* Before whatever else the guest does: the flow is the clock. */
static void urgent(int priority)
{
	struct sched_param param = { .sched_priority = priority };

	sched_setscheduler(0, SCHED_FIFO, &param);
}

static int open_socket(struct sockaddr_in *to, const char *address, const char *port)
{
	int sock = socket(AF_INET, SOCK_DGRAM, 0), size = 8 << 20;

	memset(to, 0, sizeof(*to));
	to->sin_family = AF_INET;
	to->sin_port = htons(atoi(port));
	if (sock < 0)
		die("socket");
	if (inet_pton(AF_INET, address, &to->sin_addr) != 1)
		die(address);
	setsockopt(sock, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	return sock;
}

static void send_flow(char **argv)
{
	uint64_t step = 1000000000ULL / atoi(argv[2]), start, due, end;
	char buffer[1500] = { 0 };
	struct packet *packet = (void *)buffer;
	size_t size = argv[4] ? atoi(argv[4]) : 64;
	struct sockaddr_in to;
	int sock = open_socket(&to, argv[0], argv[1]);
	uint32_t refused = 0;

	if (size < sizeof(*packet) || size > sizeof(buffer))
		exit(2);
	urgent(10);
	packet->magic = MAGIC;
	packet->step = step;
	start = now();
	end = start + atof(argv[3]) * 1e9;
	for (due = start; due < end; due += step) {
		struct timespec at = { due / 1000000000, due % 1000000000 };

		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
			;
		/* What the stack refuses is lost as well: the number is left out. */
		if (sendto(sock, buffer, size, 0, (void *)&to, sizeof(to)) < 0)
			refused++;
		packet->number++;
	}
	printf("sent %u refused %u\n", packet->number, refused);
}

static struct {
	uint8_t *seen;		/* of each number, how often */
	uint32_t first, next;	/* this span's first number, the highest so far + 1 */
	uint32_t received, duplicated, reordered;
	uint64_t last, longest, step;
} flow;

static void take(const struct packet *packet, uint64_t at)
{
	uint32_t number = packet->number;

	if (packet->magic != MAGIC || number >= NUMBERS)
		return;
	flow.step = packet->step;
	if (flow.last && at - flow.last > flow.longest)
		flow.longest = at - flow.last;
	flow.last = at;
	if (flow.seen[number]) {
		flow.duplicated++;
		return;
	}
	flow.seen[number] = 1;
	flow.received++;
	if (number < flow.next)
		flow.reordered++;
	else
		flow.next = number + 1;
}

/* The last packets of a span count in the next one: they may be on their way. */
static void tell(int sock, const struct sockaddr_in *to)
{
	uint32_t lost = 0, number;
	uint64_t gap;
	char line[200];

	for (number = flow.first; number < flow.next; number++)
		lost += !flow.seen[number];
	/* Still silent: the gap lasts. */
	if (flow.last && now() - flow.last > flow.longest)
		flow.longest = now() - flow.last;
	gap = flow.longest > flow.step ? flow.longest - flow.step : 0;
	snprintf(line, sizeof(line),
		 "received %u lost %u duplicated %u reordered %u longest_ms %.2f\n", flow.received,
		 lost, flow.duplicated, flow.reordered, gap / 1e6);
	sendto(sock, line, strlen(line), 0, (const void *)to, sizeof(*to));
	flow.first = flow.next;
	flow.received = flow.duplicated = flow.reordered = 0;
	flow.longest = 0;
}

static void receive_flow(const char *port)
{
	struct sockaddr_in own, from;
	int sock = open_socket(&own, "0.0.0.0", port);
	socklen_t len;
	char buffer[2000];
	ssize_t size;

	flow.seen = calloc(NUMBERS, 1);
	if (!flow.seen || bind(sock, (void *)&own, sizeof(own)))
		die("bind");
	urgent(20);
	for (;;) {
		len = sizeof(from);
		size = recvfrom(sock, buffer, sizeof(buffer), 0, (void *)&from, &len);
		if (size == 4 && !memcmp(buffer, "mark", 4))
			tell(sock, &from);
		else if (size == 4 && !memcmp(buffer, "stop", 4))
			return;
		else if (size >= (ssize_t)sizeof(struct packet))
			take((const void *)buffer, now());
	}
}

static void say(const char *port, const char *word, bool answer)
{
	struct timeval patience = { .tv_sec = 20 };
	struct sockaddr_in to;
	int sock = open_socket(&to, "127.0.0.1", port);
	char line[200];
	ssize_t size;

	setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (sendto(sock, word, 4, 0, (void *)&to, sizeof(to)) < 0)
		die("the receiver");
	if (!answer)
		return;
	size = recv(sock, line, sizeof(line), 0);
	if (size < 0)
		die("the receiver");
	fwrite(line, 1, size, stdout);
}

static void cost(char **argv)
{
	char buffer[1500] = { 0 };
	size_t size = argv[3] ? atoi(argv[3]) : 64;
	int packets = atoi(argv[2]), i;
	struct sockaddr_in to;
	int sock = open_socket(&to, argv[0], argv[1]);
	uint64_t start;

	if (size > sizeof(buffer) || connect(sock, (void *)&to, sizeof(to)))
		die(argv[0]);
	for (i = 0; i < 1000; i++)
		send(sock, buffer, size, 0);
	start = now();
	for (i = 0; i < packets; i++)
		send(sock, buffer, size, 0);
	printf("%.1f\n", (double)(now() - start) / packets);
}

int main(int argc, char **argv)
{
	const char *verb = argc > 2 ? argv[1] : "";

	if (!strcmp(verb, "send") && argc >= 6)
		send_flow(argv + 2);
	else if (!strcmp(verb, "cost") && argc >= 5)
		cost(argv + 2);
	else if (!strcmp(verb, "receive"))
		receive_flow(argv[2]);
	else if (!strcmp(verb, "mark"))
		say(argv[2], "mark", true);
	else if (!strcmp(verb, "stop"))
		say(argv[2], "stop", false);
	else
		return fprintf(stderr, "ftflow: wrong usage; see the head of ftflow.c\n"), 2;
	return 0;
}
