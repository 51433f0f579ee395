// SPDX-License-Identifier: GPL-2.0
/*
 * topology.c - which module a device belongs to, and the moment it begins to
 * go away.
 *
 * Bridges are remembered by address, so a module may be absent, and what comes
 * into its slot belongs to it.
 */
#include <linux/ctype.h>
#include <linux/device.h>
#include <linux/kernel.h>
#include <linux/notifier.h>
#include <linux/pci.h>
#include <linux/string.h>

#include "registry.h"

#define FT_ADDRESS_MAX	sizeof("ffffffff:ff:1f.7")

int ft_bridge_format(char *buf, size_t size, const struct ft_bridge *bridge)
{
	return scnprintf(buf, size, "%04x:%02x:%02x.%x", bridge->domain,
			 bridge->bus, PCI_SLOT(bridge->devfn),
			 PCI_FUNC(bridge->devfn));
}

/* Only the way the kernel itself writes an address: "0000:00:04.0". */
int ft_bridge_parse(struct ft_bridge *bridge, const char *address)
{
	unsigned int domain, bus, slot, func;
	char back[FT_ADDRESS_MAX];

	if (sscanf(address, "%x:%x:%x.%x", &domain, &bus, &slot, &func) != 4 ||
	    bus > 0xff || slot > 0x1f || func > 7)
		return -EINVAL;
	bridge->domain = domain;
	bridge->bus = bus;
	bridge->devfn = PCI_DEVFN(slot, func);
	ft_bridge_format(back, sizeof(back), bridge);
	return strcasecmp(back, address) ? -EINVAL : 0;
}

bool ft_bridge_equal(const struct ft_bridge *a, const struct ft_bridge *b)
{
	return a->domain == b->domain && a->bus == b->bus &&
	       a->devfn == b->devfn;
}

/* The caller puts it; NULL: there is none. */
struct pci_dev *ft_bridge_get(const struct ft_bridge *bridge)
{
	return pci_get_domain_bus_and_slot(bridge->domain, bridge->bus,
					   bridge->devfn);
}

/* Is there something at this address that is no bridge? */
bool ft_bridge_is_other_device(const struct ft_bridge *bridge)
{
	struct pci_dev *pdev = ft_bridge_get(bridge);
	bool other = pdev && !pci_is_bridge(pdev);

	pci_dev_put(pdev);
	return other;
}

/*
 * Are they the same bridge, or is one above the other? Bridges that are not
 * there cannot be told; ft_pci_module() takes the nearest one then.
 */
bool ft_bridge_related(const struct ft_bridge *a, const struct ft_bridge *b)
{
	struct pci_dev *pa, *pb;
	bool related;

	if (ft_bridge_equal(a, b))
		return true;
	pa = ft_bridge_get(a);
	pb = ft_bridge_get(b);
	related = pa && pb && (ft_device_is_below(&pa->dev, &pb->dev) ||
			       ft_device_is_below(&pb->dev, &pa->dev));
	pci_dev_put(pa);
	pci_dev_put(pb);
	return related;
}

/*
 * The PCI device at or above @dev, or NULL; ft_mutex is held. The walk is safe
 * while @dev is registered: its ancestors live. A disk that is open may have
 * been deleted, and its ancestors freed since: it is below nothing any more.
 */
struct device *ft_pci_device(struct device *dev)
{
	lockdep_assert_held(&ft_mutex);
	while (dev && !dev_is_pci(dev)) {
		if (!device_is_registered(dev))
			return NULL;
		dev = dev->parent;
	}
	return dev && device_is_registered(dev) ? dev : NULL;
}

/*
 * Walking up from a member's PCI device is safe under ft_mutex: children are
 * deleted before their parents, and a member leaves (ft_device_lost) before
 * its PCI device is.
 */
struct ft_module *ft_pci_module(struct device *pci)
{
	struct ft_module *module;
	struct ft_bridge bridge;
	struct pci_dev *pdev;
	struct device *dev;
	unsigned int i;

	lockdep_assert_held(&ft_mutex);
	if (!pci)
		return NULL;
	/* Begin above it: a bridge is no member of its own module. */
	for (dev = pci->parent; dev; dev = dev->parent) {
		if (!dev_is_pci(dev))
			continue;
		pdev = to_pci_dev(dev);
		bridge.domain = pci_domain_nr(pdev->bus);
		bridge.bus = pdev->bus->number;
		bridge.devfn = pdev->devfn;
		list_for_each_entry(module, &ft_modules, list)
			for (i = 0; i < module->nbridges; i++)
				if (ft_bridge_equal(&module->bridge[i],
						    &bridge))
					return module;
	}
	return NULL;
}

/* Gone for good, though its driver may not know yet. */
bool ft_pci_disconnected(const struct device *pci)
{
	return pci && READ_ONCE(to_pci_dev(pci)->error_state) ==
		      pci_channel_io_perm_failure;
}

/* Is @dev the device @above, or below it? */
bool ft_device_is_below(struct device *dev, struct device *above)
{
	for (; dev; dev = dev->parent)
		if (dev == above)
			return true;
	return false;
}

/*
 * A device that is removed loses its driver first, and a device without a
 * driver still is deleted: each of the two may be the first that is heard.
 * Called with device_lock of @dev held (unbinding), before the driver's
 * remove() runs; the removal goes on when this returns, and by then no pair
 * sends anything to the device any more.
 */
static int ft_pci_event(struct notifier_block *nb, unsigned long action,
			void *data)
{
	unsigned int noio;

	if (action != BUS_NOTIFY_UNBIND_DRIVER &&
	    action != BUS_NOTIFY_DEL_DEVICE)
		return NOTIFY_DONE;
	noio = ft_lock();
	ft_device_lost(data);
	ft_unlock(noio);
	return NOTIFY_OK;
}

static struct notifier_block ft_pci_notifier = {
	.notifier_call = ft_pci_event,
	/* Ahead of others: the pairs switch before anybody dismantles. */
	.priority = INT_MAX,
};

int ft_topology_init(void)
{
	return bus_register_notifier(&pci_bus_type, &ft_pci_notifier);
}

void ft_topology_exit(void)
{
	bus_unregister_notifier(&pci_bus_type, &ft_pci_notifier);
}
