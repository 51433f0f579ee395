/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * ft_dump.h - how user space speaks to ft_dump.ko, which gives the memory of
 * the kernel that panicked back to the kernel that was started by the panic.
 *
 * The kernel that is to panic is loaded a crash kernel with, on its command
 * line, a map of its own memory:
 *
 *	ft_dump.ram=START-END,START-END,...
 *
 * hexadecimal, inclusive, in order: its "System RAM" without the first MiB and
 * without the region of the crash kernel. The map is believed only if every
 * byte of it is also in the memory that /proc/vmcore has headers for. With
 * ft_dump.production=0 drivers that are loaded after ft_dump keep setting
 * themselves up as in a dump kernel (one small queue); without it, as ever.
 *
 * In the kernel that was started by the panic, all below FT_DUMP_SYSFS; root
 * alone may write. One write is one step; it has been done when write()
 * returns, or, if that fails, nothing has changed. May sleep. Numbers are
 * bytes, read with "0x" or without as hexadecimal, written with "0x". Steps
 * can be asked for in any order and are refused (EBUSY) until it is their turn.
 *
 * file	      | access
 * state      r  a name of FT_DUMP_STATES
 * error      r  why the map was refused: a sentence; empty: it was not
 * steps      r  a line a step: its name, and "available" or why it is not
 * block_size r  bytes: memory is returned in blocks of that size and alignment
 * blocks     r  a line a run of blocks: START SIZE STATE, of FT_DUMP_BLOCKS;
 *		 old memory that fills no whole block is in none
 * seal       w  "1": /proc/vmcore is gone. Who still has it open reads EIO,
 *		 or gets SIGBUS if it was mapped. EALREADY
 * quiesce    w  "1": after this no device without a driver masters the bus.
 *		 EBUSY: not sealed. May be repeated.
 * leave_out  rw START SIZE: these pages, which are bad, are given to nobody
 *		 when their block is returned. EINVAL: not whole pages;
 *		 ENOENT: not in a block; EEXIST: that block was returned;
 *		 ENOSPC: FT_DUMP_LEAVE_OUT_MAX of them already
 * hold       rw START SIZE: these blocks, when returned, are given to nobody,
 *		 so that they can be the region of the next crash kernel.
 *		 EINVAL: not whole blocks; ENOENT: not blocks that can be
 *		 returned; EEXIST: one of them, or of those held before, was
 *		 returned; EBUSY: a page of it is left out
 * return     w  START of a block. EBUSY: not sealed, not quiesced, or a block
 *		 returned earlier is not online; ENODATA: there is no map, or
 *		 it was refused; EINVAL: not the start of a block; ENOENT: no
 *		 block that is old memory as a whole; EADDRINUSE: something
 *		 of this kernel's is there; EEXIST: it was returned. Put
 *		 online by /sys/devices/system/memory, or by itself.
 * rearm      w  "1": what is held is from now on where kexec_file_load(2)
 *		 puts crash kernels. ENODATA: nothing is held; EBUSY: not all
 *		 of it was returned and is online, or there is a region
 *		 already (/sys/kernel/kexec_crash_size; "0" written there
 *		 frees it); EOPNOTSUPP: see steps; EALREADY
 * region     r  START SIZE of what was armed again; empty: nothing
 *
 * Once a block was returned ft_dump cannot be unloaded.
 */
#ifndef _UAPI_FT_DUMP_H
#define _UAPI_FT_DUMP_H

#define FT_DUMP_SYSFS		"/sys/kernel/ft_dump"
#define FT_DUMP_LEAVE_OUT_MAX	64
#define FT_DUMP_RANGES_MAX	64	/* of a map; what it is written in has */
#define FT_DUMP_MAP_MAX		1023	/* characters at most */

#define FT_DUMP_STATES(X) \
	X(NONE,     0, "this kernel was not started by a panic") \
	X(OPEN,     1, "the old memory is untouched, and is read through /proc/vmcore") \
	X(SEALED,   2, "the old memory can be read no longer") \
	X(QUIESCED, 3, "no stray device writes to the old memory: it may be returned") \
	X(RETURNED, 4, "every block that may be returned was")

#define FT_DUMP_BLOCKS(X) \
	X(OLD,      1, "old memory, may be returned") \
	X(RESERVED, 2, "something of this kernel's lies in it: never returned") \
	X(RETURNED, 3, "in use again") \
	X(HELD,     4, "returned, but kept for the next crash kernel")

#define FT_ENUM_ROW_DUMP_STATE(n, v, t)	FT_DUMP_##n = v,
#define FT_ENUM_ROW_DUMP_BLOCK(n, v, t)	FT_DUMP_BLOCK_##n = v,

enum ft_dump_state { FT_DUMP_STATES(FT_ENUM_ROW_DUMP_STATE) };
enum ft_dump_block { FT_DUMP_BLOCKS(FT_ENUM_ROW_DUMP_BLOCK) };

#endif /* _UAPI_FT_DUMP_H */
