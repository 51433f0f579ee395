// SPDX-License-Identifier: GPL-2.0
/*
 * netpoll.c - the kernel's last words (netconsole) go out through the bond too.
 *
 * They come with interrupts off, from anywhere, even from under ftb::lock: so
 * nothing is locked and nothing switched here. The packet takes a port that
 * works, be it active or not.
 */
#include <linux/netpoll.h>
#include <linux/slab.h>

#include "bond.h"

#ifdef CONFIG_NET_POLL_CONTROLLER

/* All under RTNL but for sending. */

static int ftb_netpoll_enter(struct ftb_port *port)
{
	struct netpoll *np;
	int err;

	if (rcu_access_pointer(port->netpoll))
		return 0;
	np = kzalloc(sizeof(*np), GFP_KERNEL);
	if (!np)
		return -ENOMEM;
	err = __netpoll_setup(np, port->dev);
	if (err) {
		kfree(np);
		return err;
	}
	rcu_assign_pointer(port->netpoll, np);
	return 0;
}

/* A new port sends as well, if the bond has a netpoll user. */
int ftb_netpoll_share(struct net_device *dev, struct ftb_port *port)
{
	return rcu_access_pointer(dev->npinfo) ? ftb_netpoll_enter(port) : 0;
}

void ftb_netpoll_leave(struct ftb_port *port)
{
	struct netpoll *np = rtnl_dereference(port->netpoll);

	if (!np)
		return;
	RCU_INIT_POINTER(port->netpoll, NULL);
	__netpoll_free(np);
}

void ftb_netpoll_cleanup(struct net_device *dev)
{
	struct ftb *bond = netdev_priv(dev);
	struct ftb_port *port;
	unsigned int i;

	for (i = 0; i < FT_MEMBERS; i++) {
		port = rtnl_dereference(bond->slot[i].port);
		if (port)
			ftb_netpoll_leave(port);
	}
}

/* Both ports or none. */
static int ftb_netpoll_both(struct net_device *dev)
{
	struct ftb *bond = netdev_priv(dev);
	struct ftb_port *port;
	unsigned int i;
	int err;

	for (i = 0; i < FT_MEMBERS; i++) {
		port = rtnl_dereference(bond->slot[i].port);
		err = port ? ftb_netpoll_enter(port) : 0;
		if (err) {
			ftb_netpoll_cleanup(dev);
			return err;
		}
	}
	return 0;
}

int ftb_netpoll_setup(FT_NETPOLL_SETUP_ARGS)
{
	return ftb_netpoll_both(dev);
}

netdev_tx_t ftb_netpoll_send(struct ftb *bond, struct sk_buff *skb)
{
	struct ftb_port *active = rcu_dereference_bh(bond->active), *port;
	struct netpoll *np = NULL;
	unsigned int i;

	for (i = 0; i < FT_MEMBERS; i++) {
		port = rcu_dereference_bh(bond->slot[i].port);
		if (port && ftb_port_usable(port) && (!np || port == active))
			np = rcu_dereference_bh(port->netpoll);
	}
	if (np) {
		skb->dev = np->dev;
		netpoll_send_skb(np, skb);
	} else {
		dev_kfree_skb_any(skb);
	}
	return NETDEV_TX_OK;
}

#endif /* CONFIG_NET_POLL_CONTROLLER */
