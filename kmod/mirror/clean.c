// SPDX-License-Identifier: GPL-2.0
/*
 * The cleaner: one flush of both legs lets many bits be cleared, settles what
 * was copied, and finishes a resync. The flush is here, so that the worker never
 * waits for one.
 */
#include "mirror.h"

/* What a flush that begins now will cover. Returns whether there is anything. */
static bool mark(struct ftm *m)
{
	bool any = false;
	u32 i;

	for (i = 0; i < m->regions; i++) {
		struct ftm_region *r = &m->region[i];
		struct ftm_bucket *b = ftm_bucket(m, i);

		if (!ftm_peek(r, R_DUR_ANY | R_FLUSH))
			continue;
		spin_lock_irq(&b->lock);
		r->flags &= ~(R_CAND | R_SETTLE);
		if (r->flags & R_FLUSH) {
			r->flags |= R_SETTLE;
			any = true;
		}
		/* A flush advances only regions with no write in flight and
		 * nothing to copy at its start; of these, the idle ones.
		 */
		if (!r->hold && !(r->flags & (R_COPY | R_TOUCHED))) {
			r->flags |= R_CAND;
			any = true;
		}
		/* What was written may be readable again. */
		if ((r->flags & R_UNREADABLE) && (r->flags & R_TOUCHED)) {
			r->flags &= ~R_UNREADABLE;
			atomic_dec(&m->n_unreadable);
		}
		r->flags &= ~R_TOUCHED;
		spin_unlock_irq(&b->lock);
		if (!(i & 0xffff))
			cond_resched();
	}
	return any;
}

static void settle(struct ftm *m)
{
	bool clean = false;
	LIST_HEAD(list);
	u32 i;

	for (i = 0; i < m->regions; i++) {
		struct ftm_region *r = &m->region[i];
		struct ftm_bucket *b = ftm_bucket(m, i);

		if (!ftm_peek(r, R_SETTLE))
			continue;
		spin_lock_irq(&b->lock);
		if (r->flags & R_SETTLE) {
			r->flags &= ~R_SETTLE;
			if (r->flags & R_FLUSH) {
				r->flags &= ~R_FLUSH;
				atomic_dec(&m->n_flush);
			}
		}
		spin_unlock_irq(&b->lock);
		if (!(i & 0xffff))
			cond_resched();
	}
	spin_lock_irq(&m->lock);
	if ((m->flags & FTM_SUSPECT) && !atomic_read(&m->n_copy) &&
	    !atomic_read(&m->n_flush)) {
		ftm_set_flags(m, m->flags & ~FTM_SUSPECT);
		clean = true;
	}
	list_splice_tail_init(&m->suspect, &list);
	spin_unlock_irq(&m->lock);
	ftm_resubmit(&list);
	if (clean)
		ftm_changed(m);
}

void ftm_cleaner_work(struct work_struct *work)
{
	struct ftm *m = container_of(to_delayed_work(work), struct ftm, cleaner);
	u32 flags = ftm_flags(m);
	bool target = (flags & FTM_SYNC_ANY) != FTM_SYNC_ANY;
	int differ = atomic_read(&m->differ);
	bool finish;

	if (READ_ONCE(m->stopping))
		return;
	/* Only with both legs in use [CLEAR_DEGRADED]. */
	if ((flags & FTM_USE_ANY) != FTM_USE_ANY || READ_ONCE(m->joining) ||
	    READ_ONCE(m->clearing))
		goto again;
	finish = target && !atomic_read(&m->n_copy) && !atomic_read(&m->n_active);
	if (!mark(m) && !finish)
		goto again;

	/* Of both: the source's cache may lose what was copied from it
	 * [CLEAR_NOFLUSH] [SRC_NOFLUSH] [FINISH_NOFLUSH].
	 */
	if (ftm_flush_legs(m) || (ftm_flags(m) & FTM_USE_ANY) != FTM_USE_ANY)
		goto again;
	settle(m);
	if (finish) {
		m->finish_differ = differ;
		ftm_todo(m, FTM_TODO_FINISH);
	}
	WRITE_ONCE(m->clearing, true);
	ftm_todo(m, FTM_TODO_CLEAR);
again:
	if (atomic_read(&m->n_copy))
		queue_work(m->wq, &m->copier);
	if (READ_ONCE(m->n_dirty) && (ftm_flags(m) & FTM_USE_ANY) == FTM_USE_ANY)
		queue_delayed_work(m->wq, &m->cleaner, msecs_to_jiffies(FTM_CLEAN_MS));
}

/*
 * Clear the bits of regions that were idle from before the flush until now. In
 * the worker: a write that wants the bit again is served after this.
 */
void ftm_clear_candidates(struct ftm *m)
{
	u32 flags = ftm_flags(m), i;
	bool both = (flags & FTM_USE_ANY) == FTM_USE_ANY && !(flags & FTM_UNREC);
	bool any = false;
	u8 ok;

	for (i = 0; i < m->regions; i++) {
		struct ftm_region *r = &m->region[i];
		struct ftm_bucket *b = ftm_bucket(m, i);

		if (!ftm_peek(r, R_CAND))
			continue;
		spin_lock_irq(&b->lock);
		if (both && (r->flags & R_CAND) && !r->hold &&
		    !(r->flags & (R_TOUCHED | R_COPY | R_FLUSH))) {
			/* Whoever writes from here on waits for the bit. */
			r->flags &= ~R_DUR_ANY;
			ftm_image_clear(m, i);
			any = true;
		}
		r->flags &= ~R_CAND;
		spin_unlock_irq(&b->lock);
		if (!(i & 0xffff))
			cond_resched();
	}
	/* One leg may get this and the other not: dirty is not one fact, the
	 * union counts.
	 */
	if (any)
		ftm_write_blocks(m, flags & FTM_USE_ANY, &ok);
	WRITE_ONCE(m->clearing, false);
}
