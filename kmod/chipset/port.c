// SPDX-License-Identifier: GPL-2.0
/*
 * port.c - PCI Express ports: whether a card is in the slot below, is about to
 * go, or has a fault, and cutting it off.
 *
 * The kernel's own hot-plug driver, pciehp, keeps the slot: it answers events,
 * switches power and finds devices. It tells nobody, so what it sees is seen
 * here from the same interrupt, which is shared, and from the levels that it
 * leaves in the slot's registers: the events themselves it has acknowledged by
 * then.
 *
 *   presence		as soon as the interrupt, while pciehp still asks each
 *			driver below to let go
 *   attention button	the power indicator blinks for 5 s, then pciehp removes
 *			what is below
 *   power fault	the event, if it is still there; else attention on and
 *			power indicator off, which is how pciehp shows it
 *
 * A bridge is cut by marking what is below as disconnected, as pciehp does it
 * for a card that was torn out, and holding the secondary bus in reset. Then
 * no driver waits for a device that does not answer, and the devices are
 * removed. Where the reset takes the link down, pciehp removes them, too: both
 * do it under the same lock, and who comes second finds nothing. The slot's
 * attention indicator, if it has one, blinks meanwhile.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/kref.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/pci.h>
#include <linux/reboot.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "chipset.h"

/* pciehp's thread sets the indicators somewhat after the interrupt. */
#define FT_SECOND_LOOK	msecs_to_jiffies(50)
/*
 * After a fatal error the kernel's recovery resets the bus and waits up to a
 * minute for a device that it finds disconnected, or held in reset. Let it be
 * done before that: it has reset the devices, and no pair uses them.
 */
#define FT_RECOVERY	(2 * HZ)
/* A device has this long after a reset before it must answer. */
#define FT_RESET_MS	100
#define FT_LINK_MS	1000

/*
 * struct ft_port - a root or downstream port
 * @seeing:	one look at a time
 * @look:	sees how the slot is now, and tells
 * @again:	the same, a little later
 * @empty:	removes what is below a bridge that is held
 * @refill:	finds what is below one that is not held any more
 * @irq:	the interrupt shared with pciehp, 0: none
 * @card:	as it was told last
 * @faulty:	a fault was told that is still there
 * @fatal:	a fatal error is to be told
 * @recovers:	one is being told, and the kernel recovers from it
 * @held:	the secondary bus is held in reset
 *
 * Each work that is queued holds a reference, so that a port can go without
 * waiting for work that waits for the lock under which it goes.
 */
struct ft_port {
	struct list_head list;
	struct kref ref;
	struct pci_dev *pdev;
	struct mutex seeing;	/* over one look */
	struct work_struct look, refill;
	struct delayed_work again, empty;
	int irq;
	enum ft_card card;
	bool faulty;
	bool fatal;
	bool recovers;
	bool held;
};

static LIST_HEAD(ft_ports);
/* Over the list, and each port's card and held. */
static DEFINE_SPINLOCK(ft_ports_lock);
static struct workqueue_struct *ft_ports_wq;

static void ft_port_free(struct kref *ref)
{
	struct ft_port *port = container_of(ref, struct ft_port, ref);

	pci_dev_put(port->pdev);
	kfree(port);
}

static void ft_port_put(struct ft_port *port)
{
	kref_put(&port->ref, ft_port_free);
}

static struct ft_port *ft_port_get(struct pci_dev *bridge)
{
	struct ft_port *port;
	unsigned long flags;

	spin_lock_irqsave(&ft_ports_lock, flags);
	list_for_each_entry(port, &ft_ports, list) {
		if (port->pdev != bridge)
			continue;
		kref_get(&port->ref);
		spin_unlock_irqrestore(&ft_ports_lock, flags);
		return port;
	}
	spin_unlock_irqrestore(&ft_ports_lock, flags);
	return NULL;
}

/* Any context. */
static void ft_port_queue(struct ft_port *port, struct work_struct *work)
{
	kref_get(&port->ref);
	if (!queue_work(ft_ports_wq, work))
		ft_port_put(port);
}

static void ft_port_queue_later(struct ft_port *port, struct delayed_work *work,
				unsigned long delay)
{
	kref_get(&port->ref);
	if (!queue_delayed_work(ft_ports_wq, work, delay))
		ft_port_put(port);
}

static void ft_port_look_soon(struct ft_port *port)
{
	ft_port_queue(port, &port->look);
	ft_port_queue_later(port, &port->again, FT_SECOND_LOOK);
}

static irqreturn_t ft_port_irq(int irq, void *data)
{
	ft_port_look_soon(data);
	return IRQ_NONE;	/* pciehp's; it acknowledges */
}

static bool ft_port_held(struct ft_port *port)
{
	unsigned long flags;
	bool held;

	spin_lock_irqsave(&ft_ports_lock, flags);
	held = port->held;
	spin_unlock_irqrestore(&ft_ports_lock, flags);
	return held;
}

static void ft_port_reset(struct ft_port *port, bool on)
{
	u16 control;

	pci_read_config_word(port->pdev, PCI_BRIDGE_CONTROL, &control);
	if (on)
		control |= PCI_BRIDGE_CTL_BUS_RESET;
	else
		control &= ~PCI_BRIDGE_CTL_BUS_RESET;
	pci_write_config_word(port->pdev, PCI_BRIDGE_CONTROL, control);
}

/* Blinks while the card is held: this is the one that is safe to pull. */
static void ft_port_locate(struct ft_port *port, bool on)
{
	u32 cap;

	pcie_capability_read_dword(port->pdev, PCI_EXP_SLTCAP, &cap);
	if (cap & PCI_EXP_SLTCAP_AIP)
		pcie_capability_clear_and_set_word(port->pdev, PCI_EXP_SLTCTL,
						   PCI_EXP_SLTCTL_AIC,
						   on ? PCI_EXP_SLTCTL_ATTN_IND_BLINK :
						   PCI_EXP_SLTCTL_ATTN_IND_OFF);
}

static void ft_port_hold(struct ft_port *port, bool on)
{
	ft_port_reset(port, on);
	ft_port_locate(port, on);
}

static int ft_disconnect(struct pci_dev *pdev, void *unused)
{
	WRITE_ONCE(pdev->error_state, pci_channel_io_perm_failure);
	return 0;
}

static void ft_port_disconnect(struct ft_port *port)
{
	if (port->pdev->subordinate)
		pci_walk_bus(port->pdev->subordinate, ft_disconnect, NULL);
	ft_port_hold(port, true);
}

static void ft_port_empty(struct work_struct *work)
{
	struct ft_port *port = container_of(to_delayed_work(work),
					    struct ft_port, empty);
	struct pci_dev *pdev, *next;
	struct pci_bus *bus;

	pci_lock_rescan_remove();
	if (ft_port_held(port))
		ft_port_disconnect(port);
	bus = port->pdev->subordinate;
	if (bus) {
		list_for_each_entry_safe_reverse(pdev, next, &bus->devices,
						 bus_list)
			pci_stop_and_remove_bus_device(pdev);
	}
	/* Recovery from an error ends with a reset of its own. */
	if (ft_port_held(port))
		ft_port_reset(port, true);
	pci_unlock_rescan_remove();
	ft_port_put(port);
}

static void ft_port_wait_link(struct ft_port *port)
{
	unsigned int waited;
	u16 status;
	u32 cap;

	msleep(FT_RESET_MS);
	pcie_capability_read_dword(port->pdev, PCI_EXP_LNKCAP, &cap);
	if (!(cap & PCI_EXP_LNKCAP_DLLLARC))
		return;
	for (waited = 0; waited < FT_LINK_MS; waited += 20) {
		pcie_capability_read_word(port->pdev, PCI_EXP_LNKSTA, &status);
		if (status & PCI_EXP_LNKSTA_DLLLA)
			break;
		msleep(20);
	}
	msleep(FT_RESET_MS);
}

static void ft_port_refill(struct work_struct *work)
{
	struct ft_port *port = container_of(work, struct ft_port, refill);

	/* What was disconnected is gone before anything is found. */
	flush_delayed_work(&port->empty);
	if (ft_port_held(port))
		goto out;
	ft_port_hold(port, false);
	ft_port_wait_link(port);
	pci_lock_rescan_remove();
	if (port->pdev->subordinate && !ft_port_held(port))
		pci_rescan_bus(port->pdev->subordinate);
	pci_unlock_rescan_remove();
	ft_chipset_changed(port->pdev);
out:
	ft_port_put(port);
}

static bool ft_slot_has_fault(u32 cap, u16 control, u16 status)
{
	const u32 shown = PCI_EXP_SLTCAP_AIP | PCI_EXP_SLTCAP_PIP;

	if (status & PCI_EXP_SLTSTA_PFD)
		return true;
	return (cap & shown) == shown &&
	       (control & PCI_EXP_SLTCTL_AIC) == PCI_EXP_SLTCTL_ATTN_IND_ON &&
	       (control & PCI_EXP_SLTCTL_PIC) == PCI_EXP_SLTCTL_PWR_IND_OFF;
}

static enum ft_card ft_slot_card(u32 cap, u16 control, u16 status)
{
	if (!(status & PCI_EXP_SLTSTA_PDS))
		return FT_CARD_ABSENT;
	if ((cap & PCI_EXP_SLTCAP_PIP) &&
	    (control & PCI_EXP_SLTCTL_PIC) == PCI_EXP_SLTCTL_PWR_IND_BLINK &&
	    !(control & PCI_EXP_SLTCTL_PCC))
		return FT_CARD_LEAVING;
	return FT_CARD_PRESENT;
}

static void ft_port_see(struct ft_port *port, bool tell)
{
	struct pci_dev *pdev = port->pdev;
	bool fault, fatal, freed = false;
	enum ft_card card, before;
	u16 control, status;
	unsigned long flags;
	u32 cap;

	mutex_lock(&port->seeing);
	fatal = xchg(&port->fatal, false);
	if (fatal) {
		WRITE_ONCE(port->recovers, true);
		ft_chipset_fault(pdev, FT_REASON_FATAL_ERROR);
		WRITE_ONCE(port->recovers, false);
	}

	pcie_capability_read_dword(pdev, PCI_EXP_SLTCAP, &cap);
	pcie_capability_read_word(pdev, PCI_EXP_SLTCTL, &control);
	pcie_capability_read_word(pdev, PCI_EXP_SLTSTA, &status);
	if (!(cap & PCI_EXP_SLTCAP_HPC) || status == (u16)~0)
		goto out;
	card = ft_slot_card(cap, control, status);
	fault = card != FT_CARD_ABSENT &&
		ft_slot_has_fault(cap, control, status);

	spin_lock_irqsave(&ft_ports_lock, flags);
	before = port->card;
	port->card = card;
	if (card == FT_CARD_ABSENT && port->held) {
		port->held = false;
		freed = true;
	}
	spin_unlock_irqrestore(&ft_ports_lock, flags);

	/* The next card must be able to come up. */
	if (freed)
		ft_port_hold(port, false);
	if (tell && card != before) {
		if (card == FT_CARD_ABSENT)
			ft_chipset_lost(pdev);
		else
			ft_chipset_changed(pdev);
	}
	if (tell && fault && !port->faulty)
		ft_chipset_fault(pdev, FT_REASON_POWER_FAULT);
	port->faulty = fault;
out:
	mutex_unlock(&port->seeing);
}

static void ft_port_look(struct work_struct *work)
{
	struct ft_port *port = container_of(work, struct ft_port, look);

	ft_port_see(port, true);
	ft_port_put(port);
}

static void ft_port_look_again(struct work_struct *work)
{
	struct ft_port *port = container_of(to_delayed_work(work),
					    struct ft_port, again);

	ft_port_see(port, true);
	ft_port_put(port);
}

static enum ft_card ft_port_card(struct pci_dev *bridge)
{
	struct ft_port *port = ft_port_get(bridge);
	enum ft_card card;

	if (!port)
		return 0;
	card = ft_port_held(port) ? FT_CARD_HELD : READ_ONCE(port->card);
	ft_port_put(port);
	return card;
}

static int ft_port_cut(struct pci_dev *bridge)
{
	struct ft_port *port = ft_port_get(bridge);
	bool held, recovers;
	unsigned long flags;

	if (!port)
		return -EOPNOTSUPP;
	spin_lock_irqsave(&ft_ports_lock, flags);
	held = port->held;
	port->held = true;
	recovers = port->recovers;
	spin_unlock_irqrestore(&ft_ports_lock, flags);
	if (!held && !recovers)
		ft_port_disconnect(port);
	if (!held)
		ft_port_queue_later(port, &port->empty,
				    recovers ? FT_RECOVERY : 0);
	ft_port_put(port);
	return 0;
}

static void ft_port_restore(struct pci_dev *bridge)
{
	struct ft_port *port = ft_port_get(bridge);
	unsigned long flags;
	bool held;

	if (!port)
		return;
	spin_lock_irqsave(&ft_ports_lock, flags);
	held = port->held;
	port->held = false;
	spin_unlock_irqrestore(&ft_ports_lock, flags);
	if (held)
		ft_port_queue(port, &port->refill);
	ft_port_put(port);
}

static struct ft_chipset ft_port_chipset = {
	.card = ft_port_card,
	.cut = ft_port_cut,
	.restore = ft_port_restore,
};

static void ft_port_fatal(const char *name)
{
	struct ft_port *port;
	unsigned long flags;

	spin_lock_irqsave(&ft_ports_lock, flags);
	list_for_each_entry(port, &ft_ports, list) {
		if (strcmp(pci_name(port->pdev), name))
			continue;
		port->fatal = true;
		ft_port_queue(port, &port->look);
	}
	spin_unlock_irqrestore(&ft_ports_lock, flags);
}

static int ft_port_vector(struct pci_dev *pdev)
{
	u16 flags;

	pcie_capability_read_word(pdev, PCI_EXP_FLAGS, &flags);
	if (!pci_dev_msi_enabled(pdev))
		return pdev->irq;
	return pci_irq_vector(pdev, (flags & PCI_EXP_FLAGS_IRQ) >> 9);
}

/* A port without a slot that tells can be cut all the same. */
static void ft_port_add(struct pci_dev *pdev)
{
	struct ft_port *port;
	unsigned long flags;
	u16 control = 0;
	u32 cap = 0;
	int irq;

	if (!pci_is_pcie(pdev) || !pdev->subordinate ||
	    (pci_pcie_type(pdev) != PCI_EXP_TYPE_ROOT_PORT &&
	     pci_pcie_type(pdev) != PCI_EXP_TYPE_DOWNSTREAM))
		return;
	port = kzalloc(sizeof(*port), GFP_KERNEL);
	if (!port)
		return;
	kref_init(&port->ref);
	mutex_init(&port->seeing);
	port->pdev = pci_dev_get(pdev);
	INIT_WORK(&port->look, ft_port_look);
	INIT_DELAYED_WORK(&port->empty, ft_port_empty);
	INIT_WORK(&port->refill, ft_port_refill);
	INIT_DELAYED_WORK(&port->again, ft_port_look_again);
	/* Held when this was unloaded: still so. */
	pci_read_config_word(pdev, PCI_BRIDGE_CONTROL, &control);
	port->held = control & PCI_BRIDGE_CTL_BUS_RESET;
	ft_port_see(port, false);

	spin_lock_irqsave(&ft_ports_lock, flags);
	list_add_tail(&port->list, &ft_ports);
	spin_unlock_irqrestore(&ft_ports_lock, flags);

	pcie_capability_read_dword(pdev, PCI_EXP_SLTCAP, &cap);
	irq = cap & PCI_EXP_SLTCAP_HPC ? ft_port_vector(pdev) : 0;
	if (irq > 0 && !request_irq(irq, ft_port_irq, IRQF_SHARED,
				    KBUILD_MODNAME, port))
		port->irq = irq;
}

/* Its interrupt must be given back before its driver gives back the vectors. */
static void ft_port_remove(struct pci_dev *pdev)
{
	struct ft_port *port = ft_port_get(pdev);
	unsigned long flags;

	if (!port)
		return;
	if (port->irq)
		free_irq(port->irq, port);
	spin_lock_irqsave(&ft_ports_lock, flags);
	list_del(&port->list);
	spin_unlock_irqrestore(&ft_ports_lock, flags);
	ft_port_put(port);
	ft_port_put(port);
}

static int ft_port_event(struct notifier_block *nb, unsigned long action,
			 void *data)
{
	struct pci_dev *pdev = to_pci_dev((struct device *)data);

	if (action == BUS_NOTIFY_BOUND_DRIVER)
		ft_port_add(pdev);
	else if (action == BUS_NOTIFY_UNBIND_DRIVER)
		ft_port_remove(pdev);
	else
		return NOTIFY_DONE;
	return NOTIFY_OK;
}

static struct notifier_block ft_port_notifier = {
	.notifier_call = ft_port_event,
};

/* At shutdown the ports' driver gives its vectors back without being unbound. */
static int ft_ports_shutdown(struct notifier_block *nb, unsigned long action,
			     void *data)
{
	struct pci_dev *pdev = NULL;
	struct ft_port *port;

	for_each_pci_dev(pdev) {
		device_lock(&pdev->dev);
		port = ft_port_get(pdev);
		if (port) {
			if (port->irq)
				free_irq(port->irq, port);
			port->irq = 0;
			ft_port_put(port);
		}
		device_unlock(&pdev->dev);
	}
	return NOTIFY_DONE;
}

static struct notifier_block ft_reboot_notifier = {
	.notifier_call = ft_ports_shutdown,
};

int ft_ports_init(void)
{
	struct pci_dev *pdev = NULL;
	struct ft_port *port;
	int err;

	/* Unbound: what one port takes long for does not keep the others. */
	ft_ports_wq = alloc_workqueue("ft_chipset", WQ_UNBOUND | WQ_HIGHPRI |
				      WQ_MEM_RECLAIM, 0);
	if (!ft_ports_wq)
		return -ENOMEM;
	err = bus_register_notifier(&pci_bus_type, &ft_port_notifier);
	if (err) {
		destroy_workqueue(ft_ports_wq);
		return err;
	}
	/* Those that have their driver: the others are told when they get it. */
	for_each_pci_dev(pdev) {
		device_lock(&pdev->dev);
		port = ft_port_get(pdev);
		if (port)
			ft_port_put(port);
		else if (pdev->dev.driver)
			ft_port_add(pdev);
		device_unlock(&pdev->dev);
	}
	register_reboot_notifier(&ft_reboot_notifier);
	ft_chipset_register(&ft_port_chipset);
	ft_aer_init(ft_port_fatal);
	return 0;
}

/* What is held stays so: whoever cut it off did not want it back by this. */
void ft_ports_exit(void)
{
	struct ft_port *port, *next;
	LIST_HEAD(ports);

	ft_aer_exit();
	ft_chipset_unregister(&ft_port_chipset);
	unregister_reboot_notifier(&ft_reboot_notifier);
	bus_unregister_notifier(&pci_bus_type, &ft_port_notifier);
	list_splice_init(&ft_ports, &ports);
	list_for_each_entry_safe(port, next, &ports, list) {
		if (port->irq)
			free_irq(port->irq, port);
		flush_delayed_work(&port->again);
		flush_delayed_work(&port->empty);
		flush_workqueue(ft_ports_wq);
		ft_port_put(port);
	}
	destroy_workqueue(ft_ports_wq);
}
