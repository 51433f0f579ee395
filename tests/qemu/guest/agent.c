// SPDX-License-Identifier: GPL-2.0
/*
 * The harness's hand in the guest: runs commands, moves files, and passes on the
 * kernel log and uevents, over one virtio-serial port.
 *
 * Every message is a line "VERB ID ARG LENGTH" and LENGTH bytes of body.
 *
 *   host to guest                        guest to host
 *   run ID 0 n    shell script           out ID 0 n     output as it comes
 *   kill ID SIG 0 to the job's group     end ID STATUS 0
 *   put ID MODE n path, NUL, content     end ID ERRNO 0
 *   get ID 0 n    path                   out ..., end ID ERRNO 0
 *   watch ID 0 n  "kmsg" or "uevent"     kmsg|uevent 0 0 n
 *   seed ID 0 n   entropy                end ID ERRNO 0
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/random.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_JOBS 64
#define CHUNK 65536

struct job {
	pid_t pid;
	int pidfd;
	int out;
	char id[24];
};

static struct job jobs[MAX_JOBS];
static int port = -1, kmsg = -1, uevent = -1;

static void send_all(const char *data, size_t size)
{
	while (size) {
		ssize_t done = write(port, data, size);

		if (done < 0) {
			/* The host is away (a snapshot is being taken): it comes back. */
			struct pollfd p = { .fd = port, .events = POLLOUT };

			poll(&p, 1, 50);
			continue;
		}
		data += done;
		size -= done;
	}
}

static void say(const char *verb, const char *id, int arg, const void *body, size_t size)
{
	static char message[CHUNK + 128];
	int head = snprintf(message, 128, "%s %s %d %zu\n", verb, id, arg, size);

	memcpy(message + head, body, size);
	send_all(message, head + size);
}

static void job_start(const char *id, const char *script)
{
	struct job *job = jobs;
	int pipes[2];
	pid_t pid;

	while (job < jobs + MAX_JOBS && job->pid)
		job++;
	if (job == jobs + MAX_JOBS) {
		say("end", id, 126, "", 0);
		return;
	}
	if (pipe2(pipes, O_CLOEXEC)) {
		say("end", id, 126, "", 0);
		return;
	}
	pid = fork();
	if (pid == 0) {
		setsid();
		dup2(open("/dev/null", O_RDONLY | O_CLOEXEC), 0);
		dup2(pipes[1], 1);
		dup2(pipes[1], 2);
		execl("/bin/sh", "sh", "-c", script, NULL);
		_exit(127);
	}
	close(pipes[1]);
	if (pid < 0) {
		close(pipes[0]);
		say("end", id, 126, "", 0);
		return;
	}
	fcntl(pipes[0], F_SETFL, O_NONBLOCK);
	job->pid = pid;
	job->pidfd = syscall(SYS_pidfd_open, pid, 0);
	fcntl(job->pidfd, F_SETFD, FD_CLOEXEC);
	job->out = pipes[0];
	snprintf(job->id, sizeof(job->id), "%s", id);
}

/* All that is in the pipe now; false once nobody can write to it any more. */
static int job_output(struct job *job)
{
	static char data[CHUNK];
	ssize_t size;

	while ((size = read(job->out, data, sizeof(data))) > 0)
		say("out", job->id, 0, data, size);
	return size < 0 && errno == EAGAIN;
}

/* A daemon left behind may hold the pipe: the shell's end is the job's end. */
static void job_end(struct job *job)
{
	int status;

	job_output(job);
	waitpid(job->pid, &status, 0);
	close(job->out);
	close(job->pidfd);
	job->pid = 0;
	say("end", job->id, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
	    "", 0);
}

static int file_put(const char *body, size_t size, mode_t mode)
{
	size_t path = strnlen(body, size) + 1;
	int fd, error = 0;

	if (path > size)
		return EINVAL;
	fd = open(body, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	if (fd < 0)
		return errno;
	if (fchmod(fd, mode))
		error = errno;
	while (!error && path < size) {
		ssize_t done = write(fd, body + path, size - path);

		if (done < 0)
			error = errno;
		else
			path += done;
	}
	if (close(fd) && !error)
		error = errno;
	return error;
}

static int file_get(const char *id, const char *path)
{
	static char data[CHUNK];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t size;
	int error = 0;

	if (fd < 0)
		return errno;
	while ((size = read(fd, data, sizeof(data))) > 0)
		say("out", id, 0, data, size);
	if (size < 0)
		error = errno;
	close(fd);
	return error;
}

static void watch(const char *what)
{
	struct sockaddr_nl all = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int room = 16 << 20;

	if (!strcmp(what, "kmsg") && kmsg < 0) {
		/* From the first record: what the boot said counts too. */
		kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	} else if (!strcmp(what, "uevent") && uevent < 0) {
		uevent = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
				NETLINK_KOBJECT_UEVENT);
		setsockopt(uevent, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
		bind(uevent, (struct sockaddr *)&all, sizeof(all));
	}
}

/* Guests restored from one snapshot must not draw the same random numbers. */
static int seed(const void *entropy, size_t size)
{
	char buffer[sizeof(struct rand_pool_info) + 64];
	struct rand_pool_info *pool = (void *)buffer;
	int fd = open("/dev/urandom", O_RDWR | O_CLOEXEC), error = 0;

	if (size > 64)
		size = 64;
	pool->entropy_count = size * 8;
	pool->buf_size = size;
	memcpy(pool->buf, entropy, size);
	if (fd < 0 || ioctl(fd, RNDADDENTROPY, pool) || ioctl(fd, RNDRESEEDCRNG))
		error = errno;
	close(fd);
	return error;
}

static void obey(const char *verb, const char *id, int arg, char *body, size_t size)
{
	if (!strcmp(verb, "run")) {
		job_start(id, body);
	} else if (!strcmp(verb, "put")) {
		say("end", id, file_put(body, size, arg), "", 0);
	} else if (!strcmp(verb, "get")) {
		say("end", id, file_get(id, body), "", 0);
	} else if (!strcmp(verb, "seed")) {
		say("end", id, seed(body, size), "", 0);
	} else if (!strcmp(verb, "watch")) {
		watch(body);
		say("end", id, 0, "", 0);
	} else if (!strcmp(verb, "kill")) {
		for (struct job *job = jobs; job < jobs + MAX_JOBS; job++)
			if (job->pid && !strcmp(job->id, id))
				kill(-job->pid, arg);
	}
}

static void port_read(void)
{
	static char *in;
	static size_t have, room;
	ssize_t got;

	if (room - have < CHUNK) {
		room += CHUNK + room;
		in = realloc(in, room);
		if (!in)
			abort();
	}
	got = read(port, in + have, room - have);
	if (got <= 0) {
		usleep(10000);	/* no host on the other side */
		return;
	}
	have += got;
	for (;;) {
		char *end = memchr(in, '\n', have), verb[16], id[24], kept;
		size_t size, head;
		int arg;

		if (!end)
			return;
		head = end - in + 1;
		*end = 0;
		if (sscanf(in, "%15s %23s %d %zu", verb, id, &arg, &size) != 4) {
			have -= head;
			memmove(in, in + head, have);
			continue;
		}
		*end = '\n';
		if (have < head + size) {
			if (room < head + size + CHUNK) {
				room = head + size + CHUNK;
				in = realloc(in, room);
				if (!in)
					abort();
			}
			return;
		}
		/* There is room for the NUL: a read never fills the last CHUNK. */
		if (room == head + size)
			in = realloc(in, ++room);
		kept = in[head + size];
		in[head + size] = 0;
		obey(verb, id, arg, in + head, size);
		in[head + size] = kept;
		have -= head + size;
		memmove(in, in + head + size, have);
	}
}

static void pass_on(int fd, const char *verb)
{
	char text[16384];
	ssize_t size;

	while ((size = read(fd, text, sizeof(text))) > 0 || errno == EPIPE)
		if (size > 0)
			say(verb, "0", 0, text, size);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: agent PORT\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	while ((port = open(argv[1], O_RDWR | O_NOCTTY | O_CLOEXEC)) < 0)
		usleep(20000);
	for (;;) {
		struct pollfd fds[3 + 2 * MAX_JOBS] = {
			{ .fd = port, .events = POLLIN },
			{ .fd = kmsg, .events = POLLIN },
			{ .fd = uevent, .events = POLLIN },
		};

		for (int i = 0; i < MAX_JOBS; i++) {
			fds[3 + 2 * i].fd = jobs[i].pid && jobs[i].out >= 0 ? jobs[i].out : -1;
			fds[3 + 2 * i].events = POLLIN;
			fds[4 + 2 * i].fd = jobs[i].pid ? jobs[i].pidfd : -1;
			fds[4 + 2 * i].events = POLLIN;
		}
		if (poll(fds, 3 + 2 * MAX_JOBS, -1) < 0)
			continue;
		for (int i = 0; i < MAX_JOBS; i++) {
			struct job *job = &jobs[i];

			if (fds[4 + 2 * i].revents) {
				job_end(job);
			} else if (fds[3 + 2 * i].revents && !job_output(job)) {
				close(job->out);
				job->out = -1;
			}
		}
		if (fds[1].revents)
			pass_on(kmsg, "kmsg");
		if (fds[2].revents)
			pass_on(uevent, "uevent");
		if (fds[0].revents)
			port_read();
	}
}
