// SPDX-License-Identifier: GPL-2.0
/*
 * The life of a read, a write and a flush. map and endio run here; nothing in
 * this file waits for a disk.
 *
 * A write to a region whose bit is durable on every leg in use takes one of the
 * buckets' locks and is sent from the submitter's context, one bio a leg.
 */
#include "mirror.h"

#define PIECE_BYTES	4096U	/* of a read that no leg can answer as a whole */

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

/* @io has ended: what it held is free. Under b->lock. */
static void io_leave(struct ftm_bucket *b, struct ftm_io *io, blk_status_t status)
{
	struct ftm *m = io->m;

	hlist_del(&io->range.node);
	if (io->held) {
		struct ftm_region *r = &m->region[io->range.region];

		r->hold--;
		/* It failed, and some legs may have it and others not. */
		if (unlikely(status) &&
		    (ftm_flags(m) & FTM_USE_ANY) == FTM_USE_ANY) {
			ftm_region_set_copy(m, r);
			queue_work(m->wq, &m->copier);
		}
	}
	if (unlikely(!list_empty(&b->waiting)))
		queue_work(m->wq, &m->requeue);
}

/* The bio is answered. Any context. */
static void io_end(struct ftm_io *io, blk_status_t status)
{
	struct ftm_bucket *b = io_bucket(io);
	struct bio *bio = io->bio;
	unsigned long flags;

	spin_lock_irqsave(&b->lock, flags);
	io_leave(b, io, status);
	spin_unlock_irqrestore(&b->lock, flags);
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

/* Good if a leg has it from which it can be read. */
static blk_status_t io_status(struct ftm_io *io, u32 flags)
{
	/* One leg has zeroes now and the other does not: it has failed, and the
	 * region is made equal again.
	 */
	if (unlikely(io->status == BLK_STS_NOTSUPP))
		return flags & FTM_FAILED ? BLK_STS_IOERR : BLK_STS_NOTSUPP;
	if (likely(io->ok & (flags / FTM_SYNC(0)) & 3) && !(flags & FTM_FAILED))
		return BLK_STS_OK;
	return flags & FTM_FAILED ? BLK_STS_IOERR : io->status ?: BLK_STS_IOERR;
}

/* Every leg has answered or was given up. Any context. */
void ftm_io_answered(struct ftm_io *io)
{
	struct ftm *m = io->m;
	unsigned long irq;
	u32 flags = ftm_flags(m);
	blk_status_t status;

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
	status = io_status(io, flags);
	/* What an erased disk reads is anybody's guess: zeroes follow. The range
	 * stays in flight and its bit set until they are written: a power cut
	 * before that leaves a dirty region, and nothing acknowledged [DISCARD].
	 */
	if (unlikely(io->erase) && !status) {
		io->erase = false;
		io->ok = 0;
		io->status = BLK_STS_OK;
		park(m, io, &m->retry, -1);
		return;
	}
	io_end(io, status);
}

int ftm_write_pools(struct ftm *m)
{
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < ARRAY_SIZE(m->writes); i++) {
		err = mempool_init_kmalloc_pool(&m->writes[i], BIO_POOL_SIZE,
						sizeof(struct ftm_write)) ?:
		      mempool_init_kmalloc_pool(&m->vecs[i], BIO_POOL_SIZE,
						BIO_MAX_VECS * sizeof(struct bio_vec));
	}
	return err;
}

void ftm_write_pools_exit(struct ftm *m)
{
	struct ftm_bucket *b;
	struct ftm_write *w;
	unsigned int i;

	for (b = m->bucket; b <= m->bucket + FTM_BUCKETS; b++) {
		while ((w = b->spare)) {
			b->spare = w->next;
			kfree(w);
		}
	}
	for (i = 0; i < ARRAY_SIZE(m->writes); i++) {
		mempool_exit(&m->writes[i]);
		mempool_exit(&m->vecs[i]);
	}
}

/* Under b->lock. */
static void write_put(struct ftm_bucket *b, struct ftm_write *w)
{
	struct ftm *m = w->m;

	if (unlikely(w->vecs != w->few))
		mempool_free(w->vecs, &m->vecs[w->pool]);
	/* What somebody may be waiting for is not kept. */
	if (b->spares < FTM_SPARES &&
	    READ_ONCE(m->writes[w->pool].curr_nr) == m->writes[w->pool].min_nr) {
		w->next = b->spare;
		b->spare = w;
		b->spares++;
	} else {
		mempool_free(w, &m->writes[w->pool]);
	}
}

/*
 * A write for @n bvecs, @pool is 1 when it goes to both legs. One that the bucket
 * has kept costs next to nothing. Under b->lock, which is given up if memory has to
 * be asked for: *@waited is set then. NULL: there is none, and @gfp forbids to wait.
 */
static struct ftm_write *write_get(struct ftm *m, struct ftm_bucket *b, unsigned int n,
				   unsigned int pool, gfp_t gfp, bool *waited)
	__must_hold(&b->lock)
{
	struct ftm_write *w = b->spare;
	struct bio_vec *vecs = NULL;

	if (likely(w)) {
		b->spare = w->next;
		b->spares--;
		w->pool = pool;
	}
	if (unlikely(!w || n > FTM_FEW_VECS)) {
		spin_unlock_irq(&b->lock);
		if (n > FTM_FEW_VECS)
			vecs = mempool_alloc(&m->vecs[pool], gfp);
		if (!w) {
			w = mempool_alloc(&m->writes[pool], gfp);
			if (w) {
				w->m = m;
				w->bucket = b;
				w->pool = pool;
			}
		}
		*waited = true;
		spin_lock_irq(&b->lock);
		if (unlikely(!w || (n > FTM_FEW_VECS && !vecs))) {
			if (vecs)
				mempool_free(vecs, &m->vecs[pool]);
			if (w) {
				w->vecs = w->few;
				write_put(b, w);
			}
			return NULL;
		}
	}
	w->vecs = vecs ?: w->few;
	return w;
}

static struct bio *write_bio(struct ftm_write *w, unsigned int l)
{
	return l ? &w->bio1 : &w->bio0;
}

static void write_endio(struct bio *bio)
{
	struct ftm_write *w = bio->bi_private;
	struct ftm_bucket *b = w->bucket;
	struct ftm *m = w->m;
	unsigned int l = bio == &w->bio1;
	struct ftm_leg *leg = &m->leg[l];
	blk_status_t status = bio->bi_status;
	struct bio *answer = NULL;
	bool special = false;
	struct ftm_io *io;
	unsigned long irq;
	u32 flags;

	/* That a leg cannot write zeroes, or erase, is no fault of it. Else
	 * first the loss, then the answer: so that it finds the record owed.
	 */
	if (unlikely(status) && bio_op(bio) != REQ_OP_WRITE &&
	    (status == BLK_STS_NOTSUPP || status == BLK_STS_TARGET))
		status = BLK_STS_NOTSUPP;
	else if (unlikely(status))
		ftm_leg_error(m, l);
	bio_uninit(bio);

	spin_lock_irqsave(&b->lock, irq);
	flags = ftm_flags(m);
	io = w->io;
	if (likely(io && (io->pending & BIT(l)))) {
		io->pending &= ~BIT(l);
		if (likely(!status))
			io->ok |= BIT(l);
		else
			io->status = status;
		if (!io->pending) {
			w->io = NULL;
			special = (flags & (FTM_UNREC | FTM_FAILED)) || io->erase;
			if (likely(!special)) {
				answer = io->bio;
				answer->bi_status = io_status(io, flags);
				io_leave(b, io, answer->bi_status);
			}
		}
	}
	if (!--w->left)
		write_put(b, w);
	ftm_leg_put_locked(leg);
	spin_unlock_irqrestore(&b->lock, irq);

	if (likely(answer))
		bio_endio(answer);
	else if (special)
		ftm_io_answered(io);
}

static void abandon_bucket(struct ftm *m, struct ftm_bucket *b, unsigned int l)
{
	struct ftm_range *rg;
	struct hlist_node *next;
	struct ftm_io *io;
	LIST_HEAD(answered);

	spin_lock_irq(&b->lock);
	hlist_for_each_entry_safe(rg, next, &b->flight, node) {
		if (rg->copy) {
			if (ftm_copy_abandon(container_of(rg, struct ftm_copy, range), l))
				hlist_del(&rg->node);
			continue;
		}
		io = container_of(rg, struct ftm_io, range);
		if (!(io->pending & BIT(l)))
			continue;
		io->pending &= ~BIT(l);
		if (io->pending)
			continue;
		/* Nobody else can answer it now: @list is ours. */
		io->write->io = NULL;
		list_add_tail(&io->list, &answered);
	}
	if (!list_empty(&b->waiting))
		queue_work(m->wq, &m->requeue);
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

enum { SEND, GATE, SETBIT, WAIT, REFUSE, RETRY };

/*
 * May @io be sent to the legs that @flags name? Under the bucket's lock: a leg
 * that is lost later is abandoned bucket by bucket, and one that joins later
 * finds this write in flight.
 */
static int write_verdict(struct ftm_io *io, u32 flags)
{
	u32 use = flags & FTM_USE_ANY;

	if (unlikely(flags & FTM_FAILED))
		return REFUSE;
	if (unlikely(flags & FTM_UNREC))	/* record first */
		return GATE;
	/* The bit must be durable on every leg in use, target included, and
	 * again if one has joined since [ONEBIT].
	 */
	if (io->held && (io->m->region[io->range.region].flags & use) != use)
		return SETBIT;
	return SEND;
}

/*
 * A discard is sent as zeroes that may be unmapped: what a discard leaves behind is
 * anybody's guess, and another one on each leg. So are the zeroes after an erasure.
 */
static blk_opf_t leg_opf(struct ftm_io *io)
{
	blk_opf_t opf = io->bio->bi_opf;

	if (unlikely(bio_op(io->bio) == REQ_OP_DISCARD ||
		     (bio_op(io->bio) == REQ_OP_SECURE_ERASE && !io->erase)))
		return (opf & ~(blk_opf_t)REQ_OP_MASK) | REQ_OP_WRITE_ZEROES;
	return opf;
}

/*
 * Make @w of @io: a bio for each leg in @use. Under the bucket's lock: @io may
 * be answered as soon as that is given up, if both legs are lost.
 */
static void write_fill(struct ftm_write *w, struct ftm_io *io, unsigned int n, u32 use)
{
	struct bio *src = io->bio;
	struct bvec_iter iter;
	unsigned int l, i = 0;

	/* bvecs of its own: when a leg is given up, those of @src go away
	 * while the bio is still in the device's queue.
	 */
	for (iter = src->bi_iter; i < n; i++) {
		w->vecs[i] = mp_bvec_iter_bvec(src->bi_io_vec, iter);
		bio_advance_iter_single(src, &iter, w->vecs[i].bv_len);
	}
	for (l = 0; l < FTM_LEGS; l++) {
		struct ftm_leg *leg = &io->m->leg[l];
		struct bio *bio = write_bio(w, l);

		if (!(use & FTM_USE(l)))
			continue;
		/* Without REQ_NOWAIT: one leg must not refuse what the other
		 * takes. And without REQ_POLLED: nobody polls for it.
		 */
		bio_init(bio, leg->dev->bdev, w->vecs, n,
			 leg_opf(io) & ~(REQ_NOWAIT | REQ_POLLED));
		bio->bi_vcnt = n;
		bio->bi_iter.bi_size = src->bi_iter.bi_size;
		bio->bi_iter.bi_sector = io->range.end ?
			leg->meta.data_offset + io->range.start : 0;
		bio->bi_ioprio = src->bi_ioprio;
		bio_clone_blkg_association(bio, src);
		bio->bi_private = w;
		bio->bi_end_io = write_endio;
	}
}

/*
 * Send a write or a flush that is in flight to the legs, or put it where it
 * waits. With @enter, it is not in flight yet. Process context.
 */
static void io_send(struct ftm_io *io, bool enter)
{
	struct ftm_bucket *b = io_bucket(io);
	struct ftm_write *w = NULL;
	struct ftm *m = io->m;
	unsigned int l, n = io->vecs;
	bool waited = false;
	u32 flags, use = 0;
	int what = SEND;

	spin_lock_irq(&b->lock);
	if (enter && io->held) {
		struct ftm_region *r = &m->region[io->range.region];

		/* From here the region's bit may not be cleared
		 * [CLEAR_INFLIGHT].
		 */
		r->hold++;
		r->flags |= R_TOUCHED;
		if (unlikely(!ftm_range_enter(b, &io->range)))
			what = WAIT;
	} else if (enter) {
		hlist_add_head(&io->range.node, &b->flight);
	}
	if (likely(what == SEND)) {
		flags = ftm_flags(m);
		what = write_verdict(io, flags);
	}
	if (likely(what == SEND)) {
		use = flags & FTM_USE_ANY;
		w = write_get(m, b, n, use == FTM_USE_ANY,
			      io->nowait ? GFP_NOWAIT : GFP_NOIO, &waited);
		if (unlikely(!w)) {
			what = RETRY;
		} else if (unlikely(waited)) {	/* what holds now? */
			flags = ftm_flags(m);
			use = flags & FTM_USE_ANY;
			what = write_verdict(io, flags);
		}
	}
	if (likely(what == SEND)) {
		io->sent_at = jiffies;
		io->pending = use;
		io->write = w;
		w->io = io;
		w->left = 1 + (use == FTM_USE_ANY);
		/* Seen by the reaper, which comes after the leg was abandoned in
		 * this bucket.
		 */
		for (l = 0; l < FTM_LEGS; l++)
			if (use & FTM_USE(l))
				atomic_inc(&m->leg[l].outstanding);
		write_fill(w, io, n, use);
	} else if (unlikely(w)) {
		write_put(b, w);
	}
	spin_unlock_irq(&b->lock);

	/* @io may be answered and gone from here on if it was sent, and started
	 * by somebody else if it waits. @w lives until its last bio has ended.
	 */
	switch (what) {
	case SEND:
		for (l = 0; l < FTM_LEGS; l++)
			if (use & FTM_USE(l))
				submit_bio_noacct(write_bio(w, l));
		break;
	case GATE:
		park(m, io, &m->gated, FTM_TODO_RECORD);
		break;
	case SETBIT:
		if (!ftm_commit(m, io))
			park(m, io, &m->setbits, -1);
		break;
	case RETRY:
		io->nowait = false;
		park(m, io, &m->retry, -1);
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
		/* What cannot be made equal cannot be read. */
		if ((rf & R_FLUSH) || ((rf & R_COPY) && !(rf & R_UNREADABLE))) {
			spin_unlock_irq(&b->lock);
			spin_lock_irq(&m->lock);
			list_add_tail(&io->list, &m->suspect);
			spin_unlock_irq(&m->lock);
			queue_work(m->wq, &m->copier);
			return DM_MAPIO_SUBMITTED;
		}
		spin_unlock_irq(&b->lock);
	}

	sync = (flags / FTM_SYNC(0)) & 3 & ~io->bad;
	if (unlikely(!sync))
		goto error;
	if (sync == 3) {
		/* A stream stays on its leg, all else goes to the idler one. */
		l = READ_ONCE(m->prefer);
		if (unlikely(l < FTM_LEGS))
			;
		else if (m->leg[0].next_read == io->range.start)
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
	struct list_head *list;
	unsigned long irq;
	u8 sync;

	if (!io->read || l == FTM_LEGS)		/* never sent to a leg as it is */
		return DM_ENDIO_DONE;
	io->leg = FTM_LEGS;
	if (likely(!*status || *status == BLK_STS_AGAIN)) {
		ftm_leg_put(&m->leg[l]);
		if (unlikely(io->bad && !*status))
			ftm_repair(m, io->range.start, io->range.end, io->bad >> 1);
		return DM_ENDIO_DONE;
	}
	io->bad |= BIT(l);
	atomic_inc(&m->leg[l].read_errors);
	ftm_leg_put(&m->leg[l]);
	sync = (ftm_flags(m) / FTM_SYNC(0)) & 3;
	if (!sync || (sync & io->bad) == sync) {
		/* Each may have failed at another place. */
		if (sync != 3 || io->iter.bi_size <= PIECE_BYTES)
			return DM_ENDIO_DONE;
		list = &m->torn;
	} else {
		list = &m->retry;
	}

	/* The other leg has it. The bio as it came, for another try; the queue
	 * below may have merged it with others.
	 */
	bio->bi_next = NULL;
	bio->bi_iter = io->iter;
	bio->bi_status = BLK_STS_OK;
	atomic_set(&bio->__bi_remaining, 1);
	spin_lock_irqsave(&m->lock, irq);
	list_add_tail(&io->list, list);
	spin_unlock_irqrestore(&m->lock, irq);
	if (list == &m->torn)
		queue_work(m->wq, &m->reader);
	else
		ftm_wake(m);
	return DM_ENDIO_INCOMPLETE;
}

/* Read a piece of @io from whichever leg has it. */
static blk_status_t read_piece(struct ftm_io *io, struct bvec_iter iter, sector_t start)
{
	sector_t end = start + (iter.bi_size >> SECTOR_SHIFT);
	blk_status_t status = BLK_STS_IOERR;
	struct ftm *m = io->m;
	unsigned int l;
	struct bio bio;
	int err;
	u8 bad = 0;

	for (l = 0; l < FTM_LEGS; l++) {
		struct ftm_leg *leg = &m->leg[l];

		if (!ftm_leg_get(leg, FTM_SYNC(l)))
			continue;
		err = bio_init_clone(leg->dev->bdev, &bio, io->bio, GFP_NOIO);
		if (!err) {
			bio.bi_opf &= ~(REQ_NOWAIT | REQ_POLLED | REQ_RAHEAD);
			bio.bi_iter = iter;
			bio.bi_iter.bi_sector = leg->meta.data_offset + start;
			err = submit_bio_wait(&bio);
			bio_uninit(&bio);
		}
		ftm_leg_put(leg);
		if (!err) {
			if (bad)
				ftm_repair(m, start, end, bad >> 1);
			return BLK_STS_OK;
		}
		status = errno_to_blk_status(err);
		bad |= BIT(l);
	}
	return status;
}

/* Reads that each leg has failed somewhere, piece by piece. */
void ftm_torn_work(struct work_struct *work)
{
	struct ftm *m = container_of(work, struct ftm, reader);
	struct bvec_iter iter, piece;
	blk_status_t status;
	struct ftm_io *io;
	sector_t sector;

	for (;;) {
		spin_lock_irq(&m->lock);
		io = list_first_entry_or_null(&m->torn, struct ftm_io, list);
		if (io)
			list_del(&io->list);
		spin_unlock_irq(&m->lock);
		if (!io)
			return;
		sector = io->range.start;
		status = BLK_STS_OK;
		for (iter = io->iter; iter.bi_size && !status;) {
			piece = iter;
			piece.bi_size = min_t(unsigned int, iter.bi_size, PIECE_BYTES -
					      ((sector << SECTOR_SHIFT) & (PIECE_BYTES - 1)));
			status = read_piece(io, piece, sector);
			sector += piece.bi_size >> SECTOR_SHIFT;
			bio_advance_iter(io->bio, &iter, piece.bi_size);
		}
		io->bio->bi_status = status;
		bio_endio(io->bio);
	}
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

/*
 * Can all legs in use write zeroes by themselves, and with @erase be erased
 * before that? A replaced one may not.
 */
static bool legs_zero(struct ftm *m, bool erase)
{
	unsigned int l;
	bool can = true;

	for (l = 0; l < FTM_LEGS; l++) {
		struct ftm_leg *leg = &m->leg[l];

		if (!ftm_leg_get(leg, FTM_USE(l)))
			continue;
		can &= bdev_write_zeroes_sectors(leg->dev->bdev) > 0 &&
		       (!erase || bdev_max_secure_erase_sectors(leg->dev->bdev) > 0);
		ftm_leg_put(leg);
	}
	return can;
}

/*
 * Count the bvecs of a write. A caller's own array may have more of them than a bio
 * of ours: then only what fits is taken now. Returns that many sectors.
 */
static unsigned int count_vecs(struct ftm_io *io, struct bio *bio)
{
	unsigned int bytes = 0;
	struct bvec_iter iter;
	struct bio_vec bv;

	io->vecs = 1;
	if (likely(mp_bvec_iter_len(bio->bi_io_vec, bio->bi_iter) == bio->bi_iter.bi_size))
		return bio_sectors(bio);
	io->vecs = 0;
	bio_for_each_bvec(bv, bio, iter) {
		if (unlikely(io->vecs == BIO_MAX_VECS))
			break;
		io->vecs++;
		bytes += bv.bv_len;
	}
	return bytes >> SECTOR_SHIFT;
}

int ftm_map_bio(struct ftm *m, struct ftm_io *io, struct bio *bio)
{
	sector_t sector = dm_target_offset(m->ti, bio->bi_iter.bi_sector), room;

	ftm_busy(m);
	io->m = m;
	io->bio = bio;
	io->range.end = 0;
	io->range.copy = false;
	io->vecs = 0;
	io->pending = 0;
	io->ok = 0;
	io->bad = 0;
	io->read = false;
	io->held = false;
	io->erase = false;
	/* dm maps these where nothing may sleep. */
	io->nowait = (bio->bi_opf & (REQ_NOWAIT | REQ_POLLED)) != 0;
	io->status = BLK_STS_OK;

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
		room = count_vecs(io, bio);
		if (unlikely(!room))
			return DM_MAPIO_KILL;
		if (unlikely(room < bio_sectors(bio))) {
			dm_accept_partial_bio(bio, room);
			io->range.end = sector + room;
		}
		io->held = true;
		io_send(io, true);
		return DM_MAPIO_SUBMITTED;
	case REQ_OP_SECURE_ERASE:
		io->erase = true;
		fallthrough;
	case REQ_OP_DISCARD:
	case REQ_OP_WRITE_ZEROES:
		if (!legs_zero(m, io->erase)) {
			/* To discard nothing is to discard, too. */
			bio->bi_status = bio_op(bio) == REQ_OP_DISCARD ?
				BLK_STS_OK : BLK_STS_NOTSUPP;
			bio_endio(bio);
			return DM_MAPIO_SUBMITTED;
		}
		/* dm splits these at the ends of targets only. */
		room = (1ULL << m->region_shift) -
		       (sector & ((1ULL << m->region_shift) - 1));
		if (bio_sectors(bio) > room) {
			dm_accept_partial_bio(bio, room);
			io->range.end = sector + room;
		}
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
		c = container_of(rg, struct ftm_copy, range);
		return c->pending && time_after(jiffies, c->sent_at + limit) ?
			c->pending : 0;
	}
	io = container_of(rg, struct ftm_io, range);
	return io->pending && time_after(jiffies, io->sent_at + limit) ? io->pending : 0;
}

/*
 * A leg that lets requests wait, and has answered none for too long. So it is found
 * even if there are only reads, which go to the legs without being noted anywhere.
 */
static bool silent(struct ftm_leg *leg, unsigned long limit)
{
	bool waits = (ftm_flags(leg->m) & FTM_USE(leg->index)) &&
		     atomic_read(&leg->outstanding);
	unsigned long answered = READ_ONCE(leg->answered_at);

	/* Between two looks, whenever they were, it had nothing to answer or did. */
	if (!waits || !leg->waited || answered != leg->seen_at) {
		leg->waited = waits;
		leg->seen_at = answered;
		leg->silent_since = jiffies;
		return false;
	}
	return time_after(jiffies, leg->silent_since + limit);
}

/*
 * Declare a leg lost that has not answered for too long. What was sent to it ends
 * when its device gives it up: until then its pages are the device's. Reads go on
 * from the other leg then. Runs while the mirror is active.
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
		late = ftm_commit_late(m, limit);
		for (b = m->bucket; b <= m->bucket + FTM_BUCKETS; b++) {
			spin_lock_irq(&b->lock);
			hlist_for_each_entry(rg, &b->flight, node)
				late |= late_legs(rg, limit);
			spin_unlock_irq(&b->lock);
		}
		for (l = 0; l < FTM_LEGS; l++)
			if (silent(&m->leg[l], limit))
				late |= BIT(l);
		for (l = 0; l < FTM_LEGS; l++)
			if ((late & BIT(l)) && late != 3)
				ftm_leg_lost(m, l, FT_REASON_TIMEOUT);
	}
	if (!READ_ONCE(m->stopping))
		queue_delayed_work(m->wq, &m->watch,
				   timeout_ms ? max(limit / 8, 1UL) : HZ);
}
