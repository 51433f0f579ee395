// SPDX-License-Identifier: GPL-2.0
/*
 * main.c - ft_core: modules, pairs, isolation, one event stream. No policy:
 * what is joined again when, and what counts as a fault, is for ftd.
 */
#include <linux/export.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <net/genetlink.h>

#include "registry.h"

#define FT_NAME_ROW(n, v, t) \
	[v] = #n,

static const char *const ft_pair_type_names[] = {
	FT_PAIR_TYPES(FT_NAME_ROW)
};

static const char *const ft_pair_state_names[] = {
	FT_PAIR_STATES(FT_NAME_ROW)
};

static const char *const ft_module_state_names[] = {
	FT_MODULE_STATES(FT_NAME_ROW)
};

static const char *const ft_member_state_names[] = {
	FT_MEMBER_STATES(FT_NAME_ROW)
};

static const char *const ft_reason_names[] = {
	FT_REASONS(FT_NAME_ROW)
};

static const char *ft_name(const char *const *names, size_t n, size_t value)
{
	return value < n && names[value] ? names[value] : "?";
}

const char *ft_pair_type_name(enum ft_pair_type type)
{
	return ft_name(ft_pair_type_names, ARRAY_SIZE(ft_pair_type_names),
		       type);
}

const char *ft_module_state_name(enum ft_module_state state)
{
	return ft_name(ft_module_state_names,
		       ARRAY_SIZE(ft_module_state_names), state);
}

const char *ft_pair_state_name(enum ft_pair_state state)
{
	return ft_name(ft_pair_state_names, ARRAY_SIZE(ft_pair_state_names),
		       state);
}
EXPORT_SYMBOL_GPL(ft_pair_state_name);

const char *ft_member_state_name(enum ft_member_state state)
{
	return ft_name(ft_member_state_names,
		       ARRAY_SIZE(ft_member_state_names), state);
}
EXPORT_SYMBOL_GPL(ft_member_state_name);

const char *ft_reason_name(enum ft_reason reason)
{
	return ft_name(ft_reason_names, ARRAY_SIZE(ft_reason_names), reason);
}
EXPORT_SYMBOL_GPL(ft_reason_name);

static int __init ft_core_init(void)
{
	int err;

	err = ft_event_init();
	if (err)
		return err;
	err = ft_netlink_init();
	if (err)
		goto events;
	err = ft_topology_init();
	if (err)
		goto netlink;
	return 0;

netlink:
	ft_event_close();
	ft_netlink_exit();
events:
	ft_event_exit();
	return err;
}

/*
 * No pair is left: its kernel module uses our symbols and went first. Then
 * who could still come in: the PCI notifier and netlink requests. The events
 * are closed before the family, which they need, is gone.
 */
static void __exit ft_core_exit(void)
{
	ft_topology_exit();
	ft_event_close();
	ft_netlink_exit();
	ft_event_exit();
	ft_registry_free();
}

module_init(ft_core_init);
module_exit(ft_core_exit);

MODULE_DESCRIPTION("ftstack: modules, pairs and isolation");
MODULE_LICENSE("GPL");
MODULE_SOFTDEP("post: ft_chipset");
MODULE_ALIAS_GENL_FAMILY(FT_GENL_NAME);
