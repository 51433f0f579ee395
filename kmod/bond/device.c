// SPDX-License-Identifier: GPL-2.0
/*
 * device.c - the bond as a netdev: what is set on it is set on both ports.
 */
#include <linux/etherdevice.h>
#include <linux/if_vlan.h>
#include <linux/rtnetlink.h>

#include "bond.h"

#define FTB_VLAN_FEATURES (NETIF_F_HW_CSUM | NETIF_F_SG | \
			   NETIF_F_FRAGLIST | NETIF_F_GSO_SOFTWARE | \
			   NETIF_F_HIGHDMA)
#define FTB_ENC_FEATURES  (NETIF_F_HW_CSUM | NETIF_F_SG | \
			   NETIF_F_RXCSUM | NETIF_F_GSO_SOFTWARE)
#define FTB_MPLS_FEATURES (NETIF_F_HW_CSUM | NETIF_F_SG | \
			   NETIF_F_GSO_SOFTWARE)
#define FTB_DST_RELEASE	  (IFF_XMIT_DST_RELEASE | IFF_XMIT_DST_RELEASE_PERM)

/* The next port from slot *@i on, or NULL. RTNL. */
static struct ftb_port *ftb_next_port(struct ftb *bond, unsigned int *i)
{
	struct ftb_port *port;

	for (; *i < FT_MEMBERS; (*i)++) {
		port = rtnl_dereference(bond->slot[*i].port);
		if (port)
			return port;
	}
	return NULL;
}

static netdev_features_t ftb_fix_features(struct net_device *dev,
					  netdev_features_t features)
{
	struct ftb *bond = netdev_priv(dev);
	netdev_features_t mask = features;
	struct ftb_port *port;
	unsigned int i;

	features &= ~NETIF_F_ONE_FOR_ALL;
	features |= NETIF_F_ALL_FOR_ALL;
	for (i = 0; (port = ftb_next_port(bond, &i)); i++)
		features = netdev_increment_features(features,
						     port->dev->features,
						     mask);
	return netdev_add_tso_features(features, mask);
}

/*
 * What either port can do, the bond offers; what a port then lacks, the stack
 * does in software on the way to it. Limits are the tighter ones.
 */
void ftb_compute_features(struct ftb *bond)
{
	netdev_features_t vlan = FTB_VLAN_FEATURES & NETIF_F_ALL_FOR_ALL;
	netdev_features_t mpls = FTB_MPLS_FEATURES & NETIF_F_ALL_FOR_ALL;
	netdev_features_t enc = FTB_ENC_FEATURES;
	unsigned int tso_max_size = TSO_MAX_SIZE;
	unsigned short header = ETH_HLEN, headroom = 0, tailroom = 0;
	unsigned int max_mtu = ETH_MAX_MTU, min_mtu = ETH_MIN_MTU;
	unsigned int dst_release = FTB_DST_RELEASE;
	struct net_device *dev = bond->dev;
	u16 tso_max_segs = TSO_MAX_SEGS;
	struct ftb_port *port;
	unsigned int i, n = 0;

	ASSERT_RTNL();
	for (i = 0; (port = ftb_next_port(bond, &i)); i++) {
		const struct net_device *d = port->dev;

		n++;
		vlan = netdev_increment_features(vlan, d->vlan_features,
						 FTB_VLAN_FEATURES);
		enc = netdev_increment_features(enc, d->hw_enc_features,
						FTB_ENC_FEATURES);
		mpls = netdev_increment_features(mpls, d->mpls_features,
						 FTB_MPLS_FEATURES);
		dst_release &= d->priv_flags;
		header = max(header, d->hard_header_len);
		headroom = max(headroom, d->needed_headroom);
		tailroom = max(tailroom, d->needed_tailroom);
		tso_max_size = min(tso_max_size, d->tso_max_size);
		tso_max_segs = min(tso_max_segs, d->tso_max_segs);
		min_mtu = max(min_mtu, d->min_mtu);
		if (d->max_mtu)
			max_mtu = min(max_mtu, d->max_mtu);
	}
	if (!n) {
		vlan = FTB_VLAN_FEATURES;
		mpls = FTB_MPLS_FEATURES;
	}
	dev->vlan_features = vlan;
	dev->mpls_features = mpls;
	dev->hw_enc_features = enc | NETIF_F_GSO_ENCAP_ALL |
			       NETIF_F_HW_VLAN_CTAG_TX |
			       NETIF_F_HW_VLAN_STAG_TX;
	dev->hard_header_len = header;
	dev->needed_headroom = headroom;
	dev->needed_tailroom = tailroom;
	dev->min_mtu = min_mtu;
	dev->max_mtu = max_mtu;
	netif_set_tso_max_size(dev, tso_max_size);
	netif_set_tso_max_segs(dev, tso_max_segs);
	dev->priv_flags &= ~IFF_XMIT_DST_RELEASE;
	if (dev->priv_flags & IFF_XMIT_DST_RELEASE_PERM &&
	    dst_release == FTB_DST_RELEASE)
		dev->priv_flags |= IFF_XMIT_DST_RELEASE;
	ftb_xdp_features(bond);
	netdev_change_features(dev);
}

static void ftb_set_rx_mode(struct net_device *dev)
{
	struct ftb *bond = netdev_priv(dev);
	struct ftb_port *port;
	unsigned int i;

	rcu_read_lock();
	for (i = 0; i < FT_MEMBERS; i++) {
		port = rcu_dereference(bond->slot[i].port);
		/* One that enters gets them all when it is linked. */
		if (!port || READ_ONCE(port->barred) & BIT(FTB_BAR_ENTERING))
			continue;
		dev_uc_sync_multiple(port->dev, dev);
		dev_mc_sync_multiple(port->dev, dev);
	}
	rcu_read_unlock();
}

static void ftb_change_rx_flags(struct net_device *dev, int change)
{
	struct ftb *bond = netdev_priv(dev);
	struct ftb_port *port;
	unsigned int i;

	for (i = 0; (port = ftb_next_port(bond, &i)); i++) {
		if (change & IFF_PROMISC)
			dev_set_promiscuity(port->dev,
					    dev->flags & IFF_PROMISC ? 1 : -1);
		if (change & IFF_ALLMULTI)
			dev_set_allmulti(port->dev,
					 dev->flags & IFF_ALLMULTI ? 1 : -1);
	}
}

/* Both ports or none. */
static int ftb_change_mtu(struct net_device *dev, int mtu)
{
	struct ftb *bond = netdev_priv(dev);
	struct ftb_port *port;
	unsigned int i;
	int err = 0;

	bond->adjusting = true;
	for (i = 0; (port = ftb_next_port(bond, &i)); i++) {
		err = dev_set_mtu(port->dev, mtu);
		if (err)
			break;
	}
	if (err) {
		for (i = 0; (port = ftb_next_port(bond, &i)); i++)
			dev_set_mtu(port->dev, dev->mtu);
	} else {
		WRITE_ONCE(dev->mtu, mtu);
	}
	bond->adjusting = false;
	return err;
}

/* Both ports or none. */
static int ftb_set_mac_address(struct net_device *dev, void *p)
{
	struct ftb *bond = netdev_priv(dev);
	bool was_adjusting = bond->adjusting;
	struct sockaddr *address = p;
	struct ftb_port *port;
	unsigned int i;
	int err = 0;

	if (!is_valid_ether_addr(address->sa_data))
		return -EADDRNOTAVAIL;
	bond->adjusting = true;
	for (i = 0; (port = ftb_next_port(bond, &i)); i++) {
		if (ether_addr_equal(port->dev->dev_addr, address->sa_data))
			continue;
		err = ft_set_mac(port->dev, address->sa_data, NULL);
		if (err)
			break;
	}
	if (err) {
		for (i = 0; (port = ftb_next_port(bond, &i)); i++)
			ft_set_mac(port->dev, dev->dev_addr, NULL);
	} else {
		eth_hw_addr_set(dev, address->sa_data);
	}
	bond->adjusting = was_adjusting;
	return err;
}

static int ftb_vlan_add(struct net_device *dev, __be16 proto, u16 vid)
{
	struct ftb *bond = netdev_priv(dev);
	struct ftb_port *port;
	unsigned int i;
	int err;

	for (i = 0; (port = ftb_next_port(bond, &i)); i++) {
		err = vlan_vid_add(port->dev, proto, vid);
		if (!err)
			continue;
		if (i) {
			port = rtnl_dereference(bond->slot[0].port);
			if (port)
				vlan_vid_del(port->dev, proto, vid);
		}
		return err;
	}
	return 0;
}

static int ftb_vlan_del(struct net_device *dev, __be16 proto, u16 vid)
{
	struct ftb *bond = netdev_priv(dev);
	struct ftb_port *port;
	unsigned int i;

	for (i = 0; (port = ftb_next_port(bond, &i)); i++)
		vlan_vid_del(port->dev, proto, vid);
	return 0;
}

static void ftb_free_stats(struct ftb *bond)
{
	unsigned int i;

	for (i = 0; i < FT_MEMBERS; i++)
		free_percpu(bond->slot[i].stats);
}

/* The name is settled only now, so here the bond becomes a pair. */
static int ftb_init(struct net_device *dev)
{
	struct ftb *bond = netdev_priv(dev);
	unsigned int i;
	int err;

	for (i = 0; i < FT_MEMBERS; i++) {
		bond->slot[i].stats =
			netdev_alloc_pcpu_stats(struct pcpu_sw_netstats);
		if (!bond->slot[i].stats) {
			err = -ENOMEM;
			goto free;
		}
	}
	strscpy(bond->pair.name, dev->name, sizeof(bond->pair.name));
	err = ft_pair_register(&bond->pair);
	if (err)
		goto free;
	/* Transmission nests: the bond's own classes of locks below others'. */
	netdev_lockdep_set_classes(dev);
	return 0;
free:
	ftb_free_stats(bond);
	return err;
}

/* The bond is down and unlisted; what could still start work is its ports. */
static void ftb_uninit(struct net_device *dev)
{
	struct ftb *bond = netdev_priv(dev);
	struct ftb_port *port;
	unsigned int i;

	for (i = 0; (port = ftb_next_port(bond, &i)); i++)
		ftb_release(bond, port, FTB_PARTING_RELEASED);
	cancel_delayed_work_sync(&bond->settle_work);
	ftb_announce_stop(bond);
	ft_pair_unregister(&bond->pair);
}

/* Statistics are read until the last reference is gone. */
static void ftb_destroy(struct net_device *dev)
{
	ftb_free_stats(netdev_priv(dev));
}

static int ftb_open(struct net_device *dev)
{
	struct ftb *bond = netdev_priv(dev);

	ftb_update(bond);
	ftb_probe_restart(bond);
	ftb_stall_start(bond);
	return 0;
}

static int ftb_stop(struct net_device *dev)
{
	struct ftb *bond = netdev_priv(dev);

	ftb_stall_stop(bond);
	ftb_probe_stop(bond);
	return 0;
}

const struct net_device_ops ftb_netdev_ops = {
	.ndo_init = ftb_init,
	.ndo_uninit = ftb_uninit,
	.ndo_open = ftb_open,
	.ndo_stop = ftb_stop,
	.ndo_start_xmit = ftb_start_xmit,
	.ndo_select_queue = ftb_select_queue,
	.ndo_get_stats64 = ftb_get_stats64,
	.ndo_change_rx_flags = ftb_change_rx_flags,
	.ndo_set_rx_mode = ftb_set_rx_mode,
	.ndo_change_mtu = ftb_change_mtu,
	.ndo_set_mac_address = ftb_set_mac_address,
	.ndo_vlan_rx_add_vid = ftb_vlan_add,
	.ndo_vlan_rx_kill_vid = ftb_vlan_del,
	.ndo_add_slave = ftb_add_port,
	.ndo_del_slave = ftb_del_port,
	.ndo_fix_features = ftb_fix_features,
	.ndo_features_check = passthru_features_check,
	.ndo_get_xmit_slave = ftb_get_xmit_slave,
	.ndo_bpf = ftb_bpf,
	.ndo_xdp_xmit = ftb_xdp_xmit,
#ifdef CONFIG_NET_POLL_CONTROLLER
	.ndo_netpoll_setup = ftb_netpoll_setup,
	.ndo_netpoll_cleanup = ftb_netpoll_cleanup,
#endif
};

static const struct device_type ftb_device_type = {
	.name = FT_BOND_KIND,
};

void ftb_setup(struct net_device *dev)
{
	struct ftb *bond = netdev_priv(dev);

	bond->dev = dev;
	bond->pair.type = FT_PAIR_BOND;
	bond->pair.ops = &ftb_pair_ops;
	ftb_switch_init(bond);
	ftb_announce_init(bond);
	ftb_probe_init(bond);
	ftb_stall_init(bond);

	ether_setup(dev);
	eth_hw_addr_random(dev);
	dev->max_mtu = ETH_MAX_MTU;
	dev->netdev_ops = &ftb_netdev_ops;
	dev->ethtool_ops = &ftb_ethtool_ops;
	dev->needs_free_netdev = true;
	dev->priv_destructor = ftb_destroy;
	SET_NETDEV_DEVTYPE(dev, &ftb_device_type);

	dev->flags |= IFF_MASTER;
	dev->priv_flags |= IFF_NO_QUEUE | IFF_UNICAST_FLT |
			   IFF_LIVE_ADDR_CHANGE;
	dev->priv_flags &= ~(IFF_XMIT_DST_RELEASE | IFF_TX_SKB_SHARING);
	ft_set_lockless_and_local(dev);

	dev->hw_features = FTB_VLAN_FEATURES | NETIF_F_GSO_ENCAP_ALL |
			   NETIF_F_HW_VLAN_CTAG_RX |
			   NETIF_F_HW_VLAN_STAG_RX |
			   NETIF_F_HW_VLAN_CTAG_FILTER |
			   NETIF_F_HW_VLAN_STAG_FILTER;
	dev->features |= dev->hw_features | NETIF_F_HW_VLAN_CTAG_TX |
			 NETIF_F_HW_VLAN_STAG_TX;
	netif_carrier_off(dev);
}
