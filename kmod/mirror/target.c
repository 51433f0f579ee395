// SPDX-License-Identifier: GPL-2.0
/*
 * ft-mirror: the device-mapper target. Table, messages and status are described
 * in ../uapi/ft_mirror.h.
 */
#include <linux/blkdev.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>
#include <linux/uuid.h>

#include "mirror.h"
#include "../compat/blk.h"

/* Mirrors that run, so that no two run on the same legs. */
static LIST_HEAD(running);
static DEFINE_MUTEX(running_lock);

/* A leg's name for ti->error and the log is its place: 0 or 1. */
static int parse_leg(const char *arg, unsigned int *l)
{
	return kstrtouint(arg, 10, l) || *l >= FTM_LEGS ? -EINVAL : 0;
}

/* What a word of the table and a message of the same name set. */
static const struct {
	const char *name;
	size_t at;
	unsigned int normal;
} tunables[] = {
	{ "timeout_ms", offsetof(struct ftm, timeout_ms), FT_MIRROR_TIMEOUT_MS_DEFAULT },
	{ "resync_min", offsetof(struct ftm, resync_min), FT_MIRROR_RESYNC_MIN_DEFAULT },
	{ "resync_max", offsetof(struct ftm, resync_max), FT_MIRROR_RESYNC_MAX_DEFAULT },
};

static unsigned int *tunable_at(struct ftm *m, unsigned int i)
{
	return (void *)m + tunables[i].at;
}

static unsigned int *tunable(struct ftm *m, const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tunables); i++)
		if (!strcmp(name, tunables[i].name))
			return tunable_at(m, i);
	return NULL;
}

static int parse_words(struct ftm *m, unsigned int argc, char **argv)
{
	static const struct dm_arg args[] = {
		{ 0, 16, "Invalid number of words" },
	};
	struct dm_target *ti = m->ti;
	struct dm_arg_set as = { .argc = argc, .argv = argv };
	unsigned int n, l, *number;
	const char *word;

	if (!argc)
		return 0;
	if (dm_read_arg_group(args, &as, &n, &ti->error))
		return -EINVAL;
	while (n) {
		word = dm_shift_arg(&as);
		n--;
		if (!strcmp(word, "start_alone")) {
			m->start_alone = true;
			continue;
		}
		if (n && !strcmp(word, "survivor")) {
			if (parse_leg(dm_shift_arg(&as), &l)) {
				ti->error = "survivor is 0 or 1";
				return -EINVAL;
			}
			m->survivor = l;
			n--;
			continue;
		}
		if (n && !strcmp(word, "prefer")) {
			if (parse_leg(dm_shift_arg(&as), &m->prefer)) {
				ti->error = "prefer is 0 or 1";
				return -EINVAL;
			}
			n--;
			continue;
		}
		number = n ? tunable(m, word) : NULL;
		if (number) {
			if (kstrtouint(dm_shift_arg(&as), 10, number)) {
				ti->error = "timeout_ms, resync_min and resync_max take a number";
				return -EINVAL;
			}
			n--;
			continue;
		}
		ti->error = "Words: start_alone, {survivor,prefer} <0|1>, <tunable> <n>";
		return -EINVAL;
	}
	if (as.argc) {
		ti->error = "More arguments than announced";
		return -EINVAL;
	}
	return 0;
}

static void ftm_free(struct ftm *m)
{
	if (m->meta_wq)
		destroy_workqueue(m->meta_wq);
	if (m->wq)
		destroy_workqueue(m->wq);
	mempool_exit(&m->mios);
	mempool_exit(&m->pages);
	ftm_write_pools_exit(m);
	ftm_copy_pools_exit(m);
	kfree(m->sb);
	kvfree(m->region);
	kvfree(m->image);
	kvfree(m->sums);
	kvfree(m->dirty_block);
	mutex_destroy(&m->message_lock);
	kfree(m);
}

static struct ftm *ftm_alloc(struct dm_target *ti)
{
	struct ftm *m = kzalloc(sizeof(*m), GFP_KERNEL);
	unsigned int i;

	if (!m)
		return NULL;
	m->ti = ti;
	m->pair.type = FT_PAIR_MIRROR;
	m->pair.ops = &ftm_pair_ops;
	m->prefer = FTM_LEGS;
	for (i = 0; i < ARRAY_SIZE(tunables); i++)
		*tunable_at(m, i) = tunables[i].normal;
	m->survivor = -1;
	m->since = ktime_get_boottime_ns();
	spin_lock_init(&m->lock);
	mutex_init(&m->message_lock);
	init_waitqueue_head(&m->wait);
	INIT_LIST_HEAD(&m->running);
	INIT_LIST_HEAD(&m->gated);
	INIT_LIST_HEAD(&m->setbits);
	INIT_LIST_HEAD(&m->parked);
	INIT_LIST_HEAD(&m->suspect);
	INIT_LIST_HEAD(&m->retry);
	INIT_LIST_HEAD(&m->torn);
	INIT_LIST_HEAD(&m->repair);
	for (i = 0; i <= FTM_BUCKETS; i++) {
		spin_lock_init(&m->bucket[i].lock);
		INIT_HLIST_HEAD(&m->bucket[i].flight);
		INIT_LIST_HEAD(&m->bucket[i].waiting);
	}
	for (i = 0; i < FTM_LEGS; i++) {
		m->leg[i].m = m;
		m->leg[i].index = i;
		m->leg[i].state = FT_MEMBER_STATE_MISSING;
		m->leg[i].reason = FT_REASON_NEVER_THERE;
		m->leg[i].since = m->since;
	}
	INIT_WORK(&m->worker, ftm_worker);
	INIT_WORK(&m->copier, ftm_copier_work);
	INIT_WORK(&m->reaper, ftm_reaper_work);
	INIT_WORK(&m->requeue, ftm_requeue_work);
	INIT_WORK(&m->reader, ftm_torn_work);
	INIT_DELAYED_WORK(&m->cleaner, ftm_cleaner_work);
	INIT_DELAYED_WORK(&m->watch, ftm_watch_work);
	INIT_DELAYED_WORK(&m->pace, ftm_pace_work);

	m->sb = kmalloc(sizeof(*m->sb), GFP_KERNEL);
	if (!m->sb || ftm_meta_pools(m) || ftm_write_pools(m) || ftm_copy_pools(m))
		goto fail;
	m->meta_wq = alloc_ordered_workqueue("ft_mirror_meta", WQ_MEM_RECLAIM | WQ_HIGHPRI);
	m->wq = alloc_workqueue("ft_mirror", WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	if (!m->meta_wq || !m->wq)
		goto fail;
	return m;
fail:
	ftm_free(m);
	return NULL;
}

/* Under running_lock. */
static void unregister_pair(struct ftm *m)
{
	lockdep_assert_held(&running_lock);
	if (!m->registered)
		return;
	m->registered = false;
	ft_pair_unregister(&m->pair);
	list_del_init(&m->running);
}

static void ftm_dtr(struct dm_target *ti)
{
	struct ftm *m = ti->private;
	struct ftm_copy *c, *next;
	unsigned int l;

	mutex_lock(&running_lock);
	unregister_pair(m);
	mutex_unlock(&running_lock);
	spin_lock_irq(&m->lock);
	ftm_set_flags(m, FTM_FAILED);
	spin_unlock_irq(&m->lock);
	WRITE_ONCE(m->stopping, true);
	/* A request that a hung leg has not ended lies in our memory. */
	for (l = 0; l < FTM_LEGS; l++)
		ftm_leg_wait_idle(&m->leg[l]);
	queue_work(m->wq, &m->requeue);		/* copies that wait, to give up */
	wait_event(m->wait, !atomic_read(&m->n_active));
	cancel_work_sync(&m->reaper);
	cancel_work_sync(&m->worker);
	cancel_delayed_work_sync(&m->pace);
	cancel_work_sync(&m->copier);
	cancel_work_sync(&m->requeue);
	cancel_work_sync(&m->reader);
	cancel_delayed_work_sync(&m->cleaner);
	cancel_delayed_work_sync(&m->watch);
	list_for_each_entry_safe(c, next, &m->repair, list)
		kfree(c);
	for (l = 0; l < FTM_LEGS; l++)
		ftm_leg_detach(m, l);
	ftm_free(m);
}

static int ftm_ctr(struct dm_target *ti, unsigned int argc, char **argv)
{
	char name[DM_NAME_LEN];
	unsigned int l;
	struct ftm *m;
	uuid_t uuid;
	int err;

	if (argc < 3) {
		ti->error = "Usage: <uuid> <leg 0> <leg 1> [<#words> <words>...]";
		return -EINVAL;
	}
	if (uuid_parse(argv[0], &uuid)) {
		ti->error = "Invalid UUID";
		return -EINVAL;
	}
	if (dm_copy_name_and_uuid(dm_table_get_md(ti->table), name, NULL) ||
	    strlen(name) >= FT_NAME_MAX) {
		ti->error = "The device's name is too long for a pair";
		return -EINVAL;
	}
	m = ftm_alloc(ti);
	if (!m) {
		ti->error = "Out of memory";
		return -ENOMEM;
	}
	ti->private = m;
	memcpy(m->pair.uuid, uuid.b, sizeof(m->pair.uuid));
	strscpy(m->pair.name, name, sizeof(m->pair.name));
	err = parse_words(m, argc - 3, argv + 3);
	if (err)
		goto fail;

	for (l = 0; l < FTM_LEGS; l++) {
		if (!strcmp(argv[1 + l], "-"))
			continue;
		err = ftm_leg_attach(m, l, argv[1 + l]);
		if (err) {
			ti->error = err == -EBUSY ? "A leg is in use, or both are the same disk" :
				    err == -EOPNOTSUPP ? "A leg is a zoned device" :
				    "A leg's device cannot be opened";
			goto fail;
		}
	}
	err = ftm_assemble(m, true, &ti->error);
	if (err) {
		DMERR("%s: %s", name, ti->error);
		goto fail;
	}
	err = dm_set_target_max_io_len(ti, 1U << m->region_shift);
	if (err)
		goto fail;
	ti->per_io_data_size = sizeof(struct ftm_io);
	ti->num_flush_bios = 1;
	/* If no leg can, a discard does nothing. */
	ti->num_discard_bios = 1;
	ti->discards_supported = true;
	ti->num_write_zeroes_bios = 1;
	/* dm offers it if every leg that is there can. */
	ti->num_secure_erase_bios = 1;
	/* A leg with a volatile cache may join later. */
	ti->flush_supported = true;
	return 0;
fail:
	ftm_dtr(ti);
	return err;
}

/*
 * The mirror is known to ft_core from its first resume to its end; a suspended
 * one hands over to the table that is to replace it. Under running_lock.
 */
static int register_pair(struct ftm *m)
{
	struct mapped_device *md = dm_table_get_md(m->ti->table);
	char name[DM_NAME_LEN];
	struct ftm *o, *next;
	unsigned int l;
	int err;

	list_for_each_entry_safe(o, next, &running, running) {
		if (memcmp(o->pair.uuid, m->pair.uuid, sizeof(m->pair.uuid)))
			continue;
		if (!o->suspended || dm_table_get_md(o->ti->table) != md) {
			DMERR("%s: its legs are in use by %s", m->pair.name, o->pair.name);
			return -EBUSY;
		}
		unregister_pair(o);
	}
	if (!dm_copy_name_and_uuid(md, name, NULL))
		strscpy(m->pair.name, name, sizeof(m->pair.name));
	err = ft_pair_register(&m->pair);
	if (err) {
		DMERR("%s: there is a mirror of this name", m->pair.name);
		return err;
	}
	m->registered = true;
	list_add(&m->running, &running);
	for (l = 0; l < FTM_LEGS; l++) {
		if (!m->leg[l].dev)
			continue;
		err = ft_pair_set_member(&m->pair, l,
					 disk_to_dev(m->leg[l].dev->bdev->bd_disk));
		if (err) {
			DMERR("%s: leg %u (%s): %s", m->pair.name, l, m->leg[l].name,
			      err == -EXDEV ? "both legs are in the same module" :
			      err == -ESHUTDOWN ? "its module is isolated" :
			      "cannot be a member");
			unregister_pair(m);
			return err;
		}
	}
	return 0;
}

static int ftm_preresume(struct dm_target *ti)
{
	struct ftm *m = ti->private;
	unsigned int noio = memalloc_noio_save();	/* it may be our memory's disk */
	char *error;
	int err = 0;

	mutex_lock(&m->message_lock);
	if (!m->registered) {
		mutex_lock(&running_lock);
		err = register_pair(m);
		mutex_unlock(&running_lock);
	}
	if (err || m->assembled)
		goto out;
	/* What the disks said when the table was loaded may be old news. */
	err = ftm_assemble(m, false, &error);
	if (err) {
		DMERR("%s: %s", m->pair.name, error);
		mutex_lock(&running_lock);
		unregister_pair(m);
		mutex_unlock(&running_lock);
		goto out;
	}
	m->assembled = true;
out:
	mutex_unlock(&m->message_lock);
	memalloc_noio_restore(noio);
	return err;
}

static void ftm_resume(struct dm_target *ti)
{
	struct ftm *m = ti->private;
	unsigned int l;

	/* Buffers that change in flight would make the legs differ. */
	ft_stable_writes(dm_disk(dm_table_get_md(ti->table))->queue);
	WRITE_ONCE(m->suspended, false);
	WRITE_ONCE(m->stopping, false);
	for (l = 0; l < FTM_LEGS; l++)
		m->leg[l].waited = false;
	queue_delayed_work(m->wq, &m->watch, HZ);
	queue_delayed_work(m->wq, &m->cleaner, msecs_to_jiffies(FTM_CLEAN_MS));
	queue_work(m->wq, &m->copier);
	queue_work(m->wq, &m->reaper);
	ftm_changed(m);
}

/* All I/O from above has ended. */
static void ftm_postsuspend(struct dm_target *ti)
{
	struct ftm *m = ti->private;

	/* Messages and the reaper are not kept out by dm. */
	mutex_lock(&m->message_lock);
	if (!m->assembled || m->suspended)
		goto out;
	WRITE_ONCE(m->stopping, true);
	queue_work(m->wq, &m->requeue);	/* copies that wait, to give up */
	wait_event(m->wait, !atomic_read(&m->n_active) ||
		   (ftm_flags(m) & FTM_USE_ANY) != FTM_USE_ANY);
	cancel_delayed_work_sync(&m->watch);
	cancel_delayed_work_sync(&m->cleaner);
	cancel_delayed_work_sync(&m->pace);
	cancel_work_sync(&m->copier);
	flush_work(&m->worker);
	ftm_stop(m);
	WRITE_ONCE(m->suspended, true);
out:
	mutex_unlock(&m->message_lock);
}

static int ftm_map(struct dm_target *ti, struct bio *bio)
{
	return ftm_map_bio(ti->private, dm_per_bio_data(bio, sizeof(struct ftm_io)), bio);
}

static int ftm_end_io(struct dm_target *ti, struct bio *bio, blk_status_t *error)
{
	return ftm_end_read(dm_per_bio_data(bio, sizeof(struct ftm_io)), error);
}

static int remove_leg(struct ftm *m, unsigned int l)
{
	struct ftm_leg *leg = &m->leg[l];

	if (!(ftm_flags(m) & FTM_USE(l)))
		return -ENOENT;
	ftm_flush_legs(m);
	if (!ftm_leg_lost(m, l, FT_REASON_OPERATOR))
		return -EBUSY;
	/* The other leg says so on disk before this is told to be done. */
	wait_event(m->wait, !(ftm_flags(m) & FTM_UNREC) ||
		   (ftm_flags(m) & FTM_FAILED));
	wait_event_timeout(m->wait, !atomic_read(&leg->outstanding) &&
			   !test_bit(FTM_TODO_LOST + l, &m->todo), 5 * HZ);
	if (!atomic_read(&leg->outstanding))
		ftm_leg_detach(m, l);
	return 0;
}

/* What a leg is that was refused. */
static void refused(struct ftm *m, unsigned int l, int err)
{
	static const struct {
		int err;
		enum ft_member_state state;
		enum ft_reason reason;
	} table[] = {
		{ -ENOTUNIQ, FT_MEMBER_STATE_STALE, FT_REASON_SPLIT_BRAIN },
		{ -EUCLEAN, FT_MEMBER_STATE_FOREIGN, FT_REASON_DAMAGED },
		{ -ENXIO, FT_MEMBER_STATE_FOREIGN, FT_REASON_FOREIGN },
		{ -ENODATA, FT_MEMBER_STATE_FOREIGN, FT_REASON_BLANK },
		{ -EIO, FT_MEMBER_STATE_FAULTY, FT_REASON_IO_ERROR },
		{ -ETIMEDOUT, FT_MEMBER_STATE_FAULTY, FT_REASON_TIMEOUT },
	};
	unsigned int i;

	DMWARN("%s: leg %u cannot join: %d", m->pair.name, l, err);
	for (i = 0; i < ARRAY_SIZE(table); i++) {
		if (table[i].err != err)
			continue;
		spin_lock_irq(&m->lock);
		ftm_leg_state(&m->leg[l], table[i].state, table[i].reason);
		spin_unlock_irq(&m->lock);
	}
	ftm_changed(m);
}

static int check_device(struct ftm *m, struct ftm_request *rq)
{
	struct ftm_leg *leg = &m->leg[rq->leg], *s = &m->leg[!rq->leg];
	struct block_device *bdev = leg->dev->bdev;
	int err;

	if (bdev_logical_block_size(bdev) >
	    queue_logical_block_size(dm_disk(dm_table_get_md(m->ti->table))->queue)) {
		DMERR("%s: %s has larger sectors than the mirror", m->pair.name, leg->name);
		return -EINVAL;
	}
	err = ftm_read_super(leg, &rq->meta);
	if (rq->what == FTM_REPLACE) {
		uuid_t id;

		if (!err && ft_legs_related(&rq->meta, &s->meta))
			return -EEXIST;
		if (err && err != -ENODATA && err != -EUCLEAN)
			return err;
		if (bdev_nr_sectors(bdev) < s->meta.data_offset + s->meta.data_size)
			return -EFBIG;
		uuid_gen(&id);
		memcpy(rq->meta.id, id.b, sizeof(rq->meta.id));
		return 0;
	}
	if (err)
		return err;
	if (memcmp(rq->meta.uuid, m->pair.uuid, sizeof(m->pair.uuid)))
		return -ENXIO;
	if (!ft_legs_related(&rq->meta, &s->meta))
		return -ENXIO;
	return ftm_read_joining(m, rq);
}

/* Have the worker do it, between its own writes of superblocks and bitmaps. */
static int ask_worker(struct ftm *m, struct ftm_request *rq)
{
	init_completion(&rq->done);
	spin_lock_irq(&m->lock);
	m->request = rq;
	spin_unlock_irq(&m->lock);
	ftm_wake(m);
	wait_for_completion(&rq->done);
	return rq->err;
}

static int grow_legs(struct ftm *m, const char *arg)
{
	struct ftm_request rq = { .what = FTM_GROW };
	u64 size;

	if (kstrtou64(arg, 10, &size) || size % 8)
		return -EINVAL;
	if (size < m->ti->len)
		return -ERANGE;
	rq.size = size;
	return ask_worker(m, &rq);
}

static int add_leg(struct ftm *m, struct ftm_request *rq, const char *path)
{
	struct ftm_leg *leg = &m->leg[rq->leg];
	int err;

	if (leg->dev || !(ftm_flags(m) & FTM_SYNC(!rq->leg)))
		return -EBUSY;
	rq->image = kvcalloc(m->blocks, FT_BITMAP_BYTES, GFP_KERNEL);
	if (!rq->image)
		return -ENOMEM;
	err = ftm_leg_attach(m, rq->leg, path);
	if (err)
		goto out;
	err = check_device(m, rq);
	if (!err)
		err = ask_worker(m, rq);
	if (err) {
		refused(m, rq->leg, err);
		/* A read that is late keeps the device until it has ended. */
		if (atomic_read(&leg->outstanding))
			queue_work(m->wq, &m->reaper);
		else
			ftm_leg_detach(m, rq->leg);
	}
out:
	kvfree(rq->image);
	return err;
}

static int ftm_message(struct dm_target *ti, unsigned int argc, char **argv,
		       char *result, unsigned int maxlen)
{
	static const struct {
		const char *name;
		int what;
	} adds[] = {
		{ "join", FTM_JOIN },
		{ "resolve", FTM_RESOLVE },
		{ "replace", FTM_REPLACE },
	};
	static const char * const scrub_modes[] = { "stop", "check", "repair" };
	struct ftm *m = ti->private;
	int err = -EINVAL, i;
	unsigned int l;

	mutex_lock(&m->message_lock);
	if (!m->assembled || m->suspended) {
		err = -EAGAIN;
	} else if (argc == 2 && tunable(m, argv[0])) {
		err = kstrtouint(argv[1], 10, tunable(m, argv[0]));
		queue_work(m->wq, &m->copier);
	} else if (argc == 2 && !strcmp(argv[0], "remove") &&
		   !parse_leg(argv[1], &l)) {
		err = remove_leg(m, l);
	} else if (argc == 2 && !strcmp(argv[0], "prefer") &&
		   (!strcmp(argv[1], "-") || !parse_leg(argv[1], &l))) {
		WRITE_ONCE(m->prefer, *argv[1] == '-' ? FTM_LEGS : l);
		err = 0;
	} else if (argc == 2 && !strcmp(argv[0], "scrub")) {
		i = match_string(scrub_modes, ARRAY_SIZE(scrub_modes), argv[1]);
		err = i < 0 ? i : ftm_scrub(m, i);
	} else if (argc == 2 && !strcmp(argv[0], "grow")) {
		err = grow_legs(m, argv[1]);
	} else if (argc == 3 && !parse_leg(argv[1], &l)) {
		for (i = 0; i < ARRAY_SIZE(adds); i++) {
			struct ftm_request rq = { .what = adds[i].what, .leg = l };

			if (!strcmp(argv[0], adds[i].name))
				err = add_leg(m, &rq, argv[2]);
		}
	}
	mutex_unlock(&m->message_lock);
	if (err == -EINVAL)
		DMERR("%s: no such message, or not like that: see ft_mirror.h", m->pair.name);
	return err;
}

static void ftm_status(struct dm_target *ti, status_type_t type,
		       unsigned int status_flags, char *result, unsigned int maxlen)
{
	struct ftm *m = ti->private;
	static const char * const scrub_modes[] = { "idle", "check", "repair" };
	struct ft_pair_report r = { };
	unsigned int sz = 0, i, l, words;
	struct ftm_scrub scrub;
	struct ftm_leg *s;

	switch (type) {
	case STATUSTYPE_INFO:
		ftm_pair_ops.report(&m->pair, &r);
		s = &m->leg[m->source];
		DMEMIT("%s %s", ft_pair_state_name(r.state), ft_reason_name(r.reason));
		for (l = 0; l < FTM_LEGS; l++)
			DMEMIT(" %s %s %s", r.member[l].dev[0] ? r.member[l].dev : "-",
			       ft_member_state_name(r.member[l].state),
			       ft_reason_name(r.member[l].reason));
		DMEMIT(" %u/%u %llu/%llu %llu %u %016llx %016llx", m->n_dirty, m->regions,
		       r.sync_done, r.sync_total, r.sync_copied,
		       atomic_read(&m->leg[0].rewritten) + atomic_read(&m->leg[1].rewritten),
		       s->meta.gen, s->meta.base);
		for (l = 0; l < FTM_LEGS; l++)
			DMEMIT(" %u %u %u", atomic_read(&m->leg[l].read_errors),
			       atomic_read(&m->leg[l].write_errors),
			       atomic_read(&m->leg[l].rewritten));
		spin_lock_irq(&m->lock);
		scrub = m->scrub;
		spin_unlock_irq(&m->lock);
		DMEMIT(" %s %llu/%llu %llu %llu %llu", scrub_modes[scrub.mode],
		       min((u64)ti->len << SECTOR_SHIFT,
			   (u64)scrub.done << (m->region_shift + SECTOR_SHIFT)),
		       (u64)ti->len << SECTOR_SHIFT, scrub.found, scrub.fixed,
		       scrub.unreadable);
		break;
	case STATUSTYPE_TABLE:
		DMEMIT("%pUb", m->pair.uuid);
		spin_lock_irq(&m->lock);
		for (l = 0; l < FTM_LEGS; l++)
			DMEMIT(" %s", m->leg[l].attached ? m->leg[l].devt : "-");
		spin_unlock_irq(&m->lock);
		words = m->start_alone + 2 * (m->survivor >= 0) +
			2 * (m->prefer < FTM_LEGS);
		for (i = 0; i < ARRAY_SIZE(tunables); i++)
			words += 2 * (*tunable_at(m, i) != tunables[i].normal);
		if (words)
			DMEMIT(" %u", words);
		if (m->start_alone)
			DMEMIT(" start_alone");
		if (m->survivor >= 0)
			DMEMIT(" survivor %d", m->survivor);
		if (m->prefer < FTM_LEGS)
			DMEMIT(" prefer %u", m->prefer);
		for (i = 0; i < ARRAY_SIZE(tunables); i++)
			if (*tunable_at(m, i) != tunables[i].normal)
				DMEMIT(" %s %u", tunables[i].name, *tunable_at(m, i));
		break;
	default:
		*result = 0;
		break;
	}
}

static int ftm_iterate_devices(struct dm_target *ti, iterate_devices_callout_fn fn,
			       void *data)
{
	struct ftm *m = ti->private;
	unsigned int l;
	int err = 0;

	mutex_lock(&m->message_lock);	/* the reaper's, too */
	for (l = 0; !err && l < FTM_LEGS; l++)
		if (m->leg[l].dev)
			err = fn(ti, m->leg[l].dev, m->leg[l].meta.data_offset,
				 ti->len, data);
	mutex_unlock(&m->message_lock);
	return err;
}

static void ftm_io_hints(struct dm_target *ti, struct queue_limits *limits)
{
	/* A discard is sent as zeroes, whatever the legs think of discards. */
	limits->discard_granularity = max(limits->discard_granularity,
					  limits->physical_block_size);
	limits->max_hw_discard_sectors = UINT_MAX >> SECTOR_SHIFT;
	limits->max_discard_sectors = UINT_MAX >> SECTOR_SHIFT;
	ft_limit_stable_writes(limits);
}

static struct target_type ftm_target = {
	.name = FT_MIRROR_TARGET,
	.version = { 1, 3, 0 },
	/* What must wait here waits on a list, not in the submitter. */
	.features = DM_TARGET_SINGLETON | DM_TARGET_NOWAIT,
	.module = THIS_MODULE,
	.ctr = ftm_ctr,
	.dtr = ftm_dtr,
	.map = ftm_map,
	.end_io = ftm_end_io,
	.preresume = ftm_preresume,
	.resume = ftm_resume,
	.postsuspend = ftm_postsuspend,
	.message = ftm_message,
	.status = ftm_status,
	.iterate_devices = ftm_iterate_devices,
	.io_hints = ftm_io_hints,
};

static int __init ftm_init(void)
{
	return dm_register_target(&ftm_target);
}

static void __exit ftm_exit(void)
{
	dm_unregister_target(&ftm_target);
}

module_init(ftm_init);
module_exit(ftm_exit);

MODULE_DESCRIPTION("Two-leg mirror that survives a pulled module");
MODULE_AUTHOR("ftstack developers");
MODULE_ALIAS("dm-" FT_MIRROR_TARGET);
MODULE_LICENSE("GPL");
