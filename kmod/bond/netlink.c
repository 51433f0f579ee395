// SPDX-License-Identifier: GPL-2.0
/*
 * netlink.c - link kind "ftbond": made, set and told over rtnetlink.
 */
#include <linux/rtnetlink.h>
#include <net/netlink.h>
#include <net/rtnetlink.h>

#include "bond.h"

#define FTB_QUEUES	16

static const struct nla_policy ftb_policy[IFLA_FTBOND_MAX + 1] = {
	[IFLA_FTBOND_ACTIVE_PORT] = { .type = NLA_U32 },
	[IFLA_FTBOND_PRIMARY] = { .type = NLA_U32 },
	[IFLA_FTBOND_FAILBACK] =
		NLA_POLICY_RANGE(NLA_U8, FT_BOND_FAILBACK_NEVER,
				 FT_BOND_FAILBACK_ALWAYS),
	[IFLA_FTBOND_HOLDDOWN] = { .type = NLA_U32 },
	[IFLA_FTBOND_ANNOUNCE_COUNT] =
		NLA_POLICY_RANGE(NLA_U32, 0, FT_BOND_ANNOUNCE_MAX),
	[IFLA_FTBOND_ANNOUNCE_SPACING] =
		NLA_POLICY_RANGE(NLA_U32, 1, FT_BOND_SPACING_MAX_MS),
	[IFLA_FTBOND_ALLOW_SAME_MODULE] = NLA_POLICY_RANGE(NLA_U8, 0, 1),
	[IFLA_FTBOND_PROBE_INTERVAL] =
		NLA_POLICY_RANGE(NLA_U32, 0, FT_BOND_PROBE_MAX_MS),
	[IFLA_FTBOND_PROBING] = { .type = NLA_REJECT },
	[IFLA_FTBOND_PAIR] = { .type = NLA_REJECT },
	[IFLA_FTBOND_SWITCHES] = { .type = NLA_REJECT },
	[IFLA_FTBOND_SWITCH_REASON] = { .type = NLA_REJECT },
	[IFLA_FTBOND_SWITCH_TIME] = { .type = NLA_REJECT },
	[IFLA_FTBOND_SWITCH_FROM] = { .type = NLA_REJECT },
	[IFLA_FTBOND_SWITCH_TO] = { .type = NLA_REJECT },
};

static struct ftb_port *ftb_port_asked(struct ftb *bond, struct nlattr *attr,
				       struct netlink_ext_ack *extack)
{
	struct ftb_port *port;
	unsigned int i;

	for (i = 0; i < FT_MEMBERS; i++) {
		port = rtnl_dereference(bond->slot[i].port);
		if (port && port->dev->ifindex == nla_get_u32(attr))
			return port;
	}
	NL_SET_ERR_MSG_ATTR(extack, attr,
			    "this interface is not a port of the bond; put it in first (ip link set DEV master BOND)");
	return ERR_PTR(-EINVAL);
}

static bool ftb_same_module_used(struct ftb *bond)
{
	struct ftb_port *port[FT_MEMBERS];
	unsigned int i;
	u32 module;

	for (i = 0; i < FT_MEMBERS; i++) {
		port[i] = rtnl_dereference(bond->slot[i].port);
		if (!port[i])
			return false;
	}
	module = ftb_port_module(port[0]);
	return module != FT_MODULE_NONE && module == ftb_port_module(port[1]);
}

/*
 * First all is looked up and checked, then set: a request is carried out whole
 * or not at all. Switching may fail, so it comes before the settings.
 */
static int ftb_changelink(struct net_device *dev, struct nlattr *tb[],
			  struct nlattr *data[],
			  struct netlink_ext_ack *extack)
{
	struct ftb *bond = netdev_priv(dev);
	struct ftb_port *active = NULL;
	int primary = bond->primary;
	struct ftb_port *port;
	struct nlattr *attr;
	int err;

	if (!data)
		return 0;
	attr = data[IFLA_FTBOND_ACTIVE_PORT];
	if (attr) {
		active = ftb_port_asked(bond, attr, extack);
		if (IS_ERR(active))
			return PTR_ERR(active);
	}
	attr = data[IFLA_FTBOND_PRIMARY];
	if (attr && nla_get_u32(attr)) {
		port = ftb_port_asked(bond, attr, extack);
		if (IS_ERR(port))
			return PTR_ERR(port);
		primary = ftb_slot_index(bond, port->slot);
	} else if (attr) {
		primary = -1;
	}
	attr = data[IFLA_FTBOND_HOLDDOWN];
	if (attr && nla_get_u32(attr) > FT_BOND_HOLDDOWN_MAX_MS) {
		NL_SET_ERR_MSG_ATTR(extack, attr,
				    "a hold-down is at most one hour (3600000 ms)");
		return -ERANGE;
	}
	attr = data[IFLA_FTBOND_ALLOW_SAME_MODULE];
	if (attr && !nla_get_u8(attr) && ftb_same_module_used(bond)) {
		NL_SET_ERR_MSG_ATTR(extack, attr,
				    "both ports are in one module; take one out first");
		return -EBUSY;
	}
	if (active) {
		err = ftb_switch_to(bond, active, extack);
		if (err)
			return err;
	}

	WRITE_ONCE(bond->primary, primary);
	attr = data[IFLA_FTBOND_ALLOW_SAME_MODULE];
	if (attr)
		bond->pair.allow_same_module = nla_get_u8(attr);
	attr = data[IFLA_FTBOND_FAILBACK];
	if (attr)
		WRITE_ONCE(bond->failback, nla_get_u8(attr));
	attr = data[IFLA_FTBOND_HOLDDOWN];
	if (attr)
		WRITE_ONCE(bond->holddown_ms, nla_get_u32(attr));
	attr = data[IFLA_FTBOND_ANNOUNCE_COUNT];
	if (attr)
		WRITE_ONCE(bond->announce_count, nla_get_u32(attr));
	attr = data[IFLA_FTBOND_ANNOUNCE_SPACING];
	if (attr)
		WRITE_ONCE(bond->announce_spacing_ms, nla_get_u32(attr));
	attr = data[IFLA_FTBOND_PROBE_INTERVAL];
	if (attr && bond->probe_ms != nla_get_u32(attr)) {
		WRITE_ONCE(bond->probe_ms, nla_get_u32(attr));
		ftb_probe_restart(bond);
	}
	/* The new settings may make the primary due. */
	ftb_update(bond);
	return 0;
}

FT_NEWLINK(ftb_newlink)

static int ftb_newlink_tb(struct net_device *dev, struct nlattr **tb,
			  struct nlattr **data,
			  struct netlink_ext_ack *extack)
{
	struct ftb *bond = netdev_priv(dev);
	int err;

	if (data && (data[IFLA_FTBOND_ACTIVE_PORT] ||
		     data[IFLA_FTBOND_PRIMARY])) {
		NL_SET_ERR_MSG(extack,
			       "a new bond has no ports yet; name the active port and the primary after putting them in");
		return -EINVAL;
	}
	err = register_netdevice(dev);
	if (err == -EEXIST && !strcmp(bond->pair.name, dev->name))
		NL_SET_ERR_MSG(extack,
			       "another bond has this name, maybe in another network namespace; take another name");
	if (err)
		return err;
	err = ftb_changelink(dev, tb, data, extack);
	if (err)
		unregister_netdevice(dev);
	return err;
}

static size_t ftb_get_size(const struct net_device *dev)
{
	return nla_total_size(sizeof(u32)) +	/* ACTIVE_PORT */
	       nla_total_size(sizeof(u32)) +	/* PRIMARY */
	       nla_total_size(sizeof(u8)) +	/* FAILBACK */
	       nla_total_size(sizeof(u32)) +	/* HOLDDOWN */
	       nla_total_size(sizeof(u32)) +	/* ANNOUNCE_COUNT */
	       nla_total_size(sizeof(u32)) +	/* ANNOUNCE_SPACING */
	       nla_total_size(sizeof(u8)) +	/* ALLOW_SAME_MODULE */
	       nla_total_size(sizeof(u32)) +	/* SWITCHES */
	       nla_total_size(sizeof(u32)) +	/* SWITCH_REASON */
	       nla_total_size_64bit(sizeof(u64)) + /* SWITCH_TIME */
	       nla_total_size(IFNAMSIZ) +	/* SWITCH_FROM */
	       nla_total_size(IFNAMSIZ) +	/* SWITCH_TO */
	       nla_total_size(sizeof(u32)) +	/* PROBE_INTERVAL */
	       nla_total_size(sizeof(u8)) +	/* PROBING */
	       nla_total_size(sizeof_field(struct ftb, pair_id)); /* PAIR */
}

static int ftb_fill_switch(struct sk_buff *skb, struct ftb *bond)
{
	char from[IFNAMSIZ], to[IFNAMSIZ];
	enum ft_reason reason;
	u32 switches;
	u64 time;

	spin_lock_bh(&bond->lock);
	switches = bond->switches;
	reason = bond->switch_reason;
	time = bond->switch_time;
	strscpy(from, bond->switch_from, sizeof(from));
	strscpy(to, bond->switch_to, sizeof(to));
	spin_unlock_bh(&bond->lock);

	if (nla_put_u32(skb, IFLA_FTBOND_SWITCHES, switches))
		return -EMSGSIZE;
	if (switches &&
	    (nla_put_u32(skb, IFLA_FTBOND_SWITCH_REASON, reason) ||
	     nla_put_u64_64bit(skb, IFLA_FTBOND_SWITCH_TIME, time,
			       IFLA_FTBOND_PAD) ||
	     nla_put_string(skb, IFLA_FTBOND_SWITCH_FROM, from) ||
	     nla_put_string(skb, IFLA_FTBOND_SWITCH_TO, to)))
		return -EMSGSIZE;
	return 0;
}

static int ftb_fill_info(struct sk_buff *skb, const struct net_device *dev)
{
	struct ftb *bond = netdev_priv(dev);
	struct ftb_port *active = rtnl_dereference(bond->active);
	struct ftb_port *primary = NULL;

	if (bond->primary >= 0)
		primary = rtnl_dereference(bond->slot[bond->primary].port);
	if ((active && nla_put_u32(skb, IFLA_FTBOND_ACTIVE_PORT,
				   active->dev->ifindex)) ||
	    (primary && nla_put_u32(skb, IFLA_FTBOND_PRIMARY,
				    primary->dev->ifindex)) ||
	    nla_put_u8(skb, IFLA_FTBOND_FAILBACK, bond->failback) ||
	    nla_put_u32(skb, IFLA_FTBOND_HOLDDOWN, bond->holddown_ms) ||
	    nla_put_u32(skb, IFLA_FTBOND_ANNOUNCE_COUNT,
			bond->announce_count) ||
	    nla_put_u32(skb, IFLA_FTBOND_ANNOUNCE_SPACING,
			bond->announce_spacing_ms) ||
	    nla_put_u8(skb, IFLA_FTBOND_ALLOW_SAME_MODULE,
		       bond->pair.allow_same_module) ||
	    nla_put_u32(skb, IFLA_FTBOND_PROBE_INTERVAL, bond->probe_ms) ||
	    nla_put_u8(skb, IFLA_FTBOND_PROBING, READ_ONCE(bond->probing)) ||
	    nla_put(skb, IFLA_FTBOND_PAIR, sizeof(bond->pair_id),
		    bond->pair_id))
		return -EMSGSIZE;
	return ftb_fill_switch(skb, bond);
}

static size_t ftb_get_slave_size(const struct net_device *dev,
				 const struct net_device *port_dev)
{
	return nla_total_size(sizeof(u8)) +	/* PORT_STATE */
	       nla_total_size(sizeof(u32)) +	/* PORT_REASON */
	       7 * nla_total_size_64bit(sizeof(u64)); /* PORT_SINCE, counts */
}

static int ftb_fill_port_counts(struct sk_buff *skb, struct ftb_slot *slot,
				u64 sent)
{
	const struct {
		int type;
		u64 value;
	} counts[] = {
		{ IFLA_FTBOND_PORT_TX_DROPPED,
		  atomic64_read(&slot->tx_dropped) },
		{ IFLA_FTBOND_PORT_RX_DROPPED,
		  atomic64_read(&slot->rx_standby_dropped) },
		{ IFLA_FTBOND_PORT_PROBES_SENT, sent },
		{ IFLA_FTBOND_PORT_PROBES_ARRIVED,
		  atomic64_read(&slot->probes_arrived) },
		{ IFLA_FTBOND_PORT_PROBE_ANSWERS,
		  atomic64_read(&slot->answers) },
		{ IFLA_FTBOND_PORT_PROBES_LOOPED,
		  atomic64_read(&slot->probes_looped) },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(counts); i++)
		if (nla_put_u64_64bit(skb, counts[i].type, counts[i].value,
				      IFLA_FTBOND_PORT_PAD))
			return -EMSGSIZE;
	return 0;
}

static int ftb_fill_slave_info(struct sk_buff *skb,
			       const struct net_device *dev,
			       const struct net_device *port_dev)
{
	struct ftb *bond = netdev_priv(dev);
	struct ftb_port *port = ftb_port_of(port_dev);
	enum ft_member_state state;
	enum ft_reason reason;
	u64 since, sent;

	if (!port)
		return 0;
	spin_lock_bh(&bond->lock);
	state = port->slot->state;
	reason = port->slot->reason;
	since = port->slot->since;
	sent = port->slot->probes_sent;
	spin_unlock_bh(&bond->lock);
	if (nla_put_u8(skb, IFLA_FTBOND_PORT_STATE, state) ||
	    nla_put_u32(skb, IFLA_FTBOND_PORT_REASON, reason) ||
	    nla_put_u64_64bit(skb, IFLA_FTBOND_PORT_SINCE, since,
			      IFLA_FTBOND_PORT_PAD))
		return -EMSGSIZE;
	return ftb_fill_port_counts(skb, port->slot, sent);
}

static unsigned int ftb_get_queues(void)
{
	return FTB_QUEUES;
}

struct rtnl_link_ops ftb_link_ops __read_mostly = {
	.kind = FT_BOND_KIND,
	.priv_size = sizeof(struct ftb),
	.setup = ftb_setup,
	.maxtype = IFLA_FTBOND_MAX,
	.policy = ftb_policy,
	.newlink = ftb_newlink,
	.changelink = ftb_changelink,
	.get_size = ftb_get_size,
	.fill_info = ftb_fill_info,
	.get_num_tx_queues = ftb_get_queues,
	.get_num_rx_queues = ftb_get_queues,
	.get_slave_size = ftb_get_slave_size,
	.fill_slave_info = ftb_fill_slave_info,
};
