// SPDX-License-Identifier: GPL-2.0
/*
 * xdp.c - a native XDP program of the bond runs in its ports' drivers.
 *
 * Every port runs it, or none. Who asks for the generic mode gets that without
 * any of this: the stack runs the program on the bond itself.
 *
 * The bond holds a reference to the program and each port's driver one more,
 * which the driver gives back when the program is taken from it.
 */
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/rtnetlink.h>
#include <net/xdp.h>

#include "bond.h"

static int ftb_xdp_give(struct net_device *port_dev, struct bpf_prog *prog,
			struct netlink_ext_ack *extack)
{
	struct netdev_bpf xdp = {
		.command = XDP_SETUP_PROG,
		.prog = prog,
		.extack = extack,
	};
	int err;

	/* First: the driver may run it, and drop it, before we are back. */
	if (prog)
		bpf_prog_inc(prog);
	err = ft_xdp_setup(port_dev, &xdp);
	if (err && prog)
		bpf_prog_put(prog);
	return err;
}

/* What the stack may ask of the bond is what both ports can do. */
void ftb_xdp_features(struct ftb *bond)
{
	u32 features = 0, n = 0;
	struct ftb_port *port;
	unsigned int i;

	for (i = 0; i < FT_MEMBERS; i++) {
		port = rtnl_dereference(bond->slot[i].port);
		if (!port)
			continue;
		features = n++ ? features & ft_xdp_features(port->dev) :
				 ft_xdp_features(port->dev);
	}
	ft_set_xdp_features(bond->dev, features);
}

static int ftb_xdp_check(struct net_device *port_dev,
			 struct netlink_ext_ack *extack)
{
	if (!port_dev->netdev_ops->ndo_bpf ||
	    !port_dev->netdev_ops->ndo_xdp_xmit) {
		NL_SET_ERR_MSG(extack,
			       "the driver of a port cannot run XDP programs; use the generic mode (xdpgeneric)");
		return -EOPNOTSUPP;
	}
	if (dev_xdp_prog_count(port_dev)) {
		NL_SET_ERR_MSG(extack,
			       "a port runs an XDP program of its own; take that off first");
		return -EBUSY;
	}
	return 0;
}

/* A port comes in: it runs what the bond runs. */
int ftb_xdp_enter(struct ftb *bond, struct ftb_port *port,
		  struct netlink_ext_ack *extack)
{
	int err;

	if (!bond->xdp_prog)
		return 0;
	err = ftb_xdp_check(port->dev, extack);
	return err ? err : ftb_xdp_give(port->dev, bond->xdp_prog, extack);
}

void ftb_xdp_leave(struct ftb *bond, struct ftb_port *port)
{
	if (bond->xdp_prog && ftb_xdp_give(port->dev, NULL, NULL))
		netdev_err(port->dev, "the XDP program cannot be taken off\n");
}

static int ftb_xdp_set(struct ftb *bond, struct bpf_prog *prog,
		       struct netlink_ext_ack *extack)
{
	struct bpf_prog *old = bond->xdp_prog;
	struct ftb_port *port;
	unsigned int i;
	int err = 0;

	for (i = 0; prog && i < FT_MEMBERS && !err; i++) {
		port = rtnl_dereference(bond->slot[i].port);
		if (port)
			err = ftb_xdp_check(port->dev, extack);
	}
	if (err)
		return err;
	for (i = 0; i < FT_MEMBERS && !err; i++) {
		port = rtnl_dereference(bond->slot[i].port);
		if (port)
			err = ftb_xdp_give(port->dev, prog, extack);
	}
	if (err) {
		/* The last one tried has what it had. */
		for (i--; i--;) {
			port = rtnl_dereference(bond->slot[i].port);
			if (port)
				ftb_xdp_give(port->dev, old, NULL);
		}
		return err;
	}
	/* The caller's reference to @prog is ours from here. */
	bond->xdp_prog = prog;
	if (old)
		bpf_prog_put(old);
	return 0;
}

int ftb_bpf(struct net_device *dev, struct netdev_bpf *xdp)
{
	ASSERT_RTNL();
	if (xdp->command != XDP_SETUP_PROG)
		return -EINVAL;
	return ftb_xdp_set(netdev_priv(dev), xdp->prog, xdp->extack);
}

/* Frames that a program elsewhere redirects to the bond. RCU, softirq. */
int ftb_xdp_xmit(struct net_device *dev, int count, struct xdp_frame **frames,
		 u32 flags)
{
	struct ftb *bond = netdev_priv(dev);
	const struct net_device_ops *ops;
	struct ftb_port *port;

	port = rcu_dereference_bh(bond->active);
	if (unlikely(!port || !ftb_port_usable(port)))
		port = ftb_failover(bond);
	if (unlikely(!port))
		return -ENETDOWN;
	ops = port->dev->netdev_ops;
	if (unlikely(!ops->ndo_xdp_xmit))
		return -EOPNOTSUPP;
	return ops->ndo_xdp_xmit(port->dev, count, frames, flags);
}
