/* SPDX-License-Identifier: GPL-2.0 */
/*
 * net.h - differences between kernels that network devices see.
 */
#ifndef _FT_COMPAT_NET_H
#define _FT_COMPAT_NET_H

#include <linux/etherdevice.h>
#include <linux/hrtimer.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <net/rtnetlink.h>
#include <net/xdp.h>
#ifdef FT_HAVE_NETDEV_LOCK
#include <net/netdev_lock.h>
#endif

static inline int ft_set_mac(struct net_device *dev, const u8 *addr,
			     struct netlink_ext_ack *extack)
{
	struct sockaddr_storage ss = { .ss_family = dev->type };

	ether_addr_copy(((struct sockaddr *)&ss)->sa_data, addr);
#ifdef FT_HAVE_MAC_STORAGE
	return dev_set_mac_address(dev, &ss, extack);
#else
	return dev_set_mac_address(dev, (struct sockaddr *)&ss, extack);
#endif
}

#ifdef FT_HAVE_NETIF_SET_MTU
MODULE_IMPORT_NS("NETDEV_INTERNAL");
#endif

/* Tells no protocol of it, nor asks one. RTNL. */
static inline void ft_set_mtu_silently(struct net_device *dev, int mtu)
{
#ifdef FT_HAVE_NETIF_SET_MTU
	netdev_lock_ops(dev);
	__netif_set_mtu(dev, mtu);
	netdev_unlock_ops(dev);
#else
	__dev_set_mtu(dev, mtu);
#endif
}

/* Runs in softirq, as the data path does. */
static inline void ft_soft_timer(struct hrtimer *timer,
				 enum hrtimer_restart (*run)(struct hrtimer *))
{
#ifdef FT_HAVE_HRTIMER_SETUP
	hrtimer_setup(timer, run, CLOCK_MONOTONIC, HRTIMER_MODE_REL_SOFT);
#else
	hrtimer_init(timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_SOFT);
	timer->function = run;
#endif
}

/* No lock around transmission, and bound to its network namespace. */
static inline void ft_set_lockless_and_local(struct net_device *dev)
{
#ifdef FT_HAVE_LLTX_BIT
	dev->lltx = true;
#else
	dev->features |= NETIF_F_LLTX;
#endif
#if defined(FT_HAVE_NETNS_IMMUTABLE)
	dev->netns_immutable = true;
#elif defined(FT_HAVE_NETNS_LOCAL)
	dev->netns_local = true;
#else
	dev->features |= NETIF_F_NETNS_LOCAL;
#endif
}

/*
 * Keep IPv6 from giving a port addresses of its own. Kernels before
 * IFF_NO_ADDRCONF look at IFF_SLAVE, which people expect to see anyhow.
 */
static inline void ft_set_port_flags(struct net_device *dev)
{
	dev->flags |= IFF_SLAVE;
#ifdef FT_HAVE_NO_ADDRCONF
	dev->priv_flags |= IFF_NO_ADDRCONF;
#endif
}

static inline void ft_clear_port_flags(struct net_device *dev)
{
	dev->flags &= ~IFF_SLAVE;
#ifdef FT_HAVE_NO_ADDRCONF
	dev->priv_flags &= ~IFF_NO_ADDRCONF;
#endif
}

/* Gives a port's driver a program. RTNL. */
static inline int ft_xdp_setup(struct net_device *dev, struct netdev_bpf *xdp)
{
#ifdef FT_HAVE_XDP_PROPAGATE
	return dev_xdp_propagate(dev, xdp);
#else
	return dev->netdev_ops->ndo_bpf(dev, xdp);
#endif
}

/* Kernels without these bits try, and see. */
static inline u32 ft_xdp_features(const struct net_device *dev)
{
#ifdef FT_HAVE_XDP_FEATURES
	return dev->xdp_features & (NETDEV_XDP_ACT_BASIC |
				    NETDEV_XDP_ACT_REDIRECT |
				    NETDEV_XDP_ACT_NDO_XMIT);
#else
	return 0;
#endif
}

static inline void ft_set_xdp_features(struct net_device *dev, u32 features)
{
#ifdef FT_HAVE_XDP_FEATURES
	xdp_set_features_flag(dev, features);
#endif
}

/* The arguments of ndo_netpoll_setup; the second one was never used. */
#ifdef FT_HAVE_NETPOLL_INFO
#define FT_NETPOLL_SETUP_ARGS struct net_device *dev, struct netpoll_info *info
#else
#define FT_NETPOLL_SETUP_ARGS struct net_device *dev
#endif

/*
 * FT_NEWLINK(name) defines what rtnl_link_ops.newlink calls, whatever its form:
 * it calls name_tb(dev, tb, data, extack), which the user of this defines.
 */
#ifdef FT_HAVE_NEWLINK_PARAMS
#define FT_NEWLINK(name)						\
static int name##_tb(struct net_device *dev, struct nlattr **tb,	\
		     struct nlattr **data,				\
		     struct netlink_ext_ack *extack);			\
static int name(struct net_device *dev,					\
		struct rtnl_newlink_params *params,			\
		struct netlink_ext_ack *extack)				\
{									\
	return name##_tb(dev, params->tb, params->data, extack);	\
}
#else
#define FT_NEWLINK(name)						\
static int name##_tb(struct net_device *dev, struct nlattr **tb,	\
		     struct nlattr **data,				\
		     struct netlink_ext_ack *extack);			\
static int name(struct net *src_net, struct net_device *dev,		\
		struct nlattr **tb, struct nlattr **data,		\
		struct netlink_ext_ack *extack)				\
{									\
	return name##_tb(dev, tb, data, extack);			\
}
#endif

#endif /* _FT_COMPAT_NET_H */
