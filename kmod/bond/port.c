// SPDX-License-Identifier: GPL-2.0
/*
 * port.c - a netdev becomes a port, and itself again. RTNL.
 */
#include <linux/delay.h>
#include <linux/etherdevice.h>
#include <linux/ethtool.h>
#include <linux/if_arp.h>
#include <linux/if_vlan.h>
#include <linux/slab.h>

#include "bond.h"

struct hlist_head ftb_ports[FTB_PORT_BUCKETS];

void ftb_port_speed(struct ftb_port *port)
{
	struct ethtool_link_ksettings settings;
	u32 speed = 0;

	/* One without a link keeps its speed: it may be gone, do not touch it. */
	if (!netif_carrier_ok(port->dev))
		return;
	if (!__ethtool_get_link_ksettings(port->dev, &settings) &&
	    settings.base.speed != SPEED_UNKNOWN)
		speed = settings.base.speed;
	WRITE_ONCE(port->speed, speed);
}

static int ftb_check_port(struct net_device *dev, struct net_device *port_dev,
			  struct netlink_ext_ack *extack)
{
	if (port_dev->flags & IFF_LOOPBACK) {
		NL_SET_ERR_MSG(extack,
			       "the loopback interface cannot be a port; use an Ethernet interface");
		return -EINVAL;
	}
	if (port_dev->type != ARPHRD_ETHER) {
		NL_SET_ERR_MSG(extack, "not an Ethernet interface; a port must be one");
		return -EINVAL;
	}
	if (port_dev->netdev_ops == &ftb_netdev_ops ||
	    netif_is_bond_master(port_dev) || netif_is_team_master(port_dev)) {
		NL_SET_ERR_MSG(extack, "a bond cannot be a port of another bond; use its ports");
		return -EINVAL;
	}
	if (netdev_has_upper_dev(dev, port_dev)) {
		NL_SET_ERR_MSG(extack, "this interface is built on the bond itself");
		return -ELOOP;
	}
	if (netdev_master_upper_dev_get(port_dev)) {
		NL_SET_ERR_MSG(extack,
			       "this interface belongs to another bond or bridge; take it out first (ip link set DEV nomaster)");
		return -EBUSY;
	}
	if (netdev_is_rx_handler_busy(port_dev)) {
		NL_SET_ERR_MSG(extack,
			       "a macvlan or the like takes what this interface receives; remove that first");
		return -EBUSY;
	}
	if (vlan_uses_dev(port_dev)) {
		NL_SET_ERR_MSG(extack,
			       "there are VLANs on this interface; remove them and make them on the bond");
		return -EBUSY;
	}
	if (port_dev->features & NETIF_F_VLAN_CHALLENGED) {
		NL_SET_ERR_MSG(extack, "this interface cannot carry VLANs");
		return -EINVAL;
	}
	return 0;
}

/*
 * A port that returns takes the place of what was in its module before, so
 * that primary and statistics mean the same; else one never used, else any.
 */
static struct ftb_slot *ftb_free_slot(struct ftb *bond, u32 module)
{
	struct ftb_slot *slot, *best = NULL;
	unsigned int i;

	for (i = 0; i < FT_MEMBERS; i++) {
		slot = &bond->slot[i];
		if (rtnl_dereference(slot->port))
			continue;
		if (module != FT_MODULE_NONE && slot->module == module)
			return slot;
		if (!best || (best->module != FT_MODULE_NONE &&
			      slot->module == FT_MODULE_NONE))
			best = slot;
	}
	return best;
}

/*
 * What @dev stands on in the end: a VLAN or macvlan that is a port goes when
 * the NIC below goes. NULL: nothing that can be pulled.
 */
static struct device *ftb_hardware(struct net_device *dev)
{
	struct list_head *iter;

	while (dev && !dev->dev.parent) {
		iter = dev->adj_list.lower.next;
		dev = netdev_lower_get_next(dev, &iter);
	}
	return dev ? dev->dev.parent : NULL;
}

u32 ftb_port_module(const struct ftb_port *port)
{
	return ft_device_module(ftb_hardware(port->dev));
}

static int ftb_join_module(struct ftb *bond, struct ftb_port *port,
			   struct netlink_ext_ack *extack)
{
	int err;

	err = ft_pair_set_member(&bond->pair, ftb_slot_index(bond, port->slot),
				 ftb_hardware(port->dev));
	if (err == -ESHUTDOWN)
		NL_SET_ERR_MSG(extack,
			       "the module of this interface is isolated; join the module first");
	else if (err == -EXDEV)
		NL_SET_ERR_MSG(extack,
			       "the other port is in the same module, and would be pulled with this one; use an interface in another module, or allow it (allow_same_module)");
	return err;
}

static void ftb_leave_module(struct ftb *bond, struct ftb_slot *slot)
{
	ft_pair_set_member(&bond->pair, ftb_slot_index(bond, slot), NULL);
}

/*
 * The bond and its ports have one address: the very first port's, unless told.
 * It stays when that port leaves, for others know the bond by it.
 */
static int ftb_settle_address(struct ftb *bond, struct ftb_port *port,
			      struct netlink_ext_ack *extack)
{
	struct net_device *dev = bond->dev;
	int err;

	if (dev->addr_assign_type == NET_ADDR_RANDOM &&
	    !rtnl_dereference(ftb_other_slot(bond, port->slot)->port)) {
		err = ft_set_mac(dev, port->dev->dev_addr, extack);
		if (!err)
			dev->addr_assign_type = NET_ADDR_STOLEN;
		return err;
	}
	if (ether_addr_equal(port->dev->dev_addr, dev->dev_addr))
		return 0;
	err = ft_set_mac(port->dev, dev->dev_addr, extack);
	if (err)
		NL_SET_ERR_MSG(extack, "the interface refuses the bond's address");
	return err;
}

static void ftb_sync_addresses(struct net_device *dev,
			       struct net_device *port_dev)
{
	netif_addr_lock_bh(dev);
	dev_uc_sync_multiple(port_dev, dev);
	dev_mc_sync_multiple(port_dev, dev);
	netif_addr_unlock_bh(dev);
}

static int ftb_share_rx_flags(struct net_device *dev,
			      struct net_device *port_dev)
{
	int err = 0;

	if (dev->flags & IFF_PROMISC)
		err = dev_set_promiscuity(port_dev, 1);
	if (err)
		return err;
	if (dev->flags & IFF_ALLMULTI)
		err = dev_set_allmulti(port_dev, 1);
	if (err && dev->flags & IFF_PROMISC)
		dev_set_promiscuity(port_dev, -1);
	return err;
}

static void ftb_unshare_rx_flags(struct net_device *dev,
				 struct net_device *port_dev)
{
	if (dev->flags & IFF_PROMISC)
		dev_set_promiscuity(port_dev, -1);
	if (dev->flags & IFF_ALLMULTI)
		dev_set_allmulti(port_dev, -1);
}

static void ftb_restore(struct ftb_port *port)
{
	ft_set_mac(port->dev, port->orig_addr, NULL);
	dev_set_mtu(port->dev, port->orig_mtu);
	if (port->orig_up)
		dev_open(port->dev, NULL);
}

/* From here the port is linked to the bond; undone by ftb_detach(). */
static int ftb_attach(struct ftb *bond, struct ftb_port *port,
		      struct netlink_ext_ack *extack)
{
	struct netdev_lag_upper_info info = {
		.tx_type = NETDEV_LAG_TX_TYPE_ACTIVEBACKUP,
	};
	struct net_device *port_dev = port->dev, *dev = bond->dev;
	int err;

	/*
	 * The link watch reports carrier events of a LAG's port at once, of
	 * others up to a second late. The team driver asks a port with this
	 * flag for its handler data, and leaves it alone for there is none.
	 */
	port_dev->priv_flags |= IFF_TEAM_PORT;
	ft_set_port_flags(port_dev);
	err = dev_open(port_dev, extack);
	if (err)
		goto flags;
	err = vlan_vids_add_by_dev(port_dev, dev);
	if (err) {
		NL_SET_ERR_MSG(extack, "the interface refuses the bond's VLANs");
		goto close;
	}
	err = netdev_rx_handler_register(port_dev, ftb_handle_frame, NULL);
	if (err)
		goto vids;
	err = netdev_master_upper_dev_link(port_dev, dev, port, &info, extack);
	if (err)
		goto handler;
	hlist_add_head_rcu(&port->node, ftb_port_bucket(port_dev));
	err = ftb_share_rx_flags(dev, port_dev);
	if (err)
		goto link;
	err = ftb_netpoll_share(dev, port);
	if (err) {
		NL_SET_ERR_MSG(extack,
			       "the interface cannot send for netconsole, which uses the bond");
		goto rx_flags;
	}
	err = ftb_xdp_enter(bond, port, extack);
	if (err)
		goto netpoll;
	dev_disable_lro(port_dev);
	return 0;

netpoll:
	ftb_netpoll_leave(port);
rx_flags:
	ftb_unshare_rx_flags(dev, port_dev);
link:
	hlist_del_rcu(&port->node);
	netdev_upper_dev_unlink(port_dev, dev);
handler:
	netdev_rx_handler_unregister(port_dev);
vids:
	vlan_vids_del_by_dev(port_dev, dev);
close:
	dev_close(port_dev);
flags:
	ft_clear_port_flags(port_dev);
	port_dev->priv_flags &= ~IFF_TEAM_PORT;
	return err;
}

/* Ends with no reader of the data path in sight of the port. */
static void ftb_detach(struct ftb *bond, struct ftb_port *port)
{
	struct net_device *port_dev = port->dev, *dev = bond->dev;

	hlist_del_rcu(&port->node);
	netdev_rx_handler_unregister(port_dev);
	netdev_upper_dev_unlink(port_dev, dev);
	ftb_unshare_rx_flags(dev, port_dev);
	ftb_xdp_leave(bond, port);
	ftb_netpoll_leave(port);
	ftb_probe_leave(port);
	dev_uc_unsync(port_dev, dev);
	dev_mc_unsync(port_dev, dev);
	vlan_vids_del_by_dev(port_dev, dev);
}

int ftb_add_port(struct net_device *dev, struct net_device *port_dev,
		 struct netlink_ext_ack *extack)
{
	struct ftb *bond = netdev_priv(dev);
	struct ftb_slot *slot;
	struct ftb_port *port;
	u32 module;
	int err;

	err = ftb_check_port(dev, port_dev, extack);
	if (err)
		return err;
	module = ft_device_module(ftb_hardware(port_dev));
	slot = ftb_free_slot(bond, module);
	if (!slot) {
		NL_SET_ERR_MSG(extack,
			       "an ftbond has exactly two ports, and has them; take one out first (ip link set DEV nomaster)");
		return -ENOSPC;
	}
	port = kzalloc(sizeof(*port), GFP_KERNEL);
	if (!port)
		return -ENOMEM;
	port->dev = port_dev;
	port->bond = bond;
	port->slot = slot;
	port->barred = BIT(FTB_BAR_ENTERING);
	port->orig_mtu = port_dev->mtu;
	port->orig_up = port_dev->flags & IFF_UP;
	ether_addr_copy(port->orig_addr, port_dev->dev_addr);

	/* In its place before ft_core knows it: isolate() must find it. */
	rcu_assign_pointer(slot->port, port);
	err = ftb_join_module(bond, port, extack);
	if (err)
		goto slot;

	/* Many drivers change their address only while down. */
	dev_close(port_dev);
	bond->adjusting = true;
	err = dev_set_mtu(port_dev, dev->mtu);
	if (err) {
		NL_SET_ERR_MSG(extack,
			       "the interface refuses the bond's MTU; lower the MTU of the bond first");
		goto restore;
	}
	err = ftb_settle_address(bond, port, extack);
	if (err)
		goto restore;
	err = ftb_attach(bond, port, extack);
	if (err)
		goto restore;
	bond->adjusting = false;

	slot->module = module;
	spin_lock_bh(&bond->lock);
	strscpy(slot->name, port_dev->name, sizeof(slot->name));
	spin_unlock_bh(&bond->lock);
	ftb_port_speed(port);
	ftb_compute_features(bond);
	ftb_unbar(bond, port, FTB_BAR_ENTERING);
	/* Now, when ftb_set_rx_mode() no more passes the port over. */
	ftb_sync_addresses(dev, port_dev);
	ftb_probe_enter(bond, port);
	netdev_info(dev, "%s is a port now\n", port_dev->name);
	return 0;

restore:
	ftb_restore(port);
	bond->adjusting = false;
	ftb_leave_module(bond, slot);
slot:
	spin_lock_bh(&bond->lock);
	RCU_INIT_POINTER(slot->port, NULL);
	spin_unlock_bh(&bond->lock);
	kfree_rcu(port, rcu);
	return err;
}

/*
 * The port works still, and is about to stop on purpose: the other one takes
 * over, the network is told, and what is on its way to this one arrives.
 */
void ftb_hand_over(struct ftb *bond, struct ftb_port *port, enum ftb_bar bar)
{
	bool active = rtnl_dereference(bond->active) == port;

	ftb_bar(bond, port, bar);
	if (!active || rtnl_dereference(bond->active) == port ||
	    !netif_running(bond->dev))
		return;
	/* Needs no RTNL, which we hold. */
	flush_delayed_work(&bond->learn_work);
	msleep(FTB_HAND_OVER_MS);
}

/*
 * Make before break: the other port carries the traffic before this one is
 * taken apart.
 */
void ftb_release(struct ftb *bond, struct ftb_port *port,
		 enum ftb_parting parting)
{
	struct net_device *port_dev = port->dev;
	struct ftb_slot *slot = port->slot;

	ASSERT_RTNL();
	if (parting == FTB_PARTING_RELEASED)
		ftb_hand_over(bond, port, FTB_BAR_LEAVING);
	else
		ftb_bar(bond, port, FTB_BAR_LEAVING);
	ftb_empty_slot(bond, slot, parting == FTB_PARTING_GONE ?
				   FT_REASON_REMOVED : FT_REASON_OPERATOR);
	ftb_leave_module(bond, slot);
	ftb_detach(bond, port);
	if (parting == FTB_PARTING_RELEASED)
		dev_close(port_dev);
	ft_clear_port_flags(port_dev);
	port_dev->priv_flags &= ~IFF_TEAM_PORT;
	switch (parting) {
	case FTB_PARTING_RELEASED:
		ftb_restore(port);
		break;
	case FTB_PARTING_MOVES:
		/*
		 * The protocols have let go of it already: told of an MTU they
		 * would take hold again, and keep it for ever.
		 */
		ft_set_mac(port_dev, port->orig_addr, NULL);
		ft_set_mtu_silently(port_dev, port->orig_mtu);
		break;
	case FTB_PARTING_GONE:
		break;
	}
	ftb_compute_features(bond);
	netdev_info(bond->dev, "%s is a port no more\n", port_dev->name);
	kfree_rcu(port, rcu);
}

int ftb_del_port(struct net_device *dev, struct net_device *port_dev)
{
	struct ftb_port *port = ftb_port_of(port_dev);

	if (!port)
		return -ENODEV;
	ftb_release(netdev_priv(dev), port, FTB_PARTING_RELEASED);
	return 0;
}
