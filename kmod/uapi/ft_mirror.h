/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * ft_mirror.h - the device-mapper target "ft-mirror" as user space sees it.
 *
 * Table:
 *
 *	<start> <length> ft-mirror <uuid> <leg 0> <leg 1> [<#words> <words>...]
 *
 *	<uuid>	the mirror's, as in the superblocks
 *	<leg>	device path or major:minor, "-" for one that is not there
 *	words:
 *	start_alone	 one leg is given and cannot know whether the other is
 *			 newer: start it all the same
 *	survivor <0|1>	 split brain: this leg's data stays, the other's is
 *			 thrown away
 *	timeout_ms <n>	 a leg that leaves a write unanswered this long, or answers
 *			 nothing for so long, is lost (default 5000, 0: wait for ever)
 *	resync_min <n>	 KiB/s that a resync is content with while there is other
 *			 I/O (default 32768)
 *	resync_max <n>	 KiB/s that it never goes beyond (default 0: no limit); both
 *			 are a scrub's limits, too
 *	prefer <0|1>	 read from this leg while it is in sync (default: from both)
 *
 * <length> must be the data_size of the superblocks; if they differ, of the leg
 * that is copied from, or the larger one of two that are both good. The legs are
 * judged when the table is loaded (a refusal is told in the kernel log and as
 * EINVAL), and again when the device is resumed for the first time.
 *
 * Messages (dmsetup message NAME 0 ...). None suspends I/O.
 *
 *	remove <leg>		take the leg out; it can come back with join.
 *				EBUSY: it is the last good one. ENOENT: it is not
 *				in use.
 *	join <leg> <device>	put a leg of this mirror in. EBUSY: the place is
 *				taken, or late requests of the old leg are still
 *				outstanding. ESTALE: the device carries a newer
 *				state than the running leg; the mirror has failed
 *				and must be assembled again. ENOTUNIQ: split
 *				brain. EUCLEAN: superblock damaged, or the two
 *				contradict each other. EXDEV: other module's
 *				disk is asked for. ENXIO: not a leg of this
 *				mirror, or blank. ESHUTDOWN: module is isolated.
 *	resolve <leg> <device>	as join, for a split brain: the device's data is
 *				thrown away.
 *	replace <leg> <device>	as join, for a disk that carries no superblock of
 *				this mirror: it gets one, and all data. EEXIST:
 *				it is a leg of this mirror: use join. EFBIG: the
 *				device is too small.
 *	timeout_ms <n>, resync_min <n>, resync_max <n>
 *				as the words of the table, from now on
 *	prefer <leg|->		as the word of the table; "-": read from both
 *	scrub check		read both legs while they are in use and compare
 *				them, block by block of 4 KiB. What one leg cannot
 *				read is rewritten from the other one. EBUSY: a
 *				scrub runs already, or the legs are not both in
 *				sync. A leg that is lost ends the scrub.
 *	scrub repair		and make equal what differs: after the preferred
 *				leg, or leg 0. Two legs alone cannot tell which of
 *				them is right; legs over dm-integrity can: there
 *				the wrong one is the one that cannot be read.
 *	scrub stop		ENOENT: none runs
 *	grow <sectors>		(target version 1.2) write into both superblocks that
 *				the mirror has so many sectors, a multiple of 8. The
 *				device grows when a table of that length is loaded
 *				and resumed; what is added is made equal then, as
 *				after a crash. May be repeated. EBUSY: the legs are
 *				not both in sync. EFBIG: one has not the room, for
 *				the data or for its bitmap. ERANGE: that is less than
 *				the table's length. EIO: a leg was lost meanwhile;
 *				it gets the other one's size when it comes back.
 *
 * Discards and write-zeroes go to both legs as zeroes that may be unmapped, so
 * that both read the same afterwards; if a leg cannot write zeroes by itself, a
 * discard does nothing. A secure erase (target version 1.3) goes to both legs as
 * such, and zeroes after it; EOPNOTSUPP if one of them cannot do both. A leg that
 * is away meanwhile is not erased: it gets the zeroes when it is back.
 *
 * Status (dmsetup status). Fields are only ever appended; version 1 (target
 * version 1.0):
 *
 *	<pair state> <reason>
 *	<leg 0: device or -> <member state> <reason>
 *	<leg 1: device or -> <member state> <reason>
 *	<dirty regions>/<regions> <resync bytes done>/<resync bytes to do>
 *	<bytes copied since start> <read repairs>
 *	<generation> <base>
 *
 * version 2 (target version 1.1):
 *
 *	<leg 0: failed reads> <failed writes> <blocks rewritten> <same of leg 1>
 *	<scrub: idle, check or repair> <bytes done>/<bytes to do>
 *	<blocks of 4 KiB that differed> <of these made equal> <unreadable blocks>
 *
 * The scrub's counts are those of the last one when it is idle. While one runs, the
 * pair's reason is SCRUB, and its progress is that of the report to ft_core. What a
 * leg has read and written, and how fast, the block layer counts for its device
 * (/sys/class/block/DEVICE/stat).
 *
 * States and reasons are the names of the tables in ft.h; generations are 16
 * hexadecimal digits.
 */
#ifndef _UAPI_FT_MIRROR_H
#define _UAPI_FT_MIRROR_H

#define FT_MIRROR_TARGET		"ft-mirror"
#define FT_MIRROR_TIMEOUT_MS_DEFAULT	5000U
#define FT_MIRROR_RESYNC_MIN_DEFAULT	32768U
#define FT_MIRROR_RESYNC_MAX_DEFAULT	0U

#endif /* _UAPI_FT_MIRROR_H */
