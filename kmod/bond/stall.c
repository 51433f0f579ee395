// SPDX-License-Identifier: GPL-2.0
/*
 * stall.c - a port whose transmit queue stands still: its link is up, and the
 * hardware takes nothing any more.
 *
 * The driver's own watchdog waits for many seconds, and resets the hardware
 * then; by that time the traffic has been with the other port for long. A link
 * partner that sends pause frames without end is seen in the same way.
 */
#include <linux/netdevice.h>

#include "bond.h"

#define FTB_STALL_LOOK	(HZ / 4)
#define FTB_STALL	HZ

/* Looks in which all queues flowed, until the port is trusted again. */
#define FTB_STALL_CLEAR	8

static bool ftb_stands_still(const struct ftb_port *port)
{
	const struct netdev_queue *queue;
	unsigned int i;

	for (i = 0; i < port->dev->real_num_tx_queues; i++) {
		queue = netdev_get_tx_queue(port->dev, i);
		if (netif_xmit_stopped(queue) &&
		    time_after(jiffies,
			       READ_ONCE(queue->trans_start) + FTB_STALL))
			return true;
	}
	return false;
}

/* Under ftb::lock; true if it is another than before. */
static bool ftb_look_at_queues(struct ftb *bond, struct ftb_port *port)
{
	/* Queues without a link stand still by right. */
	if (ftb_port_usable(port) && ftb_stands_still(port)) {
		port->flowing = 0;
		if (port->stalled)
			return false;
		port->stalled = true;
		return true;
	}
	if (!port->stalled || ++port->flowing < FTB_STALL_CLEAR)
		return false;
	port->stalled = false;
	port->settled = jiffies +
			msecs_to_jiffies(READ_ONCE(bond->holddown_ms));
	return true;
}

static void ftb_stall_work(struct work_struct *work)
{
	struct ftb *bond = container_of(work, struct ftb, stall_work.work);
	struct ftb_port *port;
	bool changed = false;
	unsigned int i;

	spin_lock_bh(&bond->lock);
	for (i = 0; i < FT_MEMBERS; i++) {
		port = ftb_slot_port(bond, &bond->slot[i]);
		if (port)
			changed |= ftb_look_at_queues(bond, port);
	}
	if (changed)
		ftb_update_locked(bond);
	spin_unlock_bh(&bond->lock);
	queue_delayed_work(ftb_wq, &bond->stall_work, FTB_STALL_LOOK);
}

void ftb_stall_start(struct ftb *bond)
{
	queue_delayed_work(ftb_wq, &bond->stall_work, FTB_STALL_LOOK);
}

void ftb_stall_stop(struct ftb *bond)
{
	cancel_delayed_work_sync(&bond->stall_work);
}

void ftb_stall_init(struct ftb *bond)
{
	INIT_DELAYED_WORK(&bond->stall_work, ftb_stall_work);
}
