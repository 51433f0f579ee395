// SPDX-License-Identifier: GPL-2.0
/*
 * The life of a read, a write and a flush. map and endio run here; nothing in
 * this file waits for a disk.
 *
 * A write to a region whose bit is durable on every leg in use takes one of the
 * buckets' locks and is sent from the submitter's context, one clone a leg.
 */
#include "mirror.h"

static void park(struct ftm *m, struct ftm_io *io, struct list_head *list, int what)
{
	unsigned long flags;

	spin_lock_irqsave(&m->lock, flags);
	list_add_tail(&io->list, list);
	spin_unlock_irqrestore(&m->lock, flags);
	if (what >= 0)
		set_bit(what, &m->todo);
	ftm_wake(m);
}

static struct ftm_bucket *io_bucket(struct ftm_io *io)
{
	/* A flush has no range: it lives in a bucket of its own. */
	return io->range.end ? ftm_bucket(io->m, io->range.region) :
			       &io->m->bucket[FTM_BUCKETS];
}

/* The bio is answered; what it held is free. Any context. */
static void io_end(struct ftm_io *io, blk_status_t status)
{
	struct ftm_bucket *b = io_bucket(io);
	struct ftm *m = io->m;
	struct bio *bio = io->bio;
	unsigned long flags;
	bool kick, copy = false;

	spin_lock_irqsave(&b->lock, flags);
	list_del(&io->range.node);
	if (io->held) {
		struct ftm_region *r = &m->region[io->range.region];

		r->hold--;
		/* It failed, and some legs may have it and others not. */
		if (unlikely(status) &&
		    (ftm_flags(m) & FTM_USE_ANY) == FTM_USE_ANY) {
			ftm_region_set_copy(m, r);
			copy = true;
		}
	}
	kick = !list_empty(&b->waiting);
	spin_unlock_irqrestore(&b->lock, flags);
	if (unlikely(kick))
		queue_work(m->wq, &m->requeue);
	if (unlikely(copy))
		queue_work(m->wq, &m->copier);
	bio->bi_status = status;
	bio_endio(bio);
}

/* A write or flush that is in flight and was not sent is refused. */
void ftm_io_error(struct ftm_io *io, blk_status_t status)
{
	if (io->read) {
		io->bio->bi_status = status;
		bio_endio(io->bio);
	} else {
		io_end(io, status);
	}
}

/* Every leg has answered or was given up. Any context. */
void ftm_io_answered(struct ftm_io *io)
{
	struct ftm *m = io->m;
	unsigned long irq;
	u32 flags = ftm_flags(m);
	blk_status_t status = BLK_STS_OK;

	if (unlikely(flags & (FTM_UNREC | FTM_FAILED))) {
		spin_lock_irqsave(&m->lock, irq);
		flags = m->flags;
		if ((flags & FTM_UNREC) && !(flags & FTM_FAILED)) {
			/* The survivor's record is owed: not before it is
			 * durable may anything be acknowledged that the lost
			 * leg may lack [ACK_BEFORE_REC].
			 */
			list_add_tail(&io->list, &m->parked);
			spin_unlock_irqrestore(&m->lock, irq);
			return;
		}
		spin_unlock_irqrestore(&m->lock, irq);
	}
	/* Good if a leg has it from which it can be read. */
	if (unlikely(!(io->ok & (flags / FTM_SYNC(0)) & 3)))
		status = io->status ?: BLK_STS_IOERR;
	if (unlikely(flags & FTM_FAILED))
		status = BLK_STS_IOERR;
	io_end(io, status);
}

static void clone_endio(struct bio *bio)
{
	struct ftm_clone *c = container_of(bio, struct ftm_clone, bio);
	struct ftm_bucket *b = c->bucket;
	struct ftm_leg *leg = c->leg;
	unsigned int l = leg->index;
	struct ftm_io *io;
	unsigned long flags;
	bool done = false;

	/* First the loss, then the answer: so that it finds the record owed. */
	if (unlikely(bio->bi_status))
		ftm_leg_error(leg->m, l, bio->bi_status);

	spin_lock_irqsave(&b->lock, flags);
	io = c->io;
	if (likely(io)) {
		io->clone[l] = NULL;
		io->pending &= ~BIT(l);
		if (likely(!bio->bi_status))
			io->ok |= BIT(l);
		else
			io->status = bio->bi_status;
		done = !io->pending;
	}
	spin_unlock_irqrestore(&b->lock, flags);
	bio_put(bio);
	if (done)
		ftm_io_answered(io);
	ftm_leg_put(leg);
}

static void abandon_bucket(struct ftm *m, struct ftm_bucket *b, unsigned int l)
{
	struct ftm_range *rg;
	struct ftm_io *io;
	LIST_HEAD(answered);

	spin_lock_irq(&b->lock);
	list_for_each_entry(rg, &b->flight, node) {
		if (rg->copy)
			continue;
		io = container_of(rg, struct ftm_io, range);
		if (!(io->pending & BIT(l)))
			continue;
		io->pending &= ~BIT(l);
		if (io->clone[l]) {
			io->clone[l]->io = NULL;
			io->clone[l] = NULL;
		}
		/* Nobody else can answer it now: @list is ours. */
		if (!io->pending)
			list_add_tail(&io->list, &answered);
	}
	spin_unlock_irq(&b->lock);

	while ((io = list_first_entry_or_null(&answered, struct ftm_io, list))) {
		list_del(&io->list);
		ftm_io_answered(io);
	}
}

/*
 * Leg @l was declared lost: what it has not answered is not waited for. A write
 * of it that lands late lands in a region whose bit is set, on a leg that may
 * not join before it has ended [HUNG_EARLY].
 */
void ftm_abandon(struct ftm *m, unsigned int l)
{
	struct ftm_bucket *b;

	for (b = m->bucket; b <= m->bucket + FTM_BUCKETS; b++)
		abandon_bucket(m, b, l);
}

static struct ftm_clone *clone_alloc(struct ftm_io *io, struct ftm_leg *leg)
{
	struct bio *src = io->bio, *bio;
	struct bvec_iter iter;
	struct bio_vec bv;
	struct ftm_clone *c;
	unsigned short n = 0;

	bio_for_each_bvec(bv, src, iter)
		n++;
	/* bvecs of its own: when the leg is given up, those of @src go away
	 * while this one is still in the device's queue.
	 *
	 * Without REQ_NOWAIT: one leg must not refuse what the other takes. And
	 * without REQ_POLLED: nobody polls for a clone.
	 */
	bio = bio_alloc_bioset(leg->dev->bdev, n,
			       src->bi_opf & ~(REQ_NOWAIT | REQ_POLLED), GFP_NOIO,
			       &leg->m->bios[leg->index]);
	bio_for_each_bvec(bv, src, iter)
		__bio_add_page(bio, bv.bv_page, bv.bv_len, bv.bv_offset);
	bio->bi_iter.bi_sector = io->range.end ?
		leg->meta.data_offset + io->range.start : 0;
	bio->bi_ioprio = src->bi_ioprio;
	bio_clone_blkg_association(bio, src);
	bio->bi_end_io = clone_endio;
	c = container_of(bio, struct ftm_clone, bio);
	c->leg = leg;
	c->io = io;
	c->bucket = io_bucket(io);
	return c;
}

/* References to all legs in use, at one moment. Returns their mask. */
static u32 legs_get(struct ftm *m)
{
	unsigned int l;
	u32 use, got;

	for (;;) {
		use = ftm_flags(m) & FTM_USE_ANY;
		got = 0;
		for (l = 0; l < FTM_LEGS; l++)
			if ((use & FTM_USE(l)) && ftm_leg_get(&m->leg[l], FTM_USE(l)))
				got |= FTM_USE(l);
		if (got == use && (ftm_flags(m) & FTM_USE_ANY) == use)
			return use;
		for (l = 0; l < FTM_LEGS; l++)
			if (got & FTM_USE(l))
				ftm_leg_put(&m->leg[l]);
	}
}

enum { SEND, GATE, SETBIT, WAIT, REFUSE };

/*
 * May @io be sent to the legs @use now? Under the bucket's lock: ftm::flags may
 * change meanwhile, but a leg that is lost then is abandoned bucket by bucket,
 * and one that joins finds this write in flight.
 */
static int write_verdict(struct ftm_io *io, u32 use)
{
	struct ftm *m = io->m;
	u32 flags = ftm_flags(m);

	if (flags & FTM_FAILED)
		return REFUSE;
	if (flags & FTM_UNREC)		/* record first */
		return GATE;
	/* The bit must be durable on every leg in use, target included, and
	 * again if one has joined since [ONEBIT].
	 */
	if ((flags & FTM_USE_ANY) != use ||
	    (io->held && (m->region[io->range.region].flags & use) != use))
		return SETBIT;
	return SEND;
}

/*
 * Send a write or a flush that is in flight to the legs, or put it where it
 * waits. With @enter, it is not in flight yet. Process context.
 */
static void io_send(struct ftm_io *io, bool enter)
{
	struct ftm_bucket *b = io_bucket(io);
	struct ftm_clone *clone[FTM_LEGS] = { };
	struct ftm *m = io->m;
	unsigned int l;
	u32 use;
	int what = WAIT;

	use = legs_get(m);
	for (l = 0; l < FTM_LEGS; l++)
		if (use & FTM_USE(l))
			clone[l] = clone_alloc(io, &m->leg[l]);

	spin_lock_irq(&b->lock);
	if (enter && io->held) {
		struct ftm_region *r = &m->region[io->range.region];

		/* From here the region's bit may not be cleared
		 * [CLEAR_INFLIGHT].
		 */
		r->hold++;
		r->flags |= R_TOUCHED;
		if (ftm_range_enter(b, &io->range))
			what = write_verdict(io, use);
	} else {
		if (enter)
			list_add_tail(&io->range.node, &b->flight);
		what = write_verdict(io, use);
	}
	if (what == SEND) {
		io->sent_at = jiffies;
		io->pending = use;
		for (l = 0; l < FTM_LEGS; l++)
			io->clone[l] = clone[l];
	}
	spin_unlock_irq(&b->lock);

	/* @io may be answered and gone from here on if it was sent, and started
	 * by somebody else if it waits.
	 */
	if (likely(what == SEND)) {
		for (l = 0; l < FTM_LEGS; l++)
			if (clone[l])
				submit_bio_noacct(&clone[l]->bio);
		return;
	}
	for (l = 0; l < FTM_LEGS; l++) {
		if (!clone[l])
			continue;
		bio_put(&clone[l]->bio);
		ftm_leg_put(&m->leg[l]);
	}
	switch (what) {
	case GATE:
		park(m, io, &m->gated, FTM_TODO_RECORD);
		break;
	case SETBIT:
		park(m, io, &m->setbits, -1);
		break;
	case REFUSE:
		io_end(io, BLK_STS_IOERR);
		break;
	}
}

void ftm_write_go(struct ftm_io *io)
{
	io_send(io, false);
}

/*
 * Answer a read from a leg that is in sync. With @mapping, the bio is dm's to
 * submit (DM_MAPIO_REMAPPED). Process context.
 */
int ftm_read_go(struct ftm_io *io, bool mapping)
{
	struct ftm_bucket *b = ftm_bucket(io->m, io->range.region);
	struct ftm *m = io->m;
	struct bio *bio = io->bio;
	struct ftm_leg *leg;
	unsigned int l;
	u32 flags, sync;
	u16 rf;

again:
	flags = ftm_flags(m);
	if (unlikely(flags & FTM_FAILED))
		goto error;
	/* Alone, and nobody knows yet: to read a dirty region is to decide what
	 * it holds [READ_ALONE].
	 */
	if (unlikely(flags & FTM_UNREC) && ftm_bit(m, io->range.region)) {
		park(m, io, &m->gated, FTM_TODO_RECORD);
		return DM_MAPIO_SUBMITTED;
	}
	/* Both legs, after a crash: first make them equal, and flush, so that
	 * a power cut cannot change the answer [READ_SUSPECT] [READ_NOFLUSH].
	 */
	if (unlikely(flags & FTM_SUSPECT)) {
		spin_lock_irq(&b->lock);
		rf = m->region[io->range.region].flags;
		if ((rf & (R_COPY | R_FLUSH)) && !(rf & R_UNREADABLE)) {
			spin_unlock_irq(&b->lock);
			spin_lock_irq(&m->lock);
			list_add_tail(&io->list, &m->suspect);
			spin_unlock_irq(&m->lock);
			queue_work(m->wq, &m->copier);
			return DM_MAPIO_SUBMITTED;
		}
		spin_unlock_irq(&b->lock);
		if (rf & R_UNREADABLE)
			goto error;
	}

	sync = (flags / FTM_SYNC(0)) & 3 & ~io->bad;
	if (unlikely(!sync))
		goto error;
	if (sync == 3) {
		/* A stream stays on its leg, all else goes to the idler one. */
		if (m->leg[0].next_read == io->range.start)
			l = 0;
		else if (m->leg[1].next_read == io->range.start)
			l = 1;
		else
			l = atomic_read(&m->leg[1].outstanding) <
			    atomic_read(&m->leg[0].outstanding);
	} else {
		l = sync >> 1;
	}
	leg = &m->leg[l];
	if (unlikely(!ftm_leg_get(leg, FTM_SYNC(l))))
		goto again;
	WRITE_ONCE(leg->next_read, io->range.end);
	io->leg = l;
	bio_set_dev(bio, leg->dev->bdev);
	if (unlikely((bio->bi_opf & REQ_NOWAIT) && !bdev_nowait(leg->dev->bdev)))
		bio->bi_opf &= ~REQ_NOWAIT;
	bio->bi_iter.bi_sector = leg->meta.data_offset + io->range.start;
	if (mapping)
		return DM_MAPIO_REMAPPED;
	submit_bio_noacct(bio);
	return DM_MAPIO_SUBMITTED;
error:
	if (mapping)
		return DM_MAPIO_KILL;
	bio_io_error(bio);
	return DM_MAPIO_SUBMITTED;
}

/* dm's end_io. Writes and flushes were answered in io_end(). Any context. */
int ftm_end_read(struct ftm_io *io, blk_status_t *status)
{
	struct ftm *m = io->m;
	struct bio *bio = io->bio;
	unsigned int l = io->leg;
	unsigned long irq;

	if (!io->read || l == FTM_LEGS)		/* never sent to a leg as it is */
		return DM_ENDIO_DONE;
	io->leg = FTM_LEGS;
	if (likely(!*status || *status == BLK_STS_AGAIN)) {
		ftm_leg_put(&m->leg[l]);
		if (unlikely(io->bad && !*status))
			ftm_repair(io);
		return DM_ENDIO_DONE;
	}
	io->bad |= BIT(l);
	ftm_leg_put(&m->leg[l]);
	if ((ftm_flags(m) & FTM_FAILED) ||
	    !((ftm_flags(m) / FTM_SYNC(0)) & 3 & ~io->bad))
		return DM_ENDIO_DONE;

	/* The other leg has it. The bio as it came, for another try. */
	bio->bi_iter = io->iter;
	bio->bi_status = BLK_STS_OK;
	atomic_set(&bio->__bi_remaining, 1);
	spin_lock_irqsave(&m->lock, irq);
	list_add_tail(&io->list, &m->retry);
	spin_unlock_irqrestore(&m->lock, irq);
	ftm_wake(m);
	return DM_ENDIO_INCOMPLETE;
}

/* Start again what waited on one of the lists. Process context. */
void ftm_resubmit(struct list_head *list)
{
	struct ftm_io *io;

	while ((io = list_first_entry_or_null(list, struct ftm_io, list))) {
		list_del(&io->list);
		if (io->read)
			ftm_read_go(io, false);
		else
			ftm_write_go(io);
	}
}

int ftm_map_bio(struct ftm *m, struct ftm_io *io, struct bio *bio)
{
	sector_t sector = dm_target_offset(m->ti, bio->bi_iter.bi_sector);

	memset(io, 0, sizeof(*io));
	io->m = m;
	io->bio = bio;

	if (bio->bi_opf & REQ_PREFLUSH) {	/* dm sends it without data */
		io_send(io, true);
		return DM_MAPIO_SUBMITTED;
	}
	io->range.start = sector;
	io->range.end = sector + bio_sectors(bio);
	io->range.region = sector >> m->region_shift;
	switch (bio_op(bio)) {
	case REQ_OP_READ:
		io->read = true;
		io->leg = FTM_LEGS;
		io->iter = bio->bi_iter;
		return ftm_read_go(io, true);
	case REQ_OP_WRITE:
		io->held = true;
		io_send(io, true);
		return DM_MAPIO_SUBMITTED;
	default:
		bio->bi_status = BLK_STS_NOTSUPP;
		bio_endio(bio);
		return DM_MAPIO_SUBMITTED;
	}
}

/* Legs that should have answered by now. Under the bucket's lock. */
static u8 late_legs(struct ftm_range *rg, unsigned long limit)
{
	struct ftm_copy *c;
	struct ftm_io *io;

	if (rg->copy) {
		/* A read and then a write, both large. Which of the legs hangs
		 * is not known, but only the one copied to can be spared.
		 */
		c = container_of(rg, struct ftm_copy, range);
		return c->sent && time_after(jiffies, c->sent_at + 2 * limit) ?
			BIT(c->dst) : 0;
	}
	io = container_of(rg, struct ftm_io, range);
	return io->pending && time_after(jiffies, io->sent_at + limit) ? io->pending : 0;
}

/*
 * Declare a leg lost that has not answered a write, a flush or a copy for too
 * long. Runs while the mirror is active.
 */
void ftm_watch_work(struct work_struct *work)
{
	struct ftm *m = container_of(to_delayed_work(work), struct ftm, watch);
	unsigned int timeout_ms = READ_ONCE(m->timeout_ms), l;
	unsigned long limit = msecs_to_jiffies(timeout_ms);
	struct ftm_bucket *b;
	struct ftm_range *rg;
	u8 late = 0;

	if (timeout_ms) {
		for (b = m->bucket; b <= m->bucket + FTM_BUCKETS; b++) {
			spin_lock_irq(&b->lock);
			list_for_each_entry(rg, &b->flight, node)
				late |= late_legs(rg, limit);
			spin_unlock_irq(&b->lock);
		}
		for (l = 0; l < FTM_LEGS; l++)
			if ((late & BIT(l)) && late != 3)
				ftm_leg_lost(m, l, FT_REASON_TIMEOUT);
	}
	if (!READ_ONCE(m->stopping))
		queue_delayed_work(m->wq, &m->watch,
				   timeout_ms ? max(limit / 8, 1UL) : HZ);
}
