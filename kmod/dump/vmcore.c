// SPDX-License-Identifier: GPL-2.0
/*
 * vmcore.c - /proc/vmcore ends before the first page of the old memory is
 * given to somebody: a reader of it must never see what is live.
 */
#include <linux/crash_dump.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/proc_fs.h>

#include "dump.h"

/* Called by readers, with whatever they hold: the state is only looked at. */
static bool ft_vmcore_is_ram(struct vmcore_cb *cb, unsigned long pfn)
{
	return READ_ONCE(ft_dump.state) == FT_DUMP_OPEN;
}

static struct vmcore_cb ft_vmcore_cb = { .pfn_is_ram = ft_vmcore_is_ram };

void ft_vmcore_init(void)
{
	register_vmcore_cb(&ft_vmcore_cb);
}

void ft_vmcore_exit(void)
{
	if (ft_dump.state != FT_DUMP_NONE)
		unregister_vmcore_cb(&ft_vmcore_cb);
}

/*
 * What is read from now on is zeroes; remove_proc_entry() returns when nobody
 * is in a read or mmap any more, and none can begin: they fail with EIO. Then
 * the page tables of those who had it mapped are emptied, and a fault there is
 * SIGBUS. Mappings through another mount of proc (a container's that was given
 * /proc/vmcore) are not found that way: they are why the file is root's alone.
 */
int ft_vmcore_seal(void)
{
	struct file *file;

	if (ft_dump.state != FT_DUMP_OPEN)
		return ft_dump.state == FT_DUMP_NONE ? -ENODATA : -EALREADY;
	file = filp_open("/proc/vmcore", O_RDONLY, 0);
	if (IS_ERR(file))
		return PTR_ERR(file);
	WRITE_ONCE(ft_dump.state, FT_DUMP_SEALED);
	remove_proc_entry("vmcore", NULL);
	unmap_mapping_range(file->f_mapping, 0, 0, 1);
	fput(file);
	return 0;
}
