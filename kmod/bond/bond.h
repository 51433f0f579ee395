/* SPDX-License-Identifier: GPL-2.0 */
/*
 * bond.h - what the parts of ft_bond share.
 *
 * Locks, outermost first: RTNL, ft_core's mutex, ftb::lock. What ports there
 * are, and all settings, change under RTNL only; which port is active changes
 * under ftb::lock alone, so that nothing that holds RTNL delays a switch.
 * The data path takes no lock: it reads pointers under RCU.
 */
#ifndef _FT_BOND_H
#define _FT_BOND_H

#include <linux/hrtimer.h>
#include <linux/if_ether.h>
#include <linux/netdevice.h>
#include <linux/rculist.h>
#include <linux/rtnetlink.h>
#include <linux/siphash.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include "../compat/net.h"
#include "../core/ft_core.h"
#include "../uapi/ft_bond.h"

/* How long after a switch unicast that still comes to the old port counts. */
#define FTB_OVERLAP		HZ

/* How long until a port that its driver has detached is looked at again. */
#define FTB_LOOK_AGAIN		(HZ / 20)

/* How long frames may take that were sent before the network learned. */
#define FTB_HAND_OVER_MS	10

/* Of all ports, by their interfaces' indexes; a power of 2. */
#define FTB_PORT_BUCKETS	256

#define FTB_WITNESSES		8

#define FTB_SOURCE_BUCKETS	256
#define FTB_SOURCE_WAYS		4

struct bpf_prog;
struct ftb_slot;
struct netdev_bpf;
struct xdp_frame;

/* Why a port must not carry traffic, whatever its link says; bits of barred. */
enum ftb_bar {
	FTB_BAR_ENTERING,	/* is being put in */
	FTB_BAR_LEAVING,	/* is being taken out */
	FTB_BAR_CLOSING,	/* going down: not to be used from now on */
	FTB_BAR_CUT,		/* ft_core: isolated, or about to be removed */
};

/* How a port leaves. */
enum ftb_parting {
	FTB_PARTING_RELEASED,	/* taken out; becomes what it was */
	FTB_PARTING_MOVES,	/* to another network namespace */
	FTB_PARTING_GONE,	/* is being unregistered */
};

/**
 * struct ftb_port - a netdev while it is in the bond
 * @node:	of all ports, while @dev is linked to the bond; RTNL, read under RCU
 * @barred:	enum ftb_bar bits; written under ftb::lock
 * @cut:	why FTB_BAR_CUT
 * @usable:	as last judged, see ftb_update()
 * @suspect:	its link is up but its path is dead, and why; NONE: it is not.
 *		Used only if the other port is not usable. Under ftb::lock.
 * @stalled:	its transmit queue stands still; the same goes for it
 * @flowing:	looks since it does no more
 * @probe_addr:	that probes have; @probe_filter: it is in the NIC's filter
 * @settled:	jiffies when its hold-down ends
 * @netpoll:	sends for netpoll users of the bond, NULL if it has none
 * @speed:	Mb/s, 0 if not known; written under RTNL
 * @orig_addr, @orig_mtu, @orig_up: given back when it leaves
 */
struct ftb_port {
	struct hlist_node node;
	struct net_device *dev;
	struct ftb *bond;
	struct ftb_slot *slot;
	unsigned long barred;
	enum ft_reason cut;
	bool usable;
	enum ft_reason suspect;
	bool stalled;
	unsigned int flowing;
	u8 probe_addr[ETH_ALEN];
	bool probe_filter;
	struct netpoll __rcu *netpoll;
	unsigned long settled;
	u32 speed;
	u8 orig_addr[ETH_ALEN];
	unsigned int orig_mtu;
	bool orig_up;
	struct rcu_head rcu;
};

/**
 * struct ftb_slot - one of the two places for a port; outlives the port
 * @module:	of the port that is or was here: it gets its place back
 */
struct ftb_slot {
	struct ftb_port __rcu *port;
	u32 module;
	enum ft_member_state state;
	enum ft_reason reason;
	u64 since;
	char name[IFNAMSIZ];
	struct pcpu_sw_netstats __percpu *stats;
	atomic64_t tx_dropped;
	atomic64_t rx_standby_dropped;

	/* Path probing: counted where it happens... */
	atomic64_t probes_arrived;	/* of this port, at the other one */
	atomic64_t probes_looped;
	atomic64_t answers;
	atomic64_t heard;		/* others' frames while it stood by */
	/* ... and looked at each interval, under ftb::lock. */
	u64 probes_sent;
	u64 arrived_then, answers_then, heard_then;
	unsigned int unseen, unanswered, unheard;	/* intervals since */
	unsigned int proven;		/* intervals answered in a row */
};

/**
 * struct ftb_witness - a neighbour who answers ARP
 * @seen:	jiffies
 */
struct ftb_witness {
	__be32 ip;
	u8 addr[ETH_ALEN];
	u16 vid;
	unsigned long seen;
};

/**
 * struct ftb_source - an address above the bond that is not its own
 * @key:	address << 16 | VLAN; 0: free. One word, so never seen torn.
 * @seen:	jiffies when it last sent
 */
struct ftb_source {
	u64 key;
	unsigned long seen;
};

struct ftb {
	struct net_device *dev;
	struct ft_pair pair;

	/* The data path */
	struct ftb_port __rcu *active;
	unsigned long overlap_until;
	struct ftb_slot slot[FT_MEMBERS];

	/* Settings, under RTNL; read elsewhere with READ_ONCE */
	int primary;			/* slot, or -1 */
	enum ft_bond_failback failback;
	u32 holddown_ms;
	u32 announce_count;
	u32 announce_spacing_ms;
	u32 probe_ms;
	bool adjusting;			/* we change a port's address or MTU */
	struct bpf_prog *xdp_prog;	/* runs in the ports' drivers */

	/* Under lock */
	spinlock_t lock;
	enum ft_pair_state state;
	enum ft_reason reason;
	u64 since;
	int carrier;			/* slot of the last active port, or -1 */
	u32 switches;
	enum ft_reason switch_reason;
	u64 switch_time;
	char switch_from[IFNAMSIZ];
	char switch_to[IFNAMSIZ];
	u32 learn_left;
	u32 peers_left;
	bool tell_switch;
	bool tell_lower;

	struct delayed_work settle_work;	/* hold-down ends; detached port */
	struct delayed_work stall_work;		/* look at transmit queues */
	struct delayed_work learn_work;		/* announcements without RTNL */
	struct delayed_work peers_work;		/* announcements under RTNL */

	/* Path probing; verdict and number under lock */
	struct hrtimer probe_timer;
	enum ft_bond_probing probing;
	bool arp_only;			/* a switch drops probes */
	unsigned int clear;		/* intervals without a doubt */
	u64 probe_number;
	siphash_key_t probe_key;
	u8 pair_id[16];
	spinlock_t witness_lock;	/* witness, witness_next; innermost */
	struct ftb_witness witness[FTB_WITNESSES];
	unsigned int witness_next;

	struct ftb_source source[FTB_SOURCE_BUCKETS][FTB_SOURCE_WAYS];
};

extern struct workqueue_struct *ftb_wq;
extern struct hlist_head ftb_ports[FTB_PORT_BUCKETS];

static inline unsigned int ftb_slot_index(const struct ftb *bond,
					  const struct ftb_slot *slot)
{
	return slot - bond->slot;
}

static inline struct ftb_port *ftb_slot_port(struct ftb *bond,
					     struct ftb_slot *slot)
{
	return rcu_dereference_protected(slot->port,
					 lockdep_is_held(&bond->lock));
}

static inline struct ftb_port *ftb_active(struct ftb *bond)
{
	return rcu_dereference_protected(bond->active,
					 lockdep_is_held(&bond->lock));
}

static inline struct ftb_slot *ftb_other_slot(struct ftb *bond,
					      const struct ftb_slot *slot)
{
	return &bond->slot[!ftb_slot_index(bond, slot)];
}

/* Why it should not be used if there is another one, though its link is up. */
static inline enum ft_reason ftb_port_doubt(const struct ftb_port *port)
{
	return port->stalled ? FT_REASON_TX_STALLED : port->suspect;
}

/* Is the link up, and may it be used? Looks at the link itself, at no copy. */
static inline bool ftb_port_link(const struct ftb_port *port)
{
	return !READ_ONCE(port->barred) && netif_running(port->dev) &&
	       netif_carrier_ok(port->dev);
}

/* Can it carry traffic, this moment? */
static inline bool ftb_port_usable(const struct ftb_port *port)
{
	return ftb_port_link(port) && netif_device_present(port->dev);
}

static inline struct hlist_head *ftb_port_bucket(const struct net_device *dev)
{
	return &ftb_ports[dev->ifindex & (FTB_PORT_BUCKETS - 1)];
}

/* The port that @dev is, or NULL; under RTNL or RCU, and as long as that. */
static inline struct ftb_port *ftb_port_of(const struct net_device *dev)
{
	struct ftb_port *port;

	hlist_for_each_entry_rcu(port, ftb_port_bucket(dev), node,
				 lockdep_rtnl_is_held())
		if (likely(port->dev == dev))
			return port;
	return NULL;
}

/* device.c */
extern const struct net_device_ops ftb_netdev_ops;
void ftb_setup(struct net_device *dev);
void ftb_compute_features(struct ftb *bond);

/* path.c */
netdev_tx_t ftb_start_xmit(struct sk_buff *skb, struct net_device *dev);
u16 ftb_select_queue(struct net_device *dev, struct sk_buff *skb,
		     struct net_device *sb_dev);
struct net_device *ftb_get_xmit_slave(struct net_device *dev,
				      struct sk_buff *skb, bool all_slaves);
rx_handler_result_t ftb_handle_frame(struct sk_buff **pskb);
void ftb_get_stats64(struct net_device *dev, struct rtnl_link_stats64 *stats);

/* port.c; RTNL */
int ftb_add_port(struct net_device *dev, struct net_device *port_dev,
		 struct netlink_ext_ack *extack);
int ftb_del_port(struct net_device *dev, struct net_device *port_dev);
void ftb_release(struct ftb *bond, struct ftb_port *port,
		 enum ftb_parting parting);
void ftb_hand_over(struct ftb *bond, struct ftb_port *port, enum ftb_bar bar);
void ftb_port_speed(struct ftb_port *port);
u32 ftb_port_module(const struct ftb_port *port);

/* switch.c */
void ftb_switch_init(struct ftb *bond);
void ftb_update(struct ftb *bond);
void ftb_update_locked(struct ftb *bond);
struct ftb_port *ftb_failover(struct ftb *bond);
int ftb_switch_to(struct ftb *bond, struct ftb_port *port,
		  struct netlink_ext_ack *extack);
void ftb_bar(struct ftb *bond, struct ftb_port *port, enum ftb_bar bar);
void ftb_unbar(struct ftb *bond, struct ftb_port *port, enum ftb_bar bar);
void ftb_empty_slot(struct ftb *bond, struct ftb_slot *slot,
		    enum ft_reason reason);
extern const struct ft_pair_ops ftb_pair_ops;

/* announce.c */
void ftb_announce_init(struct ftb *bond);
void ftb_announce(struct ftb *bond);
void ftb_announce_stop(struct ftb *bond);
void ftb_note_source(struct ftb *bond, const struct sk_buff *skb,
		     const u8 *addr);
bool ftb_is_own_source(const struct ftb *bond, const struct sk_buff *skb);

/* netpoll.c */
#ifdef CONFIG_NET_POLL_CONTROLLER
int ftb_netpoll_setup(FT_NETPOLL_SETUP_ARGS);
void ftb_netpoll_cleanup(struct net_device *dev);
int ftb_netpoll_share(struct net_device *dev, struct ftb_port *port);
void ftb_netpoll_leave(struct ftb_port *port);
netdev_tx_t ftb_netpoll_send(struct ftb *bond, struct sk_buff *skb);

/* Does this packet come from netpoll? Asked only if somebody uses it. */
static inline bool ftb_is_netpoll(const struct net_device *dev)
{
	return unlikely(rcu_access_pointer(dev->npinfo)) &&
	       irqs_disabled();
}
#else
static inline int ftb_netpoll_share(struct net_device *dev,
				    struct ftb_port *port)
{
	return 0;
}

static inline void ftb_netpoll_leave(struct ftb_port *port)
{
}

static inline netdev_tx_t ftb_netpoll_send(struct ftb *bond,
					   struct sk_buff *skb)
{
	return NETDEV_TX_OK;
}

static inline bool ftb_is_netpoll(const struct net_device *dev)
{
	return false;
}
#endif

/* stall.c */
void ftb_stall_init(struct ftb *bond);
void ftb_stall_start(struct ftb *bond);
void ftb_stall_stop(struct ftb *bond);

/* probe.c */
void ftb_probe_init(struct ftb *bond);
void ftb_probe_restart(struct ftb *bond);
void ftb_probe_stop(struct ftb *bond);
void ftb_probe_enter(struct ftb *bond, struct ftb_port *port);
void ftb_probe_leave(struct ftb_port *port);
bool ftb_probe_receive(struct ftb *bond, struct ftb_port *port,
		       struct sk_buff *skb);
void ftb_note_witness(struct ftb *bond, struct sk_buff *skb);

/* xdp.c */
int ftb_bpf(struct net_device *dev, struct netdev_bpf *xdp);
int ftb_xdp_xmit(struct net_device *dev, int count, struct xdp_frame **frames,
		 u32 flags);
int ftb_xdp_enter(struct ftb *bond, struct ftb_port *port,
		  struct netlink_ext_ack *extack);
void ftb_xdp_leave(struct ftb *bond, struct ftb_port *port);
void ftb_xdp_features(struct ftb *bond);

/* netlink.c */
extern struct rtnl_link_ops ftb_link_ops;

/* ethtool.c */
extern const struct ethtool_ops ftb_ethtool_ops;

#endif /* _FT_BOND_H */
