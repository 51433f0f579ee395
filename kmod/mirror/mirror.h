/* SPDX-License-Identifier: GPL-2.0 */
/*
 * mirror.h - the two-leg mirror, inside.
 *
 * The protocol is described in docs/mirror-format.md and model-checked in
 * tests/model. Comments in square brackets name its rules.
 *
 * Who runs where:
 *	map, endio	the I/O path; endio may be in interrupt context
 *	worker		worker.c: writes superblocks and bitmaps, changes the
 *			bitmap's image, and lets legs in. It waits for such
 *			writes only, each up to the deadline.
 *	commit		commit.c: sets one bit in the worker's place, while that
 *			has nothing to do
 *	copier		copy.c: copies regions from leg to leg
 *	cleaner		clean.c: flushes both legs, so that bits may be cleared
 *	reaper		legs.c: gives a lost leg's device back
 *
 * Locks: a bucket's lock, then ftm::lock. Both are taken with interrupts off.
 */
#ifndef _FTM_MIRROR_H
#define _FTM_MIRROR_H

#include <linux/bio.h>
#include <linux/device-mapper.h>
#include <linux/mempool.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "../core/ft_core.h"
#include "../uapi/ft_mirror.h"
#include "../uapi/ft_mirror_format.h"

#define DM_MSG_PREFIX "ft-mirror"

#define FTM_LEGS	2
#define FTM_BUCKETS	64
#define FTM_COPIES	4		/* regions copied at a time */
#define FTM_COPY_SECTORS 1024U		/* 512 KiB: at most that much at a time */
#define FTM_CLEAN_MS	2000U		/* a region idle so long is cleaned */
#define FTM_FEW_VECS	4U		/* bvecs that a write has room for itself */
#define FTM_SPARES	2U		/* that a bucket keeps */
#define FTM_META_BATCH	8U		/* metadata blocks written at a time */

/*
 * ftm::flags: who is in use, in one word, so that one load gives a picture that
 * is true at one moment. Changed under ftm::lock only.
 */
#define FTM_USE(l)	BIT(l)		/* writes go to this leg */
#define FTM_SYNC(l)	BIT(2 + (l))	/* and it holds all data: may be read */
#define FTM_UNREC	BIT(4)		/* one leg runs alone and its superblock
					 * does not say so yet: nothing may be
					 * acknowledged that the other leg lacks
					 */
#define FTM_FAILED	BIT(5)		/* every I/O errors, until a new assembly */
#define FTM_SUSPECT	BIT(6)		/* both legs in sync, but regions that a
					 * crash left dirty must be made equal
					 * before they are read
					 */
#define FTM_USE_ANY	(FTM_USE(0) | FTM_USE(1))
#define FTM_SYNC_ANY	(FTM_SYNC(0) | FTM_SYNC(1))

/* struct ftm_region::flags, under the bucket's lock */
#define R_DUR(l)	BIT(l)	/* the region's bit is durable on this leg */
#define R_COPY		BIT(2)	/* the legs may differ: to be copied */
#define R_COPYING	BIT(3)	/* ... and somebody does */
#define R_FLUSH		BIT(4)	/* copied, but the copy may be in a cache only */
#define R_SETTLE	BIT(5)	/* ... a flush that covers it is under way */
#define R_TOUCHED	BIT(6)	/* written since the cleaner looked last */
#define R_CAND		BIT(7)	/* the cleaner wants to clear the bit */
#define R_UNREADABLE	BIT(8)	/* some of it could not be read: stays dirty,
				 * and is not copied before it is written to
				 */
#define R_AGAIN		BIT(9)	/* became different while it was being copied */
#define R_DUR_ANY	(R_DUR(0) | R_DUR(1))

struct ftm_region {
	u32 hold:20;		/* writes between "wants the bit" and "completed":
				 * the bit may not be cleared
				 */
	u32 flags:12;
};

/* A range of sectors that is written or copied. Sectors are the mirror's. */
struct ftm_range {
	union {
		struct hlist_node node;	/* bucket: flight */
		struct list_head queue;	/* bucket: waiting */
	};
	sector_t start, end;
	u32 region;
	bool copy;		/* a struct ftm_copy, else a struct ftm_io */
};

/*
 * Regions are hashed to buckets. @flight: ranges being written or copied, no two
 * overlap; @waiting: those that must wait for one in flight, first come, first
 * served. The lock also guards the state of the bucket's regions.
 */
struct ftm_bucket {
	spinlock_t lock;	/* the lists, and the regions that hash here */
	struct hlist_head flight;
	struct list_head waiting;
	struct ftm_write *spare;	/* kept for the next write */
	unsigned int spares;
};

struct ftm_write;

/* What the mirror knows of one bio of its own; lies in dm's per-bio data. */
struct ftm_io {
	struct ftm_range range;
	struct ftm *m;
	struct bio *bio;
	struct list_head list;	/* one of ftm's lists, or the worker's */
	struct ftm_write *write;	/* under the bucket's lock, while @pending */
	unsigned long sent_at;	/* jiffies */
	struct bvec_iter iter;	/* reads: as it came, for another try */
	u16 vecs;		/* writes: how many bvecs */
	bool nowait;		/* ... and sent from where nothing may sleep */
	u8 pending;		/* legs that have not answered */
	u8 ok;			/* legs that answered well */
	u8 leg;			/* reads: where it was sent */
	u8 bad;			/* reads: legs that failed it */
	bool read, held;
	bool erase;		/* securely first, then with zeroes */
	blk_status_t status;
};

/*
 * A write or flush as it is sent to the legs: a bio for each, with bvecs of their
 * own, for it outlives the write when a leg is given up.
 */
struct ftm_write {
	struct ftm *m;
	struct ftm_bucket *bucket;
	/* under the bucket's lock */
	struct ftm_io *io;	/* NULL once it was answered */
	struct ftm_write *next;	/* while it is a spare */
	u8 left;		/* bios that have not ended */
	/* the submitter's */
	u8 pool;		/* where it is from */
	struct bio_vec *vecs;	/* @few, or from ftm::vecs */
	struct bio_vec few[FTM_FEW_VECS];
	struct bio bio0, bio1;	/* for each leg */
};

/* What the checksum of a bitmap's block is made of. */
struct ftm_sums {
	__le32 part[FT_BITMAP_PARTS];
	unsigned long stale;	/* parts that have changed since */
};

struct ftm_leg {
	struct ftm *m;
	unsigned int index;
	/* Set before the leg is in use, cleared by the reaper when it is not
	 * and nothing is outstanding; who holds an @outstanding may use it.
	 */
	struct dm_dev *dev;
	struct ft_leg_meta meta;	/* written by the worker under ftm::lock */
	atomic_t outstanding;		/* requests sent and not ended */
	unsigned long answered_at;	/* jiffies when the last one ended; racy */
	sector_t next_read;		/* end of the last read: a hint, racy */
	atomic_t read_errors, write_errors;
	atomic_t rewritten;		/* blocks that it could not read */
	/* the watch's, as it looked last: */
	bool waited;			/* something was outstanding */
	unsigned long seen_at;		/* @answered_at */
	unsigned long silent_since;	/* jiffies */
	/* under ftm::lock */
	char name[FT_DEV_MAX], devt[16];
	enum ft_member_state state;
	enum ft_reason reason;
	u64 since;
	bool attached;			/* there is a device to give back */
	bool cut;			/* ... that may not be used any more */
	bool untold;			/* leg_tell() is owed */
};

/* What a copy has to do with one of the legs. */
struct ftm_half {
	struct bio bio;
	struct bio_vec *vec;		/* pages of our own, if it is read into them */
	unsigned int pages;
	blk_status_t status;
};

/* A copy of one region from leg to leg, or a comparison, chunk by chunk. */
struct ftm_copy {
	struct ftm_range range;		/* the chunk */
	struct ftm *m;
	struct list_head list;
	struct work_struct work;	/* when what was sent has ended */
	enum ftm_copy_what {
		FTM_RESYNC,		/* a region that differs, or may */
		FTM_REPAIR,		/* what the other leg could not read */
		FTM_SCRUB,		/* read both and compare */
	} what;
	struct ftm_half half0, half1;
	sector_t end;			/* of the region */
	sector_t fine;			/* up to here block by block: one is bad */
	unsigned int chunk;		/* sectors that there are pages for */
	unsigned int differ;		/* blocks of the chunk */
	u32 join;			/* ftm::joins when it began */
	u32 run;			/* ftm_scrub::run when it began */
	u8 src;
	bool turned;			/* this chunk goes the other way */
	bool unreadable;		/* a block was left out */
	bool writing;			/* else reading */
	/* under the bucket's lock */
	u8 sent, pending;		/* legs */
	unsigned long sent_at;		/* jiffies */
	bool abandoned;			/* a leg was lost: its range is free */
};

enum ftm_scrub_mode { FTM_SCRUB_IDLE, FTM_SCRUB_CHECK, FTM_SCRUB_REPAIR };

struct ftm_scrub {
	enum ftm_scrub_mode mode;
	u32 run;			/* counts the scrubs */
	u32 next, done;			/* regions */
	u64 found, fixed, unreadable;	/* blocks */
};

/* A write that has its region's bit set, alone and without the worker. */
struct ftm_commit {
	unsigned long busy;	/* bit 0: the image is the worker's, or a commit's */
	/* under ftm::lock */
	struct ftm_io *io;
	u8 left, ok, bad;	/* legs */
	unsigned long sent_at;	/* jiffies */
};

struct ftm_mio;

/* What a message asks of the worker. */
struct ftm_request {
	enum { FTM_JOIN, FTM_RESOLVE, FTM_REPLACE, FTM_GROW } what;
	unsigned int leg;
	sector_t size;			/* to grow to */
	struct ft_leg_meta meta;
	struct ft_bitmap_block *image;	/* as read from the device */
	struct completion done;
	int err;
};

struct ftm {
	struct dm_target *ti;
	struct ft_pair pair;
	struct list_head running;	/* target.c */
	u32 region_shift, regions, blocks;
	sector_t size;
	unsigned int timeout_ms;
	unsigned int resync_min, resync_max;	/* KiB/s, with and without other I/O */
	unsigned int prefer;		/* leg to read from; FTM_LEGS: both */
	bool start_alone;
	int survivor;			/* -1, or the leg that stays */
	bool assembled;
	bool end_held;			/* the last region, for good: grow() */
	bool registered;		/* with ft_core; under message_lock */
	bool suspended;

	struct ftm_leg leg[FTM_LEGS];
	struct ftm_region *region;
	/* Theirs who hold ftm_commit::busy: */
	struct ft_bitmap_block *image;	/* the bits as they should be */
	struct ftm_sums *sums;		/* of its blocks */
	unsigned long *dirty_block;	/* blocks to be written */
	struct ftm_bucket bucket[FTM_BUCKETS + 1];	/* the last: flushes */

	spinlock_t lock;	/* from here to @commit, and struct ftm_leg */
	u32 flags;
	enum ft_reason failed;
	u64 since;
	enum ft_pair_state last_state;
	unsigned long todo;		/* FTM_TODO_*, atomic bit operations */
	struct list_head gated;		/* wait for the record */
	struct list_head setbits;	/* wait for their bit */
	struct list_head parked;	/* answered; wait for the record */
	struct list_head suspect;	/* reads that wait for a copy */
	struct list_head retry;		/* reads for the other leg */
	struct list_head torn;		/* reads that each leg has failed somewhere */
	struct list_head repair;	/* struct ftm_copy */
	struct ftm_request *request;
	struct ftm_scrub scrub;
	struct ftm_commit commit;

	atomic_t n_copy;		/* regions with R_COPY */
	atomic_t n_flush;		/* regions with R_FLUSH */
	atomic_t n_unreadable;		/* regions with R_UNREADABLE */
	atomic_t n_active;		/* copies under way */
	u32 n_dirty;			/* bits set in the image; as that */
	u32 cursor;			/* the copier's */
	unsigned long busy_at;		/* jiffies of the last I/O from above; racy */
	unsigned long pace_at;		/* the copier's: since when ... */
	u64 pace_bytes;			/* ... so much was begun */
	u8 source;			/* leg that is copied from */
	u32 joins;			/* so that a copy of an earlier join does
					 * not pass for one of this
					 */
	bool joining;			/* regions are being marked */
	bool clearing;			/* candidates wait for the worker */
	atomic_t differ;		/* counts what made legs differ, so that ... */
	int finish_differ;		/* ... a flush begun before does not count */
	atomic64_t sync_copied;		/* bytes */
	u64 sync_total;
	bool stopping;

	wait_queue_head_t wait;		/* metadata I/O, outstanding, records */
	struct mutex message_lock;
	struct workqueue_struct *meta_wq, *wq;
	struct work_struct worker, copier, reaper, requeue, reader;
	struct delayed_work cleaner, watch, pace;
	/* Writes to one leg and writes to both, and their bvecs: those that hang
	 * in a leg that was given up are not what the survivor's wait for.
	 */
	mempool_t writes[2], vecs[2];
	mempool_t pages, mios;
	struct ft_sb *sb;		/* for ftm_write_super(): no memory is no reason
					 * to fail the mirror; the worker's
					 */
	mempool_t copy_pages, copy_vecs;
};

enum {				/* ftm::todo */
	FTM_TODO_LOST,		/* + leg: give up what it has not answered */
	FTM_TODO_LOST1,
	FTM_TODO_RECORD,
	FTM_TODO_CLEAR,
	FTM_TODO_FINISH,
	FTM_TODO_EVENT,
};

static inline struct ftm_bucket *ftm_bucket(struct ftm *m, u32 region)
{
	return &m->bucket[region & (FTM_BUCKETS - 1)];
}

/* Who sees these flags also sees what was done before they were set. */
static inline u32 ftm_flags(struct ftm *m)
{
	return smp_load_acquire(&m->flags); /* pairs with ftm_set_flags() */
}

/* Under ftm::lock. */
static inline void ftm_set_flags(struct ftm *m, u32 flags)
{
	smp_store_release(&m->flags, flags); /* pairs with ftm_flags() */
}

/* There is I/O from above. Few write the word that all of them look at. */
static inline void ftm_busy(struct ftm *m)
{
	unsigned long now = jiffies;

	if (READ_ONCE(m->busy_at) != now)
		WRITE_ONCE(m->busy_at, now);
}

/* A hint, without the bucket's lock: look again under it before acting. */
static inline bool ftm_peek(const struct ftm_region *r, u32 flags)
{
	return r->flags & flags;
}

static inline bool ftm_bit(struct ftm *m, u32 r)
{
	return test_bit_le(r % FT_BITMAP_BITS, m->image[r / FT_BITMAP_BITS].bits);
}

static inline void ftm_wake(struct ftm *m)
{
	queue_work(m->meta_wq, &m->worker);
}

static inline void ftm_todo(struct ftm *m, int what)
{
	set_bit(what, &m->todo);
	ftm_wake(m);
}

/*
 * A leg's device may be used between leg_get and leg_put. leg_get returns false
 * when any of @want is not set in ftm::flags: the reaper waits for outstanding
 * to fall to zero only after it was cleared there.
 */
static inline void ftm_leg_put_locked(struct ftm_leg *leg)
{
	unsigned long now = jiffies;
	struct ftm *m = leg->m;

	if (READ_ONCE(leg->answered_at) != now)
		WRITE_ONCE(leg->answered_at, now);
	/* Where preemption is off, which is a read-side section of RCU: the
	 * destructor waits for a grace period after the zero.
	 *
	 * Who clears FTM_USE queues the reaper himself, so one of the two sees
	 * the zero.
	 */
	if (atomic_dec_and_test(&leg->outstanding) &&
	    unlikely(!(ftm_flags(m) & FTM_USE(leg->index)))) {
		wake_up_all(&m->wait);
		queue_work(m->wq, &m->reaper);
	}
}

static inline void ftm_leg_put(struct ftm_leg *leg)
{
	preempt_disable();
	ftm_leg_put_locked(leg);
	preempt_enable();
}

static inline bool ftm_leg_get(struct ftm_leg *leg, u32 want)
{
	atomic_inc(&leg->outstanding);
	smp_mb__after_atomic(); /* pairs with ftm_set_flags() and the reaper's look */
	if (likely((ftm_flags(leg->m) & want) == want))
		return true;
	ftm_leg_put(leg);
	return false;
}

/* io.c */
int ftm_map_bio(struct ftm *m, struct ftm_io *io, struct bio *bio);
int ftm_end_read(struct ftm_io *io, blk_status_t *status);
int ftm_write_pools(struct ftm *m);
void ftm_write_pools_exit(struct ftm *m);
void ftm_write_go(struct ftm_io *io);
int ftm_read_go(struct ftm_io *io, bool mapping);
void ftm_io_error(struct ftm_io *io, blk_status_t status);
void ftm_io_answered(struct ftm_io *io);
void ftm_resubmit(struct list_head *list);
void ftm_abandon(struct ftm *m, unsigned int l);
void ftm_requeue_work(struct work_struct *work);
void ftm_watch_work(struct work_struct *work);
void ftm_torn_work(struct work_struct *work);

/* region.c */
bool ftm_range_enter(struct ftm_bucket *b, struct ftm_range *rg);
void ftm_range_leave(struct ftm *m, struct ftm_range *rg);
void ftm_region_set_copy(struct ftm *m, struct ftm_region *r);
void ftm_regions_forget_copies(struct ftm *m);

/* legs.c */
bool ftm_leg_lost(struct ftm *m, unsigned int l, enum ft_reason reason);
void ftm_leg_error(struct ftm *m, unsigned int l);
void ftm_fail(struct ftm *m, enum ft_reason reason);
void ftm_leg_state(struct ftm_leg *leg, enum ft_member_state s, enum ft_reason r);
int ftm_leg_attach(struct ftm *m, unsigned int l, const char *path);
void ftm_leg_detach(struct ftm *m, unsigned int l);
void ftm_leg_wait_idle(struct ftm_leg *leg);
void ftm_note_state(struct ftm *m);
void ftm_changed(struct ftm *m);
void ftm_reaper_work(struct work_struct *work);
extern const struct ft_pair_ops ftm_pair_ops;

/* meta.c */
int ftm_meta_pools(struct ftm *m);
int ftm_read_super(struct ftm_leg *leg, struct ft_leg_meta *meta);
int ftm_read_bitmap(struct ftm_leg *leg, const struct ft_leg_meta *meta,
		    struct ft_bitmap_block *image);
int ftm_write_super(struct ftm_leg *leg, struct ft_leg_meta *meta);
int ftm_write_blocks(struct ftm *m, u8 legs, u8 *ok);
int ftm_write_added(struct ftm *m, u32 regions);
int ftm_blank_leg(struct ftm_leg *leg, const struct ft_leg_meta *meta);
int ftm_flush_legs(struct ftm *m);
u64 ftm_new_gen(struct ftm *m);
void ftm_image_set(struct ftm *m, u32 region);
void ftm_image_clear(struct ftm *m, u32 region);
void ftm_image_read(struct ftm *m);

struct ftm_mio *ftm_block_prepare(struct ftm_leg *leg, u32 block);
void ftm_block_drop(struct ftm_mio *mio);
void ftm_block_submit(struct ftm_mio *mio);
void ftm_block_seal(struct ftm *m, u32 block);

/* commit.c */
bool ftm_commit(struct ftm *m, struct ftm_io *io);
void ftm_commit_end(struct ftm *m, unsigned int l, blk_status_t status);
u8 ftm_commit_late(struct ftm *m, unsigned long limit);
void ftm_image_take(struct ftm *m);
void ftm_image_release(struct ftm *m);

/* assemble.c */
int ftm_assemble(struct ftm *m, bool check_only, char **error);
int ftm_read_joining(struct ftm *m, struct ftm_request *rq);
int ftm_do_request(struct ftm *m, struct ftm_request *rq);
int ftm_stop(struct ftm *m);

/* worker.c */
void ftm_worker(struct work_struct *work);

/* copy.c */
int ftm_copy_pools(struct ftm *m);
void ftm_copy_pools_exit(struct ftm *m);
int ftm_scrub(struct ftm *m, enum ftm_scrub_mode mode);
void ftm_copier_work(struct work_struct *work);
void ftm_pace_work(struct work_struct *work);
void ftm_copy_chunk(struct ftm_copy *c);
bool ftm_copy_abandon(struct ftm_copy *c, unsigned int l);
void ftm_repair(struct ftm *m, sector_t start, sector_t end, unsigned int bad);

/* clean.c */
void ftm_cleaner_work(struct work_struct *work);
void ftm_clear_candidates(struct ftm *m);

#endif /* _FTM_MIRROR_H */
