// SPDX-License-Identifier: GPL-2.0
/*
 * nofua - no disk that comes from here on has FUA.
 *
 * QEMU's NVMe disk offers FUA and takes no notice of it (7.2): a write that the kernel
 * takes for durable is in the volatile cache. Without FUA the block layer sends a flush
 * after such a write instead. All that the kernel knows of it comes through
 * blk_queue_write_cache(q, wc, fua), in kernels up to 6.10.
 */
#include <linux/kprobes.h>
#include <linux/module.h>

static int no_fua(struct kprobe *p, struct pt_regs *regs)
{
	regs->dx = 0;
	return 0;
}

static struct kprobe probe = {
	.symbol_name = "blk_queue_write_cache",
	.pre_handler = no_fua,
};

static int __init nofua_init(void)
{
	return register_kprobe(&probe);
}

static void __exit nofua_exit(void)
{
	unregister_kprobe(&probe);
}

module_init(nofua_init);
module_exit(nofua_exit);

MODULE_DESCRIPTION("Disks without FUA");
MODULE_AUTHOR("ftstack developers");
MODULE_LICENSE("GPL");
