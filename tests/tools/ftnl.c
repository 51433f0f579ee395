// SPDX-License-Identifier: GPL-2.0
/*
 * ftnl - say to ft_core and ft_bond what a test wants said, and print what they
 * answer: generic netlink family "ft", and the attributes of link kind ftbond.
 * Plain netlink, so that neither the daemon nor a library stands between.
 *
 *	ftnl set MODULE BRIDGE... | del MODULE | isolate MODULE [DISK...] | join MODULE
 *				isolate says how long the call took, and until a
 *				block written to the start of each disk was answered
 *	ftnl modules | pairs | module ID | pair bond|mirror NAME
 *	ftnl events		one line for each, until it is killed: number,
 *				microseconds since it happened, what
 *	ftnl bond NAME [active=IF] [primary=IF|none] [failback=0|1|2]
 *		[holddown=MS] [count=N] [spacing=MS] [same_module=0|1]
 *		[probe=MS]
 *	ftnl new NAME [the same]
 *	ftnl raw CMD		command CMD of the family without attributes
 *	ftnl batch		lines from standard input, whatever becomes of each:
 *				"ftnl ..." of the above, or another program's
 * Exit status 1 and "ERROR: text" when the kernel refuses, 2 for wrong usage.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/genetlink.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../kmod/uapi/ft.h"
#include "../../kmod/uapi/ft_bond.h"

#define NAME_ROW(n, v, t) [v] = #n,

static const char *const pair_states[] = { FT_PAIR_STATES(NAME_ROW) };
static const char *const module_states[] = { FT_MODULE_STATES(NAME_ROW) };
static const char *const member_states[] = { FT_MEMBER_STATES(NAME_ROW) };
static const char *const reasons[] = { FT_REASONS(NAME_ROW) };
static const char *const pair_types[] = { FT_PAIR_TYPES(NAME_ROW) };

static const char *const probing[] = { "OFF", "UNKNOWN", "OK", "FILTERED", "FAULT" };

#define NAME(table, v) \
	((size_t)(v) < sizeof(table) / sizeof(*(table)) && (table)[v] ? (table)[v] : "?")

static struct {
	struct nlmsghdr nlh;
	char body[16384];
} request;

static int sock = -1;
static jmp_buf *next_line;	/* of a batch, which goes on */

static __attribute__((noreturn)) void leave(int status)
{
	if (next_line)
		longjmp(*next_line, status);
	exit(status);
}

static __attribute__((noreturn)) void die(const char *what)
{
	fprintf(stderr, "ftnl: %s: %s\n", what, strerror(errno));
	leave(2);
}

static __attribute__((noreturn)) void usage(void)
{
	fprintf(stderr, "ftnl: wrong usage; see the head of ftnl.c\n");
	leave(2);
}

static void *at_end(void)
{
	return (char *)&request + NLMSG_ALIGN(request.nlh.nlmsg_len);
}

static struct nlattr *put(int type, const void *data, size_t len)
{
	struct nlattr *attr = at_end();

	attr->nla_type = type;
	attr->nla_len = NLA_HDRLEN + len;
	if (len)
		memcpy((char *)attr + NLA_HDRLEN, data, len);
	request.nlh.nlmsg_len = NLMSG_ALIGN(request.nlh.nlmsg_len) + NLA_ALIGN(attr->nla_len);
	return attr;
}

static void put_u32(int type, __u32 value)
{
	put(type, &value, sizeof(value));
}

static void put_u8(int type, __u8 value)
{
	put(type, &value, sizeof(value));
}

static void put_string(int type, const char *value)
{
	put(type, value, strlen(value) + 1);
}

static void end_nest(struct nlattr *nest)
{
	nest->nla_len = (char *)at_end() - (char *)nest;
}

static void begin(int type, int flags, const void *head, size_t len)
{
	memset(&request, 0, sizeof(request));
	request.nlh.nlmsg_type = type;
	request.nlh.nlmsg_flags = NLM_F_REQUEST | flags;
	request.nlh.nlmsg_seq = 1;
	request.nlh.nlmsg_len = NLMSG_HDRLEN + len;
	memcpy(NLMSG_DATA(&request.nlh), head, len);
}

static void open_socket(int protocol)
{
	int one = 1;

	if (sock >= 0)
		close(sock);
	sock = socket(AF_NETLINK, SOCK_RAW, protocol);
	if (sock < 0)
		die("socket");
	setsockopt(sock, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one));
	setsockopt(sock, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &one, sizeof(one));
}

/* The attributes of a message in a table; the last of a type wins. */
static void parse(const struct nlattr **table, int max, const void *data, int len)
{
	const struct nlattr *attr = data;

	memset(table, 0, (max + 1) * sizeof(*table));
	while (len >= NLA_HDRLEN && attr->nla_len >= NLA_HDRLEN && attr->nla_len <= len) {
		int type = attr->nla_type & NLA_TYPE_MASK;

		if (type <= max)
			table[type] = attr;
		len -= NLA_ALIGN(attr->nla_len);
		attr = (const void *)((const char *)attr + NLA_ALIGN(attr->nla_len));
	}
}

static const void *data_of(const struct nlattr *attr)
{
	return (const char *)attr + NLA_HDRLEN;
}

static __u32 u32_of(const struct nlattr *attr)
{
	__u32 value = 0;

	if (attr)
		memcpy(&value, data_of(attr), attr->nla_len - NLA_HDRLEN < 4 ? 1 : 4);
	return value;
}

static __u64 u64_of(const struct nlattr *attr)
{
	__u64 value = 0;

	if (attr)
		memcpy(&value, data_of(attr), 8);
	return value;
}

static void fail(const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *error = NLMSG_DATA(nlh);
	const struct nlattr *table[NLMSGERR_ATTR_MAX + 1];
	size_t skip = sizeof(*error);
	const char *text = "";

	if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
		skip += error->msg.nlmsg_len - NLMSG_HDRLEN;
	if (nlh->nlmsg_flags & NLM_F_ACK_TLVS) {
		parse(table, NLMSGERR_ATTR_MAX, (const char *)error + NLMSG_ALIGN(skip),
		      nlh->nlmsg_len - NLMSG_HDRLEN - NLMSG_ALIGN(skip));
		if (table[NLMSGERR_ATTR_MSG])
			text = data_of(table[NLMSGERR_ATTR_MSG]);
	}
	printf("ERROR: %s: %s\n", strerror(-error->error), text);
	leave(1);
}

/* Sends the request, and shows each answer to @told until the last one. */
static void ask(void (*told)(const struct nlmsghdr *nlh))
{
	static char buffer[65536];
	struct nlmsghdr *nlh;
	ssize_t len;

	if (send(sock, &request, request.nlh.nlmsg_len, 0) < 0)
		die("send");
	for (;;) {
		len = recv(sock, buffer, sizeof(buffer), 0);
		if (len < 0)
			die("recv");
		for (nlh = (void *)buffer; NLMSG_OK(nlh, len); nlh = NLMSG_NEXT(nlh, len)) {
			if (nlh->nlmsg_type == NLMSG_ERROR) {
				if (((struct nlmsgerr *)NLMSG_DATA(nlh))->error)
					fail(nlh);
				return;
			}
			if (nlh->nlmsg_type == NLMSG_DONE) {
				if (*(int *)NLMSG_DATA(nlh)) {
					printf("ERROR: %s\n", strerror(-*(int *)NLMSG_DATA(nlh)));
					leave(1);
				}
				return;
			}
			if (told)
				told(nlh);
		}
	}
}

static void print_members(const struct nlattr *members)
{
	const struct nlattr *table[FT_A_MAX + 1], *attr = data_of(members);
	int rest = members->nla_len - NLA_HDRLEN;

	for (; rest >= NLA_HDRLEN; rest -= NLA_ALIGN(attr->nla_len),
	     attr = (const void *)((const char *)attr + NLA_ALIGN(attr->nla_len))) {
		parse(table, FT_A_MAX, data_of(attr), attr->nla_len - NLA_HDRLEN);
		printf(" [%s", table[FT_A_MEMBER_DEV] ?
		       (const char *)data_of(table[FT_A_MEMBER_DEV]) : "-");
		if (table[FT_A_MODULE_ID])
			printf(" in %u", u32_of(table[FT_A_MODULE_ID]));
		printf(" %s %s]", NAME(member_states, u32_of(table[FT_A_MEMBER_STATE])),
		       NAME(reasons, u32_of(table[FT_A_REASON])));
	}
}

static void print_bridges(const struct nlattr *bridges)
{
	const struct nlattr *attr = data_of(bridges);
	int rest = bridges->nla_len - NLA_HDRLEN;

	for (; rest >= NLA_HDRLEN; rest -= NLA_ALIGN(attr->nla_len),
	     attr = (const void *)((const char *)attr + NLA_ALIGN(attr->nla_len)))
		printf(" %s", (const char *)data_of(attr));
}

static unsigned long long now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec * 1000000ULL + now.tv_nsec / 1000;
}

static void print_ft(const struct nlmsghdr *nlh)
{
	const struct genlmsghdr *head = NLMSG_DATA(nlh);
	const struct nlattr *a[FT_A_MAX + 1];

	parse(a, FT_A_MAX, (const char *)head + GENL_HDRLEN,
	      nlh->nlmsg_len - NLMSG_HDRLEN - GENL_HDRLEN);
	if (a[FT_A_TIME])
		printf("%llu %llu ", (unsigned long long)u64_of(a[FT_A_SEQ]),
		       (now_us() - (unsigned long long)u64_of(a[FT_A_TIME]) / 1000));
	switch (head->cmd) {
	case FT_CMD_NEW_MODULE:
		printf("module %u %s %s", u32_of(a[FT_A_MODULE_ID]),
		       NAME(module_states, u32_of(a[FT_A_MODULE_STATE])),
		       NAME(reasons, u32_of(a[FT_A_REASON])));
		print_bridges(a[FT_A_BRIDGES]);
		break;
	case FT_CMD_DEL_MODULE:
		printf("module %u gone", u32_of(a[FT_A_MODULE_ID]));
		break;
	case FT_CMD_NEW_PAIR:
		printf("%s %s %s %s", NAME(pair_types, u32_of(a[FT_A_PAIR_TYPE])),
		       (const char *)data_of(a[FT_A_PAIR_NAME]),
		       NAME(pair_states, u32_of(a[FT_A_PAIR_STATE])),
		       NAME(reasons, u32_of(a[FT_A_REASON])));
		print_members(a[FT_A_MEMBERS]);
		if (a[FT_A_SWITCHES])
			printf(" switches %u", u32_of(a[FT_A_SWITCHES]));
		break;
	case FT_CMD_DEL_PAIR:
		printf("%s %s gone", NAME(pair_types, u32_of(a[FT_A_PAIR_TYPE])),
		       (const char *)data_of(a[FT_A_PAIR_NAME]));
		break;
	}
	printf("\n");
	fflush(stdout);
}

static __u16 family;
static __u32 group;

static void note_family(const struct nlmsghdr *nlh)
{
	const struct nlattr *a[CTRL_ATTR_MAX + 1], *g[CTRL_ATTR_MCAST_GRP_MAX + 1];
	const struct nlattr *groups;

	parse(a, CTRL_ATTR_MAX, (const char *)NLMSG_DATA(nlh) + GENL_HDRLEN,
	      nlh->nlmsg_len - NLMSG_HDRLEN - GENL_HDRLEN);
	memcpy(&family, data_of(a[CTRL_ATTR_FAMILY_ID]), sizeof(family));
	groups = data_of(a[CTRL_ATTR_MCAST_GROUPS]);	/* the only one: events */
	parse(g, CTRL_ATTR_MCAST_GRP_MAX, data_of(groups), groups->nla_len - NLA_HDRLEN);
	group = u32_of(g[CTRL_ATTR_MCAST_GRP_ID]);
}

static void begin_ft(int cmd, int flags)
{
	struct genlmsghdr head = { .cmd = CTRL_CMD_GETFAMILY, .version = 1 };

	open_socket(NETLINK_GENERIC);
	begin(GENL_ID_CTRL, NLM_F_ACK, &head, sizeof(head));
	put_string(CTRL_ATTR_FAMILY_NAME, FT_GENL_NAME);
	ask(note_family);
	head.cmd = cmd;
	head.version = FT_GENL_VERSION;
	begin(family, flags, &head, sizeof(head));
}

static void events(void)
{
	static char buffer[65536];
	struct nlmsghdr *nlh;
	ssize_t len;

	begin_ft(0, 0);
	if (setsockopt(sock, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)))
		die("joining the group of events");
	printf("listening\n");
	fflush(stdout);
	for (;;) {
		len = recv(sock, buffer, sizeof(buffer), 0);
		if (len < 0 && errno == ENOBUFS) {
			printf("ENOBUFS\n");
			continue;
		}
		if (len < 0)
			die("recv");
		for (nlh = (void *)buffer; NLMSG_OK(nlh, len); nlh = NLMSG_NEXT(nlh, len))
			print_ft(nlh);
	}
}

static void print_link(const struct nlmsghdr *nlh)
{
	const struct nlattr *a[IFLA_MAX + 1], *i[IFLA_INFO_MAX + 1], *b[IFLA_FTBOND_MAX + 1];
	char name[IF_NAMESIZE];

	parse(a, IFLA_MAX, (const char *)NLMSG_DATA(nlh) + sizeof(struct ifinfomsg),
	      nlh->nlmsg_len - NLMSG_HDRLEN - sizeof(struct ifinfomsg));
	if (!a[IFLA_LINKINFO])
		return;
	parse(i, IFLA_INFO_MAX, data_of(a[IFLA_LINKINFO]), a[IFLA_LINKINFO]->nla_len - NLA_HDRLEN);
	if (!i[IFLA_INFO_DATA])
		return;
	parse(b, IFLA_FTBOND_MAX, data_of(i[IFLA_INFO_DATA]),
	      i[IFLA_INFO_DATA]->nla_len - NLA_HDRLEN);
	printf("active %s\n", b[IFLA_FTBOND_ACTIVE_PORT] ?
	       if_indextoname(u32_of(b[IFLA_FTBOND_ACTIVE_PORT]), name) : "-");
	printf("primary %s\n", b[IFLA_FTBOND_PRIMARY] ?
	       if_indextoname(u32_of(b[IFLA_FTBOND_PRIMARY]), name) : "-");
	printf("failback %u\nholddown %u\ncount %u\nspacing %u\nsame_module %u\nswitches %u\n",
	       u32_of(b[IFLA_FTBOND_FAILBACK]), u32_of(b[IFLA_FTBOND_HOLDDOWN]),
	       u32_of(b[IFLA_FTBOND_ANNOUNCE_COUNT]), u32_of(b[IFLA_FTBOND_ANNOUNCE_SPACING]),
	       u32_of(b[IFLA_FTBOND_ALLOW_SAME_MODULE]), u32_of(b[IFLA_FTBOND_SWITCHES]));
	printf("probe %u\nprobing %s\n", u32_of(b[IFLA_FTBOND_PROBE_INTERVAL]),
	       NAME(probing, u32_of(b[IFLA_FTBOND_PROBING])));
	if (b[IFLA_FTBOND_SWITCH_REASON])
		printf("last %s -> %s %s\n", (const char *)data_of(b[IFLA_FTBOND_SWITCH_FROM]),
		       (const char *)data_of(b[IFLA_FTBOND_SWITCH_TO]),
		       NAME(reasons, u32_of(b[IFLA_FTBOND_SWITCH_REASON])));
}

static __u32 ifindex(const char *name)
{
	__u32 index = if_nametoindex(name);

	if (!index)
		die(name);
	return index;
}

static void put_setting(const char *setting)
{
	static const struct {
		const char *name;
		int type, size;
	} known[] = {
		{ "failback", IFLA_FTBOND_FAILBACK, 1 },
		{ "holddown", IFLA_FTBOND_HOLDDOWN, 4 },
		{ "count", IFLA_FTBOND_ANNOUNCE_COUNT, 4 },
		{ "spacing", IFLA_FTBOND_ANNOUNCE_SPACING, 4 },
		{ "same_module", IFLA_FTBOND_ALLOW_SAME_MODULE, 1 },
		{ "switches", IFLA_FTBOND_SWITCHES, 4 },
		{ "probe", IFLA_FTBOND_PROBE_INTERVAL, 4 },
	};
	const char *value = strchr(setting, '=');
	size_t len, i;

	if (!value)
		usage();
	len = value++ - setting;
	if (!strncmp(setting, "active", len)) {
		put_u32(IFLA_FTBOND_ACTIVE_PORT, ifindex(value));
		return;
	}
	if (!strncmp(setting, "primary", len)) {
		put_u32(IFLA_FTBOND_PRIMARY, strcmp(value, "none") ? ifindex(value) : 0);
		return;
	}
	for (i = 0; i < sizeof(known) / sizeof(*known); i++) {
		if (strlen(known[i].name) != len || strncmp(known[i].name, setting, len))
			continue;
		if (known[i].size == 1)
			put_u8(known[i].type, strtoul(value, NULL, 0));
		else
			put_u32(known[i].type, strtoul(value, NULL, 0));
		return;
	}
	usage();
}

static void bond(char **argv, bool create)
{
	struct ifinfomsg head = { .ifi_family = AF_UNSPEC };
	struct nlattr *info, *data;

	open_socket(NETLINK_ROUTE);
	if (!create)
		head.ifi_index = ifindex(argv[0]);
	if (!create && !argv[1]) {
		begin(RTM_GETLINK, NLM_F_ACK, &head, sizeof(head));
		ask(print_link);
		return;
	}
	begin(RTM_NEWLINK, NLM_F_ACK | (create ? NLM_F_CREATE | NLM_F_EXCL : 0), &head,
	      sizeof(head));
	if (create)
		put_string(IFLA_IFNAME, argv[0]);
	info = put(IFLA_LINKINFO | NLA_F_NESTED, NULL, 0);
	put_string(IFLA_INFO_KIND, FT_BOND_KIND);
	data = put(IFLA_INFO_DATA | NLA_F_NESTED, NULL, 0);
	while (*++argv)
		put_setting(*argv);
	end_nest(data);
	end_nest(info);
	ask(NULL);
}

#define DISKS_MAX	128
#define BLOCK		4096

static int disks[DISKS_MAX];
static unsigned int ndisks;

static void open_disks(char **path)
{
	for (; *path; path++) {
		if (ndisks == DISKS_MAX)
			usage();
		disks[ndisks] = open(*path, O_WRONLY | O_DIRECT);
		if (disks[ndisks++] < 0)
			die(*path);
	}
}

/* Writes a block to each disk at once; returns when all are answered. */
static void write_disks(void)
{
	static struct io_event events[DISKS_MAX];
	static struct iocb iocbs[DISKS_MAX], *list[DISKS_MAX];
	static char block[BLOCK] __attribute__((aligned(BLOCK)));
	aio_context_t context = 0;
	unsigned int i;

	if (syscall(SYS_io_setup, DISKS_MAX, &context))
		die("io_setup");
	for (i = 0; i < ndisks; i++) {
		iocbs[i].aio_fildes = disks[i];
		iocbs[i].aio_lio_opcode = IOCB_CMD_PWRITE;
		iocbs[i].aio_buf = (__u64)(uintptr_t)block;
		iocbs[i].aio_nbytes = BLOCK;
		list[i] = &iocbs[i];
	}
	if (syscall(SYS_io_submit, context, (long)ndisks, list) != (long)ndisks ||
	    syscall(SYS_io_getevents, context, (long)ndisks, (long)ndisks, events, NULL) !=
	    (long)ndisks)
		die("write");
	for (i = 0; i < ndisks; i++) {
		if (events[i].res == BLOCK)
			continue;
		errno = -events[i].res;
		die("write");
	}
}

static int command(int argc, char **argv)
{
	static const struct {
		const char *verb;
		int cmd;
	} of_module[] = {
		{ "set", FT_CMD_SET_MODULE },
		{ "del", FT_CMD_DEL_MODULE },
		{ "isolate", FT_CMD_ISOLATE_MODULE },
		{ "join", FT_CMD_JOIN_MODULE },
		{ "module", FT_CMD_GET_MODULE },
	};
	const char *verb = argc > 1 ? argv[1] : "";
	unsigned long long start;
	struct nlattr *nest;
	size_t i;

	if (!strcmp(verb, "events"))
		events();
	if (!strcmp(verb, "modules") || !strcmp(verb, "pairs")) {
		begin_ft(*verb == 'm' ? FT_CMD_GET_MODULE : FT_CMD_GET_PAIR, NLM_F_DUMP);
		ask(print_ft);
		return 0;
	}
	if (argc > 2 && (!strcmp(verb, "bond") || !strcmp(verb, "new"))) {
		bond(argv + 2, *verb == 'n');
		return 0;
	}
	if (argc == 3 && !strcmp(verb, "raw")) {
		begin_ft(atoi(argv[2]), NLM_F_ACK);
		ask(print_ft);
		return 0;
	}
	if (argc == 4 && !strcmp(verb, "pair")) {
		begin_ft(FT_CMD_GET_PAIR, NLM_F_ACK);
		put_u8(FT_A_PAIR_TYPE, strcmp(argv[2], "bond") ? FT_PAIR_MIRROR : FT_PAIR_BOND);
		put_string(FT_A_PAIR_NAME, argv[3]);
		ask(print_ft);
		return 0;
	}
	for (i = 0; argc > 2 && i < sizeof(of_module) / sizeof(*of_module); i++) {
		if (strcmp(verb, of_module[i].verb))
			continue;
		begin_ft(of_module[i].cmd, NLM_F_ACK);
		put_u32(FT_A_MODULE_ID, strtoul(argv[2], NULL, 0));
		if (of_module[i].cmd == FT_CMD_SET_MODULE) {
			nest = put(FT_A_BRIDGES | NLA_F_NESTED, NULL, 0);
			for (argv += 3; *argv; argv++)
				put_string(FT_A_BRIDGE, *argv);
			end_nest(nest);
		}
		if (of_module[i].cmd != FT_CMD_ISOLATE_MODULE) {
			ask(print_ft);
			return 0;
		}
		open_disks(argv + 3);
		start = now_us();
		ask(print_ft);
		printf("took %llu us\n", now_us() - start);
		if (ndisks) {
			write_disks();
			printf("answered %llu us\n", now_us() - start);
		}
		return 0;
	}
	usage();
}

/* In this very process: a new one each would take more time than what it is for. */
static void batch(void)
{
	char *argv[32], *text = NULL, *line, *word, *rest;
	jmp_buf here;
	size_t size = 0;
	int argc;
	pid_t pid;

	if (getdelim(&text, &size, '\0', stdin) < 0)
		die("standard input");
	next_line = &here;
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		argc = 0;
		for (word = strtok(line, " "); word && argc < 31; word = strtok(NULL, " "))
			argv[argc++] = word;
		argv[argc] = NULL;
		if (!argc)
			continue;
		if (strcmp(argv[0], "ftnl")) {
			if (!posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ))
				waitpid(pid, NULL, 0);
		} else if (!setjmp(here)) {
			command(argc, argv);
		}
	}
}

int main(int argc, char **argv)
{
	if (argc != 2 || strcmp(argv[1], "batch"))
		return command(argc, argv);
	batch();
	return 0;
}
