// SPDX-License-Identifier: GPL-2.0
/*
 * Ranges in flight: no two that overlap are ever sent to the legs at the same
 * time, be they writes or copies, so that both legs see them in one order
 * [OVERLAP] [NOEXCL].
 */
#include "mirror.h"

static bool overlaps(const struct ftm_range *a, const struct ftm_range *b)
{
	return a->start < b->end && b->start < a->end;
}

static bool blocked(struct ftm_bucket *b, const struct ftm_range *rg,
		    struct list_head *before)
{
	struct ftm_range *o;

	hlist_for_each_entry(o, &b->flight, node)
		if (overlaps(o, rg))
			return true;
	/* Those that wait longer go first, or a copy might wait for ever. */
	for (o = list_first_entry(&b->waiting, struct ftm_range, queue);
	     &o->queue != before; o = list_next_entry(o, queue))
		if (overlaps(o, rg))
			return true;
	return false;
}

/*
 * Put @rg in flight, or in the queue of those that wait: then it is started
 * later by the requeue work. Returns whether it is in flight. Under b->lock.
 */
bool ftm_range_enter(struct ftm_bucket *b, struct ftm_range *rg)
{
	lockdep_assert_held(&b->lock);

	if (!(hlist_empty(&b->flight) && list_empty(&b->waiting)) &&
	    unlikely(blocked(b, rg, &b->waiting))) {
		list_add_tail(&rg->queue, &b->waiting);
		return false;
	}
	hlist_add_head(&rg->node, &b->flight);
	return true;
}

/* @rg is done: any context. */
void ftm_range_leave(struct ftm *m, struct ftm_range *rg)
{
	struct ftm_bucket *b = ftm_bucket(m, rg->region);
	unsigned long flags;
	bool kick;

	spin_lock_irqsave(&b->lock, flags);
	hlist_del(&rg->node);
	kick = !list_empty(&b->waiting);
	spin_unlock_irqrestore(&b->lock, flags);
	if (unlikely(kick))
		queue_work(m->wq, &m->requeue);
}

/* Start what waited for a range that has left. Process context. */
void ftm_requeue_work(struct work_struct *work)
{
	struct ftm *m = container_of(work, struct ftm, requeue);
	struct ftm_range *rg, *next;
	struct ftm_bucket *b;
	LIST_HEAD(ready);

	for (b = m->bucket; b < m->bucket + FTM_BUCKETS; b++) {
		do {
			rg = NULL;
			spin_lock_irq(&b->lock);
			list_for_each_entry(next, &b->waiting, queue) {
				if (blocked(b, next, &next->queue))
					continue;
				rg = next;
				list_del(&rg->queue);
				hlist_add_head(&rg->node, &b->flight);
				break;
			}
			spin_unlock_irq(&b->lock);
			/* It is in flight now, and ours until it was sent. */
			if (rg && rg->copy)
				ftm_copy_chunk(container_of(rg, struct ftm_copy, range));
			else if (rg)
				ftm_write_go(container_of(rg, struct ftm_io, range));
		} while (rg);
	}
}

/* The legs may differ in @r. Under the bucket's lock. */
void ftm_region_set_copy(struct ftm *m, struct ftm_region *r)
{
	atomic_inc(&m->differ);
	if (r->flags & R_COPYING)
		r->flags |= R_AGAIN;
	if (r->flags & R_COPY)
		return;
	r->flags |= R_COPY;
	atomic_inc(&m->n_copy);
}

/*
 * One leg runs alone and has said so on disk: nothing is suspect any more, and
 * what has to be copied is found anew from the bitmaps when a leg joins.
 */
void ftm_regions_forget_copies(struct ftm *m)
{
	u32 i;

	for (i = 0; i < m->regions; i++) {
		struct ftm_region *r = &m->region[i];
		struct ftm_bucket *b = ftm_bucket(m, i);

		if (!ftm_peek(r, R_COPY | R_FLUSH | R_SETTLE | R_UNREADABLE | R_AGAIN))
			continue;
		spin_lock_irq(&b->lock);
		if (r->flags & R_COPY)
			atomic_dec(&m->n_copy);
		if (r->flags & R_FLUSH)
			atomic_dec(&m->n_flush);
		if (r->flags & R_UNREADABLE)
			atomic_dec(&m->n_unreadable);
		r->flags &= ~(R_COPY | R_FLUSH | R_SETTLE | R_UNREADABLE | R_AGAIN);
		spin_unlock_irq(&b->lock);
		if (!(i & 0xffff))
			cond_resched();
	}
}
