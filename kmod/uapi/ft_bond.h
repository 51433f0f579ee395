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

#define FT_BOND_KIND	"ftbond"

/* When to return to the primary port. */
enum ft_bond_failback {
	FT_BOND_FAILBACK_NEVER,		/* stay on the port that works */
	FT_BOND_FAILBACK_BETTER,	/* if it is faster */
	FT_BOND_FAILBACK_ALWAYS,	/* as soon as it works */
};

#define FT_BOND_HOLDDOWN_MAX_MS		3600000U
#define FT_BOND_ANNOUNCE_MAX		255U
#define FT_BOND_SPACING_MAX_MS		10000U

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
	__IFLA_FTBOND_PORT_MAX
};

#define IFLA_FTBOND_PORT_MAX (__IFLA_FTBOND_PORT_MAX - 1)

#endif /* _UAPI_FT_BOND_H */
