// SPDX-License-Identifier: GPL-2.0
/*
 * main.c - ft_bond: two NICs that act as one, one active and one standing by.
 */
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/notifier.h>
#include <net/rtnetlink.h>

#include "bond.h"

struct workqueue_struct *ftb_wq;

static int ftb_bond_event(struct ftb *bond, unsigned long event)
{
	if (event != NETDEV_CHANGENAME)
		return NOTIFY_DONE;
	return notifier_from_errno(ft_pair_rename(&bond->pair,
						  bond->dev->name));
}

static int ftb_refuse(struct netdev_notifier_info *info, const char *why)
{
	struct netlink_ext_ack *extack = netdev_notifier_info_to_extack(info);

	/* Not every way of asking has a place for the answer. */
	if (extack)
		extack->_msg = why;
	else
		netdev_err(netdev_notifier_info_to_dev(info), "%s\n", why);
	return notifier_from_errno(-EBUSY);
}

static int ftb_port_event(struct ftb_port *port, unsigned long event,
			  struct netdev_notifier_info *info)
{
	struct ftb *bond = port->bond;

	switch (event) {
	case NETDEV_GOING_DOWN:
		ftb_hand_over(bond, port, FTB_BAR_CLOSING);
		break;
	case NETDEV_UP:
		ftb_port_speed(port);
		ftb_unbar(bond, port, FTB_BAR_CLOSING);
		break;
	case NETDEV_CHANGE:
		ftb_port_speed(port);
		ftb_update(bond);
		break;
	case NETDEV_DOWN:
		ftb_update(bond);
		break;
	case NETDEV_UNREGISTER:
		ftb_release(bond, port,
			    port->dev->reg_state == NETREG_REGISTERED ?
			    FTB_PARTING_MOVES : FTB_PARTING_GONE);
		break;
	case NETDEV_CHANGENAME:
		spin_lock_bh(&bond->lock);
		strscpy(port->slot->name, port->dev->name,
			sizeof(port->slot->name));
		spin_unlock_bh(&bond->lock);
		ft_pair_changed(&bond->pair);
		break;
	case NETDEV_FEAT_CHANGE:
		ftb_compute_features(bond);
		break;
	case NETDEV_PRECHANGEMTU:
		if (!bond->adjusting)
			return ftb_refuse(info, "a port has the MTU of its bond; change it there");
		break;
	case NETDEV_PRE_CHANGEADDR:
		if (!bond->adjusting)
			return ftb_refuse(info,
					  "a port has the address of its bond; change it there");
		break;
	case NETDEV_PRE_TYPE_CHANGE:
		return ftb_refuse(info, "a port of a bond must stay an Ethernet interface");
	case NETDEV_RESEND_IGMP:
		call_netdevice_notifiers(event, bond->dev);
		break;
	}
	return NOTIFY_DONE;
}

static int ftb_event(struct notifier_block *nb, unsigned long event,
		     void *ptr)
{
	struct net_device *dev = netdev_notifier_info_to_dev(ptr);
	struct ftb_port *port;

	if (dev->netdev_ops == &ftb_netdev_ops)
		return ftb_bond_event(netdev_priv(dev), event);
	port = ftb_port_of(dev);
	return port ? ftb_port_event(port, event, ptr) : NOTIFY_DONE;
}

static struct notifier_block ftb_notifier = {
	.notifier_call = ftb_event,
};

static int __init ftb_module_init(void)
{
	int err;

	/* Not behind whatever keeps the CPU busy that saw the link go down. */
	ftb_wq = alloc_workqueue("ft_bond", WQ_UNBOUND | WQ_HIGHPRI, 0);
	if (!ftb_wq)
		return -ENOMEM;
	err = register_netdevice_notifier(&ftb_notifier);
	if (err)
		goto wq;
	err = rtnl_link_register(&ftb_link_ops);
	if (err)
		goto notifier;
	return 0;

notifier:
	unregister_netdevice_notifier(&ftb_notifier);
wq:
	destroy_workqueue(ftb_wq);
	return err;
}

/* Takes all bonds down first, and with them their work; ports are as before. */
static void __exit ftb_module_exit(void)
{
	rtnl_link_unregister(&ftb_link_ops);
	unregister_netdevice_notifier(&ftb_notifier);
	destroy_workqueue(ftb_wq);
}

module_init(ftb_module_init);
module_exit(ftb_module_exit);

MODULE_DESCRIPTION("ftstack: active-standby bond of two NICs in two modules");
MODULE_LICENSE("GPL");
MODULE_ALIAS_RTNL_LINK(FT_BOND_KIND);
