// SPDX-License-Identifier: GPL-2.0
/*
 * main.c - ft_chipset: what an ordinary PCI Express machine tells of its
 * modules, and a simulator of what tests cannot bring about.
 */
#include <linux/module.h>

#include "chipset.h"

static int __init ft_chipset_init(void)
{
	int err = ft_ports_init();

	if (!err)
		ft_simulator_init();
	return err;
}

static void __exit ft_chipset_exit(void)
{
	ft_simulator_exit();
	ft_ports_exit();
}

module_init(ft_chipset_init);
module_exit(ft_chipset_exit);

MODULE_DESCRIPTION("ftstack: presence, faults and cutting off of modules");
MODULE_LICENSE("GPL");
