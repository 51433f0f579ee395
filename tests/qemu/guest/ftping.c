// SPDX-License-Identifier: GPL-2.0
/*
 * Request and answer over UDP or TCP, one request at a time, as a client that must
 * not notice a failover: how many requests found no answer at all, how many were sent
 * again, how many packets were lost (UDP), and the longest time without an answer.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct message {
	uint64_t number;
	uint64_t complement;	/* ~number: an answer that was mangled is not one */
};

static volatile sig_atomic_t stopping;

static void stop(int signal)
{
	(void)signal;
	stopping = 1;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

static void give_up(const char *what)
{
	fprintf(stderr, "ftping: %s: %s\n", what, strerror(errno));
	exit(2);
}

static bool take(int fd, struct message *message)
{
	size_t have = 0;

	while (have < sizeof(*message)) {
		ssize_t got = read(fd, (char *)message + have, sizeof(*message) - have);

		if (got <= 0)
			return false;
		have += got;
	}
	return true;
}

static int serve(bool tcp, int port)
{
	struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, tcp ? SOCK_STREAM : SOCK_DGRAM, 0), one = 1;
	struct message message;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&here, sizeof(here)) || (tcp && listen(fd, 64)))
		give_up("bind");
	signal(SIGCHLD, SIG_IGN);
	puts("serving");
	while (!stopping) {
		struct sockaddr_in client;
		socklen_t size = sizeof(client);

		if (tcp) {
			int link = accept(fd, NULL, NULL);

			if (link < 0 || fork()) {
				close(link);
				continue;
			}
			setsockopt(link, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
			while (take(link, &message) &&
			       write(link, &message, sizeof(message)) == sizeof(message))
				;
			_exit(0);
		}
		if (recvfrom(fd, &message, sizeof(message), 0, (struct sockaddr *)&client,
			     &size) == sizeof(message))
			sendto(fd, &message, sizeof(message), 0, (struct sockaddr *)&client, size);
	}
	return 0;
}

/*
 * On a stalled machine an answer may come after its question was sent again: whether a
 * packet was really lost is known only by counting what was sent and what came back.
 */
static uint64_t sent_packets, answered_packets;

static bool answer_within(int fd, uint64_t end, struct message *answer)
{
	for (uint64_t now = now_ns(); now < end; now = now_ns()) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		if (poll(&p, 1, (end - now) / 1000000 + 1) <= 0 ||
		    read(fd, answer, sizeof(*answer)) != sizeof(*answer) ||
		    answer->complement != ~answer->number)
			continue;
		answered_packets++;
		return true;
	}
	return false;
}

/* Ask until the answer comes; returns how often it was sent, 0: no answer at all. */
static unsigned int ask_udp(int fd, uint64_t number, int retry_ms, unsigned int tries)
{
	struct message question = { number, ~number }, answer;

	for (unsigned int sent = 1; sent <= tries && !(stopping && sent > 1); sent++) {
		uint64_t end = now_ns() + retry_ms * 1000000ULL;

		/* Without a route just now a packet is lost like any other. */
		if (write(fd, &question, sizeof(question)) < 0)
			usleep(1000);
		sent_packets++;
		while (answer_within(fd, end, &answer))
			if (answer.number == number)
				return sent;
	}
	return 0;
}

static unsigned int ask_tcp(int fd, uint64_t number)
{
	struct message question = { number, ~number }, answer;

	if (write(fd, &question, sizeof(question)) != sizeof(question) || !take(fd, &answer))
		return 0;
	return answer.number == number && answer.complement == ~number;
}

static int ask(const char *host, bool tcp, int port, double rate, double seconds, int retry_ms)
{
	struct sockaddr_in there = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, tcp ? SOCK_STREAM : SOCK_DGRAM, 0), one = 1;
	uint64_t asked = 0, lost = 0, again = 0, longest = 0;
	struct tcp_info info = { };
	socklen_t size = sizeof(info);
	uint64_t start, last, end;

	if (inet_pton(AF_INET, host, &there.sin_addr) != 1) {
		fprintf(stderr, "ftping: %s is not an IPv4 address\n", host);
		return 2;
	}
	if (connect(fd, (struct sockaddr *)&there, sizeof(there)))
		give_up("connect");
	if (tcp)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	start = last = now_ns();
	end = seconds ? start + (uint64_t)(seconds * 1e9) : UINT64_MAX;
	while (!stopping && now_ns() < end) {
		unsigned int sent = tcp ? ask_tcp(fd, asked) :
					  ask_udp(fd, asked, retry_ms, 60000 / retry_ms);
		uint64_t now = now_ns(), due;

		if (stopping && !sent)
			break;
		asked++;
		if (!sent) {
			lost++;
			printf("lost %llu\n", (unsigned long long)asked - 1);
			if (tcp)
				break;
			continue;
		}
		again += sent - 1;
		if (now - last > longest)
			longest = now - last;
		if (now - last > 50000000)
			printf("gap %.1f ms before answer %llu\n", (now - last) / 1e6,
			       (unsigned long long)asked - 1);
		due = start + (uint64_t)(asked / rate * 1e9);
		if (due > now)
			usleep((due - now) / 1000);
		else
			start += now - due;	/* no burst after a gap */
		last = now;
	}
	if (tcp && !getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size))
		again = info.tcpi_total_retrans;
	while (answered_packets < sent_packets) {
		struct message late;

		if (!answer_within(fd, now_ns() + 2000000000, &late))
			break;
	}
	printf("done requests %llu lost %llu retransmitted %llu packets_lost %llu longest_gap_ms %.1f\n",
	       (unsigned long long)asked, (unsigned long long)lost, (unsigned long long)again,
	       (unsigned long long)(sent_packets > answered_packets ?
				    sent_packets - answered_packets : 0), longest / 1e6);
	return lost != 0;
}

static void usage(void)
{
	fprintf(stderr, "usage: ftping serve [--tcp] [--port P]\n"
			"       ftping ask ADDRESS [--tcp] [--port P] [--rate PER_SECOND]\n"
			"                  [--seconds S] [--retry MS]\n");
	exit(2);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "tcp", no_argument, NULL, 't' },
		{ "port", required_argument, NULL, 'p' },
		{ "rate", required_argument, NULL, 'r' },
		{ "seconds", required_argument, NULL, 's' },
		{ "retry", required_argument, NULL, 'y' },
		{ }
	};
	struct sigaction on_stop = { .sa_handler = stop };	/* interrupts what blocks */
	double rate = 100, seconds = 0;
	int port = 7077, retry = 100, option;
	bool tcp = false;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 't': tcp = true; break;
		case 'p': port = atoi(optarg); break;
		case 'r': rate = strtod(optarg, NULL); break;
		case 's': seconds = strtod(optarg, NULL); break;
		case 'y': retry = atoi(optarg); break;
		default: usage();
		}
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaction(SIGTERM, &on_stop, NULL);
	sigaction(SIGINT, &on_stop, NULL);
	if (retry < 1 || rate <= 0)
		usage();
	if (argc - optind == 1 && !strcmp(argv[optind], "serve"))
		return serve(tcp, port);
	if (argc - optind == 2 && !strcmp(argv[optind], "ask"))
		return ask(argv[optind + 1], tcp, port, rate, seconds, retry);
	usage();
}
