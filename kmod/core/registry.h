/* SPDX-License-Identifier: GPL-2.0 */
/*
 * registry.h - what the parts of ft_core share: the modules, the pairs, and
 * the lock over both.
 */
#ifndef _FT_CORE_REGISTRY_H
#define _FT_CORE_REGISTRY_H

#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/netlink.h>
#include <linux/pci.h>
#include <linux/types.h>

#include "ft_core.h"

#define FT_BRIDGES_MAX	64

struct ft_bridge {
	u32 domain;
	u8 bus;
	u8 devfn;
};

/**
 * struct ft_module - a drawer: one PCI bridge or several, and all below them
 * @state:	ONLINE or OFFLINE; that a module was pulled is for user space
 *		to tell, which sees the whole machine
 */
struct ft_module {
	struct list_head list;
	u32 id;
	enum ft_module_state state;
	enum ft_reason reason;
	u64 since;
	unsigned int nbridges;
	struct ft_bridge bridge[];
};

extern struct list_head ft_modules;
extern struct list_head ft_pairs;
extern struct mutex ft_mutex;
/* Changes whenever an object comes or goes: a dump can tell it was torn. */
extern unsigned int ft_generation;

unsigned int ft_lock(void);
void ft_unlock(unsigned int noio);

/* All of these: ft_mutex is held. */
struct ft_module *ft_module_find(u32 id);
struct ft_pair *ft_pair_find(enum ft_pair_type type, const char *name);
struct ft_module *ft_member_module(const struct ft_pair *pair,
				   unsigned int member);
int ft_module_define(u32 id, const struct ft_bridge *bridge,
		     unsigned int nbridges, struct netlink_ext_ack *extack);
int ft_module_forget(struct ft_module *module, struct netlink_ext_ack *extack);
bool ft_module_has(const struct ft_module *module,
		   const struct ft_bridge *bridge);
void ft_members_isolated(void);
void ft_module_isolate(struct ft_module *module, enum ft_reason reason);
void ft_module_join(struct ft_module *module);
void ft_device_lost(struct device *dev);
void ft_below_lost(struct device *bridge);

void ft_registry_free(void);

/* chipset.c */
enum ft_card ft_module_card(const struct ft_module *module);
/*
 * Isolates a module, and with @cut its bridges; or joins it, restored. Without
 * ft_mutex. -ENOENT: no such module.
 */
int ft_module_switch(u32 id, bool on, bool cut, enum ft_reason reason);

/* topology.c */
struct pci_dev *ft_bridge_get(const struct ft_bridge *bridge);
int ft_bridge_parse(struct ft_bridge *bridge, const char *address);
int ft_bridge_format(char *buf, size_t size, const struct ft_bridge *bridge);
bool ft_bridge_equal(const struct ft_bridge *a, const struct ft_bridge *b);
bool ft_bridge_related(const struct ft_bridge *a, const struct ft_bridge *b);
bool ft_bridge_is_other_device(const struct ft_bridge *bridge);
struct device *ft_pci_device(struct device *dev);
struct ft_module *ft_pci_module(struct device *pci);
bool ft_pci_disconnected(const struct device *pci);
bool ft_device_is_below(struct device *dev, struct device *above);
int ft_topology_init(void);
void ft_topology_exit(void);

/* event.c */
void ft_event_module(enum ft_cmd cmd, const struct ft_module *module);
void ft_event_pair(enum ft_cmd cmd, struct ft_pair *pair, u64 when);
u64 ft_event_last(void);
int ft_event_init(void);
void ft_event_close(void);
void ft_event_hold(bool hold);
void ft_event_exit(void);

/* netlink.c */
struct sk_buff;

struct sk_buff *ft_netlink_event(enum ft_cmd cmd, u64 seq, u64 when,
				 const struct ft_module *module,
				 struct ft_pair *pair,
				 const struct ft_pair_report *report);
void ft_netlink_send(struct sk_buff *skb);
void ft_netlink_lost(void);
int ft_netlink_init(void);
void ft_netlink_exit(void);

const char *ft_module_state_name(enum ft_module_state state);
const char *ft_pair_type_name(enum ft_pair_type type);

#endif /* _FT_CORE_REGISTRY_H */
