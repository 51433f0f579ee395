/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * ft.h - the words of ftstack, and the generic netlink family "ft".
 *
 * Every state and reason that the kernel, ftd, ftctl, D-Bus and the documents
 * name comes from the tables in this file; none of them spells one by itself.
 * A table row is X(ENUMERATOR, value, "text"): the name that people and tools
 * see is the enumerator without its prefix, "text" says what it means.
 *
 * Values are ABI: append, never renumber.
 */
#ifndef _UAPI_FT_H
#define _UAPI_FT_H

#include <linux/types.h>

#define FT_NAME_MAX	64	/* name of a pair, with the final NUL */
#define FT_DEV_MAX	32	/* kernel name of a device, with the final NUL */
#define FT_MEMBERS	2	/* a pair is two members, in two modules */
#define FT_MODULE_NONE	0xffffffffU	/* device belongs to no module */

#define FT_PAIR_TYPES(X) \
	X(BOND,   1, "two NICs that act as one; the members are ports") \
	X(MIRROR, 2, "two disks that act as one; the members are legs")

#define FT_PAIR_STATES(X) \
	X(DUPLEX,  1, "both members work") \
	X(SIMPLEX, 2, "one member carries all; a second fault would stop it") \
	X(SYNCING, 3, "on the way to duplex: data is being copied") \
	X(BROKEN,  4, "no member works")

#define FT_MODULE_STATES(X) \
	X(ONLINE,  1, "in use") \
	X(OFFLINE, 2, "cut off, safe to pull") \
	X(REMOVED, 3, "not in the machine") \
	X(BROKEN,  4, "a person must act") \
	X(SYNCING, 5, "on the way to online: its disks are being copied")

#define FT_MEMBER_STATES(X) \
	X(ACTIVE,  1, "port: carries the traffic") \
	X(STANDBY, 2, "port: works, ready to take over") \
	X(IN_SYNC, 3, "leg: holds all data") \
	X(SYNCING, 4, "leg: is being brought up to date") \
	X(FAULTY,  5, "does not work, or was cut off") \
	X(MISSING, 6, "not there") \
	X(STALE,   7, "leg: there, but an older state of the data") \
	X(FOREIGN, 8, "leg: there, but not of this mirror")

/* Why something is as it is, and since when. NONE: as it should be. */
#define FT_REASONS(X) \
	X(NONE,           0, "as it should be") \
	X(NEVER_THERE,    1, "has not been there since the pair was started") \
	X(REMOVED,        2, "the device was removed from the machine") \
	X(ISOLATED,       3, "its module was cut off on purpose") \
	X(OPERATOR,       4, "taken out by an operator") \
	X(LINK_DOWN,      5, "port: no carrier") \
	X(ADMIN_DOWN,     6, "port: the interface is down") \
	X(IO_ERROR,       7, "leg: a write or a repair failed") \
	X(TIMEOUT,        8, "leg: did not answer within the deadline") \
	X(RESYNC,         9, "leg: only what differs is being copied") \
	X(STALE,         10, "leg: an older state of the data") \
	X(SPLIT_BRAIN,   11, "both legs ran alone: a person must choose one") \
	X(FOREIGN,       12, "leg: belongs to another mirror") \
	X(BLANK,         13, "leg: carries no superblock") \
	X(DAMAGED,       14, "leg: its superblock contradicts itself or the other leg's") \
	X(INCONSISTENT,  15, "leg: was being copied to and never finished") \
	X(RECORD_FAILED, 16, "the loss of a leg could not be recorded on the other") \
	X(NEWER_LEG,     17, "started on the older leg; the newer one is back") \
	X(CLEAN_UP,      18, "leg: regions that a crash left dirty are being made equal") \
	X(FAILBACK,      19, "port: the primary port works again") \
	X(PATH_DEAD,     20, "port: its link is up, but nothing comes through") \
	X(PATH_TX_DEAD,  21, "port: its link is up, but what it sends does not arrive") \
	X(PATH_RX_DEAD,  22, "port: its link is up, but it receives nothing") \
	X(TX_STALLED,    23, "port: its transmit queue stands still") \
	X(SCRUB,         24, "legs: both are read and compared") \
	X(UNREADABLE,    25, "leg: blocks that the other one lacks cannot be read") \
	X(FATAL_ERROR,   26, "the bridge of its module reported a fatal error") \
	X(POWER_FAULT,   27, "the slot of its module has a power fault")

/* The card of a module, as its slot tells; of several slots the last row wins. */
#define FT_CARDS(X) \
	X(ABSENT,  1, "no card is in the slot") \
	X(PRESENT, 2, "a card is in the slot") \
	X(LEAVING, 3, "a card whose slot is about to be switched off: its button was pressed") \
	X(HELD,    4, "a card that is held in reset: its module was cut off")

#define FT_ENUM_ROW_PAIR_TYPE(n, v, t)		FT_PAIR_##n = v,
#define FT_ENUM_ROW_PAIR_STATE(n, v, t)		FT_PAIR_STATE_##n = v,
#define FT_ENUM_ROW_MODULE_STATE(n, v, t)	FT_MODULE_STATE_##n = v,
#define FT_ENUM_ROW_MEMBER_STATE(n, v, t)	FT_MEMBER_STATE_##n = v,
#define FT_ENUM_ROW_REASON(n, v, t)		FT_REASON_##n = v,
#define FT_ENUM_ROW_CARD(n, v, t)		FT_CARD_##n = v,

enum ft_pair_type { FT_PAIR_TYPES(FT_ENUM_ROW_PAIR_TYPE) };
enum ft_pair_state { FT_PAIR_STATES(FT_ENUM_ROW_PAIR_STATE) };
enum ft_module_state { FT_MODULE_STATES(FT_ENUM_ROW_MODULE_STATE) };
enum ft_member_state { FT_MEMBER_STATES(FT_ENUM_ROW_MEMBER_STATE) };
enum ft_reason { FT_REASONS(FT_ENUM_ROW_REASON) };
enum ft_card { FT_CARDS(FT_ENUM_ROW_CARD) };

/*
 * Generic netlink family "ft", version 1.
 *
 * GET_* are open to everybody and answer with one NEW_* message (with
 * FT_A_MODULE_ID, or FT_A_PAIR_TYPE and FT_A_PAIR_NAME) or, as a dump, with
 * one for each object. All else needs CAP_NET_ADMIN in the initial user
 * namespace.
 *
 * Multicast group "events": a NEW_* message for each change, DEL_* when the
 * object is gone, with FT_A_SEQ counting up by one for each event; a gap, or
 * ENOBUFS, means that events were lost: dump again. An event tells the whole
 * object, so whoever has dumped once need not ask again: what is numbered no
 * higher than an answer's FT_A_SEQ is older than the answer.
 */
#define FT_GENL_NAME		"ft"
#define FT_GENL_VERSION		1
#define FT_GENL_GROUP_EVENTS	"events"

enum ft_cmd {
	FT_CMD_UNSPEC,
	FT_CMD_GET_MODULE,
	FT_CMD_NEW_MODULE,	/* answer and event */
	FT_CMD_DEL_MODULE,	/* event; as a request: forget the module
				 * (EBUSY while a pair has a member in it,
				 * ENOENT)
				 */
	FT_CMD_SET_MODULE,	/* define a module or change its bridges:
				 * MODULE_ID, BRIDGES (EINVAL: not an address
				 * "dddd:bb:dd.f", no bridge, or none given;
				 * EEXIST: the bridge, one above or one below
				 * it belongs to another module). A bridge
				 * need not be there.
				 */
	FT_CMD_ISOLATE_MODULE,	/* MODULE_ID: cut the module off; when the
				 * call returns no pair sends anything to it
				 * (ENOENT). With CUT its bridges are cut as
				 * well, where they can be: the card is HELD,
				 * and its devices are removed.
				 */
	FT_CMD_JOIN_MODULE,	/* MODULE_ID: its devices may be used again */
	FT_CMD_GET_PAIR,
	FT_CMD_NEW_PAIR,	/* answer and event */
	FT_CMD_DEL_PAIR,	/* event only */
	__FT_CMD_MAX
};

#define FT_CMD_MAX (__FT_CMD_MAX - 1)

enum ft_attr {
	FT_A_UNSPEC,
	FT_A_PAD,
	FT_A_SEQ,		/* u64, of an event: its number; of an answer: that
				 * of the last event which is in it already
				 */
	FT_A_TIME,		/* u64, ns, CLOCK_BOOTTIME: when it happened;
				 * events only
				 */
	FT_A_MODULE_ID,		/* u32 */
	FT_A_MODULE_STATE,	/* u8, enum ft_module_state: ONLINE, OFFLINE */
	FT_A_BRIDGES,		/* nest of FT_A_BRIDGE */
	FT_A_BRIDGE,		/* string "dddd:bb:dd.f" */
	FT_A_REASON,		/* u32, enum ft_reason */
	FT_A_SINCE,		/* u64, ns, CLOCK_BOOTTIME: when the state began */
	FT_A_PAIR_TYPE,		/* u8, enum ft_pair_type */
	FT_A_PAIR_NAME,		/* string: netdev or device-mapper name */
	FT_A_PAIR_UUID,		/* 16 bytes; mirrors only */
	FT_A_PAIR_STATE,	/* u8, enum ft_pair_state */
	FT_A_MEMBERS,		/* nest of two FT_A_MEMBER, in order */
	FT_A_MEMBER,		/* nest: MEMBER_STATE, MEMBER_DEV if there is a
				 * device, MODULE_ID if it is in a module,
				 * REASON, SINCE
				 */
	FT_A_MEMBER_STATE,	/* u8, enum ft_member_state */
	FT_A_MEMBER_DEV,	/* string: kernel name, "eth1", "nvme0n1" */
	FT_A_SYNC_DONE,		/* u64, bytes of this resync copied so far */
	FT_A_SYNC_TOTAL,	/* u64, bytes this resync has to copy */
	FT_A_SYNC_COPIED,	/* u64, bytes copied since the mirror started */
	FT_A_SWITCHES,		/* u32, bond: switches of the active port */
	FT_A_CUT,		/* flag */
	FT_A_MODULE_CARD,	/* u8, enum ft_card; none: nobody can tell */
	__FT_A_MAX
};

#define FT_A_MAX (__FT_A_MAX - 1)

#endif /* _UAPI_FT_H */
