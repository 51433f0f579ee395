// SPDX-License-Identifier: GPL-2.0
/*
 * erasable - a device-mapper target over a disk that says that it can erase securely.
 *
 *	0 SECTORS erasable DEVICE
 *
 * What is erased keeps what it held, as a disk may; dmsetup status tells the sectors.
 * The one disk with REQ_OP_SECURE_ERASE that kernels drive is an eMMC.
 */
#include <linux/bio.h>
#include <linux/device-mapper.h>
#include <linux/module.h>

struct erasable {
	struct dm_dev *dev;
	atomic64_t erased;
};

static int erasable_ctr(struct dm_target *ti, unsigned int argc, char **argv)
{
	struct erasable *e;
	int err;

	if (argc != 1) {
		ti->error = "One argument: the device";
		return -EINVAL;
	}
	e = kzalloc(sizeof(*e), GFP_KERNEL);
	if (!e)
		return -ENOMEM;
	err = dm_get_device(ti, argv[0], dm_table_get_mode(ti->table), &e->dev);
	if (err) {
		ti->error = "The device cannot be opened";
		kfree(e);
		return err;
	}
	ti->private = e;
	ti->num_flush_bios = 1;
	ti->flush_supported = true;
	ti->num_write_zeroes_bios = 1;
	ti->num_secure_erase_bios = 1;
	return 0;
}

static void erasable_dtr(struct dm_target *ti)
{
	struct erasable *e = ti->private;

	dm_put_device(ti, e->dev);
	kfree(e);
}

static int erasable_map(struct dm_target *ti, struct bio *bio)
{
	struct erasable *e = ti->private;

	if (bio_op(bio) == REQ_OP_SECURE_ERASE) {
		atomic64_add(bio_sectors(bio), &e->erased);
		bio_endio(bio);
		return DM_MAPIO_SUBMITTED;
	}
	bio_set_dev(bio, e->dev->bdev);
	return DM_MAPIO_REMAPPED;
}

/* None of which dm could ask whether it can. */
static int erasable_iterate_devices(struct dm_target *ti, iterate_devices_callout_fn fn,
				    void *data)
{
	return 0;
}

static void erasable_io_hints(struct dm_target *ti, struct queue_limits *limits)
{
	limits->max_secure_erase_sectors = UINT_MAX >> SECTOR_SHIFT;
}

static void erasable_status(struct dm_target *ti, status_type_t type, unsigned int flags,
			    char *result, unsigned int maxlen)
{
	struct erasable *e = ti->private;
	unsigned int sz = 0;

	if (type == STATUSTYPE_INFO)
		DMEMIT("%lld", (long long)atomic64_read(&e->erased));
	else if (type == STATUSTYPE_TABLE)
		DMEMIT("%s", e->dev->name);
	else
		*result = 0;
}

static struct target_type target = {
	.name = "erasable",
	.version = { 1, 0, 0 },
	.module = THIS_MODULE,
	.ctr = erasable_ctr,
	.dtr = erasable_dtr,
	.map = erasable_map,
	.status = erasable_status,
	.iterate_devices = erasable_iterate_devices,
	.io_hints = erasable_io_hints,
};

static int __init erasable_init(void)
{
	return dm_register_target(&target);
}

static void __exit erasable_exit(void)
{
	dm_unregister_target(&target);
}

module_init(erasable_init);
module_exit(erasable_exit);

MODULE_DESCRIPTION("A disk that can erase securely");
MODULE_AUTHOR("ftstack developers");
MODULE_LICENSE("GPL");
