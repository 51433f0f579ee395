/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * ft_bond.h - link kind "ftbond": attributes of rtnetlink.
 *
 * An ftbond is made like any link (RTM_NEWLINK, IFLA_INFO_KIND "ftbond"), its
 * ports are put in and taken out with IFLA_MASTER. Exactly two Ethernet ports,
 * in two modules; one carries all traffic, the other stands by.
 */
#ifndef _UAPI_FT_BOND_H
#define _UAPI_FT_BOND_H

#include <linux/types.h>

#define FT_BOND_KIND	"ftbond"

/* When to return to the primary port. */
enum ft_bond_failback {
	FT_BOND_FAILBACK_NEVER,		/* stay on the port that works */
	FT_BOND_FAILBACK_BETTER,	/* if it is faster */
	FT_BOND_FAILBACK_ALWAYS,	/* as soon as it works */
};

/* What path probing has found. */
enum ft_bond_probing {
	FT_BOND_PROBING_OFF,		/* not asked for, or the bond is down */
	FT_BOND_PROBING_UNKNOWN,	/* no verdict: fewer than two ports
					 * work, or nobody answers anywhere
					 */
	FT_BOND_PROBING_OK,		/* probes come through both ways */
	FT_BOND_PROBING_FILTERED,	/* both paths work, but a switch drops
					 * probes; ARP alone is relied on
					 */
	FT_BOND_PROBING_FAULT,		/* a path is dead; its port's reason
					 * says which way
					 */
};

#define FT_BOND_HOLDDOWN_MAX_MS		3600000U
#define FT_BOND_ANNOUNCE_MAX		255U
#define FT_BOND_ANNOUNCE_DEFAULT	3U
#define FT_BOND_SPACING_MAX_MS		10000U
#define FT_BOND_SPACING_DEFAULT_MS	100U
#define FT_BOND_PROBE_MAX_MS		10000U

/*
 * The frame that probes the path between the two ports, every interval, both
 * ways: Ethernet, untagged, padded to the least length. Each port sends it to
 * the other one, from and to addresses that only probes have: locally
 * administered, made from @pair and the port's number, so that no switch
 * learns the bond's own address where the traffic does not go.
 * IEEE 802 Local Experimental Ethertype 1; @magic tells it from other users.
 */
#define FT_BOND_PROBE_ETHERTYPE	0x88b5
#define FT_BOND_PROBE_MAGIC	0x46544250U	/* "FTBP" */
#define FT_BOND_PROBE_VERSION	1

struct ft_bond_probe {
	__be32 magic;
	__u8 version;
	__u8 port;		/* 0 or 1: who sends */
	__be16 reserved;	/* 0 */
	__u8 pair[16];		/* random, of this bond: others pass it on */
	__be64 number;		/* counts up */
	__be64 tag;		/* SipHash-2-4 of port and number under a key
				 * that never leaves the bond
				 */
};

/* In IFLA_INFO_DATA. "r": only told; setting it is refused. */
enum {
	IFLA_FTBOND_UNSPEC,
	IFLA_FTBOND_PAD,
	IFLA_FTBOND_ACTIVE_PORT,	/* u32, ifindex; set: switch to this
					 * port now (make before break)
					 */
	IFLA_FTBOND_PRIMARY,		/* u32, ifindex of a port, 0: none. The
					 * place is meant: a port that replaces
					 * this one is primary again.
					 */
	IFLA_FTBOND_FAILBACK,		/* u8, enum ft_bond_failback */
	IFLA_FTBOND_HOLDDOWN,		/* u32, ms: how long the primary must
					 * have worked before failback
					 */
	IFLA_FTBOND_ANNOUNCE_COUNT,	/* u32: announcements after a switch */
	IFLA_FTBOND_ANNOUNCE_SPACING,	/* u32, ms between them */
	IFLA_FTBOND_ALLOW_SAME_MODULE,	/* u8, 0 or 1: for machines without
					 * modules; set before the ports
					 */
	IFLA_FTBOND_SWITCHES,		/* u32, r: changes of the active port */
	IFLA_FTBOND_SWITCH_REASON,	/* u32, r: enum ft_reason, of the last */
	IFLA_FTBOND_SWITCH_TIME,	/* u64, r: ns, CLOCK_BOOTTIME */
	IFLA_FTBOND_SWITCH_FROM,	/* string, r: netdev name */
	IFLA_FTBOND_SWITCH_TO,		/* string, r: netdev name */
	IFLA_FTBOND_PROBE_INTERVAL,	/* u32, ms; 0: no path probing. A dead
					 * path is left within three of them.
					 */
	IFLA_FTBOND_PROBING,		/* u8, r: enum ft_bond_probing */
	IFLA_FTBOND_PAIR,		/* 16 bytes, r: in each probe */
	__IFLA_FTBOND_MAX
};

#define IFLA_FTBOND_MAX (__IFLA_FTBOND_MAX - 1)

/* In IFLA_INFO_SLAVE_DATA of a port; all r. */
enum {
	IFLA_FTBOND_PORT_UNSPEC,
	IFLA_FTBOND_PORT_PAD,
	IFLA_FTBOND_PORT_STATE,		/* u8, enum ft_member_state */
	IFLA_FTBOND_PORT_REASON,	/* u32, enum ft_reason */
	IFLA_FTBOND_PORT_SINCE,		/* u64, ns, CLOCK_BOOTTIME */
	IFLA_FTBOND_PORT_TX_DROPPED,	/* u64: refused by the port */
	IFLA_FTBOND_PORT_RX_DROPPED,	/* u64: came while it stood by */
	IFLA_FTBOND_PORT_PROBES_SENT,	/* u64 */
	IFLA_FTBOND_PORT_PROBES_ARRIVED, /* u64: of those, at the other port */
	IFLA_FTBOND_PORT_PROBE_ANSWERS,	/* u64: neighbours' answers to its ARP
					 * probes
					 */
	IFLA_FTBOND_PORT_PROBES_LOOPED,	/* u64: came back to it: a loop */
	__IFLA_FTBOND_PORT_MAX
};

#define IFLA_FTBOND_PORT_MAX (__IFLA_FTBOND_PORT_MAX - 1)

#endif /* _UAPI_FT_BOND_H */
