// SPDX-License-Identifier: GPL-2.0
/*
 * aer.c - fatal errors that PCI Express ports report. The kernel's AER service
 * offers no way to hear of them but its tracepoint, which is called before
 * recovery begins. A kernel without that tracepoint reports none.
 */
#include <linux/aer.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/string.h>
#include <linux/tracepoint.h>

#include "chipset.h"

static struct tracepoint *ft_aer_event;
static void (*ft_aer_fatal)(const char *name);

/* The arguments are those of aer_event in include/ras/ras_event.h. */
static void ft_aer_probe(void *unused, const char *name, const u32 status,
			 const u8 severity, const u8 header_valid, void *header)
{
	if (severity == AER_FATAL)
		ft_aer_fatal(name);
}

static void ft_aer_find(struct tracepoint *tp, void *unused)
{
	if (!strcmp(tp->name, "aer_event"))
		ft_aer_event = tp;
}

/* @fatal: called with preemption disabled */
void ft_aer_init(void (*fatal)(const char *name))
{
	ft_aer_fatal = fatal;
	if (IS_ENABLED(CONFIG_TRACEPOINTS))
		for_each_kernel_tracepoint(ft_aer_find, NULL);
	if (IS_ENABLED(CONFIG_TRACEPOINTS) && ft_aer_event &&
	    tracepoint_probe_register(ft_aer_event, ft_aer_probe, NULL))
		ft_aer_event = NULL;
	if (!ft_aer_event)
		pr_info("ft_chipset: fatal errors of bridges are not told by this kernel\n");
}

void ft_aer_exit(void)
{
	if (!IS_ENABLED(CONFIG_TRACEPOINTS) || !ft_aer_event)
		return;
	tracepoint_probe_unregister(ft_aer_event, ft_aer_probe, NULL);
	tracepoint_synchronize_unregister();
}
