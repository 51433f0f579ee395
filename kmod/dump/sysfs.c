// SPDX-License-Identifier: GPL-2.0
/*
 * sysfs.c - /sys/kernel/ft_dump, which uapi/ft_dump.h describes.
 */
#include <linux/kobject.h>
#include <linux/sysfs.h>

#include "dump.h"

static struct kobject *ft_kobj;

#define FT_NAME_ROW(n, v, t) \
	[v] = #n,

static const char *const ft_state_names[] = { FT_DUMP_STATES(FT_NAME_ROW) };
static const char *const ft_block_names[] = { FT_DUMP_BLOCKS(FT_NAME_ROW) };

static ssize_t state_show(struct kobject *kobj, struct kobj_attribute *attr,
			  char *buf)
{
	return sysfs_emit(buf, "%s\n",
			  ft_state_names[READ_ONCE(ft_dump.state)]);
}

static ssize_t error_show(struct kobject *kobj, struct kobj_attribute *attr,
			  char *buf)
{
	return sysfs_emit(buf, "%s\n", ft_dump.error ?: "");
}

static ssize_t steps_show(struct kobject *kobj, struct kobj_attribute *attr,
			  char *buf)
{
	const char *give = ft_dump.error, *rearm = ft_rearm_unavailable();

	if (!give && !IS_ENABLED(CONFIG_MEMORY_HOTPLUG))
		give = "this kernel has no memory hotplug";
	return sysfs_emit(buf,
			  "seal available\nquiesce available\nreturn %s\nrearm %s\n",
			  give ?: "available", rearm ?: "available");
}

static ssize_t block_size_show(struct kobject *kobj,
			       struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%#llx\n", ft_dump.block_size);
}

static ssize_t blocks_show(struct kobject *kobj, struct kobj_attribute *attr,
			   char *buf)
{
	unsigned int i, k;
	ssize_t len = 0;

	mutex_lock(&ft_dump.lock);
	for (i = 0; i < ft_dump.n_blocks; i = k) {
		const struct ft_block *first = &ft_dump.blocks[i];

		for (k = i + 1; k < ft_dump.n_blocks &&
		     ft_dump.blocks[k].state == first->state &&
		     ft_dump.blocks[k].start == ft_dump.blocks[k - 1].start +
						ft_dump.block_size; k++)
			;
		len += sysfs_emit_at(buf, len, "%#llx %#llx %s\n",
				     first->start, (k - i) * ft_dump.block_size,
				     ft_block_names[first->state]);
	}
	mutex_unlock(&ft_dump.lock);
	return len;
}

static ssize_t ft_range_emit(char *buf, ssize_t len,
			     const struct ft_range *range)
{
	if (!range->end)
		return 0;
	return sysfs_emit_at(buf, len, "%#llx %#llx\n", range->start,
			     range->end - range->start);
}

/* Each write is of numbers, as many as its step asks for, and nothing else. */
static ssize_t ft_step(const char *buf, size_t size, int numbers,
		       int (*step)(u64 first, u64 second))
{
	u64 first = 0, second = 0;
	int used = 0, found, err;

	if (numbers == 1)
		found = sscanf(buf, "%llx %n", &first, &used);
	else
		found = sscanf(buf, "%llx %llx %n", &first, &second, &used);
	if (found != numbers || !used || buf[used])
		return -EINVAL;
	mutex_lock(&ft_dump.lock);
	err = step(first, second);
	mutex_unlock(&ft_dump.lock);
	return err ?: (ssize_t)size;
}

static int ft_step_seal(u64 yes, u64 unused)
{
	return yes == 1 ? ft_vmcore_seal() : -EINVAL;
}

static ssize_t seal_store(struct kobject *kobj, struct kobj_attribute *attr,
			  const char *buf, size_t size)
{
	return ft_step(buf, size, 1, ft_step_seal);
}

static int ft_step_quiesce(u64 yes, u64 unused)
{
	if (yes != 1)
		return -EINVAL;
	if (ft_dump.state < FT_DUMP_SEALED)
		return ft_dump.state == FT_DUMP_NONE ? -ENODATA : -EBUSY;
	ft_quiesce();
	if (ft_dump.state == FT_DUMP_SEALED)
		ft_dump.state = FT_DUMP_QUIESCED;
	return 0;
}

static ssize_t quiesce_store(struct kobject *kobj, struct kobj_attribute *attr,
			     const char *buf, size_t size)
{
	return ft_step(buf, size, 1, ft_step_quiesce);
}

static ssize_t leave_out_show(struct kobject *kobj,
			      struct kobj_attribute *attr, char *buf)
{
	ssize_t len = 0;
	unsigned int i;

	mutex_lock(&ft_dump.lock);
	for (i = 0; i < ft_dump.n_out; i++)
		len += ft_range_emit(buf, len, &ft_dump.out[i]);
	mutex_unlock(&ft_dump.lock);
	return len;
}

static int ft_step_leave_out(u64 start, u64 size)
{
	if (ft_dump.state == FT_DUMP_NONE || ft_dump.error)
		return -ENODATA;
	return ft_memory_leave_out(start, size);
}

static ssize_t leave_out_store(struct kobject *kobj,
			       struct kobj_attribute *attr, const char *buf,
			       size_t size)
{
	return ft_step(buf, size, 2, ft_step_leave_out);
}

static ssize_t hold_show(struct kobject *kobj, struct kobj_attribute *attr,
			 char *buf)
{
	ssize_t len;

	mutex_lock(&ft_dump.lock);
	len = ft_range_emit(buf, 0, &ft_dump.held);
	mutex_unlock(&ft_dump.lock);
	return len;
}

static int ft_step_hold(u64 start, u64 size)
{
	if (ft_dump.state == FT_DUMP_NONE || ft_dump.error)
		return -ENODATA;
	return ft_memory_hold(start, size);
}

static ssize_t hold_store(struct kobject *kobj, struct kobj_attribute *attr,
			  const char *buf, size_t size)
{
	return ft_step(buf, size, 2, ft_step_hold);
}

static int ft_step_return(u64 start, u64 unused)
{
	return ft_memory_return(start);
}

static ssize_t return_store(struct kobject *kobj, struct kobj_attribute *attr,
			    const char *buf, size_t size)
{
	return ft_step(buf, size, 1, ft_step_return);
}

static int ft_step_rearm(u64 yes, u64 unused)
{
	return yes == 1 ? ft_rearm() : -EINVAL;
}

static ssize_t rearm_store(struct kobject *kobj, struct kobj_attribute *attr,
			   const char *buf, size_t size)
{
	return ft_step(buf, size, 1, ft_step_rearm);
}

static ssize_t region_show(struct kobject *kobj, struct kobj_attribute *attr,
			   char *buf)
{
	ssize_t len;

	mutex_lock(&ft_dump.lock);
	len = ft_range_emit(buf, 0, &ft_dump.armed);
	mutex_unlock(&ft_dump.lock);
	return len;
}

static struct kobj_attribute ft_state = __ATTR_RO(state);
static struct kobj_attribute ft_error = __ATTR_RO(error);
static struct kobj_attribute ft_steps = __ATTR_RO(steps);
static struct kobj_attribute ft_block_size = __ATTR_RO(block_size);
static struct kobj_attribute ft_blocks = __ATTR_RO(blocks);
static struct kobj_attribute ft_seal = __ATTR_WO(seal);
static struct kobj_attribute ft_quiesced = __ATTR_WO(quiesce);
static struct kobj_attribute ft_leave_out = __ATTR_RW_MODE(leave_out, 0600);
static struct kobj_attribute ft_hold = __ATTR_RW_MODE(hold, 0600);
static struct kobj_attribute ft_return = __ATTR(return, 0200, NULL,
						return_store);
static struct kobj_attribute ft_armed = __ATTR_WO(rearm);
static struct kobj_attribute ft_region = __ATTR_RO(region);

static struct attribute *ft_attrs[] = {
	&ft_state.attr,	    &ft_error.attr,   &ft_steps.attr,
	&ft_block_size.attr, &ft_blocks.attr, &ft_seal.attr,
	&ft_quiesced.attr,  &ft_leave_out.attr, &ft_hold.attr,
	&ft_return.attr,    &ft_armed.attr,   &ft_region.attr,
	NULL
};

static const struct attribute_group ft_group = { .attrs = ft_attrs };

int ft_sysfs_init(void)
{
	int err;

	ft_kobj = kobject_create_and_add("ft_dump", kernel_kobj);
	if (!ft_kobj)
		return -ENOMEM;
	err = sysfs_create_group(ft_kobj, &ft_group);
	if (err)
		kobject_put(ft_kobj);
	return err;
}

/* Returns when nobody is in a file any more. */
void ft_sysfs_exit(void)
{
	sysfs_remove_group(ft_kobj, &ft_group);
	kobject_put(ft_kobj);
}
