// SPDX-License-Identifier: GPL-2.0
/*
 * ethtool.c - link settings of the active port, and statistics by name.
 */
#include <linux/ethtool.h>
#include <linux/rtnetlink.h>
#include <linux/string.h>

#include "bond.h"

static const char ftb_bond_stats[][ETH_GSTRING_LEN] = {
	"switches",
	"last_switch_reason",
	"last_switch_time_ns",
	"probing",
};

/* Of each port, "portN_" before it. They belong to the place, not the NIC. */
static const char *const ftb_port_stats[] = {
	"state",
	"reason",
	"rx_packets",
	"rx_bytes",
	"rx_standby_dropped",
	"tx_packets",
	"tx_bytes",
	"tx_dropped",
	"probes_sent",
	"probes_arrived",
	"probe_answers",
	"probes_looped",
};

#define FTB_NSTATS	(ARRAY_SIZE(ftb_bond_stats) + \
			 FT_MEMBERS * ARRAY_SIZE(ftb_port_stats))

static void ftb_get_drvinfo(struct net_device *dev,
			    struct ethtool_drvinfo *info)
{
	strscpy(info->driver, KBUILD_MODNAME, sizeof(info->driver));
}

static int ftb_get_link_ksettings(struct net_device *dev,
				  struct ethtool_link_ksettings *settings)
{
	struct ftb *bond = netdev_priv(dev);
	struct ftb_port *active = rtnl_dereference(bond->active);

	settings->base.duplex = DUPLEX_UNKNOWN;
	settings->base.speed = SPEED_UNKNOWN;
	settings->base.port = PORT_OTHER;
	if (!active || !ftb_port_usable(active))
		return 0;
	return __ethtool_get_link_ksettings(active->dev, settings);
}

static int ftb_get_sset_count(struct net_device *dev, int sset)
{
	return sset == ETH_SS_STATS ? FTB_NSTATS : -EOPNOTSUPP;
}

static void ftb_get_strings(struct net_device *dev, u32 sset, u8 *data)
{
	unsigned int i, j;

	if (sset != ETH_SS_STATS)
		return;
	memcpy(data, ftb_bond_stats, sizeof(ftb_bond_stats));
	data += sizeof(ftb_bond_stats);
	for (i = 0; i < FT_MEMBERS; i++) {
		for (j = 0; j < ARRAY_SIZE(ftb_port_stats); j++) {
			snprintf(data, ETH_GSTRING_LEN, "port%u_%s", i,
				 ftb_port_stats[j]);
			data += ETH_GSTRING_LEN;
		}
	}
}

static void ftb_get_ethtool_stats(struct net_device *dev,
				  struct ethtool_stats *stats, u64 *data)
{
	struct ftb *bond = netdev_priv(dev);
	struct rtnl_link_stats64 sum;
	struct ftb_slot *slot;
	unsigned int i;

	spin_lock_bh(&bond->lock);
	*data++ = bond->switches;
	*data++ = bond->switch_reason;
	*data++ = bond->switch_time;
	*data++ = bond->probing;
	for (i = 0; i < FT_MEMBERS; i++) {
		slot = &bond->slot[i];
		memset(&sum, 0, sizeof(sum));
		dev_fetch_sw_netstats(&sum, slot->stats);
		*data++ = slot->state;
		*data++ = slot->reason;
		*data++ = sum.rx_packets;
		*data++ = sum.rx_bytes;
		*data++ = atomic64_read(&slot->rx_standby_dropped);
		*data++ = sum.tx_packets;
		*data++ = sum.tx_bytes;
		*data++ = atomic64_read(&slot->tx_dropped);
		*data++ = slot->probes_sent;
		*data++ = atomic64_read(&slot->probes_arrived);
		*data++ = atomic64_read(&slot->answers);
		*data++ = atomic64_read(&slot->probes_looped);
	}
	spin_unlock_bh(&bond->lock);
}

const struct ethtool_ops ftb_ethtool_ops = {
	.get_drvinfo = ftb_get_drvinfo,
	.get_link = ethtool_op_get_link,
	.get_link_ksettings = ftb_get_link_ksettings,
	.get_sset_count = ftb_get_sset_count,
	.get_strings = ftb_get_strings,
	.get_ethtool_stats = ftb_get_ethtool_stats,
};
