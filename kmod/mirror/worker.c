// SPDX-License-Identifier: GPL-2.0
/*
 * The worker: one work item on an ordered queue, so that records, joins, bits
 * set and bits cleared follow one another, each durable before the next begins.
 */
#include "mirror.h"

static void take(struct ftm *m, struct list_head *from, struct list_head *to)
{
	spin_lock_irq(&m->lock);
	list_splice_tail_init(from, to);
	spin_unlock_irq(&m->lock);
}

/* What was parked may be told now: the flags say how. */
static void answer(struct list_head *parked)
{
	struct ftm_io *io;

	while ((io = list_first_entry_or_null(parked, struct ftm_io, list))) {
		list_del(&io->list);
		ftm_io_answered(io);
	}
}

/*
 * Loss of a leg, or the first write of a mirror that was started alone: one
 * superblock write says that this leg moves on without the other. Only then is
 * anything acknowledged that the other may lack.
 */
static void record(struct ftm *m)
{
	struct ftm_leg *s;
	struct ft_leg_meta meta;
	LIST_HEAD(parked);
	int err;

	clear_bit(FTM_TODO_RECORD, &m->todo);
	if ((ftm_flags(m) & (FTM_UNREC | FTM_FAILED)) != FTM_UNREC)
		return;
	s = &m->leg[ftm_flags(m) & FTM_USE(0) ? 0 : 1];
	meta = s->meta;
	meta.base = meta.gen;
	meta.gen = ftm_new_gen(m);
	err = ftm_write_super(s, &meta);
	if (err) {
		ftm_fail(m, FT_REASON_RECORD_FAILED);
		return;
	}
	/* Durable: the other leg is an ancestor now, or gone its own way. What
	 * was suspect is decided: this leg's data is the data.
	 */
	spin_lock_irq(&m->lock);
	ftm_set_flags(m, m->flags & ~(FTM_UNREC | FTM_SUSPECT));
	list_splice_tail_init(&m->parked, &parked);
	spin_unlock_irq(&m->lock);
	ftm_regions_forget_copies(m);
	answer(&parked);
	wake_up_all(&m->wait);
}

/*
 * Writes that wait for their region's bit: all of them at once, one write for
 * each block of the bitmap and leg.
 */
static void set_bits(struct ftm *m)
{
	u32 use = ftm_flags(m) & FTM_USE_ANY;
	struct ftm_io *io, *next;
	LIST_HEAD(list);
	int err;
	u8 ok;

	take(m, &m->setbits, &list);
	if (list_empty(&list))
		return;
	if (ftm_flags(m) & (FTM_UNREC | FTM_FAILED)) {
		ftm_resubmit(&list);	/* to be gated, or refused */
		return;
	}
	list_for_each_entry(io, &list, list)
		if (io->held && (m->region[io->range.region].flags & use) != use)
			ftm_image_set(m, io->range.region);
	err = ftm_write_blocks(m, use, &ok);
	list_for_each_entry_safe(io, next, &list, list) {
		struct ftm_bucket *b = io->held ? ftm_bucket(m, io->range.region) : NULL;
		struct ftm_region *r = &m->region[io->range.region];
		bool failed = false;

		if (b) {
			spin_lock_irq(&b->lock);
			/* Durable on these legs, and no clear comes between:
			 * the region is held, and clears are made here.
			 */
			r->flags |= ok;
			use = ftm_flags(m) & FTM_USE_ANY;
			failed = err && (r->flags & use) != use;
			spin_unlock_irq(&b->lock);
		}
		if (failed) {
			list_del(&io->list);
			ftm_io_error(io, BLK_STS_IOERR);
		}
	}
	ftm_resubmit(&list);
	queue_delayed_work(m->wq, &m->cleaner, msecs_to_jiffies(FTM_CLEAN_MS));
}

/*
 * All regions were copied, and both legs flushed after that. First the source
 * stops saying that it ran alone, then the target that it is inconsistent; never
 * the other way round [OLDORDER].
 */
static void finish(struct ftm *m)
{
	u32 flags = ftm_flags(m);
	unsigned int t = flags & FTM_SYNC(0) ? 1 : 0;
	struct ftm_leg *s = &m->leg[!t], *leg = &m->leg[t];
	struct ft_leg_meta meta;

	if ((flags & FTM_USE_ANY) != FTM_USE_ANY || (flags & FTM_SYNC(t)) ||
	    atomic_read(&m->n_copy) || m->finish_differ != atomic_read(&m->differ))
		return;
	if (s->meta.base) {
		/* From here a loss owes a record again, whether or not this
		 * write has reached the disk by then.
		 */
		spin_lock_irq(&m->lock);
		s->meta.base = 0;
		spin_unlock_irq(&m->lock);
		meta = s->meta;
		if (ftm_write_super(s, &meta)) {
			ftm_leg_lost(m, t, FT_REASON_IO_ERROR);
			return;
		}
	}
	/* Finish 3 is durable. A target that was lost meanwhile stays marked. */
	if (!(ftm_flags(m) & FTM_USE(t)))
		return;
	meta = leg->meta;
	meta.syncing = 0;
	if (ftm_write_super(leg, &meta)) {
		ftm_leg_lost(m, t, FT_REASON_IO_ERROR);
		return;
	}
	/* Finish 4 is durable: it counts as in sync, and may be read. */
	spin_lock_irq(&m->lock);
	if (m->flags & FTM_USE(t)) {
		ftm_set_flags(m, m->flags | FTM_SYNC(t));
		ftm_leg_state(leg, FT_MEMBER_STATE_IN_SYNC, FT_REASON_NONE);
	}
	spin_unlock_irq(&m->lock);
	DMINFO("%s: duplex", m->pair.name);
	ftm_changed(m);
}

static void request(struct ftm *m)
{
	struct ftm_request *rq;

	spin_lock_irq(&m->lock);
	rq = m->request;
	spin_unlock_irq(&m->lock);
	if (!rq)
		return;
	rq->err = ftm_do_request(m, rq);
	if (rq->err == -EAGAIN) {	/* the record first */
		ftm_wake(m);
		return;
	}
	spin_lock_irq(&m->lock);
	m->request = NULL;
	spin_unlock_irq(&m->lock);
	complete(&rq->done);
	ftm_changed(m);
	queue_work(m->wq, &m->copier);
}

static void tell(struct ftm *m)
{
	spin_lock_irq(&m->lock);
	ftm_note_state(m);
	spin_unlock_irq(&m->lock);
	ft_pair_changed(&m->pair);
	dm_table_event(m->ti->table);
}

void ftm_worker(struct work_struct *work)
{
	struct ftm *m = container_of(work, struct ftm, worker);
	unsigned int l;
	LIST_HEAD(list);

	ftm_image_take(m);
	for (l = 0; l < FTM_LEGS; l++) {
		if (!test_bit(FTM_TODO_LOST + l, &m->todo))
			continue;
		ftm_abandon(m, l);
		clear_bit(FTM_TODO_LOST + l, &m->todo);
		queue_work(m->wq, &m->reaper);
	}
	if (test_bit(FTM_TODO_RECORD, &m->todo))
		record(m);
	request(m);
	set_bits(m);
	if (test_and_clear_bit(FTM_TODO_CLEAR, &m->todo))
		ftm_clear_candidates(m);
	if (test_and_clear_bit(FTM_TODO_FINISH, &m->todo))
		finish(m);

	take(m, &m->gated, &list);
	take(m, &m->retry, &list);
	if (!(ftm_flags(m) & FTM_SUSPECT))
		take(m, &m->suspect, &list);
	ftm_resubmit(&list);
	if (ftm_flags(m) & FTM_FAILED) {
		take(m, &m->parked, &list);
		answer(&list);
		wake_up_all(&m->wait);
	}
	ftm_image_release(m);
	if (test_and_clear_bit(FTM_TODO_EVENT, &m->todo))
		tell(m);
}
