// SPDX-License-Identifier: GPL-2.0
/*
 * registry.c - the modules and the pairs, and cutting one off from the other.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/export.h>
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/timekeeping.h>

#include "registry.h"

LIST_HEAD(ft_modules);
LIST_HEAD(ft_pairs);
/* Over both lists and all that hangs on them. */
DEFINE_MUTEX(ft_mutex);
unsigned int ft_generation;

/*
 * The PCI notifier needs this lock to release I/O that is stuck on a leg which
 * is going away. Whoever holds it must not wait for such I/O, which a memory
 * allocation that writes out dirty pages would: hence no I/O while it is held.
 */
unsigned int ft_lock(void)
{
	unsigned int noio = memalloc_noio_save();

	mutex_lock(&ft_mutex);
	return noio;
}

void ft_unlock(unsigned int noio)
{
	mutex_unlock(&ft_mutex);
	memalloc_noio_restore(noio);
}

struct ft_module *ft_module_find(u32 id)
{
	struct ft_module *module;

	lockdep_assert_held(&ft_mutex);
	list_for_each_entry(module, &ft_modules, list)
		if (module->id == id)
			return module;
	return NULL;
}

struct ft_pair *ft_pair_find(enum ft_pair_type type, const char *name)
{
	struct ft_pair *pair;

	lockdep_assert_held(&ft_mutex);
	list_for_each_entry(pair, &ft_pairs, list)
		if (pair->type == type && !strcmp(pair->name, name))
			return pair;
	return NULL;
}

struct ft_module *ft_member_module(const struct ft_pair *pair,
				   unsigned int member)
{
	return ft_pci_module(pair->pci[member]);
}

/*
 * Bonds first: they switch within microseconds, while a mirror starts to
 * record the loss of a leg. No network traffic waits for a disk.
 */
static const enum ft_pair_type ft_isolate_order[] = {
	FT_PAIR_BOND, FT_PAIR_MIRROR,
};

/* Members were cut off, and ops->isolated() is owed. Under ft_mutex. */
static bool ft_untold;

/* Members were cut off: what follows, now that nobody sends to them any more. */
void ft_members_isolated(void)
{
	struct ft_pair *pair;
	unsigned int i;

	lockdep_assert_held(&ft_mutex);
	if (!ft_untold)
		return;
	ft_untold = false;
	list_for_each_entry(pair, &ft_pairs, list)
		for (i = 0; i < FT_MEMBERS; i++)
			if (pair->ops->isolated)
				pair->ops->isolated(pair, i);
}

/* Once for all members that were cut: who still sends found them before. */
static void ft_cut_done(void)
{
	synchronize_rcu_expedited();
	ft_untold = true;
}

static unsigned int ft_isolate_members(const struct ft_module *module)
{
	struct ft_pair *pair;
	unsigned int pass, i, cut = 0;

	for (pass = 0; pass < ARRAY_SIZE(ft_isolate_order); pass++) {
		list_for_each_entry(pair, &ft_pairs, list) {
			if (pair->type != ft_isolate_order[pass])
				continue;
			for (i = 0; i < FT_MEMBERS; i++) {
				if (ft_member_module(pair, i) != module)
					continue;
				pair->ops->isolate(pair, i, FT_REASON_ISOLATED);
				cut++;
			}
		}
	}
	if (cut)
		ft_cut_done();
	return cut;
}

static void ft_module_set(struct ft_module *module, enum ft_module_state state,
			  enum ft_reason reason)
{
	module->state = state;
	module->reason = reason;
	module->since = ktime_get_boottime_ns();
}

void ft_module_isolate(struct ft_module *module, enum ft_reason reason)
{
	unsigned int cut;

	lockdep_assert_held(&ft_mutex);
	if (module->state == FT_MODULE_STATE_OFFLINE)
		return;
	/* ft_pair_set_member() takes the same lock: no member slips in later */
	ft_module_set(module, FT_MODULE_STATE_OFFLINE, reason);
	/* The work that tells of it also wakes those who record it. */
	ft_event_hold(true);
	cut = ft_isolate_members(module);
	pr_info("module %u isolated (%s), %u members cut off\n", module->id,
		ft_reason_name(reason), cut);
	ft_event_module(FT_CMD_NEW_MODULE, module);
	ft_event_hold(false);
}

void ft_module_join(struct ft_module *module)
{
	struct ft_pair *pair;
	unsigned int i;

	lockdep_assert_held(&ft_mutex);
	if (module->state == FT_MODULE_STATE_ONLINE)
		return;
	ft_module_set(module, FT_MODULE_STATE_ONLINE, FT_REASON_NONE);
	list_for_each_entry(pair, &ft_pairs, list)
		for (i = 0; i < FT_MEMBERS; i++)
			if (pair->ops->join &&
			    ft_member_module(pair, i) == module)
				pair->ops->join(pair, i);
	pr_info("module %u joined\n", module->id);
	ft_event_module(FT_CMD_NEW_MODULE, module);
}

bool ft_module_has(const struct ft_module *module,
		   const struct ft_bridge *bridge)
{
	unsigned int i;

	for (i = 0; i < module->nbridges; i++)
		if (ft_bridge_equal(&module->bridge[i], bridge))
			return true;
	return false;
}

static int ft_bridge_check(u32 id, const struct ft_bridge *bridge,
			   struct netlink_ext_ack *extack)
{
	struct ft_module *other;
	unsigned int i;

	if (ft_bridge_is_other_device(bridge)) {
		NL_SET_ERR_MSG(extack,
			       "the device at this address is not a PCI bridge; name the bridge (slot) above it");
		return -EINVAL;
	}
	list_for_each_entry(other, &ft_modules, list) {
		if (other->id == id)
			continue;
		for (i = 0; i < other->nbridges; i++) {
			if (!ft_bridge_related(&other->bridge[i], bridge))
				continue;
			NL_SET_ERR_MSG(extack,
				       "the bridge, one above or one below it belongs to another module; take it out there first");
			return -EEXIST;
		}
	}
	return 0;
}

int ft_module_define(u32 id, const struct ft_bridge *bridge,
		     unsigned int nbridges, struct netlink_ext_ack *extack)
{
	struct ft_module *module, *old;
	unsigned int i, same = 0;
	int err;

	lockdep_assert_held(&ft_mutex);
	for (i = 0; i < nbridges; i++) {
		err = ft_bridge_check(id, &bridge[i], extack);
		if (err)
			return err;
	}

	old = ft_module_find(id);
	if (old && old->nbridges == nbridges) {
		for (i = 0; i < nbridges; i++)
			same += ft_module_has(old, &bridge[i]);
		if (same == nbridges)
			return 0;
	}

	module = kzalloc(struct_size(module, bridge, nbridges), GFP_KERNEL);
	if (!module)
		return -ENOMEM;
	module->id = id;
	module->nbridges = nbridges;
	memcpy(module->bridge, bridge, nbridges * sizeof(*bridge));
	if (old) {
		module->state = old->state;
		module->reason = old->reason;
		module->since = old->since;
		list_replace(&old->list, &module->list);
		kfree(old);
	} else {
		ft_module_set(module, FT_MODULE_STATE_ONLINE, FT_REASON_NONE);
		list_add_tail(&module->list, &ft_modules);
	}
	/* A module that is cut off stays so for what it has now grown by. */
	if (module->state == FT_MODULE_STATE_OFFLINE)
		ft_isolate_members(module);
	ft_generation++;
	ft_event_module(FT_CMD_NEW_MODULE, module);
	return 0;
}

int ft_module_forget(struct ft_module *module, struct netlink_ext_ack *extack)
{
	struct ft_pair *pair;
	unsigned int i;

	lockdep_assert_held(&ft_mutex);
	list_for_each_entry(pair, &ft_pairs, list) {
		for (i = 0; i < FT_MEMBERS; i++) {
			if (ft_member_module(pair, i) != module)
				continue;
			NL_SET_ERR_MSG(extack,
				       "a pair has a member in this module; take it out of the pair first");
			return -EBUSY;
		}
	}
	list_del(&module->list);
	ft_generation++;
	ft_event_module(FT_CMD_DEL_MODULE, module);
	kfree(module);
	return 0;
}

/* Unloading: the kernel modules that make pairs are gone, and with them all. */
void ft_registry_free(void)
{
	struct ft_module *module, *next;

	WARN_ON(!list_empty(&ft_pairs));
	list_for_each_entry_safe(module, next, &ft_modules, list) {
		list_del(&module->list);
		kfree(module);
	}
}

static void ft_member_drop(struct ft_pair *pair, unsigned int member)
{
	put_device(pair->pci[member]);
	put_device(pair->member[member]);
	pair->pci[member] = NULL;
	pair->member[member] = NULL;
}

/*
 * @dev begins to go away: its driver is still bound, so everything above it is
 * whole and isolate() may still look at it. The references dropped here are
 * not the last ones, for the same reason.
 *
 * When a module was torn out, its devices go one after the other, and each
 * takes its time. All of them are marked as disconnected before the first one
 * goes: no pair waits for its turn. Such a member stays known until then.
 */
void ft_device_lost(struct device *dev)
{
	struct ft_pair *pair;
	unsigned int i, cut = 0;
	bool below;

	lockdep_assert_held(&ft_mutex);
	list_for_each_entry(pair, &ft_pairs, list) {
		for (i = 0; i < FT_MEMBERS; i++) {
			below = ft_device_is_below(pair->pci[i], dev);
			if (!below && !ft_pci_disconnected(pair->pci[i]))
				continue;
			pair->ops->isolate(pair, i, FT_REASON_REMOVED);
			if (below)
				ft_member_drop(pair, i);
			ft_pair_changed(pair);
			cut++;
		}
	}
	if (cut) {
		ft_cut_done();
		ft_members_isolated();
	}
}

/*
 * What is below @bridge is gone, and will be removed: the pairs need not wait
 * for that.
 */
void ft_below_lost(struct device *bridge)
{
	struct ft_pair *pair;
	unsigned int i, cut = 0;

	lockdep_assert_held(&ft_mutex);
	list_for_each_entry(pair, &ft_pairs, list) {
		for (i = 0; i < FT_MEMBERS; i++) {
			if (!ft_device_is_below(pair->pci[i], bridge))
				continue;
			pair->ops->isolate(pair, i, FT_REASON_REMOVED);
			ft_pair_changed(pair);
			cut++;
		}
	}
	if (cut) {
		ft_cut_done();
		ft_members_isolated();
	}
}

int ft_pair_register(struct ft_pair *pair)
{
	unsigned int noio = ft_lock();
	int err = 0;

	if (ft_pair_find(pair->type, pair->name)) {
		err = -EEXIST;
		goto out;
	}
	memset(pair->member, 0, sizeof(pair->member));
	memset(pair->pci, 0, sizeof(pair->pci));
	atomic64_set(&pair->changed, 0);
	list_add_tail(&pair->list, &ft_pairs);
	ft_generation++;
	ft_pair_changed(pair);
out:
	ft_unlock(noio);
	return err;
}
EXPORT_SYMBOL_GPL(ft_pair_register);

void ft_pair_unregister(struct ft_pair *pair)
{
	struct device *put[2 * FT_MEMBERS];
	unsigned int noio, i;

	noio = ft_lock();
	list_del(&pair->list);
	ft_generation++;
	for (i = 0; i < FT_MEMBERS; i++) {
		put[2 * i] = pair->pci[i];
		put[2 * i + 1] = pair->member[i];
		pair->pci[i] = NULL;
		pair->member[i] = NULL;
	}
	ft_event_pair(FT_CMD_DEL_PAIR, pair, ktime_get_boottime_ns());
	ft_unlock(noio);

	/* May be the last ones, and what a release does is not for our lock. */
	for (i = 0; i < ARRAY_SIZE(put); i++)
		put_device(put[i]);
}
EXPORT_SYMBOL_GPL(ft_pair_unregister);

int ft_pair_rename(struct ft_pair *pair, const char *name)
{
	struct ft_pair *other;
	unsigned int noio = ft_lock();
	int err = 0;

	other = ft_pair_find(pair->type, name);
	if (other == pair)
		goto out;
	if (other) {
		err = -EEXIST;
		goto out;
	}
	/* Listeners know a pair by its name: the old one goes, a new one comes */
	ft_event_pair(FT_CMD_DEL_PAIR, pair, ktime_get_boottime_ns());
	strscpy(pair->name, name, sizeof(pair->name));
	ft_pair_changed(pair);
out:
	ft_unlock(noio);
	return err;
}
EXPORT_SYMBOL_GPL(ft_pair_rename);

int ft_pair_set_member(struct ft_pair *pair, unsigned int member,
		       struct device *dev)
{
	struct device *pci, *put_pci, *put_dev;
	struct ft_module *module;
	unsigned int noio = ft_lock();
	int err = 0;

	pci = ft_pci_device(dev);
	module = ft_pci_module(pci);
	if (module && module->state == FT_MODULE_STATE_OFFLINE) {
		err = -ESHUTDOWN;
	} else if (module && !pair->allow_same_module &&
		   ft_member_module(pair, !member) == module) {
		err = -EXDEV;
	} else {
		put_pci = pair->pci[member];
		put_dev = pair->member[member];
		pair->pci[member] = get_device(pci);
		pair->member[member] = get_device(dev);
		ft_pair_changed(pair);
	}
	ft_unlock(noio);
	if (err)
		return err;
	put_device(put_pci);
	put_device(put_dev);
	return 0;
}
EXPORT_SYMBOL_GPL(ft_pair_set_member);

u32 ft_device_module(struct device *dev)
{
	struct ft_module *module;
	unsigned int noio = ft_lock();
	u32 id;

	module = ft_pci_module(ft_pci_device(dev));
	id = module ? module->id : FT_MODULE_NONE;
	ft_unlock(noio);
	return id;
}
EXPORT_SYMBOL_GPL(ft_device_module);
