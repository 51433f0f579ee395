// SPDX-License-Identifier: GPL-2.0
/*
 * ftbug: a kernel module with a BUG; with nmi=CPU it sends that CPU an NMI that
 * nobody knows the reason of.
 */
#include <linux/bug.h>
#include <linux/module.h>
#include <asm/apic.h>
#include <asm/irq_vectors.h>

static int nmi = -1;
module_param(nmi, int, 0);

static int __init ftbug_init(void)
{
	if (nmi < 0)
		BUG();
	apic->send_IPI(nmi, NMI_VECTOR);
	return 0;
}
module_init(ftbug_init);

MODULE_DESCRIPTION("a BUG, or an NMI, for tests");
MODULE_LICENSE("GPL");
