// SPDX-License-Identifier: GPL-2.0
/*
 * path.c - the life of a packet: out through the active port, in from it.
 *
 * No locks. Ports and the pointer to the active one are read under RCU; a port
 * is freed a grace period after the last pointer to it is gone.
 */
#include <linux/etherdevice.h>
#include <linux/if_vlan.h>
#include <linux/netdevice.h>
#include <net/sch_generic.h>

#include "bond.h"

static void ftb_count_tx(struct ftb_slot *slot, unsigned int len)
{
	struct pcpu_sw_netstats *stats = this_cpu_ptr(slot->stats);

	u64_stats_update_begin(&stats->syncp);
	u64_stats_inc(&stats->tx_packets);
	u64_stats_add(&stats->tx_bytes, len);
	u64_stats_update_end(&stats->syncp);
}

static void ftb_count_rx(struct ftb_slot *slot, unsigned int len)
{
	struct pcpu_sw_netstats *stats = this_cpu_ptr(slot->stats);

	u64_stats_update_begin(&stats->syncp);
	u64_stats_inc(&stats->rx_packets);
	u64_stats_add(&stats->rx_bytes, len);
	u64_stats_update_end(&stats->syncp);
}

void ftb_get_stats64(struct net_device *dev, struct rtnl_link_stats64 *stats)
{
	struct ftb *bond = netdev_priv(dev);
	unsigned int i;

	for (i = 0; i < FT_MEMBERS; i++) {
		dev_fetch_sw_netstats(stats, bond->slot[i].stats);
		stats->tx_dropped += atomic64_read(&bond->slot[i].tx_dropped);
	}
}

netdev_tx_t ftb_start_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct ftb *bond = netdev_priv(dev);
	unsigned int len = skb->len;
	struct ftb_port *port;
	struct ftb_slot *slot;
	const u8 *source;
	int ret;

	if (ftb_is_netpoll(dev))
		return ftb_netpoll_send(bond, skb);
	port = rcu_dereference_bh(bond->active);
	if (unlikely(!port || !ftb_port_usable(port)))
		port = ftb_failover(bond);
	if (unlikely(!port)) {
		dev_core_stats_tx_dropped_inc(dev);
		dev_kfree_skb_any(skb);
		return NETDEV_TX_OK;
	}
	source = ((const struct ethhdr *)skb->data)->h_source;
	if (unlikely(!ether_addr_equal(source, dev->dev_addr)))
		ftb_note_source(bond, skb, source);

	slot = port->slot;
	skb_set_queue_mapping(skb,
			      qdisc_skb_cb(skb)->slave_dev_queue_mapping);
	skb->dev = port->dev;
	ret = dev_queue_xmit(skb);
	if (likely(ret == NET_XMIT_SUCCESS || ret == NET_XMIT_CN))
		ftb_count_tx(slot, len);
	else
		atomic64_inc(&slot->tx_dropped);
	return NETDEV_TX_OK;
}

/*
 * The port picks the queue that goes to the wire; what the stack had chosen is
 * kept for it, since the bond's own queues say nothing about the port's.
 */
u16 ftb_select_queue(struct net_device *dev, struct sk_buff *skb,
		     struct net_device *sb_dev)
{
	u16 queue = skb_rx_queue_recorded(skb) ? skb_get_rx_queue(skb) : 0;

	qdisc_skb_cb(skb)->slave_dev_queue_mapping =
		skb_get_queue_mapping(skb);
	return queue % dev->real_num_tx_queues;
}

struct net_device *ftb_get_xmit_slave(struct net_device *dev,
				      struct sk_buff *skb, bool all_slaves)
{
	struct ftb *bond = netdev_priv(dev);
	struct ftb_port *port = rcu_dereference(bond->active);

	return port ? port->dev : NULL;
}

/* Does the bond take a frame that came to @port, which is not the active one? */
static bool ftb_take_from_standby(struct ftb *bond, struct ftb_port *port,
				  const struct sk_buff *skb, bool overlap)
{
	struct ftb_port *active = rcu_dereference(bond->active);

	/* The network found the working port before we did. */
	if (!active || !ftb_port_usable(active))
		return ftb_failover(bond) == port;
	/*
	 * A switch sends unicast to one port only, for a while still the old
	 * one; what goes to many comes to both ports.
	 */
	return overlap && (skb->pkt_type == PACKET_HOST ||
			   skb->pkt_type == PACKET_OTHERHOST);
}

/* Spanning tree and LLDP are for the port, and for a bridge above us too. */
static void ftb_copy_up(struct ftb *bond, struct sk_buff *skb)
{
	struct sk_buff *copy = skb_clone(skb, GFP_ATOMIC);

	if (!copy)
		return;
	copy->dev = bond->dev;
	netif_rx(copy);
}

static rx_handler_result_t ftb_take(struct ftb_port *port,
				    struct net_device *dev,
				    struct sk_buff *skb)
{
	skb->dev = dev;
	ftb_count_rx(port->slot, skb->len);
	return RX_HANDLER_ANOTHER;
}

/* May ftb_probe_receive() want it? */
static bool ftb_for_probing(const struct sk_buff *skb)
{
	return skb->protocol == htons(ETH_P_ARP) ||
	       skb->protocol == htons(FT_BOND_PROBE_ETHERTYPE);
}

/* Anything but a plain frame to us at the active port. */
static noinline rx_handler_result_t ftb_sort_frame(struct ftb_port *port,
						   struct sk_buff *skb)
{
	struct ftb *bond = port->bond;
	bool active, overlap;

	if (skb->pkt_type == PACKET_LOOPBACK)
		return RX_HANDLER_PASS;
	active = rcu_access_pointer(bond->active) == port;
	if (!active && READ_ONCE(port->barred) & BIT(FTB_BAR_ENTERING))
		return RX_HANDLER_PASS;
	if (unlikely(!netif_running(bond->dev)))
		return RX_HANDLER_EXACT;

	if (READ_ONCE(bond->probe_ms) && ftb_probe_receive(bond, port, skb)) {
		consume_skb(skb);
		return RX_HANDLER_CONSUMED;
	}
	overlap = time_before(jiffies, READ_ONCE(bond->overlap_until));
	if (!active && !ftb_take_from_standby(bond, port, skb, overlap)) {
		if (unlikely(is_link_local_ether_addr(eth_hdr(skb)->h_dest)))
			return RX_HANDLER_PASS;
		atomic64_inc(&port->slot->rx_standby_dropped);
		if (READ_ONCE(bond->probe_ms) && !ftb_is_own_source(bond, skb))
			atomic64_inc(&port->slot->heard);
		return RX_HANDLER_EXACT;
	}
	/*
	 * What was sent through the old port to many, the network brings back
	 * through the new one: address conflict detection must not hear it.
	 */
	if (unlikely(overlap && ftb_is_own_source(bond, skb))) {
		atomic64_inc(&port->slot->rx_standby_dropped);
		return RX_HANDLER_EXACT;
	}
	if (unlikely(is_link_local_ether_addr(eth_hdr(skb)->h_dest))) {
		ftb_count_rx(port->slot, skb->len);
		ftb_copy_up(bond, skb);
		return RX_HANDLER_PASS;
	}
	return ftb_take(port, bond->dev, skb);
}

/*
 * The handler's own data pointer is not used; see ftb_attach(). What is in the
 * way of nearly every frame is here, all else in functions that are called.
 */
rx_handler_result_t ftb_handle_frame(struct sk_buff **pskb)
{
	struct sk_buff *skb = skb_share_check(*pskb, GFP_ATOMIC);
	struct net_device *dev;
	struct ftb_port *port;
	struct ftb *bond;

	if (unlikely(!skb))
		return RX_HANDLER_CONSUMED;
	*pskb = skb;
	port = ftb_port_of(skb->dev);
	if (unlikely(!port))
		return RX_HANDLER_PASS;
	bond = port->bond;
	dev = bond->dev;
	if (likely(rcu_access_pointer(bond->active) == port &&
		   skb->pkt_type == PACKET_HOST &&
		   (!READ_ONCE(bond->probe_ms) || !ftb_for_probing(skb)) &&
		   netif_running(dev)))
		return ftb_take(port, dev, skb);
	return ftb_sort_frame(port, skb);
}
