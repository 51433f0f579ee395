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
 *	timeout_ms <n>	 a leg that leaves a write unanswered this long is lost
 *			 (default 5000, 0: wait for ever)
 *	resync_min <n>	 KiB/s that a resync is content with while there is other
 *			 I/O (default 32768)
 *	resync_max <n>	 KiB/s that it never goes beyond (default 0: no limit)
 *
 * <length> must be the data_size of the superblocks. The legs are judged when
 * the table is loaded (a refusal is told in the kernel log and as EINVAL), and
 * again when the device is resumed for the first time.
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
 *
 * Status (dmsetup status), version 1:
 *
 *	<pair state> <reason>
 *	<leg 0: device or -> <member state> <reason>
 *	<leg 1: device or -> <member state> <reason>
 *	<dirty regions>/<regions> <resync bytes done>/<resync bytes to do>
 *	<bytes copied since start> <read repairs>
 *	<generation> <base>
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
