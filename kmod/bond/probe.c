// SPDX-License-Identifier: GPL-2.0
/*
 * probe.c - is the path behind a port alive, though its link is up?
 *
 * Every interval each port sends a probe to the other one through the network
 * (uapi/ft_bond.h has the frame). While they arrive both ways all is well. When
 * they do not, somebody must tell which of the two ports is cut off, or whether
 * a switch merely drops what it does not know: neighbours that have spoken ARP
 * before are asked through both ports, with the probes' addresses and as a host
 * asks that has no address yet (RFC 5227), so that nobody learns anything of
 * it. A port that is answered is alive both ways; nothing else is sure.
 *
 * The path dies just after a probe went through; it is missed one interval and
 * a bit later, and the neighbours are asked; another interval later they have
 * answered or not: the port is left within three intervals.
 *
 * A port whose path is dead is only suspect: it is still used when the other
 * one has no link. So probing never takes the last port away.
 */
#include <linux/etherdevice.h>
#include <linux/if_arp.h>
#include <linux/if_vlan.h>
#include <linux/pkt_sched.h>
#include <linux/random.h>
#include <net/arp.h>

#include "bond.h"

/* Intervals without a probe until a path is judged, and until it is trusted. */
#define FTB_PROBE_MISSED	2
#define FTB_PROBE_CLEAR		5

/* While a port's transmit queues are full, a probe may just be waiting. */
#define FTB_PROBE_CONGESTED	10

/* A neighbour that has not spoken for so long is not asked. */
#define FTB_WITNESS_AGE		(300 * HZ)

/* So many at a time, but for the first time, when all are asked. */
#define FTB_WITNESSES_ASKED	2

static u64 ftb_probe_tag(const struct ftb *bond, u8 port, u64 number)
{
	return siphash_2u64(port, number, &bond->probe_key);
}

static void ftb_probe_addr(const struct ftb *bond, unsigned int slot, u8 *addr)
{
	memcpy(addr, bond->pair_id, ETH_ALEN);
	addr[0] = (addr[0] & 0xfc) | 0x02;
	addr[5] = (addr[5] & 0xfe) | slot;
}

static bool ftb_is_probe_addr(const struct ftb *bond, const u8 *addr)
{
	u8 own[ETH_ALEN];

	ftb_probe_addr(bond, addr[5] & 1, own);
	return ether_addr_equal_unaligned(addr, own);
}

/* Sending. RCU. */

static void ftb_send_probe(struct ftb *bond, struct ftb_port *port, u64 number)
{
	unsigned int slot = ftb_slot_index(bond, port->slot);
	struct net_device *dev = port->dev;
	struct ft_bond_probe *probe;
	u8 to[ETH_ALEN];
	struct sk_buff *skb;

	skb = alloc_skb(LL_RESERVED_SPACE(dev) + ETH_ZLEN +
			dev->needed_tailroom, GFP_ATOMIC);
	if (!skb)
		return;
	skb_reserve(skb, LL_RESERVED_SPACE(dev));
	skb_reset_network_header(skb);
	probe = skb_put_zero(skb, ETH_ZLEN - ETH_HLEN);
	probe->magic = htonl(FT_BOND_PROBE_MAGIC);
	probe->version = FT_BOND_PROBE_VERSION;
	probe->port = slot;
	memcpy(probe->pair, bond->pair_id, sizeof(probe->pair));
	probe->number = cpu_to_be64(number);
	probe->tag = cpu_to_be64(ftb_probe_tag(bond, slot, number));

	skb->dev = dev;
	skb->protocol = htons(FT_BOND_PROBE_ETHERTYPE);
	skb->priority = TC_PRIO_CONTROL;
	ftb_probe_addr(bond, !slot, to);
	if (dev_hard_header(skb, dev, FT_BOND_PROBE_ETHERTYPE, to,
			    port->probe_addr, skb->len) < 0) {
		kfree_skb(skb);
		return;
	}
	dev_queue_xmit(skb);
}

static void ftb_ask_witness(struct ftb_port *port,
			    const struct ftb_witness *witness)
{
	struct sk_buff *skb;

	skb = arp_create(ARPOP_REQUEST, ETH_P_ARP, witness->ip, port->dev, 0,
			 witness->addr, port->probe_addr, NULL);
	if (!skb)
		return;
	skb->priority = TC_PRIO_CONTROL;
	if (witness->vid)
		__vlan_hwaccel_put_tag(skb, htons(ETH_P_8021Q), witness->vid);
	dev_queue_xmit(skb);
}

static void ftb_ask_witnesses(struct ftb *bond, struct ftb_port *port[],
			      unsigned int count)
{
	struct ftb_witness ask[FTB_WITNESSES], *witness;
	unsigned int i, n = 0;

	spin_lock(&bond->witness_lock);
	for (i = 0; i < FTB_WITNESSES && n < count; i++) {
		witness = &bond->witness[bond->witness_next++ % FTB_WITNESSES];
		if (witness->ip &&
		    time_before(jiffies, witness->seen + FTB_WITNESS_AGE))
			ask[n++] = *witness;
	}
	spin_unlock(&bond->witness_lock);
	while (n--)
		for (i = 0; i < FT_MEMBERS; i++)
			ftb_ask_witness(port[i], &ask[n]);
}

/* Receiving. RCU, softirq; @skb is ours alone, its data is behind Ethernet. */

/*
 * A neighbour speaks ARP. Anybody can, and fill the table with lies: those only
 * make the bond ask in vain.
 */
void ftb_note_witness(struct ftb *bond, struct sk_buff *skb)
{
	u16 vid = skb_vlan_tag_present(skb) ? skb_vlan_tag_get_id(skb) : 0;
	struct ftb_witness *witness, *oldest = bond->witness;
	const struct arphdr *arp;
	const u8 *addr;
	unsigned int i;
	__be32 ip;

	if (!pskb_may_pull(skb, sizeof(*arp) + 2 * (ETH_ALEN + sizeof(ip))))
		return;
	arp = (const struct arphdr *)skb->data;
	if (arp->ar_hrd != htons(ARPHRD_ETHER) ||
	    arp->ar_pro != htons(ETH_P_IP) || arp->ar_hln != ETH_ALEN ||
	    arp->ar_pln != sizeof(ip))
		return;
	addr = (const u8 *)(arp + 1);
	memcpy(&ip, addr + ETH_ALEN, sizeof(ip));
	if (!ip || !is_valid_ether_addr(addr))
		return;

	spin_lock(&bond->witness_lock);
	for (i = 0; i < FTB_WITNESSES; i++) {
		witness = &bond->witness[i];
		if (witness->ip == ip && witness->vid == vid) {
			oldest = witness;
			break;
		}
		if (oldest->ip && (!witness->ip || time_before(witness->seen,
							       oldest->seen)))
			oldest = witness;
	}
	oldest->ip = ip;
	oldest->vid = vid;
	oldest->seen = jiffies;
	ether_addr_copy(oldest->addr, addr);
	spin_unlock(&bond->witness_lock);
}

/* Ours, and sent in the last few intervals: not kept by somebody and repeated. */
static bool ftb_probe_genuine(const struct ftb *bond,
			      const struct ft_bond_probe *probe)
{
	u64 number = be64_to_cpu(probe->number);

	return probe->port < FT_MEMBERS &&
	       READ_ONCE(bond->probe_number) - number <= FTB_PROBE_MISSED &&
	       be64_to_cpu(probe->tag) ==
			ftb_probe_tag(bond, probe->port, number);
}

static bool ftb_is_our_probe(const struct ftb *bond, struct sk_buff *skb)
{
	const struct ft_bond_probe *probe;

	if (!pskb_may_pull(skb, sizeof(*probe)))
		return false;
	probe = (const struct ft_bond_probe *)skb->data;
	return probe->magic == htonl(FT_BOND_PROBE_MAGIC) &&
	       probe->version == FT_BOND_PROBE_VERSION &&
	       !memcmp(probe->pair, bond->pair_id, sizeof(probe->pair));
}

/* True: it was for us, and is for nobody else. */
bool ftb_probe_receive(struct ftb *bond, struct ftb_port *port,
		       struct sk_buff *skb)
{
	const struct ft_bond_probe *probe;
	struct ftb_slot *from;

	if (skb->protocol == htons(FT_BOND_PROBE_ETHERTYPE)) {
		if (!ftb_is_our_probe(bond, skb))
			return false;
		probe = (const struct ft_bond_probe *)skb->data;
		if (!ftb_probe_genuine(bond, probe))
			return true;
		from = &bond->slot[probe->port];
		if (from == port->slot)
			atomic64_inc(&from->probes_looped);
		else
			atomic64_inc(&from->probes_arrived);
		return true;
	}
	if (skb->protocol != htons(ETH_P_ARP))
		return false;
	/* Our own, that a switch has flooded or brought back to the other. */
	if (ether_addr_equal(eth_hdr(skb)->h_source, bond->dev->dev_addr))
		return false;
	if (ftb_is_probe_addr(bond, eth_hdr(skb)->h_source))
		return true;
	ftb_note_witness(bond, skb);
	if (!ether_addr_equal(eth_hdr(skb)->h_dest, port->probe_addr))
		return false;
	atomic64_inc(&port->slot->answers);
	return true;
}

/* Judging. ftb::lock. */

static unsigned int ftb_since(u64 count, u64 *then, unsigned int *intervals)
{
	if (count != *then)
		*intervals = 0;
	else if (*intervals < FTB_PROBE_CONGESTED)
		(*intervals)++;
	*then = count;
	return *intervals;
}

static bool ftb_answered(const struct ftb_slot *slot)
{
	return slot->unanswered < FTB_PROBE_MISSED;
}

static void ftb_look(struct ftb_slot *slot)
{
	struct rtnl_link_stats64 sum = {};

	dev_fetch_sw_netstats(&sum, slot->stats);
	ftb_since(atomic64_read(&slot->probes_arrived), &slot->arrived_then,
		  &slot->unseen);
	ftb_since(atomic64_read(&slot->answers), &slot->answers_then,
		  &slot->unanswered);
	ftb_since(atomic64_read(&slot->heard) + sum.rx_packets,
		  &slot->heard_then, &slot->unheard);
	slot->proven = ftb_answered(slot) ? slot->proven + 1 : 0;
}

static bool ftb_hears(const struct ftb_slot *slot)
{
	return slot->unheard < FTB_PROBE_MISSED;
}

static bool ftb_arrives(const struct ftb_slot *slot)
{
	return slot->unseen < FTB_PROBE_MISSED;
}

static bool ftb_alive(const struct ftb_slot *slot)
{
	return ftb_answered(slot) || (ftb_hears(slot) && ftb_arrives(slot));
}

static bool ftb_congested(const struct ftb_port *port)
{
	unsigned int i;

	for (i = 0; i < port->dev->real_num_tx_queues; i++)
		if (netif_xmit_stopped(netdev_get_tx_queue(port->dev, i)))
			return true;
	return false;
}

/*
 * May it still be that nothing is lost? Probes wait behind what fills the
 * queues; where only ARP is relied on, two answers are soon lost. And when the
 * neighbours begin to speak again after all were silent, one port hears of it
 * before the other.
 */
static bool ftb_late(struct ftb *bond, const struct ftb_port *port)
{
	const struct ftb_slot *slot = port->slot;

	if (bond->arp_only && ftb_hears(slot))
		return slot->unanswered < FTB_PROBE_CONGESTED;
	if (bond->arp_only)
		return ftb_other_slot(bond, slot)->proven < FTB_PROBE_MISSED;
	return ftb_congested(port) && slot->unseen < FTB_PROBE_CONGESTED;
}

static void ftb_doubt(struct ftb *bond, struct ftb_port *port)
{
	const struct ftb_slot *slot = port->slot;
	const struct ftb_slot *other = ftb_other_slot(bond, slot);

	if (ftb_arrives(slot))
		port->suspect = FT_REASON_PATH_RX_DEAD;
	else if (ftb_arrives(other) || ftb_hears(slot))
		port->suspect = FT_REASON_PATH_TX_DEAD;
	else
		port->suspect = FT_REASON_PATH_DEAD;
}

/* Probes are missing; who is cut off? */
static enum ft_bond_probing ftb_blame(struct ftb *bond, struct ftb_port *active,
				      struct ftb_port *standby)
{
	bool a = ftb_alive(active->slot), s = ftb_alive(standby->slot);

	if (a && s)
		return FT_BOND_PROBING_FILTERED;
	if (!a && !s) {
		/* What is sent to all comes to both, if both can hear. */
		if (ftb_hears(active->slot) || !ftb_hears(standby->slot))
			return FT_BOND_PROBING_UNKNOWN;
		s = true;
	}
	if (s && ftb_late(bond, active))
		return bond->probing;
	ftb_doubt(bond, s ? active : standby);
	return FT_BOND_PROBING_FAULT;
}

static void ftb_trust(struct ftb *bond, struct ftb_port *port)
{
	if (!port->suspect)
		return;
	port->suspect = FT_REASON_NONE;
	port->settled = jiffies +
			msecs_to_jiffies(READ_ONCE(bond->holddown_ms));
}

static void ftb_judge_paths(struct ftb *bond, struct ftb_port *active,
			    struct ftb_port *standby)
{
	unsigned int missed = max(active->slot->unseen, standby->slot->unseen);
	enum ft_bond_probing verdict = bond->probing;
	enum ft_reason before[] = { active->suspect, standby->suspect };

	if (!missed || (ftb_answered(active->slot) &&
			ftb_answered(standby->slot)))
		bond->clear++;
	else
		bond->clear = 0;
	if (missed >= FTB_PROBE_MISSED && !bond->clear)
		verdict = ftb_blame(bond, active, standby);
	if (bond->clear >= FTB_PROBE_CLEAR && missed != 1)
		verdict = missed ? FT_BOND_PROBING_FILTERED :
				   FT_BOND_PROBING_OK;
	/* Each by itself, too: the other's path may have died meanwhile. */
	if (bond->clear >= FTB_PROBE_CLEAR ||
	    active->slot->proven >= FTB_PROBE_CLEAR)
		ftb_trust(bond, active);
	if (bond->clear >= FTB_PROBE_CLEAR ||
	    standby->slot->proven >= FTB_PROBE_CLEAR)
		ftb_trust(bond, standby);
	/* A fault in between does not make the switch let probes through. */
	if (verdict == FT_BOND_PROBING_FILTERED)
		bond->arp_only = true;
	else if (verdict == FT_BOND_PROBING_OK)
		bond->arp_only = false;
	if (verdict != bond->probing) {
		WRITE_ONCE(bond->probing, verdict);
		ft_pair_changed(&bond->pair);
	}
	if (before[0] != active->suspect || before[1] != standby->suspect)
		ftb_update_locked(bond);
}

/* Fewer than two ports work: there is nothing to compare, and no choice. */
static void ftb_no_paths(struct ftb *bond)
{
	struct ftb_port *port;
	unsigned int i;
	bool doubted = false;

	for (i = 0; i < FT_MEMBERS; i++) {
		bond->slot[i].unseen = 0;
		bond->slot[i].unanswered = FTB_PROBE_CONGESTED;
		bond->slot[i].unheard = FTB_PROBE_CONGESTED;
		port = ftb_slot_port(bond, &bond->slot[i]);
		if (port && port->suspect) {
			port->suspect = FT_REASON_NONE;
			doubted = true;
		}
	}
	bond->clear = 0;
	bond->arp_only = false;
	WRITE_ONCE(bond->probing, bond->probe_ms && netif_running(bond->dev) ?
		   FT_BOND_PROBING_UNKNOWN : FT_BOND_PROBING_OFF);
	if (doubted)
		ftb_update_locked(bond);
}

static enum hrtimer_restart ftb_probe_tick(struct hrtimer *timer)
{
	struct ftb *bond = container_of(timer, struct ftb, probe_timer);
	struct ftb_port *port[FT_MEMBERS], *active;
	unsigned int i, missed = 0;
	u64 number = 0;

	rcu_read_lock();
	spin_lock(&bond->lock);
	active = ftb_active(bond);
	for (i = 0; i < FT_MEMBERS; i++) {
		ftb_look(&bond->slot[i]);
		port[i] = ftb_slot_port(bond, &bond->slot[i]);
		if (!port[i] || !ftb_port_usable(port[i]))
			break;
	}
	if (i < FT_MEMBERS || !active) {
		ftb_no_paths(bond);
	} else {
		ftb_judge_paths(bond, active, port[active == port[0]]);
		missed = max(bond->slot[0].unseen, bond->slot[1].unseen);
		number = bond->probe_number + 1;
		WRITE_ONCE(bond->probe_number, number);
		for (i = 0; i < FT_MEMBERS; i++)
			bond->slot[i].probes_sent++;
	}
	spin_unlock(&bond->lock);

	if (number) {
		for (i = 0; i < FT_MEMBERS; i++)
			ftb_send_probe(bond, port[i], number);
		if (missed)
			ftb_ask_witnesses(bond, port, missed == 1 ?
					  FTB_WITNESSES : FTB_WITNESSES_ASKED);
	}
	rcu_read_unlock();
	hrtimer_forward_now(timer, ms_to_ktime(READ_ONCE(bond->probe_ms)));
	return HRTIMER_RESTART;
}

/* Setting up. RTNL. */

void ftb_probe_enter(struct ftb *bond, struct ftb_port *port)
{
	ftb_probe_addr(bond, ftb_slot_index(bond, port->slot),
		       port->probe_addr);
	/* A NIC whose filter is full takes everything instead. */
	if (bond->probe_ms && !port->probe_filter)
		port->probe_filter = !dev_uc_add(port->dev, port->probe_addr);
}

void ftb_probe_leave(struct ftb_port *port)
{
	if (port->probe_filter)
		dev_uc_del(port->dev, port->probe_addr);
	port->probe_filter = false;
}

void ftb_probe_stop(struct ftb *bond)
{
	hrtimer_cancel(&bond->probe_timer);
	spin_lock_bh(&bond->lock);
	ftb_no_paths(bond);
	WRITE_ONCE(bond->probing, FT_BOND_PROBING_OFF);
	spin_unlock_bh(&bond->lock);
}

/* The interval or the ports' need of it has changed, or the bond is up now. */
void ftb_probe_restart(struct ftb *bond)
{
	struct ftb_port *port;
	unsigned int i;

	ASSERT_RTNL();
	ftb_probe_stop(bond);
	for (i = 0; i < FT_MEMBERS; i++) {
		port = rtnl_dereference(bond->slot[i].port);
		if (port && bond->probe_ms)
			ftb_probe_enter(bond, port);
		else if (port)
			ftb_probe_leave(port);
	}
	if (!bond->probe_ms || !netif_running(bond->dev))
		return;
	WRITE_ONCE(bond->probing, FT_BOND_PROBING_UNKNOWN);
	hrtimer_start(&bond->probe_timer, ms_to_ktime(bond->probe_ms),
		      HRTIMER_MODE_REL_SOFT);
}

void ftb_probe_init(struct ftb *bond)
{
	get_random_bytes(bond->pair_id, sizeof(bond->pair_id));
	get_random_bytes(&bond->probe_key, sizeof(bond->probe_key));
	spin_lock_init(&bond->witness_lock);
	ft_soft_timer(&bond->probe_timer, ftb_probe_tick);
}
