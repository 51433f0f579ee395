// SPDX-License-Identifier: GPL-2.0
/*
 * switch.c - which port carries the traffic, and what is told of it.
 *
 * Everything here runs under ftb::lock alone, from any context up to softirq:
 * the transmit path calls it when it meets a port without carrier.
 */
#include <linux/ktime.h>

#include "bond.h"

static enum ft_reason ftb_port_fault(const struct ftb_port *port)
{
	if (test_bit(FTB_BAR_CUT, &port->barred))
		return port->cut;
	if (test_bit(FTB_BAR_LEAVING, &port->barred))
		return FT_REASON_OPERATOR;
	if (test_bit(FTB_BAR_CLOSING, &port->barred) ||
	    !netif_running(port->dev))
		return FT_REASON_ADMIN_DOWN;
	if (ftb_port_usable(port) && ftb_port_doubt(port))
		return ftb_port_doubt(port);
	return FT_REASON_LINK_DOWN;
}

static bool ftb_set_slot(struct ftb_slot *slot, enum ft_member_state state,
			 enum ft_reason reason)
{
	if (slot->state == state && slot->reason == reason)
		return false;
	slot->state = state;
	slot->reason = reason;
	slot->since = ktime_get_boottime_ns();
	return true;
}

static bool ftb_slot_works(const struct ftb_slot *slot)
{
	return slot->state == FT_MEMBER_STATE_ACTIVE ||
	       slot->state == FT_MEMBER_STATE_STANDBY;
}

/* The states of the members, and the bond's from theirs. */
static bool ftb_judge(struct ftb *bond)
{
	struct ftb_port *active = ftb_active(bond), *port;
	enum ft_pair_state state = FT_PAIR_STATE_BROKEN;
	enum ft_reason reason = FT_REASON_NONE;
	struct ftb_slot *slot;
	bool changed = false;
	unsigned int i, work = 0;

	for (i = 0; i < FT_MEMBERS; i++) {
		slot = &bond->slot[i];
		port = ftb_slot_port(bond, slot);
		if (port && !test_bit(FTB_BAR_ENTERING, &port->barred)) {
			/* A dead path that carries all the same may not be. */
			if (!port->usable ||
			    (ftb_port_doubt(port) && port != active))
				changed |= ftb_set_slot(slot,
							FT_MEMBER_STATE_FAULTY,
							ftb_port_fault(port));
			else
				changed |= ftb_set_slot(slot, port == active ?
						FT_MEMBER_STATE_ACTIVE :
						FT_MEMBER_STATE_STANDBY,
						ftb_port_doubt(port));
		}
		if (ftb_slot_works(slot))
			work++;
		else if (reason == FT_REASON_NONE || (int)i == bond->carrier)
			reason = slot->reason;
	}
	if (work == 2)
		state = FT_PAIR_STATE_DUPLEX;
	else if (work == 1)
		state = FT_PAIR_STATE_SIMPLEX;
	if (bond->state != state) {
		bond->state = state;
		bond->since = ktime_get_boottime_ns();
		changed = true;
	}
	bond->reason = reason;
	return changed;
}

/*
 * Readers that found the old port before this go on sending to it, which is
 * what they would have done a moment earlier; frames for us that the network
 * still brings to it are taken until overlap_until.
 */
static void ftb_make_active(struct ftb *bond, struct ftb_port *port,
			    enum ft_reason reason)
{
	int slot = ftb_slot_index(bond, port->slot);

	WRITE_ONCE(bond->overlap_until, jiffies + FTB_OVERLAP);
	rcu_assign_pointer(bond->active, port);
	if (bond->carrier >= 0 && bond->carrier != slot) {
		bond->switches++;
		bond->switch_reason = reason;
		bond->switch_time = ktime_get_boottime_ns();
		strscpy(bond->switch_from, bond->slot[bond->carrier].name,
			sizeof(bond->switch_from));
		strscpy(bond->switch_to, port->slot->name,
			sizeof(bond->switch_to));
		bond->tell_switch = true;
	}
	bond->carrier = slot;
}

/* Should the bond go back to its primary? If only later, ask again then. */
static bool ftb_failback_due(struct ftb *bond, struct ftb_port *active,
			     struct ftb_port *primary)
{
	if (!primary || primary == active || !primary->usable ||
	    ftb_port_doubt(primary))
		return false;
	switch (READ_ONCE(bond->failback)) {
	case FT_BOND_FAILBACK_NEVER:
		return false;
	case FT_BOND_FAILBACK_BETTER:
		if (READ_ONCE(primary->speed) <= READ_ONCE(active->speed))
			return false;
		break;
	case FT_BOND_FAILBACK_ALWAYS:
		break;
	}
	if (time_before(jiffies, primary->settled)) {
		mod_delayed_work(ftb_wq, &bond->settle_work,
				 primary->settled - jiffies);
		return false;
	}
	return true;
}

static struct ftb_port *ftb_primary(struct ftb *bond)
{
	int primary = READ_ONCE(bond->primary);

	return primary < 0 ? NULL : ftb_slot_port(bond, &bond->slot[primary]);
}

/* Why the port that carried the traffic last does so no more. */
static enum ft_reason ftb_carrier_fault(struct ftb *bond)
{
	struct ftb_slot *slot;
	struct ftb_port *port;

	if (bond->carrier < 0)
		return FT_REASON_NONE;
	slot = &bond->slot[bond->carrier];
	port = ftb_slot_port(bond, slot);
	return port ? ftb_port_fault(port) : slot->reason;
}

/* Look at both ports, and let the right one carry the traffic. */
void ftb_update_locked(struct ftb *bond)
{
	struct ftb_port *active = ftb_active(bond), *port, *spare = NULL;
	bool resumed = false, any = false, detached = false;
	unsigned int i;

	lockdep_assert_held(&bond->lock);
	for (i = 0; i < FT_MEMBERS; i++) {
		bool usable;

		port = ftb_slot_port(bond, &bond->slot[i]);
		if (!port)
			continue;
		usable = ftb_port_usable(port);
		if (usable && !port->usable) {
			port->settled = jiffies +
				msecs_to_jiffies(READ_ONCE(bond->holddown_ms));
			resumed |= port == active;
		}
		port->usable = usable;
		any |= usable;
		if (usable && port != active)
			spare = port;
		detached |= !usable && ftb_port_link(port);
	}

	if (!active || !active->usable ||
	    (ftb_port_doubt(active) && spare && !ftb_port_doubt(spare))) {
		if (spare) {
			ftb_make_active(bond, spare, ftb_carrier_fault(bond));
			resumed = true;
		}
	} else if (ftb_failback_due(bond, active, ftb_primary(bond))) {
		ftb_make_active(bond, ftb_primary(bond), FT_REASON_FAILBACK);
		resumed = true;
	}

	if (any)
		netif_carrier_on(bond->dev);
	else
		netif_carrier_off(bond->dev);
	if (resumed)
		ftb_announce(bond);
	/*
	 * A driver detaches its device to reset it or to let it sleep, and
	 * attaches it again; it tells neither.
	 */
	if (detached)
		mod_delayed_work(ftb_wq, &bond->settle_work, FTB_LOOK_AGAIN);
	if (ftb_judge(bond) || resumed)
		ft_pair_changed(&bond->pair);
}

void ftb_update(struct ftb *bond)
{
	spin_lock_bh(&bond->lock);
	ftb_update_locked(bond);
	spin_unlock_bh(&bond->lock);
}

/*
 * The data path found the active port unusable. Returns the port to use, or
 * NULL; good for as long as the caller's RCU read section.
 */
struct ftb_port *ftb_failover(struct ftb *bond)
{
	struct ftb_port *port;
	unsigned int i;

	/* With no port to go to, no packet should have to take the lock. */
	for (i = 0; i < FT_MEMBERS; i++) {
		port = rcu_dereference_bh(bond->slot[i].port);
		if (port && ftb_port_usable(port))
			break;
	}
	if (i == FT_MEMBERS)
		return NULL;
	spin_lock_bh(&bond->lock);
	ftb_update_locked(bond);
	port = ftb_active(bond);
	if (port && !port->usable)
		port = NULL;
	spin_unlock_bh(&bond->lock);
	return port;
}

/* RTNL: the port stays, and the settings. */
int ftb_switch_to(struct ftb *bond, struct ftb_port *port,
		  struct netlink_ext_ack *extack)
{
	struct ftb_port *active;
	int err = 0;

	spin_lock_bh(&bond->lock);
	ftb_update_locked(bond);
	active = ftb_active(bond);
	if (active == port) {
		goto out;
	} else if (!port->usable) {
		NL_SET_ERR_MSG(extack, "this port does not work now; see its state and reason");
		err = -ENETDOWN;
	} else if (ftb_port_doubt(port)) {
		NL_SET_ERR_MSG(extack, "the path of this port is dead; see its reason");
		err = -ENETUNREACH;
	} else if (ftb_failback_due(bond, port, ftb_primary(bond))) {
		NL_SET_ERR_MSG(extack,
			       "failback would return to the primary at once; set failback to never first");
		err = -EBUSY;
	} else {
		ftb_make_active(bond, port, FT_REASON_OPERATOR);
		ftb_announce(bond);
		ftb_judge(bond);
		ft_pair_changed(&bond->pair);
	}
out:
	spin_unlock_bh(&bond->lock);
	return err;
}

/* When it returns no new reader of the data path will pick the port. */
void ftb_bar(struct ftb *bond, struct ftb_port *port, enum ftb_bar bar)
{
	spin_lock_bh(&bond->lock);
	set_bit(bar, &port->barred);
	ftb_update_locked(bond);
	spin_unlock_bh(&bond->lock);
}

void ftb_unbar(struct ftb *bond, struct ftb_port *port, enum ftb_bar bar)
{
	spin_lock_bh(&bond->lock);
	clear_bit(bar, &port->barred);
	ftb_update_locked(bond);
	spin_unlock_bh(&bond->lock);
}

/*
 * The port of @slot has been barred and leaves: from here only readers that
 * already hold it know it, and RCU outlives them.
 */
void ftb_empty_slot(struct ftb *bond, struct ftb_slot *slot,
		    enum ft_reason reason)
{
	struct ftb_port *port;

	spin_lock_bh(&bond->lock);
	port = ftb_slot_port(bond, slot);
	if (ftb_active(bond) == port)
		RCU_INIT_POINTER(bond->active, NULL);
	RCU_INIT_POINTER(slot->port, NULL);
	if (ftb_set_slot(slot, FT_MEMBER_STATE_MISSING, reason))
		ft_pair_changed(&bond->pair);
	ftb_update_locked(bond);
	spin_unlock_bh(&bond->lock);
}

static void ftb_settle(struct work_struct *work)
{
	ftb_update(container_of(work, struct ftb, settle_work.work));
}

void ftb_switch_init(struct ftb *bond)
{
	u64 now = ktime_get_boottime_ns();
	unsigned int i;

	spin_lock_init(&bond->lock);
	INIT_DELAYED_WORK(&bond->settle_work, ftb_settle);
	bond->primary = -1;
	bond->carrier = -1;
	bond->overlap_until = jiffies;
	bond->state = FT_PAIR_STATE_BROKEN;
	bond->reason = FT_REASON_NEVER_THERE;
	bond->since = now;
	for (i = 0; i < FT_MEMBERS; i++) {
		bond->slot[i].module = FT_MODULE_NONE;
		bond->slot[i].state = FT_MEMBER_STATE_MISSING;
		bond->slot[i].reason = FT_REASON_NEVER_THERE;
		bond->slot[i].since = now;
	}
}

/* ft_pair_ops: ft_core's mutex is held, so neither RTNL nor anything slow. */

static void ftb_report(struct ft_pair *pair, struct ft_pair_report *r)
{
	struct ftb *bond = container_of(pair, struct ftb, pair);
	struct ftb_slot *slot;
	unsigned int i;

	spin_lock_bh(&bond->lock);
	r->state = bond->state;
	r->reason = bond->reason;
	r->since = bond->since;
	r->switches = bond->switches;
	for (i = 0; i < FT_MEMBERS; i++) {
		slot = &bond->slot[i];
		r->member[i].state = slot->state;
		r->member[i].reason = slot->reason;
		r->member[i].since = slot->since;
		if (slot->state != FT_MEMBER_STATE_MISSING)
			strscpy(r->member[i].dev, slot->name,
				sizeof(r->member[i].dev));
	}
	spin_unlock_bh(&bond->lock);
}

/*
 * A port that is still being put in is cut as well: ftb_add_port() publishes
 * it in its slot before ft_core knows it.
 */
static void ftb_isolate(struct ft_pair *pair, unsigned int member,
			enum ft_reason reason)
{
	struct ftb *bond = container_of(pair, struct ftb, pair);
	struct ftb_port *port;

	spin_lock_bh(&bond->lock);
	port = ftb_slot_port(bond, &bond->slot[member]);
	if (port) {
		port->cut = reason;
		set_bit(FTB_BAR_CUT, &port->barred);
		ftb_update_locked(bond);
	}
	spin_unlock_bh(&bond->lock);
}

static void ftb_join(struct ft_pair *pair, unsigned int member)
{
	struct ftb *bond = container_of(pair, struct ftb, pair);
	struct ftb_port *port;

	spin_lock_bh(&bond->lock);
	port = ftb_slot_port(bond, &bond->slot[member]);
	/* What is being removed does not come back by joining its module. */
	if (port && port->cut == FT_REASON_ISOLATED) {
		port->cut = FT_REASON_NONE;
		clear_bit(FTB_BAR_CUT, &port->barred);
		ftb_update_locked(bond);
	}
	spin_unlock_bh(&bond->lock);
}

const struct ft_pair_ops ftb_pair_ops = {
	.report = ftb_report,
	.isolate = ftb_isolate,
	.join = ftb_join,
};
