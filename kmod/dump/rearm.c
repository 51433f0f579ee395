// SPDX-License-Identifier: GPL-2.0
/*
 * rearm.c - where kexec puts crash kernels: a resource that the kernel does
 * not export, and sets only at boot, from its command line. A kernel that was
 * started by a panic has none; what is held of the returned memory becomes it.
 */
#include <linux/ioport.h>
#include <linux/kexec.h>
#include <linux/kprobes.h>
#include <linux/string.h>

#include "dump.h"

/*
 * A probe on data is refused, but not before its name was looked up. Whether
 * it is what we think it is, is seen by what is in it.
 */
static struct resource *ft_rearm_find(void)
{
#if IS_ENABLED(CONFIG_KPROBES)
	struct kprobe probe = { .symbol_name = "crashk_res" };
	struct resource *res;

	if (!register_kprobe(&probe)) {
		unregister_kprobe(&probe);
		return NULL;
	}
	res = (struct resource *)probe.addr;
	if (res && res->desc == IORES_DESC_CRASH_KERNEL &&
	    res->name && !strcmp(res->name, "Crash kernel") &&
	    (res->flags & IORESOURCE_SYSTEM_RAM) == IORESOURCE_SYSTEM_RAM)
		return res;
#endif
	return NULL;
}

/* Why it cannot be done in this kernel, or NULL. */
const char *ft_rearm_unavailable(void)
{
	if (!IS_ENABLED(CONFIG_KEXEC_FILE))
		return "this kernel has no kexec_file_load";
	if (!ft_rearm_find())
		return "this kernel does not tell where its crash region is kept";
	return NULL;
}

int ft_rearm(void)
{
	struct resource *res;
	u64 at;
	int err;

	if (!ft_dump.held.end)
		return -ENODATA;
	if (ft_dump.armed.end)
		return -EALREADY;
	for (at = ft_dump.held.start; at < ft_dump.held.end;
	     at += ft_dump.block_size)
		if (ft_map_block(at)->state != FT_DUMP_BLOCK_HELD ||
		    !ft_memory_online(at))
			return -EBUSY;
	res = ft_rearm_find();
	if (!res)
		return -EOPNOTSUPP;
	/*
	 * kexec's own lock cannot be had. Nobody loads a crash kernel now: that
	 * fails for as long as there is no region.
	 */
	if (kexec_crash_loaded() || res->parent || resource_size(res) > 1)
		return -EBUSY;
	res->start = ft_dump.held.start;
	res->end = ft_dump.held.end - 1;
	err = insert_resource(&iomem_resource, res);
	if (err) {
		res->start = 0;
		res->end = 0;
		return err;
	}
	ft_dump.armed = ft_dump.held;
	return 0;
}
