// SPDX-License-Identifier: GPL-2.0
/*
 * chipset.c - what the machine tells of its modules, and isolation that goes
 * down to the bridge.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/export.h>

#include "ft_chipset.h"
#include "registry.h"

/*
 * Over isolating and joining as a whole: a module that is joined while it is
 * still being cut would stay cut. Taken before ft_mutex, since what cuts a
 * bridge takes locks of the PCI core, from below which ft_mutex is taken.
 */
static DEFINE_MUTEX(ft_switch_mutex);
/* Changed under both mutexes, so each of them is enough to read it. */
static LIST_HEAD(ft_chipsets);

void ft_chipset_register(struct ft_chipset *chipset)
{
	unsigned int noio;

	mutex_lock(&ft_switch_mutex);
	noio = ft_lock();
	list_add_tail(&chipset->list, &ft_chipsets);
	ft_unlock(noio);
	mutex_unlock(&ft_switch_mutex);
}
EXPORT_SYMBOL_GPL(ft_chipset_register);

void ft_chipset_unregister(struct ft_chipset *chipset)
{
	unsigned int noio;

	mutex_lock(&ft_switch_mutex);
	noio = ft_lock();
	list_del(&chipset->list);
	ft_unlock(noio);
	mutex_unlock(&ft_switch_mutex);
}
EXPORT_SYMBOL_GPL(ft_chipset_unregister);

static enum ft_card ft_bridge_card(struct pci_dev *bridge)
{
	struct ft_chipset *chipset;
	enum ft_card card = 0;

	list_for_each_entry(chipset, &ft_chipsets, list) {
		card = chipset->card(bridge);
		if (card)
			break;
	}
	return card;
}

/* Of several bridges the one that tells most: the order of the table. */
enum ft_card ft_module_card(const struct ft_module *module)
{
	enum ft_card card, worst = 0;
	struct pci_dev *bridge;
	unsigned int i;

	lockdep_assert_held(&ft_mutex);
	for (i = 0; i < module->nbridges; i++) {
		bridge = ft_bridge_get(&module->bridge[i]);
		if (!bridge)
			continue;
		card = ft_bridge_card(bridge);
		worst = max(worst, card);
		pci_dev_put(bridge);
	}
	return worst;
}

struct ft_bridges {
	unsigned int n;
	struct ft_bridge bridge[FT_BRIDGES_MAX];
};

static void ft_bridges_of(const struct ft_module *module,
			  struct ft_bridges *bridges)
{
	bridges->n = module->nbridges;
	memcpy(bridges->bridge, module->bridge,
	       module->nbridges * sizeof(*module->bridge));
}

static bool ft_bridge_cut(struct pci_dev *bridge)
{
	struct ft_chipset *chipset;

	list_for_each_entry(chipset, &ft_chipsets, list)
		if (!chipset->cut(bridge))
			return true;
	return false;
}

static void ft_bridge_restore(struct pci_dev *bridge)
{
	struct ft_chipset *chipset;

	list_for_each_entry(chipset, &ft_chipsets, list)
		chipset->restore(bridge);
}

/* All bridges that are there; none of a module that no chipset knows is cut. */
static void ft_bridges_switch(const struct ft_bridges *bridges, bool cut)
{
	struct pci_dev *bridge;
	unsigned int i, n = 0;

	lockdep_assert_held(&ft_switch_mutex);
	for (i = 0; i < bridges->n; i++) {
		bridge = ft_bridge_get(&bridges->bridge[i]);
		if (!bridge)
			continue;
		if (!cut)
			ft_bridge_restore(bridge);
		else if (ft_bridge_cut(bridge))
			n++;
		pci_dev_put(bridge);
	}
	if (n)
		pr_info("%u of %u bridges cut\n", n, bridges->n);
}

static void ft_module_told(u32 id)
{
	struct ft_module *module;
	unsigned int noio;

	noio = ft_lock();
	module = ft_module_find(id);
	if (module)
		ft_event_module(FT_CMD_NEW_MODULE, module);
	ft_unlock(noio);
}

int ft_module_switch(u32 id, bool on, bool cut, enum ft_reason reason)
{
	struct ft_bridges bridges = {};
	struct ft_module *module;
	unsigned int noio;

	mutex_lock(&ft_switch_mutex);
	noio = ft_lock();
	module = ft_module_find(id);
	if (module) {
		if (on)
			ft_module_join(module);
		else
			ft_module_isolate(module, reason);
		ft_bridges_of(module, &bridges);
	}
	ft_unlock(noio);
	if (module && (on || cut)) {
		ft_bridges_switch(&bridges, !on);
		ft_module_told(id);
	}
	mutex_unlock(&ft_switch_mutex);
	return module ? 0 : -ENOENT;
}

/* The module that has this bridge, or FT_MODULE_NONE. */
static u32 ft_bridge_module(struct pci_dev *pdev)
{
	struct ft_bridge bridge = {
		.domain = pci_domain_nr(pdev->bus),
		.bus = pdev->bus->number,
		.devfn = pdev->devfn,
	};
	struct ft_module *module;

	lockdep_assert_held(&ft_mutex);
	list_for_each_entry(module, &ft_modules, list)
		if (ft_module_has(module, &bridge))
			return module->id;
	return FT_MODULE_NONE;
}

void ft_chipset_changed(struct pci_dev *bridge)
{
	struct ft_module *module;
	unsigned int noio;

	noio = ft_lock();
	module = ft_module_find(ft_bridge_module(bridge));
	if (module)
		ft_event_module(FT_CMD_NEW_MODULE, module);
	ft_unlock(noio);
}
EXPORT_SYMBOL_GPL(ft_chipset_changed);

void ft_chipset_lost(struct pci_dev *bridge)
{
	struct ft_module *module;
	unsigned int noio;

	noio = ft_lock();
	ft_below_lost(&bridge->dev);
	module = ft_module_find(ft_bridge_module(bridge));
	if (module)
		ft_event_module(FT_CMD_NEW_MODULE, module);
	ft_unlock(noio);
}
EXPORT_SYMBOL_GPL(ft_chipset_lost);

void ft_chipset_fault(struct pci_dev *bridge, enum ft_reason reason)
{
	unsigned int noio;
	u32 id;

	noio = ft_lock();
	id = ft_bridge_module(bridge);
	ft_unlock(noio);
	if (id != FT_MODULE_NONE)
		ft_module_switch(id, false, true, reason);
}
EXPORT_SYMBOL_GPL(ft_chipset_fault);
