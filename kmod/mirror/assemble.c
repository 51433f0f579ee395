// SPDX-License-Identifier: GPL-2.0
/*
 * Assembly, join, replace: what the superblocks say, and what follows. The rows
 * are those of the table in docs/mirror-format.md.
 */
#include <linux/blkdev.h>
#include <linux/random.h>
#include <linux/vmalloc.h>

#include "mirror.h"

/* Marks the regions that differ, or may: the union of both bitmaps [NOUNION]. */
static void mark_union(struct ftm *m, unsigned int t,
		       const struct ft_bitmap_block *image)
{
	u32 i;

	for (i = 0; i < m->regions; i++) {
		bool on_s = ftm_bit(m, i);
		bool on_t = test_bit_le(i % FT_BITMAP_BITS,
					image[i / FT_BITMAP_BITS].bits);
		struct ftm_bucket *b = ftm_bucket(m, i);

		if (!on_s && !on_t)
			continue;
		/* The image has the union from here on, so that no block written
		 * to either leg clears a bit that only the other one had.
		 */
		if (!on_s)
			ftm_image_set(m, i);
		spin_lock_irq(&b->lock);
		if (on_t)
			m->region[i].flags |= R_DUR(t);
		/* What was written before the copy does not keep the bit set
		 * beyond it.
		 */
		if (!m->region[i].hold)
			m->region[i].flags &= ~R_TOUCHED;
		ftm_region_set_copy(m, &m->region[i]);
		spin_unlock_irq(&b->lock);
		if (!(i & 0xffff))
			cond_resched();
	}
	m->sync_total = (u64)atomic_read(&m->n_copy) * ((u64)512 << m->region_shift);
}

/* Has the leg's device room for what @meta says? */
static int fits(struct ftm_leg *leg, const struct ft_leg_meta *meta)
{
	return ft_geometry_check(meta, bdev_nr_sectors(leg->dev->bdev)) ? -EFBIG : 0;
}

static void forget_durable(struct ftm *m, unsigned int l)
{
	u32 i;

	for (i = 0; i < m->regions; i++) {
		struct ftm_bucket *b = ftm_bucket(m, i);

		spin_lock_irq(&b->lock);
		m->region[i].flags &= ~R_DUR(l);
		spin_unlock_irq(&b->lock);
		if (!(i & 0xffff))
			cond_resched();
	}
}

/*
 * Leg @t is used from here on, with @more in ftm::flags. Whoever saw it unused
 * before has its write in flight, with the bit set. -EAGAIN: a record is owed,
 * which goes first [LAZY].
 */
static int start_using(struct ftm *m, unsigned int t, u32 more,
		       enum ft_member_state state, enum ft_reason reason)
{
	int err = 0;

	spin_lock_irq(&m->lock);
	if (m->leg[t].cut)
		err = -ESHUTDOWN;
	else if (m->flags & FTM_FAILED)
		err = -EIO;
	else if ((m->flags & FTM_UNREC) && test_bit(FTM_TODO_RECORD, &m->todo))
		err = -EAGAIN;
	if (!err) {
		ftm_set_flags(m, (m->flags & ~FTM_UNREC) | FTM_USE(t) | more);
		ftm_leg_state(&m->leg[t], state, reason);
		m->joins++;
		m->source = !t;
	}
	spin_unlock_irq(&m->lock);
	return err;
}

/*
 * Row 1: both legs are good, what is dirty on either is suspect. @t has the
 * running leg's generation, so nothing was written since it was last seen.
 */
static int join_same(struct ftm *m, struct ftm_request *rq)
{
	struct ftm_leg *leg = &m->leg[rq->leg];
	u64 size = m->leg[!rq->leg].meta.data_size;
	unsigned int t = rq->leg;
	int err;

	spin_lock_irq(&m->lock);
	leg->meta = rq->meta;
	spin_unlock_irq(&m->lock);
	if (rq->meta.data_size != size) {
		/* Growth that reached one leg only. What the larger one has more
		 * is dirty on that one [GROW_NOBITS]; nobody has used it.
		 */
		rq->meta.data_size = size;
		err = ftm_write_super(leg, &rq->meta);
		if (err)
			return err;
	}
	forget_durable(m, t);
	/* Before it is used: reads that begin later find the suspects. */
	mark_union(m, t, rq->image);
	err = start_using(m, t, FTM_SYNC(t) |
			  (atomic_read(&m->n_copy) ? FTM_SUSPECT : 0),
			  FT_MEMBER_STATE_IN_SYNC, FT_REASON_NONE);
	if (err && err != -EAGAIN)
		ftm_regions_forget_copies(m);
	return err;
}

/* Rows 2, 3, and 4 by an operator's word: @t is brought up to date. */
static int join_target(struct ftm *m, struct ftm_request *rq, bool marked)
{
	struct ftm_leg *s = &m->leg[!rq->leg], *t = &m->leg[rq->leg];
	struct ft_leg_meta meta;
	int err;

	if (!marked) {
		/* Join 1: from here the disk says that it is inconsistent, and
		 * of which generation, whatever is interrupted [NOSYN].
		 */
		spin_lock_irq(&m->lock);
		t->meta = rq->meta;
		spin_unlock_irq(&m->lock);
		meta = rq->meta;
		meta.gen = s->meta.gen;
		meta.data_size = s->meta.data_size;	/* [GROW_JOIN] */
		meta.base = 0;
		meta.syncing = 1;
		err = ftm_write_super(t, &meta);
		if (err)
			return err;
		rq->meta = meta;
	}
	forget_durable(m, rq->leg);
	m->joining = true;
	err = start_using(m, rq->leg, 0, FT_MEMBER_STATE_SYNCING, FT_REASON_RESYNC);
	if (!err)
		mark_union(m, rq->leg, rq->image);
	m->joining = false;
	return err;
}

/*
 * Replace by a disk that knows nothing. 1: the survivor names the new leg, and
 * records that it runs alone, in one write, so that the old leg can never look
 * in sync or take the place back. 2: all of it is dirty. 3: as a join.
 */
static int replace(struct ftm *m, struct ftm_request *rq)
{
	struct ftm_leg *s = &m->leg[!rq->leg], *t = &m->leg[rq->leg];
	struct ft_leg_meta meta = s->meta;
	u32 i;
	u8 ok;
	int err;

	memcpy(meta.peer, rq->meta.id, sizeof(meta.peer));
	if (!meta.base) {
		meta.base = meta.gen;
		meta.gen = ftm_new_gen(m);
	}
	err = ftm_write_super(s, &meta);
	if (err) {
		ftm_fail(m, FT_REASON_RECORD_FAILED);
		return err;
	}
	spin_lock_irq(&m->lock);
	ftm_set_flags(m, m->flags & ~(FTM_UNREC | FTM_SUSPECT));
	spin_unlock_irq(&m->lock);
	ftm_regions_forget_copies(m);

	for (i = 0; i < m->regions; i++)
		ftm_image_set(m, i);
	err = ftm_write_blocks(m, BIT(s->index), &ok);
	if (err)
		return err;
	for (i = 0; i < m->regions; i++) {
		struct ftm_bucket *b = ftm_bucket(m, i);

		spin_lock_irq(&b->lock);
		m->region[i].flags |= R_DUR(s->index);
		spin_unlock_irq(&b->lock);
	}

	meta = s->meta;
	memcpy(meta.id, rq->meta.id, sizeof(meta.id));
	memcpy(meta.peer, s->meta.id, sizeof(meta.peer));
	meta.base = 0;
	meta.syncing = 1;
	meta.seq = 0;
	meta.slot = 1;			/* the first update goes to slot 0 */
	err = ftm_blank_leg(t, &meta);
	if (err)
		return err;
	rq->meta = t->meta;
	memset(rq->image, 0, (size_t)m->blocks * FT_BITMAP_BYTES);
	return join_target(m, rq, true);
}

/*
 * The legs become larger: what is added is dirty on both of them before one of them
 * says that it has it [GROW_NOBITS], so that whoever finds a leg that is larger than
 * the other one knows that they differ there. This mirror stays as large as its table
 * is: its bitmap's bits beyond that are never cleared here, and the region in which its
 * end lies, and so the first of the new sectors, is held for good [GROW_UNHELD].
 */
static int grow(struct ftm *m, struct ftm_request *rq)
{
	u32 last = m->regions - 1, regions, l;
	struct ftm_bucket *b = ftm_bucket(m, last);
	struct ft_leg_meta meta[FTM_LEGS];
	int err;

	if ((ftm_flags(m) & FTM_SYNC_ANY) != FTM_SYNC_ANY)
		return -EBUSY;
	for (l = 0; l < FTM_LEGS; l++) {
		meta[l] = m->leg[l].meta;
		meta[l].data_size = rq->size;
		err = fits(&m->leg[l], &meta[l]);
		if (err)
			return err;
	}
	regions = ft_regions(rq->size, m->region_shift);
	if (!m->end_held) {
		m->end_held = true;
		spin_lock_irq(&b->lock);
		m->region[last].hold++;
		spin_unlock_irq(&b->lock);
	}
	ftm_image_set(m, last);
	err = ftm_write_added(m, regions);
	/* The bits are durable on both legs. */
	for (l = 0; !err && l < FTM_LEGS; l++) {
		err = ftm_write_super(&m->leg[l], &meta[l]);
		if (err)
			ftm_leg_lost(m, l, FT_REASON_IO_ERROR);
	}
	return err;
}

/*
 * Let a leg in, by what both superblocks say now. In the worker, or before the
 * mirror runs. -EAGAIN: again, when the record that is owed has been made.
 */
int ftm_do_request(struct ftm *m, struct ftm_request *rq)
{
	unsigned int t = rq->leg;
	u32 flags = ftm_flags(m);
	enum ft_verdict v;
	int source;

	if (flags & FTM_FAILED)
		return -EIO;
	if (rq->what == FTM_GROW)
		return grow(m, rq);
	if ((flags & FTM_USE(t)) || !(flags & FTM_SYNC(!t)))
		return -EBUSY;
	if ((flags & FTM_UNREC) && test_bit(FTM_TODO_RECORD, &m->todo))
		return -EAGAIN;
	if (rq->what == FTM_REPLACE)
		return replace(m, rq);

	v = ft_verdict(&m->leg[!t].meta, &rq->meta, &source);
	switch (v) {
	case FT_VERDICT_SAME:
		return join_same(m, rq);
	case FT_VERDICT_RESUME:
	case FT_VERDICT_ANCESTOR:
		if (source == 0)
			return join_target(m, rq, false);
		/* We run the older one. What it acknowledged is its own; the
		 * other is newer: a new assembly will take that.
		 */
		ftm_fail(m, FT_REASON_NEWER_LEG);
		return -ESTALE;
	case FT_VERDICT_SPLIT:
		return rq->what == FTM_RESOLVE ? join_target(m, rq, false) : -ENOTUNIQ;
	case FT_VERDICT_BOTH_SYNCING:
	case FT_VERDICT_DAMAGED:
		return -EUCLEAN;
	default:
		return -ENXIO;
	}
}

/*
 * The bitmap of a leg that is to join, and that is going to be as large as the other
 * one. EFBIG: it has not the room.
 */
int ftm_read_joining(struct ftm *m, struct ftm_request *rq)
{
	struct ftm_leg *leg = &m->leg[rq->leg];
	struct ft_leg_meta meta = rq->meta;

	meta.data_size = m->leg[!rq->leg].meta.data_size;
	return fits(leg, &meta) ?: ftm_read_bitmap(leg, &meta, rq->image);
}

/* The first leg: it runs alone until the other one is let in. */
static int start_leg(struct ftm *m, unsigned int s)
{
	struct ftm_leg *leg = &m->leg[s];
	int err;
	u32 i;

	err = ftm_read_bitmap(leg, &leg->meta, m->image);
	if (err)
		return err;
	ftm_image_read(m);
	m->n_dirty = 0;
	for (i = 0; i < m->regions; i++) {
		m->region[i].hold = 0;
		m->region[i].flags = 0;
		if (ftm_bit(m, i)) {
			m->n_dirty++;
			m->region[i].flags = R_DUR(s);
		}
	}
	spin_lock_irq(&m->lock);
	m->source = s;
	m->flags = FTM_USE(s) | FTM_SYNC(s) | (leg->meta.base ? 0 : FTM_UNREC);
	m->todo = 0;
	ftm_leg_state(leg, FT_MEMBER_STATE_IN_SYNC, FT_REASON_NONE);
	spin_unlock_irq(&m->lock);
	return 0;
}

static int alloc_regions(struct ftm *m, const struct ft_leg_meta *meta)
{
	m->region_shift = meta->region_shift;
	m->regions = ft_regions(meta->data_size, meta->region_shift);
	m->blocks = ft_bitmap_blocks(m->regions);
	m->region = kvcalloc(m->regions, sizeof(*m->region), GFP_KERNEL);
	m->image = kvcalloc(m->blocks, FT_BITMAP_BYTES, GFP_KERNEL);
	m->sums = kvcalloc(m->blocks, sizeof(*m->sums), GFP_KERNEL);
	m->dirty_block = kvcalloc(BITS_TO_LONGS(m->blocks), sizeof(long), GFP_KERNEL);
	return m->region && m->image && m->sums && m->dirty_block ? 0 : -ENOMEM;
}

static char *super_error(int err)
{
	switch (err) {
	case -ENODATA:
		return "a leg carries no superblock: make the mirror, or replace the leg";
	case -EUCLEAN:
		return "a leg's superblock is damaged: leave that leg out, then replace it";
	default:
		return "a leg's superblock cannot be read: leave that leg out";
	}
}

/*
 * Judge the legs that the table names. With @check_only, only that; else start
 * the mirror: nothing runs yet, the caller is in process context. Returns 0 or
 * an errno with @error, a text for the operator.
 */
int ftm_assemble(struct ftm *m, bool check_only, char **error)
{
	const struct ft_leg_meta *meta[FTM_LEGS] = { };
	struct ftm_request rq = { .what = FTM_JOIN };
	unsigned int l;
	int err, source;

	for (l = 0; l < FTM_LEGS; l++) {
		struct ftm_leg *leg = &m->leg[l];

		if (!leg->dev)
			continue;
		err = ftm_read_super(leg, &leg->meta);
		if (err) {
			*error = super_error(err);
			return err;
		}
		if (memcmp(leg->meta.uuid, m->pair.uuid, sizeof(m->pair.uuid))) {
			*error = "a leg belongs to another mirror";
			return -ENXIO;
		}
		meta[l] = &leg->meta;
	}

	switch (ft_verdict(meta[0], meta[1], &source)) {
	case FT_VERDICT_SAME:
	case FT_VERDICT_RESUME:
	case FT_VERDICT_ANCESTOR:
	case FT_VERDICT_ONLY_RECORDED:
		break;
	case FT_VERDICT_SPLIT:
		if (m->survivor < 0) {
			*error = "split brain: both legs ran alone; name the survivor";
			return -ENOTUNIQ;
		}
		source = m->survivor;
		rq.what = FTM_RESOLVE;
		break;
	case FT_VERDICT_ONLY_MAYBE_STALE:
		if (!m->start_alone) {
			*error = "the missing leg may be newer: wait for it, or start_alone";
			return -ENODATA;
		}
		break;
	case FT_VERDICT_ONLY_SYNCING:
		*error = "the only leg is inconsistent: it was being copied to";
		return -EUCLEAN;
	case FT_VERDICT_BOTH_SYNCING:
		*error = "no consistent leg: both were being copied to";
		return -EUCLEAN;
	case FT_VERDICT_DAMAGED:
		*error = "the superblocks contradict each other";
		return -EUCLEAN;
	case FT_VERDICT_UNRELATED:
		*error = "the legs do not belong together: leave one out, then replace it";
		return -ENXIO;
	case FT_VERDICT_NO_LEGS:
		*error = "no leg is there";
		return -ENODEV;
	}

	if (meta[source]->data_size != m->ti->len) {
		*error = "the table's length is not the size of the mirror";
		return -EINVAL;
	}
	*error = "out of memory";
	if (!m->region) {
		err = alloc_regions(m, meta[source]);
		if (err)
			return err;
	} else if (m->region_shift != meta[source]->region_shift) {
		*error = "the superblocks have changed since the table was loaded";
		return -ESTALE;
	}
	if (check_only)
		return 0;

	*error = "a leg's bitmap cannot be read";
	err = start_leg(m, source);
	if (err || !meta[!source])
		return err;
	rq.leg = !source;
	rq.meta = *meta[!source];
	*error = "out of memory";
	rq.image = kvcalloc(m->blocks, FT_BITMAP_BYTES, GFP_KERNEL);
	if (!rq.image)
		return -ENOMEM;
	/* A leg that fails from here on is a leg lost: the mirror starts. */
	err = ftm_read_joining(m, &rq);
	if (!err)
		err = ftm_do_request(m, &rq);
	kvfree(rq.image);
	if (err) {
		DMWARN("%s: leg %u (%s) could not be joined: %d", m->pair.name,
		       rq.leg, m->leg[rq.leg].name, err);
		spin_lock_irq(&m->lock);
		ftm_leg_state(&m->leg[rq.leg], FT_MEMBER_STATE_FAULTY, FT_REASON_IO_ERROR);
		spin_unlock_irq(&m->lock);
	}
	return 0;
}

/*
 * Nothing is in flight and nothing will be: flush, and clear what is equal, so
 * that the next assembly has nothing to copy.
 */
int ftm_stop(struct ftm *m)
{
	u32 flags, i;
	u8 ok;

	if ((ftm_flags(m) & FTM_USE_ANY) != FTM_USE_ANY || ftm_flags(m) & FTM_UNREC)
		return ftm_flush_legs(m);
	if (ftm_flush_legs(m))
		return -EIO;
	flags = ftm_flags(m);
	if ((flags & FTM_USE_ANY) != FTM_USE_ANY)
		return -EIO;
	for (i = 0; i < m->regions; i++) {
		struct ftm_region *r = &m->region[i];
		struct ftm_bucket *b = ftm_bucket(m, i);

		if (!ftm_bit(m, i))
			continue;
		spin_lock_irq(&b->lock);
		if (r->flags & R_FLUSH)
			atomic_dec(&m->n_flush);
		r->flags &= ~(R_FLUSH | R_SETTLE | R_CAND);
		if (!(r->flags & R_COPY) && !r->hold) {
			r->flags &= ~R_DUR_ANY;
			ftm_image_clear(m, i);
		}
		spin_unlock_irq(&b->lock);
	}
	return ftm_write_blocks(m, flags & FTM_USE_ANY, &ok);
}
