// SPDX-License-Identifier: GPL-2.0
/*
 * ftxdp - put a small XDP program on an interface: written by hand, so that no
 * compiler for BPF and no library is needed.
 *
 *	ftxdp IF native|generic pass|drop|off
 *	ftxdp IF native|generic redirect TO
 * Exit status 1 and "ERROR: text" when the kernel refuses, 2 for wrong usage.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SET(reg, value) \
	{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = (reg), .imm = (value) }
#define CALL(function)	{ .code = BPF_JMP | BPF_CALL, .imm = (function) }
#define EXIT		{ .code = BPF_JMP | BPF_EXIT }

static struct {
	struct nlmsghdr nlh;
	struct ifinfomsg info;
	char attributes[256];
} request;

static void refused(const char *text)
{
	printf("ERROR: %s\n", text);
	exit(1);
}

static void usage(void)
{
	fprintf(stderr, "ftxdp: wrong usage; see the head of ftxdp.c\n");
	exit(2);
}

static int load(const struct bpf_insn *code, unsigned int count)
{
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_XDP,
		.insns = (unsigned long)code,
		.insn_cnt = count,
		.license = (unsigned long)"GPL",
	};
	int fd = syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));

	if (fd < 0)
		refused(strerror(errno));
	return fd;
}

static struct nlattr *put(int type, const void *data, size_t len)
{
	struct nlattr *attr = (void *)((char *)&request + NLMSG_ALIGN(request.nlh.nlmsg_len));

	attr->nla_type = type;
	attr->nla_len = NLA_HDRLEN + len;
	memcpy((char *)attr + NLA_HDRLEN, data, len);
	request.nlh.nlmsg_len = NLMSG_ALIGN(request.nlh.nlmsg_len) + NLA_ALIGN(attr->nla_len);
	return attr;
}

static void attach(const char *name, int fd, __u32 flags)
{
	int sock = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), one = 1;
	struct nlattr *nest;
	char answer[4096];
	struct nlmsghdr *nlh = (void *)answer;
	struct nlmsgerr *error = NLMSG_DATA(nlh);
	const struct nlattr *attr;
	ssize_t size, at;

	setsockopt(sock, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one));
	setsockopt(sock, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one));
	request.nlh.nlmsg_type = RTM_SETLINK;
	request.nlh.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	request.nlh.nlmsg_len = NLMSG_LENGTH(sizeof(request.info));
	request.info.ifi_index = if_nametoindex(name);
	nest = put(IFLA_XDP | NLA_F_NESTED, NULL, 0);
	put(IFLA_XDP_FD, &fd, sizeof(fd));
	put(IFLA_XDP_FLAGS, &flags, sizeof(flags));
	nest->nla_len = (char *)&request + request.nlh.nlmsg_len - (char *)nest;
	if (send(sock, &request, request.nlh.nlmsg_len, 0) < 0)
		refused(strerror(errno));
	size = recv(sock, answer, sizeof(answer), 0);
	if (size < (ssize_t)NLMSG_LENGTH(sizeof(*error)))
		refused("no answer");
	if (!error->error)
		return;
	for (at = NLMSG_ALIGN(NLMSG_LENGTH(sizeof(*error))); at + NLA_HDRLEN <= size;
	     at += NLA_ALIGN(attr->nla_len)) {
		attr = (void *)(answer + at);
		if (attr->nla_type == NLMSGERR_ATTR_MSG)
			refused((const char *)attr + NLA_HDRLEN);
	}
	refused(strerror(-error->error));
}

int main(int argc, char **argv)
{
	int fd = -1;
	__u32 flags;

	if (argc < 4 || !if_nametoindex(argv[1]))
		usage();
	flags = strcmp(argv[2], "native") ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
	if (!strcmp(argv[3], "pass") || !strcmp(argv[3], "drop")) {
		int verdict = strcmp(argv[3], "drop") ? XDP_PASS : XDP_DROP;
		struct bpf_insn code[] = { SET(BPF_REG_0, verdict), EXIT };

		fd = load(code, 2);
	} else if (!strcmp(argv[3], "redirect") && argc == 5) {
		struct bpf_insn code[] = {
			SET(BPF_REG_1, (int)if_nametoindex(argv[4])),
			SET(BPF_REG_2, 0),
			CALL(BPF_FUNC_redirect),
			EXIT,
		};

		fd = load(code, 4);
	} else if (strcmp(argv[3], "off")) {
		usage();
	}
	attach(argv[1], fd, flags);
	return 0;
}
