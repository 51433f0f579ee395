// SPDX-License-Identifier: GPL-2.0
/*
 * Copies from leg to leg: what differs after a leg has joined, what a crash
 * left suspect, and blocks that one leg could not read. A chunk being copied is
 * a range in flight like any write's: neither is sent while the other is
 * [NOEXCL]. The data passes through kcopyd's own pages.
 */
#include <linux/slab.h>

#include "mirror.h"

static void next_chunk(struct ftm_copy *c);

static bool still_wanted(struct ftm_copy *c)
{
	struct ftm *m = c->m;

	return !READ_ONCE(m->stopping) && READ_ONCE(m->joins) == c->join;
}

/* The copy of the region has ended, well or not. No range is held. */
static void copy_end(struct ftm_copy *c, bool copied, bool unreadable)
{
	struct ftm *m = c->m;
	struct ftm_region *r = &m->region[c->range.region];
	struct ftm_bucket *b = ftm_bucket(m, c->range.region);

	if (!c->repair) {
		spin_lock_irq(&b->lock);
		r->flags &= ~R_COPYING;
		if (unreadable) {
			r->flags |= R_UNREADABLE;
		} else if (copied && (r->flags & R_COPY) && !(r->flags & R_AGAIN)) {
			/* On the other leg, perhaps only in its cache: equal
			 * for good after a flush of both [SRC_NOFLUSH].
			 * No flush that began before covers it.
			 */
			r->flags &= ~(R_COPY | R_SETTLE | R_CAND);
			atomic_dec(&m->n_copy);
			if (!(r->flags & R_FLUSH)) {
				r->flags |= R_FLUSH;
				atomic_inc(&m->n_flush);
			}
		}
		r->flags &= ~R_AGAIN;
		spin_unlock_irq(&b->lock);
	}
	kfree(c);
	atomic_dec(&m->n_active);
	if (!list_empty_careful(&m->suspect))
		mod_delayed_work(m->wq, &m->cleaner, 0);
	wake_up_all(&m->wait);
	queue_work(m->wq, &m->copier);
}

static void copied(int read_err, unsigned long write_err, void *context)
{
	struct ftm_copy *c = context;
	struct ftm *m = c->m;
	bool both = (ftm_flags(m) & FTM_SYNC_ANY) == FTM_SYNC_ANY;
	sector_t sectors = c->range.end - c->range.start;
	struct ftm_bucket *b = ftm_bucket(m, c->range.region);
	u8 src = c->src, dst = c->dst;
	bool turned = c->turned, given_up;

	spin_lock_irq(&b->lock);
	c->sent = false;
	given_up = c->given_up;
	spin_unlock_irq(&b->lock);
	if (turned)
		swap(src, dst);
	/* Before the range is left: what waits for it finds the loss. */
	if (write_err && !read_err)
		ftm_leg_lost(m, dst, FT_REASON_IO_ERROR);
	ftm_leg_put(&m->leg[0]);
	ftm_leg_put(&m->leg[1]);
	if (given_up) {		/* the source may have changed since */
		copy_end(c, false, false);
		return;
	}
	ftm_range_leave(m, &c->range);

	if (read_err) {
		if (!c->repair && both && !turned) {
			/* Both are good: take it from the other one. */
			c->turned = true;
			next_chunk(c);
			return;
		}
		if (!both && !c->repair && still_wanted(c) &&
		    (ftm_flags(m) & FTM_USE(dst))) {
			DMERR("%s: leg %u cannot be read near sector %llu, which leg %u lacks",
			      m->pair.name, src, (u64)c->range.start, dst);
			ftm_leg_lost(m, dst, FT_REASON_IO_ERROR);
		}
		copy_end(c, false, both && !c->repair);
		return;
	}
	if (write_err) {
		copy_end(c, false, false);
		return;
	}
	if (c->repair) {
		atomic_inc(&m->repaired);
		DMWARN("%s: sectors %llu+%llu of leg %u rewritten from leg %u",
		       m->pair.name, (u64)c->range.start, (u64)sectors, dst, src);
		copy_end(c, true, false);
		return;
	}
	atomic64_add(sectors << SECTOR_SHIFT, &m->sync_copied);
	c->range.start = c->range.end;
	c->turned = false;
	if (c->range.start == c->end)
		copy_end(c, true, false);
	else
		next_chunk(c);
}

/*
 * Leg @l was lost: is @c a copy to it that nobody has to wait for? It writes late
 * where no one reads, as a write does that is abandoned. A copy *from* it would
 * write to the survivor, and keeps its range. Under the bucket's lock.
 */
bool ftm_copy_abandon(struct ftm_copy *c, unsigned int l)
{
	if (!c->sent || l != (c->turned ? c->src : c->dst))
		return false;
	c->given_up = true;
	return true;
}

/* The chunk's range is in flight: copy it. Process context. */
void ftm_copy_chunk(struct ftm_copy *c)
{
	struct ftm *m = c->m;
	struct ftm_bucket *b = ftm_bucket(m, c->range.region);
	struct dm_io_region from, to;
	u8 src = c->turned ? c->dst : c->src;
	u8 dst = !src;
	u32 want = FTM_SYNC(src) | FTM_USE(dst);
	bool lost;

	/* Which legs are in use is one picture; and both stay while held. */
	if (c->repair || c->turned)
		want |= FTM_SYNC(dst);
	if (!still_wanted(c) || !ftm_leg_get(&m->leg[0], want))
		goto out;
	if (!ftm_leg_get(&m->leg[1], want)) {
		ftm_leg_put(&m->leg[0]);
		goto out;
	}
	from.bdev = m->leg[src].dev->bdev;
	from.sector = m->leg[src].meta.data_offset + c->range.start;
	from.count = c->range.end - c->range.start;
	to.bdev = m->leg[dst].dev->bdev;
	to.sector = m->leg[dst].meta.data_offset + c->range.start;
	to.count = from.count;
	spin_lock_irq(&b->lock);
	/* Not if a leg was lost meanwhile: it was abandoned before this. */
	lost = (ftm_flags(m) & want) != want;
	c->sent_at = jiffies;
	c->sent = !lost;
	spin_unlock_irq(&b->lock);
	if (lost) {
		ftm_leg_put(&m->leg[0]);
		ftm_leg_put(&m->leg[1]);
		goto out;
	}
	dm_kcopyd_copy(m->kcopyd, &from, 1, &to, 0, copied, c);
	return;
out:
	ftm_range_leave(m, &c->range);
	copy_end(c, false, false);
}

static void next_chunk(struct ftm_copy *c)
{
	struct ftm_bucket *b = ftm_bucket(c->m, c->range.region);
	bool entered;

	c->range.end = min_t(sector_t, c->range.start + FTM_COPY_SECTORS, c->end);
	spin_lock_irq(&b->lock);
	/* Waits for writes that were sent, blocks new ones. */
	entered = ftm_range_enter(b, &c->range);
	spin_unlock_irq(&b->lock);
	if (entered)
		ftm_copy_chunk(c);
}

static struct ftm_copy *copy_new(struct ftm *m, gfp_t gfp)
{
	struct ftm_copy *c = kzalloc(sizeof(*c), gfp);

	if (c) {
		c->m = m;
		c->range.copy = true;
		c->join = READ_ONCE(m->joins);
	}
	return c;
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

	spin_lock_irqsave(&m->lock, irq);
	c = list_first_entry_or_null(&m->repair, struct ftm_copy, list);
	if (c)
		list_del(&c->list);
	spin_unlock_irqrestore(&m->lock, irq);
	if (!c)
		return false;
	atomic_inc(&m->n_active);
	next_chunk(c);
	return true;
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
	u32 r;

	if (READ_ONCE(m->stopping))
		return;
	while (start_repair(m))
		;
	if ((ftm_flags(m) & FTM_USE_ANY) != FTM_USE_ANY)
		return;
	while (atomic_read(&m->n_copy) && atomic_read(&m->n_active) < FTM_COPIES) {
		if (!in_pace(m))
			return;
		c = copy_new(m, GFP_NOIO);
		if (!c) {
			mod_delayed_work(m->wq, &m->cleaner, HZ / 10);
			return;
		}
		if (!claim_next(m, &r)) {
			kfree(c);
			break;
		}
		atomic_inc(&m->n_active);
		c->src = READ_ONCE(m->source);
		c->dst = !c->src;
		c->range.region = r;
		c->range.start = (sector_t)r << m->region_shift;
		c->end = min_t(sector_t, m->ti->len, (sector_t)(r + 1) << m->region_shift);
		next_chunk(c);
	}
	/* All is copied: flush, and the target may be finished. */
	if (!atomic_read(&m->n_copy) && !atomic_read(&m->n_active))
		mod_delayed_work(m->wq, &m->cleaner, 0);
}

/*
 * @io was read from one leg after the other had failed: the blocks are
 * rewritten there, under a range of their own. Any context; if there is no
 * memory, the next read of them tries again.
 */
void ftm_repair(struct ftm_io *io)
{
	struct ftm *m = io->m;
	struct ftm_copy *c;
	unsigned long irq;
	u8 bad = io->bad & 1 ? 0 : 1;

	if ((ftm_flags(m) & FTM_SYNC_ANY) != FTM_SYNC_ANY)
		return;
	c = copy_new(m, GFP_ATOMIC);
	if (!c)
		return;
	c->repair = true;
	c->src = !bad;
	c->dst = bad;
	c->range.start = io->range.start;
	c->range.end = io->range.end;
	c->range.region = io->range.region;
	c->end = io->range.end;
	spin_lock_irqsave(&m->lock, irq);
	list_add_tail(&c->list, &m->repair);
	spin_unlock_irqrestore(&m->lock, irq);
	queue_work(m->wq, &m->copier);
}
