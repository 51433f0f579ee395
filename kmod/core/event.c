// SPDX-License-Identifier: GPL-2.0
/*
 * event.c - what changed, told to user space in order: generic netlink and
 * uevents.
 *
 * Messages are made under ft_mutex, where seq and content agree, and sent from
 * one work item without it: a slow receiver, or the lock over uevents, never
 * delays an isolation. One work item, so the order of seq is the order sent.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kobject.h>
#include <linux/module.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "registry.h"

#define FT_UEVENT_VARS	4
#define FT_UEVENT_LEN	(FT_NAME_MAX + 16)

struct ft_event {
	struct list_head list;
	struct sk_buff *skb;
	char env[FT_UEVENT_VARS][FT_UEVENT_LEN];
};

static LIST_HEAD(ft_events);
static u64 ft_event_seq;
static bool ft_event_lost;
static bool ft_event_closed;
static struct workqueue_struct *ft_event_wq;

static void ft_event_work_fn(struct work_struct *work);
static DECLARE_DELAYED_WORK(ft_event_work, ft_event_work_fn);

/*
 * Who isolates a module is not held up by those who hear of it: what follows
 * from the changes of all its pairs waits for the next tick.
 */
static bool ft_event_held;

static void ft_event_queue(void)
{
	queue_delayed_work(ft_event_wq, &ft_event_work,
			   READ_ONCE(ft_event_held) ? 1 : 0);
}

void ft_event_hold(bool hold)
{
	lockdep_assert_held(&ft_mutex);
	WRITE_ONCE(ft_event_held, hold);
}

static void ft_event_add(enum ft_cmd cmd, u64 when,
			 const struct ft_module *module, struct ft_pair *pair)
{
	struct ft_pair_report report = {};
	struct ft_event *event;

	lockdep_assert_held(&ft_mutex);
	if (ft_event_closed)
		return;
	if (pair && cmd == FT_CMD_NEW_PAIR)
		pair->ops->report(pair, &report);

	/* Counted even if it cannot be told: the gap is what tells. */
	ft_event_seq++;
	event = kzalloc(sizeof(*event), GFP_KERNEL);
	if (event)
		event->skb = ft_netlink_event(cmd, ft_event_seq, when, module,
					      pair, &report);
	if (!event || !event->skb) {
		kfree(event);
		ft_event_lost = true;
		ft_event_queue();
		return;
	}

	if (pair) {
		snprintf(event->env[0], FT_UEVENT_LEN, "FT_PAIR=%s",
			 pair->name);
		snprintf(event->env[1], FT_UEVENT_LEN, "FT_TYPE=%s",
			 ft_pair_type_name(pair->type));
		snprintf(event->env[2], FT_UEVENT_LEN, "FT_STATE=%s",
			 cmd == FT_CMD_NEW_PAIR ?
			 ft_pair_state_name(report.state) : "GONE");
		snprintf(event->env[3], FT_UEVENT_LEN, "FT_REASON=%s",
			 ft_reason_name(report.reason));
	} else {
		snprintf(event->env[0], FT_UEVENT_LEN, "FT_MODULE=%u",
			 module->id);
		snprintf(event->env[1], FT_UEVENT_LEN, "FT_STATE=%s",
			 cmd == FT_CMD_NEW_MODULE ?
			 ft_module_state_name(module->state) : "GONE");
		snprintf(event->env[2], FT_UEVENT_LEN, "FT_REASON=%s",
			 ft_reason_name(module->reason));
	}
	list_add_tail(&event->list, &ft_events);
	ft_event_queue();
}

void ft_event_module(enum ft_cmd cmd, const struct ft_module *module)
{
	ft_event_add(cmd, ktime_get_boottime_ns(), module, NULL);
}

void ft_event_pair(enum ft_cmd cmd, struct ft_pair *pair, u64 when)
{
	ft_event_add(cmd, when, NULL, pair);
}

/* The number of the latest event. What an object is now, no earlier one tells. */
u64 ft_event_last(void)
{
	lockdep_assert_held(&ft_mutex);
	return ft_event_seq;
}

static void ft_event_send(struct ft_event *event)
{
	char *envp[FT_UEVENT_VARS + 1] = {};
	unsigned int i;

	for (i = 0; i < FT_UEVENT_VARS && event->env[i][0]; i++)
		envp[i] = event->env[i];
	ft_netlink_send(event->skb);
	kobject_uevent_env(&THIS_MODULE->mkobj.kobj, KOBJ_CHANGE, envp);
	kfree(event);
}

static void ft_event_work_fn(struct work_struct *work)
{
	struct ft_event *event, *next;
	struct ft_pair *pair;
	LIST_HEAD(events);
	unsigned int noio;
	bool lost;
	u64 when;

	noio = ft_lock();
	ft_members_isolated();
	list_for_each_entry(pair, &ft_pairs, list) {
		/* Before report() looks: a change after that asks again. */
		when = atomic64_xchg(&pair->changed, 0);
		if (when)
			ft_event_pair(FT_CMD_NEW_PAIR, pair, when);
	}
	list_splice_init(&ft_events, &events);
	lost = ft_event_lost;
	ft_event_lost = false;
	ft_unlock(noio);

	if (lost)
		ft_netlink_lost();
	list_for_each_entry_safe(event, next, &events, list)
		ft_event_send(event);
}

/*
 * The pair stays registered until ft_pair_unregister() returns, and from then
 * on the work item does not find it: nothing here outlives the pair.
 */
void ft_pair_changed(struct ft_pair *pair)
{
	/* 0 means no change to tell; the first of several says when. */
	atomic64_cmpxchg(&pair->changed, 0, ktime_get_boottime_ns());
	ft_event_queue();
}
EXPORT_SYMBOL_GPL(ft_pair_changed);

int ft_event_init(void)
{
	/* Unbound: not behind whatever keeps the CPU of the change busy. */
	ft_event_wq = alloc_workqueue("ft_core", WQ_UNBOUND | WQ_HIGHPRI |
				      WQ_MEM_RECLAIM, 1);
	return ft_event_wq ? 0 : -ENOMEM;
}

/* After this no work runs and none is queued, so the family may go. */
void ft_event_close(void)
{
	unsigned int noio = ft_lock();

	ft_event_closed = true;
	ft_unlock(noio);
	cancel_delayed_work_sync(&ft_event_work);
}

void ft_event_exit(void)
{
	struct ft_event *event, *next;

	destroy_workqueue(ft_event_wq);
	list_for_each_entry_safe(event, next, &ft_events, list) {
		kfree_skb(event->skb);
		kfree(event);
	}
}
