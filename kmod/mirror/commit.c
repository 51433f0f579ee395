// SPDX-License-Identifier: GPL-2.0
/*
 * The first write to a clean region, when the worker has nothing to do: the bit is
 * written from the submitter's context, and the data after it from where the last of
 * these writes ends, if that is still the submitter's. So a lone write to fast legs
 * costs no switch of context; writes that come meanwhile wait for the worker, and
 * share one write of the bitmap's block.
 */
#include <linux/sched.h>

#include "mirror.h"

/* Is the image ours from here on? Else it is somebody's. */
static bool image_try(struct ftm *m)
{
	return !test_and_set_bit_lock(0, &m->commit.busy);
}

void ftm_image_release(struct ftm *m)
{
	clear_bit_unlock(0, &m->commit.busy);
	smp_mb__after_atomic(); /* pairs with wait_event() in ftm_image_take() */
	if (waitqueue_active(&m->wait))
		wake_up_all(&m->wait);
}

/*
 * The commit of @io has ended: legs @ok have the bit. The image is still ours.
 * Returns whether the write may go on; else it was refused. Any context.
 */
static bool committed(struct ftm *m, struct ftm_io *io, u8 ok, u8 bad)
{
	struct ftm_bucket *b = ftm_bucket(m, io->range.region);
	unsigned long irq;
	bool failed;

	spin_lock_irqsave(&b->lock, irq);
	/* Durable on these legs, and no clear comes between: the region is held. */
	m->region[io->range.region].flags |= ok;
	failed = bad & ftm_flags(m) & FTM_USE_ANY;	/* the last good one */
	spin_unlock_irqrestore(&b->lock, irq);
	if (failed)
		ftm_io_error(io, BLK_STS_IOERR);
	return !failed;
}

/* The worker sends it. */
static void go_later(struct ftm *m, struct ftm_io *io)
{
	unsigned long irq;

	spin_lock_irqsave(&m->lock, irq);
	list_add_tail(&io->list, &m->retry);
	spin_unlock_irqrestore(&m->lock, irq);
	ftm_wake(m);
}

/* Leg @l has written the bit, or not. Any context. */
void ftm_commit_end(struct ftm *m, unsigned int l, blk_status_t status)
{
	/* Within submit_bio() another one only queues. */
	bool can_send = in_task() && !irqs_disabled() && current->bio_list;
	struct ftm_commit *k = &m->commit;
	struct ftm_io *io = NULL;
	u8 ok = 0, bad = 0;
	unsigned long irq;

	if (unlikely(status))
		ftm_leg_lost(m, l, FT_REASON_IO_ERROR);
	spin_lock_irqsave(&m->lock, irq);
	if (k->left & BIT(l)) {		/* else it was given up */
		k->left &= ~BIT(l);
		if (status)
			k->bad |= BIT(l);
		else
			k->ok |= BIT(l);
		if (!k->left) {
			swap(io, k->io);
			ok = k->ok;
			bad = k->bad;
		}
	}
	spin_unlock_irqrestore(&m->lock, irq);
	if (!io)
		return;
	if (!committed(m, io, ok, bad))
		io = NULL;
	ftm_image_release(m);
	queue_delayed_work(m->wq, &m->cleaner, msecs_to_jiffies(FTM_CLEAN_MS));
	if (io && can_send) {
		io->nowait = true;
		ftm_write_go(io);
	} else if (io) {
		go_later(m, io);
	}
}

/*
 * Have the bit of @io's region set, and @io sent after that. Returns false if that is
 * the worker's to do. Process context, does not sleep.
 */
bool ftm_commit(struct ftm *m, struct ftm_io *io)
{
	u32 region = io->range.region, block = region / FT_BITMAP_BITS;
	struct ftm_mio *mio[FTM_LEGS] = { };
	struct ftm_commit *k = &m->commit;
	u32 flags, use;
	unsigned int l;
	bool same;

	if (!image_try(m))
		return false;
	flags = ftm_flags(m);
	use = flags & FTM_USE_ANY;
	if (!use || (flags & (FTM_UNREC | FTM_FAILED)))
		goto out;
	for (l = 0; l < FTM_LEGS; l++) {
		struct ftm_leg *leg = &m->leg[l];

		if (!(use & FTM_USE(l)))
			continue;
		if (!ftm_leg_get(leg, FTM_USE(l)))
			goto drop;
		mio[l] = ftm_block_prepare(leg, block);
		if (!mio[l]) {
			ftm_leg_put(leg);
			goto drop;
		}
	}
	ftm_image_set(m, region);
	ftm_block_seal(m, block);
	spin_lock_irq(&m->lock);
	same = (m->flags & FTM_USE_ANY) == use;
	if (same) {
		k->io = io;
		k->left = use;
		k->ok = 0;
		k->bad = 0;
		k->sent_at = jiffies;
	}
	spin_unlock_irq(&m->lock);
	if (!same) {
		ftm_image_set(m, region);	/* marks the block: it is not written */
		goto drop;
	}
	/* From here on the worker may have taken the image, if no leg is left. */
	for (l = 0; l < FTM_LEGS; l++)
		if (mio[l])
			ftm_block_submit(mio[l]);
	return true;
drop:
	for (l = 0; l < FTM_LEGS; l++) {
		if (!mio[l])
			continue;
		ftm_block_drop(mio[l]);
		ftm_leg_put(&m->leg[l]);
	}
out:
	ftm_image_release(m);
	return false;
}

/* Legs that should have answered a commit by now. */
u8 ftm_commit_late(struct ftm *m, unsigned long limit)
{
	struct ftm_commit *k = &m->commit;
	u8 late = 0;

	spin_lock_irq(&m->lock);
	if (k->io && time_after(jiffies, k->sent_at + limit))
		late = k->left;
	spin_unlock_irq(&m->lock);
	return late;
}

/* Is the image ours, at once or after a commit that only waits for lost legs? */
static bool image_taken(struct ftm *m, struct ftm_io **io, u8 *ok, u8 *bad)
{
	struct ftm_commit *k = &m->commit;

	if (image_try(m))
		return true;
	spin_lock_irq(&m->lock);
	if (k->io) {
		k->left &= m->flags & FTM_USE_ANY;
		if (!k->left) {
			swap(*io, k->io);
			*ok = k->ok;
			*bad = k->bad;
		}
	}
	spin_unlock_irq(&m->lock);
	return *io;
}

/*
 * For the worker: waits for a commit that is under way, but not for a leg that was
 * lost. What such a leg writes late is told in meta.c.
 */
void ftm_image_take(struct ftm *m)
{
	struct ftm_io *io = NULL;
	u8 ok = 0, bad = 0;

	wait_event(m->wait, image_taken(m, &io, &ok, &bad));
	if (io && committed(m, io, ok, bad))
		go_later(m, io);
}
