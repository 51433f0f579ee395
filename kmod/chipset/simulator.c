// SPDX-License-Identifier: GPL-2.0
/*
 * simulator.c - debugfs file ft_chipset/report: "0000:00:04.0 WORD" makes
 * ft_core hear that of the bridge. WORD is "lost", or what is the matter with
 * it: the name of a reason, "FATAL_ERROR" or "POWER_FAULT".
 */
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "chipset.h"

static struct dentry *ft_simulator;

static int ft_simulate(struct pci_dev *bridge, const char *word)
{
	if (!strcmp(word, "lost"))
		ft_chipset_lost(bridge);
	else if (!strcmp(word, "FATAL_ERROR"))
		ft_chipset_fault(bridge, FT_REASON_FATAL_ERROR);
	else if (!strcmp(word, "POWER_FAULT"))
		ft_chipset_fault(bridge, FT_REASON_POWER_FAULT);
	else
		return -EINVAL;
	return 0;
}

static ssize_t ft_simulator_write(struct file *file, const char __user *user,
				  size_t size, loff_t *at)
{
	unsigned int domain, bus, slot, func;
	struct pci_dev *bridge;
	char text[64], word[16];
	int err;

	if (size >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, user, size))
		return -EFAULT;
	text[size] = '\0';
	if (sscanf(text, "%x:%x:%x.%x %15s", &domain, &bus, &slot, &func,
		   word) != 5 || bus > 0xff || slot > 0x1f || func > 7)
		return -EINVAL;
	bridge = pci_get_domain_bus_and_slot(domain, bus,
					     PCI_DEVFN(slot, func));
	if (!bridge)
		return -ENODEV;
	err = pci_is_bridge(bridge) ? ft_simulate(bridge, word) : -EINVAL;
	pci_dev_put(bridge);
	return err ?: (ssize_t)size;
}

static const struct file_operations ft_simulator_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = ft_simulator_write,
	.llseek = noop_llseek,
};

/* Without debugfs there is nothing to simulate with, and nothing is wrong. */
void ft_simulator_init(void)
{
	ft_simulator = debugfs_create_dir("ft_chipset", NULL);
	debugfs_create_file("report", 0200, ft_simulator, NULL,
			    &ft_simulator_fops);
}

/* Returns when nobody is in the file any more. */
void ft_simulator_exit(void)
{
	debugfs_remove(ft_simulator);
}
