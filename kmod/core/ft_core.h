/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ft_core.h - what ft_core offers to the kernel modules that make pairs.
 *
 * Lock order, outermost first: device_lock, RTNL, ft_core's own mutex, and
 * then the locks of the pair. ft_pair_ops are called with ft_core's mutex
 * held: they must take neither device_lock nor RTNL, and must not call back
 * into ft_core except for ft_pair_changed().
 */
#ifndef _FT_CORE_H
#define _FT_CORE_H

#include <linux/atomic.h>
#include <linux/device.h>
#include <linux/list.h>
#include <linux/types.h>

#include "../uapi/ft.h"

struct ft_pair;

/**
 * struct ft_member_report - one member, as it stands now
 * @state:	enum ft_member_state
 * @reason:	why
 * @since:	CLOCK_BOOTTIME ns
 * @dev:	kernel name of the device, empty when there is none
 */
struct ft_member_report {
	enum ft_member_state state;
	enum ft_reason reason;
	u64 since;
	char dev[FT_DEV_MAX];
};

/**
 * struct ft_pair_report - a pair, as it stands now; ft_core zeroes it first
 * @sync_done:	bytes of the running resync copied, of @sync_total
 * @sync_copied: bytes copied since the pair was started
 * @switches:	bond: how often the active port changed
 * The sync_* fields are sent for mirrors, @switches for bonds.
 */
struct ft_pair_report {
	enum ft_pair_state state;
	enum ft_reason reason;
	u64 since;
	struct ft_member_report member[FT_MEMBERS];
	u64 sync_done, sync_total, sync_copied;
	u32 switches;
};

/**
 * struct ft_pair_ops - what ft_core asks of a pair
 * @report:	fill in @r. Process context, may sleep for short.
 * @isolate:	stop using the member before returning, for good as far as this
 *		device goes: nothing new may be sent to it when the call
 *		returns. Idempotent. Process context; may be called with
 *		device_lock of the device held; must not wait for I/O to, or
 *		replies from, that device. After the last of the pairs ft_core
 *		waits for an RCU grace period: a data path that finds its
 *		member under rcu_read_lock() is done with it then. Nobody else
 *		is to be woken: a pair that is cut first would only keep the
 *		CPU from those that are still to be.
 * @isolated:	after that grace period, once or more: wake who records the
 *		loss, print. Process context, must not wait. May be NULL.
 * @join:	the member's module may be used again. What follows is the
 *		pair's affair: a bond's port is eligible again, a mirror's leg
 *		waits to be joined by user space. May be NULL.
 */
struct ft_pair_ops {
	void (*report)(struct ft_pair *pair, struct ft_pair_report *r);
	void (*isolate)(struct ft_pair *pair, unsigned int member,
			enum ft_reason reason);
	void (*isolated)(struct ft_pair *pair, unsigned int member);
	void (*join)(struct ft_pair *pair, unsigned int member);
};

/**
 * struct ft_pair - embedded in the pair's own structure
 * @type, @name, @uuid, @ops: set by the owner before ft_pair_register()
 * @allow_same_module: the owner's; members may share a module
 * The rest is ft_core's.
 */
struct ft_pair {
	enum ft_pair_type type;
	char name[FT_NAME_MAX];
	u8 uuid[16];
	const struct ft_pair_ops *ops;
	bool allow_same_module;

	struct list_head list;
	struct device *member[FT_MEMBERS];
	struct device *pci[FT_MEMBERS];
	atomic64_t changed;
};

/* Process context, may sleep; takes ft_core's mutex. -EEXIST: name taken. */
int ft_pair_register(struct ft_pair *pair);
/* After it returns no op of @pair runs or will run. Drops its members. */
void ft_pair_unregister(struct ft_pair *pair);
/* The pair got another name. -EEXIST: name taken, the old one stays. */
int ft_pair_rename(struct ft_pair *pair, const char *name);

/**
 * ft_pair_set_member - tell ft_core which device a member is, or that it left
 * @dev: the device (a disk's, a netdev's parent, or any below a PCI device),
 *	 NULL for none; registered or in use (RTNL held, disk open) during the
 *	 call. A reference is held until it is replaced or has begun to go.
 * When any PCI device above @dev begins to go away, or its module is isolated,
 * ops->isolate() is called for the member.
 * Process context, may sleep; takes ft_core's mutex.
 * Returns 0; -ESHUTDOWN when @dev is in a module that is isolated; -EXDEV when
 * both members would be in the same module and @allow_same_module is not set
 * (modules that are not known do not count). On an error the member is
 * unchanged.
 */
int ft_pair_set_member(struct ft_pair *pair, unsigned int member,
		       struct device *dev);

/* Module that @dev belongs to, or FT_MODULE_NONE. Process context. */
u32 ft_device_module(struct device *dev);

/*
 * Something that ops->report() tells has changed: sends an event and a uevent
 * soon (from a work item, so changes in between may be told as one). Any
 * context. The pair must be registered.
 */
void ft_pair_changed(struct ft_pair *pair);

const char *ft_reason_name(enum ft_reason reason);
const char *ft_pair_state_name(enum ft_pair_state state);
const char *ft_member_state_name(enum ft_member_state state);

#endif /* _FT_CORE_H */
