// SPDX-License-Identifier: GPL-2.0
/*
 * announce.c - tell the network where our addresses are now.
 *
 * Two kinds, each repeated. Learning frames teach the switches between: one
 * for each address that is used above the bond, sent without RTNL, for nothing
 * that holds it may delay them. Gratuitous ARP and unsolicited NA teach the
 * neighbours; the stack sends those, under RTNL.
 */
#include <linux/etherdevice.h>
#include <linux/if_arp.h>
#include <linux/if_vlan.h>
#include <linux/jhash.h>
#include <linux/rtnetlink.h>
#include <net/arp.h>

#include "bond.h"

/* As long as bridges commonly remember an address. */
#define FTB_SOURCE_AGE	(300 * HZ)

/*
 * Neighbours know the address already, which has not changed; the switches are
 * what must learn at once.
 */
#define FTB_PEERS_LATER	msecs_to_jiffies(20)

static u64 ftb_source_key(const u8 *addr, u16 vid)
{
	return ether_addr_to_u64(addr) << 16 | vid;
}

static struct ftb_source *ftb_source_bucket(struct ftb *bond, u64 key)
{
	return bond->source[jhash_2words(lower_32_bits(key),
					 upper_32_bits(key), 0) %
			    FTB_SOURCE_BUCKETS];
}

static u16 ftb_vid(const struct sk_buff *skb)
{
	return skb_vlan_tag_present(skb) ? skb_vlan_tag_get_id(skb) : 0;
}

/*
 * Transmit path: somebody above the bond sends with an address of his own.
 * Two CPUs may take the same place of the bucket: one address is then learned
 * a frame later.
 */
void ftb_note_source(struct ftb *bond, const struct sk_buff *skb,
		     const u8 *addr)
{
	struct ftb_source *bucket, *source, *oldest;
	unsigned long now = jiffies;
	unsigned int i;
	u64 key;

	if (!is_valid_ether_addr(addr))
		return;
	key = ftb_source_key(addr, ftb_vid(skb));
	bucket = ftb_source_bucket(bond, key);
	oldest = bucket;
	for (i = 0; i < FTB_SOURCE_WAYS; i++) {
		source = &bucket[i];
		if (READ_ONCE(source->key) == key) {
			/* Not for every packet: other CPUs read the line. */
			if (READ_ONCE(source->seen) != now)
				WRITE_ONCE(source->seen, now);
			return;
		}
		if (!READ_ONCE(source->key) ||
		    (READ_ONCE(oldest->key) &&
		     time_before(READ_ONCE(source->seen),
				 READ_ONCE(oldest->seen))))
			oldest = source;
	}
	WRITE_ONCE(oldest->seen, now);
	WRITE_ONCE(oldest->key, key);
}

static bool ftb_source_fresh(const struct ftb_source *source)
{
	return READ_ONCE(source->key) &&
	       time_before(jiffies, READ_ONCE(source->seen) + FTB_SOURCE_AGE);
}

/* Receive path: was this frame sent by us? */
bool ftb_is_own_source(const struct ftb *bond, const struct sk_buff *skb)
{
	const u8 *addr = eth_hdr(skb)->h_source;
	const struct ftb_source *bucket;
	unsigned int i;
	u64 key;

	if (ether_addr_equal(addr, bond->dev->dev_addr))
		return true;
	key = ftb_source_key(addr, ftb_vid(skb));
	bucket = ftb_source_bucket((struct ftb *)bond, key);
	for (i = 0; i < FTB_SOURCE_WAYS; i++)
		if (READ_ONCE(bucket[i].key) == key)
			return ftb_source_fresh(&bucket[i]);
	return false;
}

struct ftb_tag {
	__be16 proto;
	u16 vid;
};

/* A reverse ARP request for oneself: every switch learns, no host answers. */
static void ftb_send_learning(struct net_device *port, const u8 *addr,
			      struct ftb_tag tag)
{
	static const u8 all[ETH_ALEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	struct sk_buff *skb;

	if (!is_valid_ether_addr(addr))
		return;
	skb = arp_create(ARPOP_RREQUEST, ETH_P_RARP, 0, port, 0, all, addr,
			 addr);
	if (!skb)
		return;
	if (tag.vid)
		__vlan_hwaccel_put_tag(skb, tag.proto, tag.vid);
	dev_queue_xmit(skb);
}

/* Every device above @dev, silent as it may be; the stack limits the depth. */
static void ftb_learn_above(struct net_device *port, struct net_device *dev,
			    struct ftb_tag tag)
{
	struct net_device *upper;
	struct ftb_tag inner;
	struct list_head *iter;

	netdev_for_each_upper_dev_rcu(dev, upper, iter) {
		inner = tag;
		if (is_vlan_dev(upper)) {
			/* A tag within a tag: the switches see the outer. */
			if (!tag.vid) {
				inner.proto = vlan_dev_vlan_proto(upper);
				inner.vid = vlan_dev_vlan_id(upper);
			}
		}
		if (upper->type == ARPHRD_ETHER)
			ftb_send_learning(port, upper->dev_addr, inner);
		ftb_learn_above(port, upper, inner);
	}
}

static void ftb_learn(struct ftb *bond)
{
	struct ftb_tag tag = { .proto = htons(ETH_P_8021Q) };
	struct ftb_source *source = &bond->source[0][0];
	struct net_device *dev = bond->dev;
	u8 addr[ETH_ALEN];
	struct ftb_port *port;
	unsigned int i;
	u64 key;

	rcu_read_lock();
	port = rcu_dereference(bond->active);
	if (!port || !ftb_port_usable(port) || !netif_running(dev))
		goto out;
	ftb_send_learning(port->dev, dev->dev_addr, tag);
	ftb_learn_above(port->dev, dev, tag);
	for (i = 0; i < FTB_SOURCE_BUCKETS * FTB_SOURCE_WAYS; i++) {
		if (!ftb_source_fresh(&source[i]))
			continue;
		key = READ_ONCE(source[i].key);
		u64_to_ether_addr(key >> 16, addr);
		tag.vid = key & VLAN_VID_MASK;
		ftb_send_learning(port->dev, addr, tag);
	}
out:
	rcu_read_unlock();
}

static unsigned long ftb_spacing(const struct ftb *bond)
{
	return msecs_to_jiffies(READ_ONCE(bond->announce_spacing_ms));
}

static void ftb_learn_work(struct work_struct *work)
{
	struct ftb *bond = container_of(work, struct ftb, learn_work.work);
	bool send, again;

	spin_lock_bh(&bond->lock);
	send = bond->learn_left;
	if (send)
		bond->learn_left--;
	again = bond->learn_left;
	spin_unlock_bh(&bond->lock);

	if (send)
		ftb_learn(bond);
	if (again)
		queue_delayed_work(ftb_wq, &bond->learn_work,
				   ftb_spacing(bond));
}

static void ftb_tell_switch(struct ftb *bond)
{
	char from[IFNAMSIZ], to[IFNAMSIZ];
	enum ft_reason reason;
	bool tell;

	spin_lock_bh(&bond->lock);
	tell = bond->tell_switch;
	bond->tell_switch = false;
	strscpy(from, bond->switch_from, sizeof(from));
	strscpy(to, bond->switch_to, sizeof(to));
	reason = bond->switch_reason;
	spin_unlock_bh(&bond->lock);
	if (tell)
		netdev_info(bond->dev, "%s carries the traffic, %s no more (%s)\n",
			    to, from, ft_reason_name(reason));
}

static void ftb_tell_lower(struct ftb *bond)
{
	struct ftb_port *active = rtnl_dereference(bond->active), *port;
	struct netdev_lag_lower_state_info info;
	unsigned int i;

	for (i = 0; i < FT_MEMBERS; i++) {
		port = rtnl_dereference(bond->slot[i].port);
		if (!port)
			continue;
		info.link_up = ftb_port_usable(port);
		info.tx_enabled = port == active;
		netdev_lower_state_changed(port->dev, &info);
	}
}

static void ftb_tell_peers(struct ftb *bond)
{
	struct ftb_port *active = rtnl_dereference(bond->active);
	struct net_device *dev = bond->dev, *master;

	if (!active || !ftb_port_usable(active) || !netif_running(dev))
		return;
	call_netdevice_notifiers(NETDEV_NOTIFY_PEERS, dev);
	call_netdevice_notifiers(NETDEV_RESEND_IGMP, dev);
	/* The addresses of a host whose bond is in a bridge are the bridge's. */
	master = netdev_master_upper_dev_get(dev);
	if (master)
		call_netdevice_notifiers(NETDEV_NOTIFY_PEERS, master);
}

static void ftb_peers_work(struct work_struct *work)
{
	struct ftb *bond = container_of(work, struct ftb, peers_work.work);
	bool first, send, again;

	ftb_tell_switch(bond);
	/*
	 * Never waits for RTNL: the bond is unregistered under it, and waits
	 * for this work then.
	 */
	if (!rtnl_trylock()) {
		queue_delayed_work(ftb_wq, &bond->peers_work, 1);
		return;
	}
	spin_lock_bh(&bond->lock);
	first = bond->tell_lower;
	bond->tell_lower = false;
	send = bond->peers_left;
	if (send)
		bond->peers_left--;
	again = bond->peers_left;
	spin_unlock_bh(&bond->lock);

	if (first) {
		call_netdevice_notifiers(NETDEV_BONDING_FAILOVER, bond->dev);
		ftb_tell_lower(bond);
	}
	if (send)
		ftb_tell_peers(bond);
	rtnl_unlock();
	if (again)
		queue_delayed_work(ftb_wq, &bond->peers_work,
				   ftb_spacing(bond));
}

/* Begin to announce, at once; ftb::lock is held. */
void ftb_announce(struct ftb *bond)
{
	lockdep_assert_held(&bond->lock);
	bond->learn_left = READ_ONCE(bond->announce_count);
	bond->peers_left = bond->learn_left;
	bond->tell_lower = true;
	mod_delayed_work(ftb_wq, &bond->learn_work, 0);
	/* When all that must leave a module at once has left it. */
	mod_delayed_work(ftb_wq, &bond->peers_work, FTB_PEERS_LATER);
}

void ftb_announce_init(struct ftb *bond)
{
	INIT_DELAYED_WORK(&bond->learn_work, ftb_learn_work);
	INIT_DELAYED_WORK(&bond->peers_work, ftb_peers_work);
	bond->announce_count = FT_BOND_ANNOUNCE_DEFAULT;
	bond->announce_spacing_ms = FT_BOND_SPACING_DEFAULT_MS;
}

/* The ports are gone and the bond is down: nobody begins anew. */
void ftb_announce_stop(struct ftb *bond)
{
	cancel_delayed_work_sync(&bond->learn_work);
	cancel_delayed_work_sync(&bond->peers_work);
}
