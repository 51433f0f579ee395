// SPDX-License-Identifier: GPL-2.0
/*
 * memory.c - old memory comes back by hot-add, a block at a time, each online
 * before the next: the descriptions of a block's pages are taken from the
 * memory that is there already, and a small kernel has too little of it for
 * all at once.
 */
#include <linux/io.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/module.h>

#include "dump.h"

static bool ft_range_touches(const struct ft_range *range, u64 start, u64 end)
{
	return range->start < end && start < range->end;
}

/*
 * Called when a block is put online, under the kernel's lock for memory
 * hotplug. What it keeps out was written before the block was added, and is
 * not changed afterwards: no lock. Pages that are kept out stay as hot-add
 * made them, with a reference that nobody gives up, so that their block cannot
 * be put offline either.
 */
static void ft_memory_online_page(struct page *page, unsigned int order)
{
	u64 start = page_to_phys(page);
	u64 end = start + (PAGE_SIZE << order);
	bool out = ft_range_touches(&ft_dump.held, start, end);
	unsigned int i;

	for (i = 0; i < ft_dump.n_out && !out; i++)
		out = ft_range_touches(&ft_dump.out[i], start, end);
	if (!out) {
		generic_online_page(page, order);
	} else if (order) {
		ft_memory_online_page(page, order - 1);
		ft_memory_online_page(page + (1UL << (order - 1)), order - 1);
	}
}

static bool ft_memory_callback;

/* Only when it is needed: another one's, a balloon's, would be in the way. */
static int ft_memory_keep_out(void)
{
	if (ft_memory_callback)
		return 0;
	if (set_online_page_callback(ft_memory_online_page))
		return -EBUSY;
	ft_memory_callback = true;
	return 0;
}

void ft_memory_exit(void)
{
	if (ft_memory_callback)
		restore_online_page_callback(ft_memory_online_page);
}

static bool ft_memory_returned(const struct ft_block *block)
{
	return block->state == FT_DUMP_BLOCK_RETURNED ||
	       block->state == FT_DUMP_BLOCK_HELD;
}

int ft_memory_leave_out(u64 start, u64 size)
{
	const struct ft_block *block;
	u64 at;
	int err;

	if (!size || !PAGE_ALIGNED(start) || !PAGE_ALIGNED(size) ||
	    start + size < start)
		return -EINVAL;
	if (ft_dump.n_out == FT_DUMP_LEAVE_OUT_MAX)
		return -ENOSPC;
	for (at = ALIGN_DOWN(start, ft_dump.block_size); at < start + size;
	     at += ft_dump.block_size) {
		block = ft_map_block(at);
		if (!block)
			return -ENOENT;
		if (ft_memory_returned(block))
			return -EEXIST;
	}
	if (ft_range_touches(&ft_dump.held, start, start + size))
		return -EBUSY;
	err = ft_memory_keep_out();
	if (err)
		return err;
	ft_dump.out[ft_dump.n_out].start = start;
	ft_dump.out[ft_dump.n_out++].end = start + size;
	return 0;
}

int ft_memory_hold(u64 start, u64 size)
{
	const struct ft_block *block;
	unsigned int i;
	u64 at;
	int err;

	if (!size || !IS_ALIGNED(start, ft_dump.block_size) ||
	    !IS_ALIGNED(size, ft_dump.block_size) || start + size < start)
		return -EINVAL;
	for (at = ft_dump.held.start; at < ft_dump.held.end;
	     at += ft_dump.block_size)
		if (ft_memory_returned(ft_map_block(at)))
			return -EEXIST;
	for (at = start; at < start + size; at += ft_dump.block_size) {
		block = ft_map_block(at);
		if (!block || block->state == FT_DUMP_BLOCK_RESERVED)
			return -ENOENT;
		if (ft_memory_returned(block))
			return -EEXIST;
	}
	for (i = 0; i < ft_dump.n_out; i++)
		if (ft_range_touches(&ft_dump.out[i], start, start + size))
			return -EBUSY;
	err = ft_memory_keep_out();
	if (err)
		return err;
	ft_dump.held.start = start;
	ft_dump.held.end = start + size;
	return 0;
}

bool ft_memory_online(u64 start)
{
	return pfn_to_online_page(PHYS_PFN(start));
}

int ft_memory_return(u64 start)
{
	struct ft_block *block;
	unsigned int i;
	int err;

	if (ft_dump.state == FT_DUMP_NONE || ft_dump.error)
		return -ENODATA;
	if (!IS_ALIGNED(start, ft_dump.block_size))
		return -EINVAL;
	block = ft_map_block(start);
	if (!block)
		return -ENOENT;
	if (ft_memory_returned(block))
		return -EEXIST;
	if (ft_dump.state < FT_DUMP_QUIESCED ||
	    (ft_dump.last && !ft_memory_online(ft_dump.last)))
		return -EBUSY;
	/* Asked once more: what was free when we were loaded may be taken. */
	if (block->state == FT_DUMP_BLOCK_RESERVED || !ft_map_free(start))
		return -EADDRINUSE;
	err = add_memory(memory_add_physaddr_to_nid(start), start,
			 ft_dump.block_size, MHP_MERGE_RESOURCE);
	if (err)
		return err;
	/* Pages that are kept out are kept by this module's code. */
	if (!ft_dump.last)
		__module_get(THIS_MODULE);
	ft_dump.last = start;
	block->state = ft_range_touches(&ft_dump.held, start,
					start + ft_dump.block_size) ?
		FT_DUMP_BLOCK_HELD : FT_DUMP_BLOCK_RETURNED;
	for (i = 0; i < ft_dump.n_blocks; i++)
		if (ft_dump.blocks[i].state == FT_DUMP_BLOCK_OLD)
			return 0;
	ft_dump.state = FT_DUMP_RETURNED;
	return 0;
}
