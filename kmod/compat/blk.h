/* SPDX-License-Identifier: GPL-2.0 */
/* blk.h - differences of the block layer between kernels. */
#ifndef _FT_COMPAT_BLK_H
#define _FT_COMPAT_BLK_H

#include <linux/blkdev.h>

/*
 * Pages under writeback must not change while two devices read them. Older
 * kernels take it as a queue flag, newer ones as a feature among the limits.
 */
static inline void ft_limit_stable_writes(struct queue_limits *limits)
{
#ifdef BLK_FEAT_STABLE_WRITES
	limits->features |= BLK_FEAT_STABLE_WRITES;
#endif
}

static inline void ft_stable_writes(struct request_queue *q)
{
#ifdef QUEUE_FLAG_STABLE_WRITES
	blk_queue_flag_set(QUEUE_FLAG_STABLE_WRITES, q);
#endif
}

#endif /* _FT_COMPAT_BLK_H */
