// SPDX-License-Identifier: GPL-2.0
/*
 * map.c - which memory was the old kernel's, and which blocks of it may be
 * returned. Three witnesses must agree: the old kernel's map of its memory
 * (on our command line), the headers of /proc/vmcore, which the old kernel
 * wrote when we were loaded, and our own resources, which name what the
 * firmware reserves and what is ours.
 */
#include <linux/elf.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/ioport.h>
#include <linux/memory.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/sort.h>

#include "dump.h"

/* "START-END,START-END" in order. What is wrong with it, or NULL. */
static const char *ft_map_parse(const char *text, struct ft_range *ranges,
				unsigned int *n)
{
	u64 start, last, before = 0;
	int used;

	for (*n = 0; *text; (*n)++) {
		if (*n == FT_DUMP_RANGES_MAX)
			return "the map has too many ranges";
		used = 0;
		if (sscanf(text, "%llx-%llx%n", &start, &last, &used) != 2 ||
		    !used || (text[used] && text[used] != ',') ||
		    (text[used] && !text[used + 1]))
			return "the map cannot be read: START-END,START-END,...";
		text += used + (text[used] == ',');
		if (start >= last || !PAGE_ALIGNED(start) ||
		    !PAGE_ALIGNED(last + 1))
			return "a range of the map is empty, or not whole pages";
		if (start < SZ_1M || start < before)
			return "the map is not in order, or has the first MiB";
		if (last >> MAX_PHYSMEM_BITS)
			return "a range of the map is beyond all memory";
		ranges[*n].start = start;
		ranges[*n].end = last + 1;
		before = last + 1;
	}
	return *n ? NULL : "the map is empty";
}

static int ft_range_order(const void *a, const void *b)
{
	const struct ft_range *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static const char *ft_headers_read(struct file *file, struct elf64_phdr **ret,
				   unsigned int *ret_n)
{
	const char *error = "the headers of /proc/vmcore cannot be read";
	struct elf64_phdr *phdr;
	struct elf64_hdr ehdr;
	size_t size;
	loff_t at = 0;

	if (kernel_read(file, &ehdr, sizeof(ehdr), &at) != sizeof(ehdr) ||
	    memcmp(ehdr.e_ident, ELFMAG, SELFMAG) ||
	    ehdr.e_ident[EI_CLASS] != ELFCLASS64 ||
	    ehdr.e_phentsize != sizeof(*phdr) || !ehdr.e_phnum ||
	    ehdr.e_phnum == PN_XNUM)
		return error;
	size = ehdr.e_phnum * sizeof(*phdr);
	phdr = kvmalloc(size, GFP_KERNEL);
	if (!phdr)
		return error;
	at = ehdr.e_phoff;
	if (kernel_read(file, phdr, size, &at) != size) {
		kvfree(phdr);
		return error;
	}
	*ret = phdr;
	*ret_n = ehdr.e_phnum;
	return NULL;
}

/* The memory that /proc/vmcore has headers for, in order, nothing twice. */
static const char *ft_map_headers(struct ft_range **ret, unsigned int *ret_n)
{
	unsigned int i, n = 0, k = 0, n_phdr;
	struct ft_range *ranges;
	const char *error;
	struct file *file;
	struct elf64_phdr *phdr;

	file = filp_open("/proc/vmcore", O_RDONLY, 0);
	if (IS_ERR(file))
		return "there is no /proc/vmcore";
	error = ft_headers_read(file, &phdr, &n_phdr);
	fput(file);
	if (error)
		return error;
	ranges = kvcalloc(n_phdr, sizeof(*ranges), GFP_KERNEL);
	if (!ranges) {
		kvfree(phdr);
		return "there is no memory to read the headers of /proc/vmcore";
	}
	for (i = 0; i < n_phdr; i++) {
		u64 start = phdr[i].p_paddr, end = start + phdr[i].p_memsz;

		if (phdr[i].p_type != PT_LOAD || end <= start)
			continue;
		ranges[n].start = start;
		ranges[n++].end = end;
	}
	kvfree(phdr);
	sort(ranges, n, sizeof(*ranges), ft_range_order, NULL);
	for (i = 0; i < n; i++) {
		if (k && ranges[i].start <= ranges[k - 1].end)
			ranges[k - 1].end = max(ranges[k - 1].end,
						ranges[i].end);
		else
			ranges[k++] = ranges[i];
	}
	*ret = ranges;
	*ret_n = k;
	return NULL;
}

static bool ft_range_within(const struct ft_range *range,
			    const struct ft_range *all, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		if (all[i].start <= range->start && range->end <= all[i].end)
			return true;
	return false;
}

static int ft_map_any(struct resource *res, void *arg)
{
	return 1;
}

/* Is nothing of this kernel's, or of the firmware's, in the block? */
bool ft_map_free(u64 start)
{
	return walk_iomem_res_desc(IORES_DESC_NONE, 0, start,
				   start + ft_dump.block_size - 1, NULL,
				   ft_map_any) != 1;
}

/* Ranges that touch are one: a block may lie across both. */
static unsigned int ft_map_merge(struct ft_range *ranges, unsigned int n)
{
	unsigned int i, k = 0;

	for (i = 0; i < n; i++) {
		if (k && ranges[i].start == ranges[k - 1].end)
			ranges[k - 1].end = ranges[i].end;
		else
			ranges[k++] = ranges[i];
	}
	return k;
}

static int ft_map_blocks(const struct ft_range *ranges, unsigned int n)
{
	struct range fits = mhp_get_pluggable_range(true);
	u64 size = ft_dump.block_size, at;
	unsigned int i, total = 0;

	for (i = 0; i < n; i++)
		total += (ranges[i].end - ranges[i].start) / size;
	if (!total)
		return 0;
	ft_dump.blocks = kvcalloc(total, sizeof(*ft_dump.blocks), GFP_KERNEL);
	if (!ft_dump.blocks)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		for (at = ALIGN(ranges[i].start, size);
		     at + size <= ranges[i].end; at += size) {
			struct ft_block *block =
				&ft_dump.blocks[ft_dump.n_blocks++];

			block->start = at;
			block->state = at < fits.start ||
				       at + size - 1 > fits.end ||
				       !ft_map_free(at) ?
				FT_DUMP_BLOCK_RESERVED : FT_DUMP_BLOCK_OLD;
		}
	}
	return 0;
}

/* A map that is wrong is no error: it is said, and nothing can be returned. */
int ft_map_init(const char *text)
{
	struct ft_range *ranges, *headers = NULL;
	unsigned int i, n = 0, n_headers = 0;
	int err = 0;

	ft_dump.block_size = memory_block_size_bytes();
	ranges = kvcalloc(FT_DUMP_RANGES_MAX, sizeof(*ranges), GFP_KERNEL);
	if (!ranges)
		return -ENOMEM;
	ft_dump.error = ft_map_parse(text, ranges, &n);
	if (!ft_dump.error)
		n = ft_map_merge(ranges, n);
	if (!ft_dump.error)
		ft_dump.error = ft_map_headers(&headers, &n_headers);
	for (i = 0; i < n && !ft_dump.error; i++)
		if (!ft_range_within(&ranges[i], headers, n_headers))
			ft_dump.error = "the map has memory that /proc/vmcore has not";
	if (!ft_dump.error)
		err = ft_map_blocks(ranges, n);
	else
		pr_warn("ft_dump: %s; no memory can be returned\n",
			ft_dump.error);
	kvfree(headers);
	kvfree(ranges);
	return err;
}

void ft_map_exit(void)
{
	kvfree(ft_dump.blocks);
}

struct ft_block *ft_map_block(u64 start)
{
	unsigned int i;

	for (i = 0; i < ft_dump.n_blocks; i++)
		if (ft_dump.blocks[i].start == start)
			return &ft_dump.blocks[i];
	return NULL;
}
