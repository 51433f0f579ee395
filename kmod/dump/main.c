// SPDX-License-Identifier: GPL-2.0
/*
 * main.c - ft_dump: gives the memory of the kernel that panicked back to the
 * one that was started by the panic. What is done when is for ftd; what would
 * do harm is refused here.
 */
#include <linux/crash_dump.h>
#include <linux/module.h>

#include "dump.h"

static char *ram;
module_param(ram, charp, 0444);
MODULE_PARM_DESC(ram, "memory of the kernel that panicked: START-END,... in hexadecimal");

static bool production = true;
module_param(production, bool, 0444);
MODULE_PARM_DESC(production, "drivers that are loaded later set up queues as ever");

struct ft_dump ft_dump = { .lock = __MUTEX_INITIALIZER(ft_dump.lock) };

static unsigned long long ft_headers;	/* elfcorehdr_addr, while it is changed */

static int __init ft_dump_init(void)
{
	int err;

	/* Without a map of ours it is somebody else's dump kernel. */
	if (ram && is_kdump_kernel()) {
		err = ft_map_init(ram);
		if (err)
			return err;
		ft_dump.state = FT_DUMP_OPEN;
		ft_vmcore_init();
	}
	err = ft_sysfs_init();
	if (err) {
		ft_vmcore_exit();
		ft_map_exit();
		return err;
	}
	/* /proc/vmcore has its own copy of the headers since it was made. */
	if (ft_dump.state == FT_DUMP_OPEN && production) {
		ft_headers = elfcorehdr_addr;
		elfcorehdr_addr = ELFCORE_ADDR_MAX;
	}
	return 0;
}

/* Nothing was returned: see ft_memory_return(). */
static void __exit ft_dump_exit(void)
{
	ft_sysfs_exit();
	if (ft_headers)
		elfcorehdr_addr = ft_headers;
	ft_memory_exit();
	ft_vmcore_exit();
	ft_map_exit();
}

module_init(ft_dump_init);
module_exit(ft_dump_exit);

MODULE_DESCRIPTION("ftstack: return of a crashed kernel's memory");
MODULE_LICENSE("GPL");
