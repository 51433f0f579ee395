// SPDX-License-Identifier: GPL-2.0
/*
 * Copies from leg to leg: what differs after a leg has joined, what a crash
 * left suspect, blocks that one leg could not read; and the scrub, which reads
 * both. A chunk of it is a range in flight like any write's: neither is sent while
 * the other is [NOEXCL]. The pages are ours, so that a request which a hung leg
 * holds can be left behind.
 */
#include <linux/slab.h>

#include "mirror.h"

#define COPY_PAGES	(FTM_COPY_SECTORS >> (PAGE_SHIFT - SECTOR_SHIFT))
#define BLOCK_SECTORS	8U		/* a scrub counts these; a bad one is looked for */
#define RESERVE		(FTM_LEGS * (FTM_COPIES + 1))

static void next_chunk(struct ftm_copy *c);
static void copy_work(struct work_struct *work);

int ftm_copy_pools(struct ftm *m)
{
	return mempool_init_page_pool(&m->copy_pages, RESERVE, 0) ?:
	       mempool_init_kmalloc_pool(&m->copy_vecs, RESERVE,
					 COPY_PAGES * sizeof(struct bio_vec));
}

void ftm_copy_pools_exit(struct ftm *m)
{
	mempool_exit(&m->copy_pages);
	mempool_exit(&m->copy_vecs);
}

static struct ftm_half *half_of(struct ftm_copy *c, unsigned int l)
{
	return l ? &c->half1 : &c->half0;
}

/* One page at least; who wants more takes what is free. */
static void half_get(struct ftm_copy *c, unsigned int l, unsigned int pages)
{
	struct ftm_half *h = half_of(c, l);
	struct page *page;

	h->vec = mempool_alloc(&c->m->copy_vecs, GFP_NOIO);
	page = mempool_alloc(&c->m->copy_pages, GFP_NOIO);
	while (page) {
		h->vec[h->pages++] = (struct bio_vec){ .bv_page = page, .bv_len = PAGE_SIZE };
		if (h->pages == pages)
			break;
		page = alloc_page(GFP_NOIO | __GFP_NORETRY | __GFP_NOWARN);
	}
	c->chunk = min_t(unsigned int, c->chunk,
			 h->pages << (PAGE_SHIFT - SECTOR_SHIFT));
}

static void half_put(struct ftm_copy *c, unsigned int l)
{
	struct ftm_half *h = half_of(c, l);

	if (!h->vec)
		return;
	while (--h->pages)
		__free_page(h->vec[h->pages].bv_page);
	mempool_free(h->vec[0].bv_page, &c->m->copy_pages);
	mempool_free(h->vec, &c->m->copy_vecs);
}

static struct ftm_copy *copy_new(struct ftm *m, enum ftm_copy_what what, gfp_t gfp)
{
	struct ftm_copy *c = kzalloc(sizeof(*c), gfp);

	if (c) {
		c->m = m;
		c->what = what;
		c->range.copy = true;
		c->chunk = FTM_COPY_SECTORS;
		c->join = READ_ONCE(m->joins);
		INIT_WORK(&c->work, copy_work);
	}
	return c;
}

/* The copy is set up: take its pages, and go. Process context. */
static void copy_begin(struct ftm_copy *c)
{
	sector_t sectors = min_t(sector_t, c->end - c->range.start, FTM_COPY_SECTORS);
	unsigned int pages = DIV_ROUND_UP(sectors, PAGE_SIZE >> SECTOR_SHIFT), l;

	for (l = 0; l < FTM_LEGS; l++)
		if (c->what == FTM_SCRUB || l == c->src)
			half_get(c, l, pages);
	next_chunk(c);
}

/* A scrub has done its part, or cannot do it. */
static void scrub_done(struct ftm *m, struct ftm_copy *c)
{
	bool ended = false;

	spin_lock_irq(&m->lock);
	if (m->scrub.mode && m->scrub.run == c->run && ++m->scrub.done == m->regions) {
		m->scrub.mode = FTM_SCRUB_IDLE;
		ended = true;
	}
	spin_unlock_irq(&m->lock);
	if (!ended)
		return;
	DMINFO("%s: scrub: %llu blocks differed, %llu were made equal, %llu unreadable",
	       m->pair.name, m->scrub.found, m->scrub.fixed, m->scrub.unreadable);
	ftm_changed(m);
}

/* The copy of the region has ended, well or not. No range is held. */
static void copy_end(struct ftm_copy *c, bool copied)
{
	struct ftm *m = c->m;
	struct ftm_region *r = &m->region[c->range.region];
	struct ftm_bucket *b = ftm_bucket(m, c->range.region);
	unsigned int l;

	if (c->what == FTM_RESYNC) {
		spin_lock_irq(&b->lock);
		r->flags &= ~R_COPYING;
		if (copied && (r->flags & R_COPY) && !(r->flags & R_AGAIN)) {
			/* On the other leg, perhaps only in its cache: equal
			 * for good after a flush of both [SRC_NOFLUSH].
			 * No flush that began before covers it.
			 */
			r->flags &= ~(R_SETTLE | R_CAND);
			if (c->unreadable) {
				r->flags |= R_UNREADABLE;
				atomic_inc(&m->n_unreadable);
			} else {
				r->flags &= ~R_COPY;
				atomic_dec(&m->n_copy);
			}
			if (!(r->flags & R_FLUSH)) {
				r->flags |= R_FLUSH;
				atomic_inc(&m->n_flush);
			}
		}
		r->flags &= ~R_AGAIN;
		spin_unlock_irq(&b->lock);
		if (c->unreadable)
			ftm_changed(m);
	} else if (c->what == FTM_SCRUB) {
		scrub_done(m, c);
	}
	for (l = 0; l < FTM_LEGS; l++)
		half_put(c, l);
	kfree(c);
	atomic_dec(&m->n_active);
	if (!list_empty_careful(&m->suspect))
		mod_delayed_work(m->wq, &m->cleaner, 0);
	wake_up_all(&m->wait);
	queue_work(m->wq, &m->copier);
}

/* The chunk is done: the next one. */
static void step(struct ftm_copy *c)
{
	ftm_range_leave(c->m, &c->range);
	c->range.start = c->range.end;
	if (c->range.start == c->end)
		copy_end(c, true);
	else
		next_chunk(c);
}

/* No more of it. */
static void give_up(struct ftm_copy *c)
{
	ftm_range_leave(c->m, &c->range);
	copy_end(c, false);
}

static bool still_wanted(struct ftm_copy *c)
{
	struct ftm *m = c->m;

	if (READ_ONCE(m->stopping) || READ_ONCE(m->joins) != c->join)
		return false;
	return c->what != FTM_SCRUB ||
	       (READ_ONCE(m->scrub.mode) && READ_ONCE(m->scrub.run) == c->run);
}

static void half_endio(struct bio *bio)
{
	struct ftm_copy *c = bio->bi_private;
	struct ftm_bucket *b = ftm_bucket(c->m, c->range.region);
	unsigned int l = bio == &c->half1.bio;
	struct ftm_leg *leg = &c->m->leg[l];
	unsigned long irq;

	half_of(c, l)->status = bio->bi_status;
	bio_uninit(bio);
	spin_lock_irqsave(&b->lock, irq);
	c->pending &= ~BIT(l);
	if (!c->pending)
		queue_work(c->m->wq, &c->work);
	ftm_leg_put_locked(leg);
	spin_unlock_irqrestore(&b->lock, irq);
}

/*
 * Send a request for the chunk to each of @legs, with the pages of leg @from, or
 * each with its own. Returns whether it was sent: not if a leg is out of use, or
 * the copy not wanted any more. Process context.
 */
static bool send(struct ftm_copy *c, u8 legs, struct ftm_half *from, blk_opf_t opf)
{
	struct ftm *m = c->m;
	struct ftm_bucket *b = ftm_bucket(m, c->range.region);
	sector_t sectors = c->range.end - c->range.start;
	u32 want = FTM_SYNC(c->src) | FTM_USE(!c->src);
	unsigned int l;
	u8 got = 0;

	if (c->what != FTM_RESYNC || c->turned)
		want |= FTM_SYNC(!c->src);
	spin_lock_irq(&b->lock);
	/* Which legs are in use is one picture. One that is lost later is
	 * abandoned later, bucket by bucket.
	 */
	for (l = 0; l < FTM_LEGS && still_wanted(c); l++)
		if ((legs & BIT(l)) && ftm_leg_get(&m->leg[l], want))
			got |= BIT(l);
	if (got != legs) {
		for (l = 0; l < FTM_LEGS; l++)
			if (got & BIT(l))
				ftm_leg_put_locked(&m->leg[l]);
		spin_unlock_irq(&b->lock);
		return false;
	}
	c->writing = op_is_write(opf);
	c->sent_at = jiffies;
	c->sent = legs;
	c->pending = legs;
	spin_unlock_irq(&b->lock);

	for (l = 0; l < FTM_LEGS; l++) {
		struct ftm_leg *leg = &m->leg[l];
		struct bio *bio = &half_of(c, l)->bio;

		if (!(legs & BIT(l)))
			continue;
		bio_init(bio, leg->dev->bdev, (from ?: half_of(c, l))->vec, COPY_PAGES, opf);
		bio->bi_vcnt = DIV_ROUND_UP(sectors, PAGE_SIZE >> SECTOR_SHIFT);
		bio->bi_iter.bi_sector = leg->meta.data_offset + c->range.start;
		bio->bi_iter.bi_size = sectors << SECTOR_SHIFT;
		bio->bi_private = c;
		bio->bi_end_io = half_endio;
	}
	/* @c may be gone when the last of them was sent. */
	for (l = 0; legs; l++) {
		if (!(legs & BIT(l)))
			continue;
		legs &= ~BIT(l);
		submit_bio(&half_of(c, l)->bio);
	}
	return true;
}

/* The leg that this chunk is read from. */
static u8 source_of(struct ftm_copy *c)
{
	return c->turned ? !c->src : c->src;
}

/* The chunk's range is in flight: read it. Process context. */
void ftm_copy_chunk(struct ftm_copy *c)
{
	/* One that became different meanwhile is going to be copied. */
	if (c->what == FTM_SCRUB && ftm_peek(&c->m->region[c->range.region], R_COPY)) {
		give_up(c);
		return;
	}
	c->turned = false;
	if (!send(c, c->what == FTM_SCRUB ? 3 : BIT(c->src), NULL, REQ_OP_READ))
		give_up(c);
}

static void next_chunk(struct ftm_copy *c)
{
	struct ftm_bucket *b = ftm_bucket(c->m, c->range.region);
	sector_t start = c->range.start;
	bool entered;

	c->range.end = min_t(sector_t, c->end, start < c->fine ?
			     round_down(start, BLOCK_SECTORS) + BLOCK_SECTORS :
			     start + c->chunk);
	spin_lock_irq(&b->lock);
	/* Waits for writes that were sent, blocks new ones. */
	entered = ftm_range_enter(b, &c->range);
	spin_unlock_irq(&b->lock);
	if (entered)
		ftm_copy_chunk(c);
}

/*
 * Write what was read from the other leg to leg @l. What is not on the way to a
 * flush that somebody waits for must be durable at once: a region whose bit is not
 * set may not fall back.
 */
static void rewrite(struct ftm_copy *c, unsigned int l)
{
	if (!send(c, BIT(l), half_of(c, c->what == FTM_SCRUB ? !l : c->src),
		  REQ_OP_WRITE | (c->what == FTM_RESYNC ? 0 : REQ_FUA)))
		give_up(c);
}

static unsigned int differing_blocks(struct ftm_copy *c)
{
	size_t left = (c->range.end - c->range.start) << SECTOR_SHIFT, n;
	unsigned int i, at, found = 0;

	for (i = 0; left; i++) {
		void *x = page_address(c->half0.vec[i].bv_page);
		void *y = page_address(c->half1.vec[i].bv_page);

		for (at = 0; left && at < PAGE_SIZE; at += n, left -= n) {
			n = min_t(size_t, left, BLOCK_SECTORS << SECTOR_SHIFT);
			found += !!memcmp(x + at, y + at, n);
		}
	}
	return found;
}

/* Both legs of the chunk were read, those of @bad without success. */
static void compare(struct ftm_copy *c, u8 bad)
{
	struct ftm *m = c->m;
	u8 keep = READ_ONCE(m->prefer) % FTM_LEGS;
	bool fix = bad == BIT(0) || bad == BIT(1);

	c->differ = bad ? 0 : differing_blocks(c);
	spin_lock_irq(&m->lock);
	m->scrub.found += c->differ;
	m->scrub.unreadable += bad == 3;
	fix |= c->differ && m->scrub.mode == FTM_SCRUB_REPAIR;
	spin_unlock_irq(&m->lock);
	if (fix)
		rewrite(c, bad ? bad >> 1 : !keep);
	else
		step(c);
}

static void chunk_read(struct ftm_copy *c)
{
	struct ftm *m = c->m;
	u8 bad = 0, from = source_of(c);
	unsigned int l;

	for (l = 0; l < FTM_LEGS; l++) {
		if (!(c->sent & BIT(l)) || !half_of(c, l)->status)
			continue;
		bad |= BIT(l);
		atomic_inc(&m->leg[l].read_errors);
	}
	if (bad && c->range.end - c->range.start > BLOCK_SECTORS) {
		/* Which of the blocks? */
		c->fine = c->range.end;
		ftm_range_leave(m, &c->range);
		next_chunk(c);
		return;
	}
	if (c->what == FTM_SCRUB) {
		compare(c, bad);
	} else if (!bad) {
		rewrite(c, !from);
	} else if (c->what == FTM_REPAIR) {
		step(c);
	} else if (!c->turned && (ftm_flags(m) & FTM_SYNC_ANY) == FTM_SYNC_ANY) {
		/* Both are good: take it from the other one, into the same pages. */
		c->turned = true;
		if (!send(c, BIT(!c->src), half_of(c, c->src), REQ_OP_READ))
			give_up(c);
	} else {
		/* The rest of the region is copied, but its bit stays, and so
		 * does the leg that lacks this block.
		 */
		DMERR_LIMIT("%s: sectors %llu+%llu cannot be read: write to them",
			    m->pair.name, (u64)c->range.start,
			    (u64)(c->range.end - c->range.start));
		c->unreadable = true;
		step(c);
	}
}

static void chunk_written(struct ftm_copy *c)
{
	struct ftm *m = c->m;
	sector_t sectors = c->range.end - c->range.start;
	unsigned int l = c->sent >> 1;

	if (half_of(c, l)->status) {
		/* Before the range is left: what waits for it finds the loss. */
		ftm_leg_error(m, l);
		give_up(c);
		return;
	}
	if (c->what == FTM_RESYNC) {
		atomic64_add(sectors << SECTOR_SHIFT, &m->sync_copied);
	} else if (c->what == FTM_SCRUB && c->differ) {
		spin_lock_irq(&m->lock);
		m->scrub.fixed += c->differ;
		spin_unlock_irq(&m->lock);
		DMWARN_LIMIT("%s: %u blocks from sector %llu differed: leg %u takes leg %u's",
			     m->pair.name, c->differ, (u64)c->range.start, l, !l);
	} else {
		atomic_add(DIV_ROUND_UP(sectors, BLOCK_SECTORS), &m->leg[l].rewritten);
		DMWARN_LIMIT("%s: sectors %llu+%llu of leg %u rewritten from leg %u",
			     m->pair.name, (u64)c->range.start, (u64)sectors, l, !l);
	}
	step(c);
}

/* All that was sent has ended. */
static void copy_work(struct work_struct *work)
{
	struct ftm_copy *c = container_of(work, struct ftm_copy, work);
	struct ftm_bucket *b = ftm_bucket(c->m, c->range.region);
	bool abandoned;

	spin_lock_irq(&b->lock);
	abandoned = c->abandoned;
	spin_unlock_irq(&b->lock);
	if (abandoned)
		copy_end(c, false);
	else if (c->writing)
		chunk_written(c);
	else
		chunk_read(c);
}

/*
 * Leg @l was lost: does @c wait for it alone, so that its range may be left? What it
 * writes late lands where no one reads, as a write does that is abandoned; what it
 * reads late lands in our pages, and is not written. Under the bucket's lock.
 */
bool ftm_copy_abandon(struct ftm_copy *c, unsigned int l)
{
	if (!(c->pending & BIT(l)))
		return false;
	c->abandoned = true;
	return true;
}

/* Take region @r for copying, if it is to be copied and nobody does. */
static bool claim(struct ftm *m, u32 r)
{
	struct ftm_bucket *b = ftm_bucket(m, r);
	struct ftm_region *reg = &m->region[r];
	bool mine;

	spin_lock_irq(&b->lock);
	mine = (reg->flags & R_COPY) && !(reg->flags & (R_COPYING | R_UNREADABLE));
	if (mine)
		reg->flags |= R_COPYING;
	spin_unlock_irq(&b->lock);
	return mine;
}

static bool claim_next(struct ftm *m, u32 *region)
{
	struct ftm_io *io;
	u32 wanted = U32_MAX, i;

	/* First what a reader waits for. */
	spin_lock_irq(&m->lock);
	list_for_each_entry(io, &m->suspect, list) {
		u16 f = m->region[io->range.region].flags;	/* a hint */

		if ((f & R_COPY) && !(f & (R_COPYING | R_UNREADABLE))) {
			wanted = io->range.region;
			break;
		}
	}
	spin_unlock_irq(&m->lock);
	if (wanted != U32_MAX && claim(m, wanted)) {
		*region = wanted;
		return true;
	}
	for (i = 0; i < m->regions; i++) {
		if (m->cursor >= m->regions)
			m->cursor = 0;
		*region = m->cursor++;
		if (ftm_peek(&m->region[*region], R_COPY) && claim(m, *region))
			return true;
	}
	return false;
}

static bool start_repair(struct ftm *m)
{
	struct ftm_copy *c;
	unsigned long irq;

	if (atomic_read(&m->n_active) > FTM_COPIES)
		return false;
	spin_lock_irqsave(&m->lock, irq);
	c = list_first_entry_or_null(&m->repair, struct ftm_copy, list);
	if (c)
		list_del(&c->list);
	spin_unlock_irqrestore(&m->lock, irq);
	if (!c)
		return false;
	atomic_inc(&m->n_active);
	copy_begin(c);
	return true;
}

/* The next region to be compared, if any. One that is to be copied is left out. */
static bool scrub_next(struct ftm *m, u32 *region, u32 *run)
{
	bool any;

	spin_lock_irq(&m->lock);
	any = m->scrub.mode && m->scrub.next < m->regions;
	if (any)
		*region = m->scrub.next++;
	*run = m->scrub.run;
	spin_unlock_irq(&m->lock);
	return any;
}

/*
 * Begin a scrub, or end it: FTM_SCRUB_IDLE. Errors: EBUSY, one runs already, or the
 * legs are not both in sync; ENOENT, none runs.
 */
int ftm_scrub(struct ftm *m, enum ftm_scrub_mode mode)
{
	int err = 0;

	spin_lock_irq(&m->lock);
	if (mode == FTM_SCRUB_IDLE) {
		err = m->scrub.mode ? 0 : -ENOENT;
		m->scrub.mode = mode;
	} else if (m->scrub.mode || (m->flags & FTM_SUSPECT) ||
		   (m->flags & FTM_SYNC_ANY) != FTM_SYNC_ANY) {
		err = -EBUSY;
	} else {
		m->scrub = (struct ftm_scrub){ .mode = mode, .run = m->scrub.run + 1 };
	}
	spin_unlock_irq(&m->lock);
	if (!err)
		ftm_changed(m);
	queue_work(m->wq, &m->copier);
	return err;
}

/*
 * May one more region be copied now? While there is other I/O, resync_min is
 * enough; else resync_max is the limit. If not, the copier is queued for when it
 * may be. What a reader waits for is never slowed down.
 */
static bool in_pace(struct ftm *m)
{
	bool busy = time_before(jiffies, READ_ONCE(m->busy_at) + HZ / 10);
	u64 rate = READ_ONCE(m->resync_max), earned, need;
	unsigned long passed = jiffies - m->pace_at;

	if (busy) {
		u64 least = READ_ONCE(m->resync_min);

		rate = rate ? min(rate, least) : least;
	}
	if (!list_empty_careful(&m->suspect) || (!rate && !busy))
		return true;
	/* A window that is long past earns no burst. */
	if (passed > HZ) {
		m->pace_at = jiffies;
		m->pace_bytes = 0;
		passed = 0;
	}
	earned = div_u64(max(rate, 1ULL) * 1024 * passed, HZ);
	if (m->pace_bytes <= earned) {
		m->pace_bytes += (u64)512 << m->region_shift;
		return true;
	}
	need = div64_u64((m->pace_bytes - earned) * HZ, max(rate, 1ULL) * 1024) + 1;
	/* The other I/O may end before. */
	queue_delayed_work(m->wq, &m->pace, min_t(u64, need, HZ / 10));
	return false;
}

void ftm_pace_work(struct work_struct *work)
{
	struct ftm *m = container_of(to_delayed_work(work), struct ftm, pace);

	queue_work(m->wq, &m->copier);
}

/* Keeps copies going while both legs are in use. */
void ftm_copier_work(struct work_struct *work)
{
	struct ftm *m = container_of(work, struct ftm, copier);
	struct ftm_copy *c;

	if (READ_ONCE(m->stopping))
		return;
	while (start_repair(m))
		;
	if ((ftm_flags(m) & FTM_USE_ANY) != FTM_USE_ANY)
		return;
	while ((atomic_read(&m->n_copy) || READ_ONCE(m->scrub.mode)) &&
	       atomic_read(&m->n_active) < FTM_COPIES) {
		if (!in_pace(m))
			return;
		c = copy_new(m, FTM_RESYNC, GFP_NOIO);
		if (!c) {
			mod_delayed_work(m->wq, &m->cleaner, HZ / 10);
			return;
		}
		if (!atomic_read(&m->n_copy) || !claim_next(m, &c->range.region)) {
			c->what = FTM_SCRUB;
			if (!scrub_next(m, &c->range.region, &c->run)) {
				kfree(c);
				break;
			}
		}
		atomic_inc(&m->n_active);
		c->src = READ_ONCE(m->source);
		c->range.start = (sector_t)c->range.region << m->region_shift;
		c->end = min_t(sector_t, m->ti->len,
			       (sector_t)(c->range.region + 1) << m->region_shift);
		copy_begin(c);
	}
	/* All is copied: flush, and the target may be finished. */
	if (!atomic_read(&m->n_copy) && !atomic_read(&m->n_active))
		mod_delayed_work(m->wq, &m->cleaner, 0);
}

/*
 * Sectors [@start, @end) were read from one leg after leg @bad had failed: they are
 * rewritten there, under a range of their own. Any context; if there is no
 * memory, the next read of them tries again.
 */
void ftm_repair(struct ftm *m, sector_t start, sector_t end, unsigned int bad)
{
	struct ftm_copy *c;
	unsigned long irq;

	if ((ftm_flags(m) & FTM_SYNC_ANY) != FTM_SYNC_ANY)
		return;
	c = copy_new(m, FTM_REPAIR, GFP_ATOMIC);
	if (!c)
		return;
	c->src = !bad;
	c->range.start = start;
	c->range.region = start >> m->region_shift;
	c->end = end;
	spin_lock_irqsave(&m->lock, irq);
	list_add_tail(&c->list, &m->repair);
	spin_unlock_irqrestore(&m->lock, irq);
	queue_work(m->wq, &m->copier);
}
