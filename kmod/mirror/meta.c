// SPDX-License-Identifier: GPL-2.0
/*
 * Superblocks and bitmaps. Every write here is FUA: when a function returns 0,
 * what it wrote is durable. A request has a page of its own, so that one to a
 * hung leg can be left behind.
 *
 * Only the bitmap's blocks are written out of the image itself, which does not
 * change before all legs have answered or were given up. A leg that reads it late,
 * in the midst of a change, gets a block that is torn, and so all ones, or one with
 * more bits: no bit is cleared while a leg is out of use [CLEAR_DEGRADED], and it
 * does not come back before its last request has ended [HUNG_EARLY].
 */
#include <linux/blkdev.h>
#include <linux/random.h>
#include <linux/vmalloc.h>

#include "mirror.h"

#define META_WRITE	(REQ_OP_WRITE | REQ_FUA | REQ_META | REQ_SYNC)

struct ftm_mio {		/* one request of 4 KiB, or a flush */
	struct ftm_leg *leg;
	struct page *page;
	struct bio bio;
	struct bio_vec bvec;
	refcount_t ref;		/* the waiter and the request */
	bool commit;		/* nobody waits: ftm_commit_end() is told */
	bool done;
	blk_status_t status;
};

int ftm_meta_pools(struct ftm *m)
{
	return mempool_init_kmalloc_pool(&m->mios, 4 * FTM_META_BATCH,
					 sizeof(struct ftm_mio)) ?:
	       mempool_init_page_pool(&m->pages, 4 * FTM_META_BATCH, 0);
}

static void mio_put(struct ftm_mio *mio)
{
	struct ftm *m = mio->leg->m;

	if (!refcount_dec_and_test(&mio->ref))
		return;
	if (mio->page)
		mempool_free(mio->page, &m->pages);
	bio_uninit(&mio->bio);
	mempool_free(mio, &m->mios);
}

static bool mio_done(struct ftm_mio *mio)
{
	return smp_load_acquire(&mio->done); /* pairs with mio_endio() */
}

static void mio_endio(struct bio *bio)
{
	struct ftm_mio *mio = container_of(bio, struct ftm_mio, bio);
	struct ftm_leg *leg = mio->leg;

	if (mio->commit) {
		ftm_commit_end(leg->m, leg->index, bio->bi_status);
		mio_put(mio);
		ftm_leg_put(leg);
		return;
	}
	mio->status = bio->bi_status;
	smp_store_release(&mio->done, true); /* pairs with mio_done() */
	wake_up_all(&leg->m->wait);
	mio_put(mio);
	ftm_leg_put(leg);
}

static void mio_init(struct ftm_mio *mio, struct ftm_leg *leg, blk_opf_t opf,
		     sector_t sector)
{
	mio->leg = leg;
	mio->page = NULL;
	refcount_set(&mio->ref, 2);
	mio->commit = false;
	mio->done = false;
	bio_init(&mio->bio, leg->dev->bdev, &mio->bvec, 1, opf);
	mio->bio.bi_iter.bi_sector = sector;
	mio->bio.bi_end_io = mio_endio;
}

static void mio_set_block(struct ftm_mio *mio, const void *block)
{
	__bio_add_page(&mio->bio, is_vmalloc_addr(block) ? vmalloc_to_page(block) :
							   virt_to_page(block),
		       FT_BITMAP_BYTES, 0);
}

/*
 * @data: what to write, NULL for a read or a flush. With @block, it is one of the
 * image's, and not copied. The caller knows that the leg has a device and keeps it
 * from being given back until this returns.
 */
static struct ftm_mio *mio_submit(struct ftm_leg *leg, blk_opf_t opf,
				  sector_t sector, const void *data, bool block)
{
	struct ftm *m = leg->m;
	struct ftm_mio *mio = mempool_alloc(&m->mios, GFP_NOIO);

	mio_init(mio, leg, opf, sector);
	if (block) {
		mio_set_block(mio, data);
	} else if (!(opf & REQ_PREFLUSH)) {
		mio->page = mempool_alloc(&m->pages, GFP_NOIO);
		if (data)
			memcpy(page_address(mio->page), data, FT_SB_BYTES);
		__bio_add_page(&mio->bio, mio->page, FT_SB_BYTES, 0);
	}
	atomic_inc(&leg->outstanding);
	submit_bio(&mio->bio);
	return mio;
}

/*
 * Wait for @mio, but not for a leg that was lost meanwhile or that lets the
 * deadline pass. @used: the leg was in use when it was submitted. @data takes
 * what was read. Returns 0 or a negative errno.
 */
static int mio_wait(struct ftm_mio *mio, bool used, void *data)
{
	struct ftm_leg *leg = mio->leg;
	struct ftm *m = leg->m;
	long limit = m->timeout_ms ? msecs_to_jiffies(m->timeout_ms) :
				     MAX_SCHEDULE_TIMEOUT;
	int err;

	while (!wait_event_timeout(m->wait, mio_done(mio) ||
				   (used && !(ftm_flags(m) & FTM_USE(leg->index))),
				   limit)) {
		/* The last good leg is waited for all the same. */
		if (!used || ftm_leg_lost(m, leg->index, FT_REASON_TIMEOUT))
			break;
	}
	if (!mio_done(mio)) {
		err = -ETIMEDOUT;
	} else {
		err = blk_status_to_errno(mio->status);
		if (!err && data)
			memcpy(data, page_address(mio->page), FT_SB_BYTES);
	}
	mio_put(mio);
	return err;
}

static int leg_read(struct ftm_leg *leg, sector_t sector, void *data)
{
	return mio_wait(mio_submit(leg, REQ_OP_READ | REQ_META, sector, NULL, false),
			false, data);
}

static int leg_write(struct ftm_leg *leg, sector_t sector, const void *data)
{
	bool used = ftm_flags(leg->m) & FTM_USE(leg->index);

	return mio_wait(mio_submit(leg, META_WRITE, sector, data, false), used, NULL);
}

/*
 * Read the superblock of a leg. 0; -EIO and the like: it cannot be read, which
 * is not the same as blank; -ENODATA: blank; -EUCLEAN: damaged, from another
 * version, or of another size.
 */
int ftm_read_super(struct ftm_leg *leg, struct ft_leg_meta *meta)
{
	struct ft_sb *sb = kmalloc_array(FT_SB_SLOTS, sizeof(*sb), GFP_NOIO);
	enum ft_sb_error e;
	int err = -ENOMEM, i;

	if (!sb)
		return err;
	for (i = 0; i < FT_SB_SLOTS; i++) {
		err = leg_read(leg, FT_SB_SECTOR(i), &sb[i]);
		if (err)
			goto out;
	}
	e = ft_sb_choose(&sb[0], &sb[1], bdev_nr_sectors(leg->dev->bdev), meta);
	if (e == FT_SB_BLANK)
		err = -ENODATA;
	else if (e != FT_SB_OK)
		err = -EUCLEAN;
out:
	kfree(sb);
	return err;
}

/*
 * Read the bitmap of a leg that is not in use. A block that cannot be read, or
 * that is damaged, counts as all ones. Only a leg that does not answer at all
 * is an error.
 */
int ftm_read_bitmap(struct ftm_leg *leg, const struct ft_leg_meta *meta,
		    struct ft_bitmap_block *image)
{
	u32 i;

	for (i = 0; i < leg->m->blocks; i++) {
		int err = leg_read(leg, meta->bitmap_offset + 8ULL * i, &image[i]);

		if (err == -ETIMEDOUT || err == -ENODEV)
			return err;
		if (err || !ft_bitmap_block_ok(&image[i], i)) {
			DMWARN("%s: %s: bitmap block %u is %s: all of it counts as dirty",
			       leg->m->pair.name, leg->name, i,
			       err ? "unreadable" : "damaged");
			memset(image[i].bits, 0xff, sizeof(image[i].bits));
		}
	}
	return 0;
}

/*
 * Make @meta the leg's superblock: seq and slot are advanced here. On success
 * it is durable and leg->meta is @meta; on an error either state may be on the
 * disk, leg->meta is as it was, and the next update overwrites the same slot.
 */
int ftm_write_super(struct ftm_leg *leg, struct ft_leg_meta *meta)
{
	struct ftm *m = leg->m;
	int err;

	/* The older slot: if this write is torn, the newer one is untouched. */
	meta->slot = !meta->slot;
	meta->seq++;
	ft_sb_encode(meta, m->sb);
	err = leg_write(leg, FT_SB_SECTOR(meta->slot), m->sb);
	if (err)
		return err;
	spin_lock_irq(&m->lock);
	leg->meta = *meta;
	spin_unlock_irq(&m->lock);
	return 0;
}

/*
 * ft_bitmap_block_seal(), but only what has changed is summed up again. The block is
 * not marked any more: the caller writes it.
 */
void ftm_block_seal(struct ftm *m, u32 block)
{
	struct ft_bitmap_block *b = &m->image[block];
	struct ftm_sums *sums = &m->sums[block];
	unsigned int i;

	b->magic = cpu_to_le32(FT_BITMAP_MAGIC);
	b->pad = 0;
	b->index = cpu_to_le64(block);
	b->pad2 = 0;
	for_each_set_bit(i, &sums->stale, FT_BITMAP_PARTS)
		sums->part[i] = cpu_to_le32(ft_bitmap_part_crc(b, i));
	sums->stale = 0;
	b->crc = cpu_to_le32(ft_crc32c(sums->part, sizeof(sums->part)));
	clear_bit(block, m->dirty_block);
}

/*
 * Write the blocks marked in m->dirty_block to @legs and unmark them. @ok: the
 * legs on which all of it is durable; others were declared lost, unless they are
 * the last good one: then -EIO.
 */
int ftm_write_blocks(struct ftm *m, u8 legs, u8 *ok)
{
	struct ftm_mio *mio[FTM_META_BATCH * FTM_LEGS];
	unsigned int i, n, l;
	u32 block = 0;
	int err = 0;

	*ok = legs;
	while (block < m->blocks) {
		n = 0;
		for_each_set_bit_from(block, m->dirty_block, m->blocks) {
			if (n + FTM_LEGS > ARRAY_SIZE(mio))
				break;
			ftm_block_seal(m, block);
			for (l = 0; l < FTM_LEGS; l++) {
				struct ftm_leg *leg = &m->leg[l];

				if (!(*ok & BIT(l)))
					continue;
				if (!ftm_leg_get(leg, FTM_USE(l))) {
					*ok &= ~BIT(l);
					continue;
				}
				mio[n++] = mio_submit(leg, META_WRITE,
						      leg->meta.bitmap_offset + 8ULL * block,
						      &m->image[block], true);
				ftm_leg_put(leg);
			}
		}
		for (i = 0; i < n; i++) {
			l = mio[i]->leg->index;
			if (!mio_wait(mio[i], true, NULL))
				continue;
			*ok &= ~BIT(l);
			if (!ftm_leg_lost(m, l, FT_REASON_IO_ERROR))
				err = -EIO;
		}
	}
	return err;
}

/*
 * Set the bits of regions from m->regions up to @regions, which this mirror does not
 * know, on both legs. The image has those of its last block.
 */
int ftm_write_added(struct ftm *m, u32 regions)
{
	u32 known = m->blocks * FT_BITMAP_BITS, dirty = m->n_dirty, i, l;
	struct ft_bitmap_block *b;
	int err;
	u8 ok;

	for (i = m->regions; i < min(regions, known); i++)
		ftm_image_set(m, i);
	m->n_dirty = dirty;
	err = ftm_write_blocks(m, FTM_USE_ANY, &ok);
	if (err || ok != FTM_USE_ANY)
		return err ?: -EIO;
	b = kzalloc(sizeof(*b), GFP_NOIO);
	if (!b)
		return -ENOMEM;
	memset(b->bits, 0xff, sizeof(b->bits));
	for (i = m->blocks; !err && i < ft_bitmap_blocks(regions); i++) {
		ft_bitmap_block_seal(b, i);
		for (l = 0; !err && l < FTM_LEGS; l++) {
			struct ftm_leg *leg = &m->leg[l];

			err = leg_write(leg, leg->meta.bitmap_offset + 8ULL * i, b);
			if (err)
				ftm_leg_lost(m, l, FT_REASON_IO_ERROR);
		}
	}
	kfree(b);
	return err;
}

/*
 * A write of one block of the image, for a commit: in steps, so that nothing is sent
 * before all that is needed is there. None of them sleeps. prepare: NULL if there is
 * no memory. submit: the caller holds the leg, which is put when the write ends.
 */
struct ftm_mio *ftm_block_prepare(struct ftm_leg *leg, u32 block)
{
	struct ftm *m = leg->m;
	struct ftm_mio *mio = mempool_alloc(&m->mios, GFP_NOWAIT);

	if (!mio)
		return NULL;
	mio_init(mio, leg, META_WRITE, leg->meta.bitmap_offset + 8ULL * block);
	mio_set_block(mio, &m->image[block]);
	refcount_set(&mio->ref, 1);
	mio->commit = true;
	return mio;
}

void ftm_block_drop(struct ftm_mio *mio)
{
	mio_put(mio);
}

void ftm_block_submit(struct ftm_mio *mio)
{
	submit_bio(&mio->bio);
}

/*
 * Make a leg out of a disk that is none: first nothing on it looks like a
 * superblock, then its bitmap, and only then the superblock @meta. The data is
 * not touched.
 */
int ftm_blank_leg(struct ftm_leg *leg, const struct ft_leg_meta *meta)
{
	struct ft_bitmap_block *b = kzalloc(sizeof(*b), GFP_NOIO);
	struct ft_leg_meta t = *meta;
	int err, i;
	u32 n;

	if (!b)
		return -ENOMEM;
	err = leg_write(leg, 0, b);
	for (i = 0; !err && i < FT_SB_SLOTS; i++)
		err = leg_write(leg, FT_SB_SECTOR(i), b);
	for (n = 0; !err && n < leg->m->blocks; n++) {
		ft_bitmap_block_seal(b, n);
		err = leg_write(leg, meta->bitmap_offset + 8ULL * n, b);
	}
	kfree(b);
	return err ?: ftm_write_super(leg, &t);
}

/*
 * Flush every leg in use. 0 when all of those that were in use at the start
 * have flushed and still are; else -EIO, and the leg was declared lost.
 */
int ftm_flush_legs(struct ftm *m)
{
	struct ftm_mio *mio[FTM_LEGS] = { };
	unsigned int l;
	int err = 0;

	for (l = 0; l < FTM_LEGS; l++) {
		struct ftm_leg *leg = &m->leg[l];

		if (!ftm_leg_get(leg, FTM_USE(l)))
			continue;
		mio[l] = mio_submit(leg, REQ_OP_WRITE | REQ_PREFLUSH, 0, NULL,
				    false);
		ftm_leg_put(leg);
	}
	for (l = 0; l < FTM_LEGS; l++) {
		if (mio[l] && mio_wait(mio[l], true, NULL)) {
			ftm_leg_lost(m, l, FT_REASON_IO_ERROR);
			err = -EIO;
		}
	}
	return err;
}

/* A generation that was never used. */
u64 ftm_new_gen(struct ftm *m)
{
	u64 g;

	do {
		g = get_random_u64();
	} while (!g || g == m->leg[0].meta.gen || g == m->leg[1].meta.gen);
	return g;
}

static void image_changed(struct ftm *m, u32 block, u32 bit)
{
	u32 byte = offsetof(struct ft_bitmap_block, bits) + bit / 8;

	m->sums[block].stale |= BIT(byte / (FT_BITMAP_BYTES / FT_BITMAP_PARTS));
	set_bit(block, m->dirty_block);
}

void ftm_image_set(struct ftm *m, u32 region)
{
	u32 block = region / FT_BITMAP_BITS, bit = region % FT_BITMAP_BITS;

	if (!__test_and_set_bit_le(bit, m->image[block].bits))
		m->n_dirty++;
	image_changed(m, block, bit);
}

void ftm_image_clear(struct ftm *m, u32 region)
{
	u32 block = region / FT_BITMAP_BITS, bit = region % FT_BITMAP_BITS;

	if (__test_and_clear_bit_le(bit, m->image[block].bits))
		m->n_dirty--;
	image_changed(m, block, bit);
}

/* The image was read: all of it is to be summed up. */
void ftm_image_read(struct ftm *m)
{
	u32 i;

	for (i = 0; i < m->blocks; i++)
		m->sums[i].stale = ~0;
}
