// SPDX-License-Identifier: GPL-2.0
/*
 * Legs come and go: loss, the device given back, and what the mirror tells of
 * itself to ft_core.
 */
#include <linux/blkdev.h>
#include <linux/kdev_t.h>
#include <linux/ktime.h>
#include <linux/rcupdate.h>

#include "mirror.h"

/* What a leg is that was lost for @reason. */
static enum ft_member_state lost_state(enum ft_reason reason)
{
	return reason == FT_REASON_REMOVED ? FT_MEMBER_STATE_MISSING :
					     FT_MEMBER_STATE_FAULTY;
}

/* Under m->lock, or before the mirror runs. */
void ftm_leg_state(struct ftm_leg *leg, enum ft_member_state s, enum ft_reason r)
{
	if (leg->state == s && leg->reason == r)
		return;
	leg->state = s;
	leg->reason = r;
	leg->since = ktime_get_boottime_ns();
}

static enum ft_pair_state state_locked(struct ftm *m, enum ft_reason *reason)
{
	u32 flags = m->flags;
	unsigned int l;

	if (flags & FTM_FAILED) {
		*reason = m->failed;
		return FT_PAIR_STATE_BROKEN;
	}
	if ((flags & FTM_SYNC_ANY) == FTM_SYNC_ANY) {
		*reason = flags & FTM_SUSPECT ? FT_REASON_CLEAN_UP :
			  m->scrub.mode ? FT_REASON_SCRUB : FT_REASON_NONE;
		return FT_PAIR_STATE_DUPLEX;
	}
	if ((flags & FTM_USE_ANY) == FTM_USE_ANY) {
		*reason = atomic_read(&m->n_unreadable) ? FT_REASON_UNREADABLE :
							  FT_REASON_RESYNC;
		return FT_PAIR_STATE_SYNCING;
	}
	l = flags & FTM_USE(0) ? 1 : 0;		/* the one that is not there */
	*reason = m->leg[l].reason;
	return flags & FTM_USE_ANY ? FT_PAIR_STATE_SIMPLEX : FT_PAIR_STATE_BROKEN;
}

/* Tell ft_core and dm, from the worker. Any context. */
void ftm_changed(struct ftm *m)
{
	ftm_todo(m, FTM_TODO_EVENT);
}

/* Since when the pair's state is what it is. Under m->lock. */
void ftm_note_state(struct ftm *m)
{
	enum ft_reason reason;
	enum ft_pair_state state = state_locked(m, &reason);

	if (state != m->last_state) {
		m->last_state = state;
		m->since = ktime_get_boottime_ns();
	}
}

/* Under m->lock. */
static void fail_locked(struct ftm *m, enum ft_reason reason)
{
	if (m->flags & FTM_FAILED)
		return;
	m->failed = reason;
	ftm_set_flags(m, (m->flags & ~(FTM_USE_ANY | FTM_SYNC_ANY | FTM_SUSPECT)) |
			  FTM_FAILED);
	m->scrub.mode = FTM_SCRUB_IDLE;
	set_bit(FTM_TODO_LOST, &m->todo);
	set_bit(FTM_TODO_LOST1, &m->todo);
	ftm_note_state(m);
	DMCRIT("%s: failed: %s", m->pair.name, ft_reason_name(reason));
}

/*
 * Every I/O errors from here on, until the mirror is assembled anew: it may not
 * revive under an open device, for acknowledged writes may be gone.
 */
void ftm_fail(struct ftm *m, enum ft_reason reason)
{
	unsigned long irq;

	spin_lock_irqsave(&m->lock, irq);
	fail_locked(m, reason);
	spin_unlock_irqrestore(&m->lock, irq);
	ftm_changed(m);
	queue_work(m->wq, &m->reaper);
}

/* As ftm_leg_lost(), without what follows: leg_tell() has to be called. */
static bool leg_cut(struct ftm *m, unsigned int l, enum ft_reason reason)
{
	struct ftm_leg *leg = &m->leg[l], *other = &m->leg[!l];
	bool gone = reason == FT_REASON_REMOVED || reason == FT_REASON_ISOLATED;
	unsigned long irq;
	bool out = true;
	u32 flags;

	spin_lock_irqsave(&m->lock, irq);
	flags = m->flags;
	if (gone)
		leg->cut = true;
	if (!(flags & FTM_USE(l))) {
		/* It was out already; now the device is gone as well. */
		if (gone && leg->attached)
			ftm_leg_state(leg, lost_state(reason), reason);
		goto unlock;
	}
	if ((flags & FTM_SYNC(l)) && !(flags & FTM_SYNC(!l))) {
		if (!gone) {
			out = false;
			goto unlock;
		}
		ftm_leg_state(leg, lost_state(reason), reason);
		if (flags & FTM_USE(!l))	/* an inconsistent target remains */
			ftm_leg_state(other, FT_MEMBER_STATE_FAULTY,
				      FT_REASON_INCONSISTENT);
		fail_locked(m, reason);
		leg->untold = true;
		goto unlock;
	}

	flags &= ~(FTM_USE(l) | FTM_SYNC(l));
	m->scrub.mode = FTM_SCRUB_IDLE;
	/* If the survivor's superblock already says that it runs alone, nothing
	 * is to be written [BASE_OVERWRITE].
	 */
	if (!other->meta.base) {
		flags |= FTM_UNREC;
		set_bit(FTM_TODO_RECORD, &m->todo);
	} else {
		flags &= ~FTM_SUSPECT;
	}
	ftm_set_flags(m, flags);
	set_bit(FTM_TODO_LOST + l, &m->todo);
	ftm_leg_state(leg, lost_state(reason), reason);
	ftm_note_state(m);
	leg->untold = true;
unlock:
	spin_unlock_irqrestore(&m->lock, irq);
	return out;
}

/* Leg @l was cut off: wakes who records that and releases what waits for it. */
static void leg_tell(struct ftm *m, unsigned int l)
{
	struct ftm_leg *leg = &m->leg[l];
	char name[sizeof(leg->name)];
	enum ft_reason reason;
	unsigned long irq;
	bool untold;

	spin_lock_irqsave(&m->lock, irq);
	untold = leg->untold;
	leg->untold = false;
	reason = leg->reason;
	strscpy(name, leg->name, sizeof(name));
	spin_unlock_irqrestore(&m->lock, irq);
	if (!untold)
		return;
	wake_up_all(&m->wait);
	ftm_changed(m);
	queue_work(m->wq, &m->reaper);
	DMWARN("%s: leg %u (%s) lost: %s", m->pair.name, l, name,
	       ft_reason_name(reason));
}

/*
 * Leg @l is lost: nothing is sent to it from here on, and nothing is
 * acknowledged before the survivor has recorded it. Any context; what waits for
 * the leg is released by the worker.
 *
 * The last good leg is not given up for an error or for being late; if it is
 * gone, the mirror fails. Returns whether the leg is (now) out.
 */
bool ftm_leg_lost(struct ftm *m, unsigned int l, enum ft_reason reason)
{
	bool out = leg_cut(m, l, reason);

	leg_tell(m, l);
	return out;
}

/* A write failed on leg @l. Any context. */
void ftm_leg_error(struct ftm *m, unsigned int l)
{
	atomic_inc(&m->leg[l].write_errors);
	ftm_leg_lost(m, l, FT_REASON_IO_ERROR);
}

void ftm_leg_wait_idle(struct ftm_leg *leg)
{
	wait_event(leg->m->wait, !atomic_read(&leg->outstanding));
	synchronize_rcu();	/* the last ftm_leg_put() has returned */
}

/*
 * Open the device for leg @l, which has none. Process context, may sleep.
 * Errors: those of dm_get_device(); ESHUTDOWN, EXDEV by ft_core; EBUSY: it is
 * the other leg's device.
 */
int ftm_leg_attach(struct ftm *m, unsigned int l, const char *path)
{
	struct ftm_leg *leg = &m->leg[l];
	struct dm_dev *dev;
	int err;

	err = dm_get_device(m->ti, path, dm_table_get_mode(m->ti->table), &dev);
	if (err)
		return err;
	if (m->leg[!l].dev && m->leg[!l].dev->bdev == dev->bdev) {
		dm_put_device(m->ti, dev);
		return -EBUSY;
	}
	if (bdev_is_zoned(dev->bdev)) {
		dm_put_device(m->ti, dev);
		return -EOPNOTSUPP;
	}
	leg->dev = dev;
	spin_lock_irq(&m->lock);
	snprintf(leg->name, sizeof(leg->name), "%pg", dev->bdev);
	format_dev_t(leg->devt, dev->bdev->bd_dev);
	leg->attached = true;
	leg->cut = false;
	spin_unlock_irq(&m->lock);
	if (m->registered) {
		err = ft_pair_set_member(&m->pair, l, disk_to_dev(dev->bdev->bd_disk));
		if (err)
			ftm_leg_detach(m, l);
	}
	return err;
}

/* Give the device back. Nobody uses it any more. */
void ftm_leg_detach(struct ftm *m, unsigned int l)
{
	struct ftm_leg *leg = &m->leg[l];

	if (!leg->dev)
		return;
	if (m->registered)
		ft_pair_set_member(&m->pair, l, NULL);
	dm_put_device(m->ti, leg->dev);
	leg->dev = NULL;
	spin_lock_irq(&m->lock);
	leg->attached = false;
	leg->name[0] = 0;
	spin_unlock_irq(&m->lock);
}

/*
 * Give back the devices of lost legs, once their last request has ended: until
 * then a leg may not join [HUNG_EARLY].
 */
void ftm_reaper_work(struct work_struct *work)
{
	struct ftm *m = container_of(work, struct ftm, reaper);
	unsigned int l;

	mutex_lock(&m->message_lock);
	/* A leg that is being judged is not in use either. */
	for (l = 0; m->assembled && l < FTM_LEGS; l++) {
		struct ftm_leg *leg = &m->leg[l];
		bool idle;

		/* Out of use, and the worker has let go of it: the lock makes
		 * both one picture.
		 */
		spin_lock_irq(&m->lock);
		idle = !(m->flags & FTM_USE(l)) &&
		       !test_bit(FTM_TODO_LOST + l, &m->todo) &&
		       !atomic_read(&leg->outstanding);
		spin_unlock_irq(&m->lock);
		if (!leg->dev || !idle)
			continue;
		ftm_leg_detach(m, l);
		ftm_changed(m);
	}
	mutex_unlock(&m->message_lock);
}

static void report(struct ft_pair *pair, struct ft_pair_report *r)
{
	struct ftm *m = container_of(pair, struct ftm, pair);
	u64 region = (u64)512 << m->region_shift, left;
	u32 scrubbed;
	unsigned int l;

	spin_lock_irq(&m->lock);
	r->state = state_locked(m, &r->reason);
	r->since = m->since;
	scrubbed = m->scrub.done;
	for (l = 0; l < FTM_LEGS; l++) {
		r->member[l].state = m->leg[l].state;
		r->member[l].reason = m->leg[l].reason;
		r->member[l].since = m->leg[l].since;
		strscpy(r->member[l].dev, m->leg[l].name, sizeof(r->member[l].dev));
	}
	spin_unlock_irq(&m->lock);
	left = atomic_read(&m->n_copy) * region;
	r->sync_total = m->sync_total;
	r->sync_done = m->sync_total > left ? m->sync_total - left : 0;
	if (r->reason == FT_REASON_SCRUB) {
		r->sync_total = (u64)m->ti->len << SECTOR_SHIFT;
		r->sync_done = min(r->sync_total, scrubbed * region);
	}
	r->sync_copied = atomic64_read(&m->sync_copied);
}

static void isolate(struct ft_pair *pair, unsigned int member, enum ft_reason reason)
{
	leg_cut(container_of(pair, struct ftm, pair), member, reason);
}

static void isolated(struct ft_pair *pair, unsigned int member)
{
	leg_tell(container_of(pair, struct ftm, pair), member);
}

/* A leg comes back by a message, when user space has found it again. */
const struct ft_pair_ops ftm_pair_ops = {
	.report = report,
	.isolate = isolate,
	.isolated = isolated,
};
