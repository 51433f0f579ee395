// SPDX-License-Identifier: GPL-2.0
/*
 * netlink.c - generic netlink family "ft".
 *
 * The family lives in the initial network namespace only, as hardware does.
 * Requests run in parallel: ft_mutex is the only lock they need, so none waits
 * for a bond's RTNL.
 */
#include <linux/skbuff.h>
#include <linux/string.h>
#include <net/genetlink.h>

#include "registry.h"

#define FT_ADDRESS_LEN	(sizeof("ffffffff:ff:1f.7") - 1)

enum ft_mcgrp { FT_MCGRP_EVENTS };

static const struct genl_multicast_group ft_mcgrps[] = {
	[FT_MCGRP_EVENTS] = { .name = FT_GENL_GROUP_EVENTS },
};

static const struct nla_policy ft_module_policy[] = {
	[FT_A_MODULE_ID] = { .type = NLA_U32 },
};

static const struct nla_policy ft_isolate_policy[] = {
	[FT_A_MODULE_ID] = { .type = NLA_U32 },
	[FT_A_CUT] = { .type = NLA_FLAG },
};

static const struct nla_policy ft_bridge_policy[] = {
	[FT_A_BRIDGE] = { .type = NLA_NUL_STRING, .len = FT_ADDRESS_LEN },
};

static const struct nla_policy ft_set_module_policy[] = {
	[FT_A_MODULE_ID] = { .type = NLA_U32 },
	[FT_A_BRIDGES] = NLA_POLICY_NESTED(ft_bridge_policy),
};

static const struct nla_policy ft_pair_policy[] = {
	[FT_A_PAIR_TYPE] = NLA_POLICY_RANGE(NLA_U8, FT_PAIR_BOND,
					    FT_PAIR_MIRROR),
	[FT_A_PAIR_NAME] = { .type = NLA_NUL_STRING, .len = FT_NAME_MAX - 1 },
};

static struct genl_family ft_family;

static int ft_put_module(struct sk_buff *skb, const struct ft_module *module)
{
	enum ft_card card = ft_module_card(module);
	char address[FT_ADDRESS_LEN + 1];
	struct nlattr *bridges;
	unsigned int i;

	if (nla_put_u32(skb, FT_A_MODULE_ID, module->id) ||
	    nla_put_u8(skb, FT_A_MODULE_STATE, module->state) ||
	    nla_put_u32(skb, FT_A_REASON, module->reason) ||
	    nla_put_u64_64bit(skb, FT_A_SINCE, module->since, FT_A_PAD) ||
	    (card && nla_put_u8(skb, FT_A_MODULE_CARD, card)))
		return -EMSGSIZE;
	bridges = nla_nest_start(skb, FT_A_BRIDGES);
	if (!bridges)
		return -EMSGSIZE;
	for (i = 0; i < module->nbridges; i++) {
		ft_bridge_format(address, sizeof(address), &module->bridge[i]);
		if (nla_put_string(skb, FT_A_BRIDGE, address))
			return -EMSGSIZE;
	}
	nla_nest_end(skb, bridges);
	return 0;
}

static int ft_put_member(struct sk_buff *skb, const struct ft_pair *pair,
			 unsigned int i, const struct ft_member_report *r)
{
	const struct ft_module *module = ft_member_module(pair, i);
	struct nlattr *nest = nla_nest_start(skb, FT_A_MEMBER);

	if (!nest ||
	    nla_put_u8(skb, FT_A_MEMBER_STATE, r->state) ||
	    (r->dev[0] && nla_put_string(skb, FT_A_MEMBER_DEV, r->dev)) ||
	    (module && nla_put_u32(skb, FT_A_MODULE_ID, module->id)) ||
	    nla_put_u32(skb, FT_A_REASON, r->reason) ||
	    nla_put_u64_64bit(skb, FT_A_SINCE, r->since, FT_A_PAD))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int ft_put_pair_id(struct sk_buff *skb, const struct ft_pair *pair)
{
	return nla_put_u8(skb, FT_A_PAIR_TYPE, pair->type) ||
	       nla_put_string(skb, FT_A_PAIR_NAME, pair->name) ?
	       -EMSGSIZE : 0;
}

static int ft_put_pair(struct sk_buff *skb, const struct ft_pair *pair,
		       const struct ft_pair_report *r)
{
	struct nlattr *members;
	unsigned int i;

	if (ft_put_pair_id(skb, pair) ||
	    nla_put_u8(skb, FT_A_PAIR_STATE, r->state) ||
	    nla_put_u32(skb, FT_A_REASON, r->reason) ||
	    nla_put_u64_64bit(skb, FT_A_SINCE, r->since, FT_A_PAD))
		return -EMSGSIZE;
	members = nla_nest_start(skb, FT_A_MEMBERS);
	if (!members)
		return -EMSGSIZE;
	for (i = 0; i < FT_MEMBERS; i++)
		if (ft_put_member(skb, pair, i, &r->member[i]))
			return -EMSGSIZE;
	nla_nest_end(skb, members);

	switch (pair->type) {
	case FT_PAIR_BOND:
		if (nla_put_u32(skb, FT_A_SWITCHES, r->switches))
			return -EMSGSIZE;
		break;
	case FT_PAIR_MIRROR:
		if (nla_put(skb, FT_A_PAIR_UUID, sizeof(pair->uuid),
			    pair->uuid) ||
		    nla_put_u64_64bit(skb, FT_A_SYNC_DONE, r->sync_done,
				      FT_A_PAD) ||
		    nla_put_u64_64bit(skb, FT_A_SYNC_TOTAL, r->sync_total,
				      FT_A_PAD) ||
		    nla_put_u64_64bit(skb, FT_A_SYNC_COPIED, r->sync_copied,
				      FT_A_PAD))
			return -EMSGSIZE;
		break;
	}
	return 0;
}

/* Fills @skb whole, or leaves it as it was and returns -EMSGSIZE. */
static int ft_fill(struct sk_buff *skb, u32 portid, u32 seq, int flags,
		   const struct ft_module *module, struct ft_pair *pair)
{
	struct ft_pair_report report = {};
	void *hdr;
	int err;

	hdr = genlmsg_put(skb, portid, seq, &ft_family, flags,
			  module ? FT_CMD_NEW_MODULE : FT_CMD_NEW_PAIR);
	if (!hdr)
		return -EMSGSIZE;
	err = nla_put_u64_64bit(skb, FT_A_SEQ, ft_event_last(), FT_A_PAD);
	if (!err && module) {
		err = ft_put_module(skb, module);
	} else if (!err) {
		pair->ops->report(pair, &report);
		err = ft_put_pair(skb, pair, &report);
	}
	if (err) {
		genlmsg_cancel(skb, hdr);
		return err;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

static int ft_answer(struct genl_info *info, const struct ft_module *module,
		     struct ft_pair *pair)
{
	struct sk_buff *skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);

	if (!skb)
		return -ENOMEM;
	if (ft_fill(skb, info->snd_portid, info->snd_seq, 0, module, pair)) {
		nlmsg_free(skb);
		return -EMSGSIZE;
	}
	return genlmsg_reply(skb, info);
}

static struct ft_module *ft_module_asked(struct genl_info *info)
{
	struct ft_module *module;

	if (GENL_REQ_ATTR_CHECK(info, FT_A_MODULE_ID)) {
		NL_SET_ERR_MSG(info->extack, "which module? its number is missing");
		return ERR_PTR(-EINVAL);
	}
	module = ft_module_find(nla_get_u32(info->attrs[FT_A_MODULE_ID]));
	if (!module) {
		NL_SET_ERR_MSG(info->extack, "no module has this number; define it first");
		return ERR_PTR(-ENOENT);
	}
	return module;
}

static int ft_get_module(struct sk_buff *skb, struct genl_info *info)
{
	unsigned int noio = ft_lock();
	struct ft_module *module = ft_module_asked(info);
	int err = IS_ERR(module) ? PTR_ERR(module) :
				   ft_answer(info, module, NULL);

	ft_unlock(noio);
	return err;
}

static int ft_del_module(struct sk_buff *skb, struct genl_info *info)
{
	unsigned int noio = ft_lock();
	struct ft_module *module = ft_module_asked(info);
	int err = IS_ERR(module) ? PTR_ERR(module) :
				   ft_module_forget(module, info->extack);

	ft_unlock(noio);
	return err;
}

static int ft_switch_module(struct genl_info *info, bool on)
{
	unsigned int noio = ft_lock();
	struct ft_module *module = ft_module_asked(info);
	u32 id = IS_ERR(module) ? FT_MODULE_NONE : module->id;

	ft_unlock(noio);
	if (IS_ERR(module))
		return PTR_ERR(module);
	return ft_module_switch(id, on, !on && info->attrs[FT_A_CUT],
				FT_REASON_ISOLATED);
}

static int ft_isolate_module(struct sk_buff *skb, struct genl_info *info)
{
	return ft_switch_module(info, false);
}

static int ft_join_module(struct sk_buff *skb, struct genl_info *info)
{
	return ft_switch_module(info, true);
}

/* Returns how many, or an error; @bridge has room for FT_BRIDGES_MAX. */
static int ft_bridges_asked(struct genl_info *info, struct ft_bridge *bridge)
{
	struct netlink_ext_ack *extack = info->extack;
	unsigned int n = 0, i;
	struct nlattr *attr;
	int rest;

	nla_for_each_nested(attr, info->attrs[FT_A_BRIDGES], rest) {
		if (n == FT_BRIDGES_MAX) {
			NL_SET_ERR_MSG_ATTR(extack, attr, "a module has at most 64 bridges");
			return -EINVAL;
		}
		if (ft_bridge_parse(&bridge[n], nla_data(attr))) {
			NL_SET_ERR_MSG_ATTR(extack, attr,
					    "not the address of a bridge; write it as lspci -D does: 0000:00:04.0");
			return -EINVAL;
		}
		for (i = 0; i < n; i++) {
			if (!ft_bridge_equal(&bridge[i], &bridge[n]))
				continue;
			NL_SET_ERR_MSG_ATTR(extack, attr, "the same bridge twice");
			return -EINVAL;
		}
		n++;
	}
	if (!n) {
		NL_SET_ERR_MSG(extack, "a module needs at least one bridge");
		return -EINVAL;
	}
	return n;
}

static int ft_set_module(struct sk_buff *skb, struct genl_info *info)
{
	struct ft_bridge bridge[FT_BRIDGES_MAX];
	unsigned int noio;
	int n, err;
	u32 id;

	if (GENL_REQ_ATTR_CHECK(info, FT_A_MODULE_ID) ||
	    GENL_REQ_ATTR_CHECK(info, FT_A_BRIDGES)) {
		NL_SET_ERR_MSG(info->extack,
			       "a module is a number and its bridges; one of them is missing");
		return -EINVAL;
	}
	id = nla_get_u32(info->attrs[FT_A_MODULE_ID]);
	if (id == FT_MODULE_NONE) {
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[FT_A_MODULE_ID],
				    "this number means no module; take another");
		return -EINVAL;
	}
	n = ft_bridges_asked(info, bridge);
	if (n < 0)
		return n;
	noio = ft_lock();
	err = ft_module_define(id, bridge, n, info->extack);
	ft_unlock(noio);
	return err;
}

static int ft_get_pair(struct sk_buff *skb, struct genl_info *info)
{
	struct ft_pair *pair;
	unsigned int noio;
	int err;

	if (GENL_REQ_ATTR_CHECK(info, FT_A_PAIR_TYPE) ||
	    GENL_REQ_ATTR_CHECK(info, FT_A_PAIR_NAME)) {
		NL_SET_ERR_MSG(info->extack, "which pair? its type or its name is missing");
		return -EINVAL;
	}
	noio = ft_lock();
	pair = ft_pair_find(nla_get_u8(info->attrs[FT_A_PAIR_TYPE]),
			    nla_data(info->attrs[FT_A_PAIR_NAME]));
	if (pair) {
		err = ft_answer(info, NULL, pair);
	} else {
		NL_SET_ERR_MSG(info->extack, "no pair of this type has this name");
		err = -ENOENT;
	}
	ft_unlock(noio);
	return err;
}

static int ft_dump_start(struct netlink_callback *cb)
{
	if (nlmsg_attrlen(cb->nlh, GENL_HDRLEN)) {
		NL_SET_ERR_MSG(cb->extack, "a dump is of all; it takes no attributes");
		return -EINVAL;
	}
	return 0;
}

/*
 * cb->args[0] counts what earlier calls told. An object that comes or goes
 * between two calls may shift the count: cb->seq then marks the dump as
 * interrupted, and user space asks again.
 */
static int ft_dump(struct sk_buff *skb, struct netlink_callback *cb,
		   bool modules)
{
	struct ft_module *module;
	struct ft_pair *pair;
	unsigned int noio;
	long i = 0;

	noio = ft_lock();
	cb->seq = ft_generation;
	if (modules) {
		list_for_each_entry(module, &ft_modules, list)
			if (i++ >= cb->args[0] &&
			    ft_fill(skb, NETLINK_CB(cb->skb).portid,
				    cb->nlh->nlmsg_seq, NLM_F_MULTI, module,
				    NULL))
				goto full;
	} else {
		list_for_each_entry(pair, &ft_pairs, list)
			if (i++ >= cb->args[0] &&
			    ft_fill(skb, NETLINK_CB(cb->skb).portid,
				    cb->nlh->nlmsg_seq, NLM_F_MULTI, NULL,
				    pair))
				goto full;
	}
	i++;
full:
	cb->args[0] = i - 1;
	if (skb->len)
		nl_dump_check_consistent(cb, nlmsg_hdr(skb));
	ft_unlock(noio);
	return skb->len;
}

static int ft_dump_modules(struct sk_buff *skb, struct netlink_callback *cb)
{
	return ft_dump(skb, cb, true);
}

static int ft_dump_pairs(struct sk_buff *skb, struct netlink_callback *cb)
{
	return ft_dump(skb, cb, false);
}

static const struct genl_ops ft_ops[] = {
	{
		.cmd = FT_CMD_GET_MODULE,
		.doit = ft_get_module,
		.start = ft_dump_start,
		.dumpit = ft_dump_modules,
		.policy = ft_module_policy,
		.maxattr = ARRAY_SIZE(ft_module_policy) - 1,
	}, {
		.cmd = FT_CMD_DEL_MODULE,
		.flags = GENL_ADMIN_PERM,
		.doit = ft_del_module,
		.policy = ft_module_policy,
		.maxattr = ARRAY_SIZE(ft_module_policy) - 1,
	}, {
		.cmd = FT_CMD_SET_MODULE,
		.flags = GENL_ADMIN_PERM,
		.doit = ft_set_module,
		.policy = ft_set_module_policy,
		.maxattr = ARRAY_SIZE(ft_set_module_policy) - 1,
	}, {
		.cmd = FT_CMD_ISOLATE_MODULE,
		.flags = GENL_ADMIN_PERM,
		.doit = ft_isolate_module,
		.policy = ft_isolate_policy,
		.maxattr = ARRAY_SIZE(ft_isolate_policy) - 1,
	}, {
		.cmd = FT_CMD_JOIN_MODULE,
		.flags = GENL_ADMIN_PERM,
		.doit = ft_join_module,
		.policy = ft_module_policy,
		.maxattr = ARRAY_SIZE(ft_module_policy) - 1,
	}, {
		.cmd = FT_CMD_GET_PAIR,
		.doit = ft_get_pair,
		.start = ft_dump_start,
		.dumpit = ft_dump_pairs,
		.policy = ft_pair_policy,
		.maxattr = ARRAY_SIZE(ft_pair_policy) - 1,
	},
};

static struct genl_family ft_family __ro_after_init = {
	.name = FT_GENL_NAME,
	.version = FT_GENL_VERSION,
	.module = THIS_MODULE,
	.parallel_ops = true,
	.ops = ft_ops,
	.n_ops = ARRAY_SIZE(ft_ops),
	.mcgrps = ft_mcgrps,
	.n_mcgrps = ARRAY_SIZE(ft_mcgrps),
};

/* The message of one event, or NULL. Either @module or @pair is given. */
struct sk_buff *ft_netlink_event(enum ft_cmd cmd, u64 seq, u64 when,
				 const struct ft_module *module,
				 struct ft_pair *pair,
				 const struct ft_pair_report *report)
{
	struct sk_buff *skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	void *hdr;
	int err;

	if (!skb)
		return NULL;
	hdr = genlmsg_put(skb, 0, 0, &ft_family, 0, cmd);
	if (!hdr ||
	    nla_put_u64_64bit(skb, FT_A_SEQ, seq, FT_A_PAD) ||
	    nla_put_u64_64bit(skb, FT_A_TIME, when, FT_A_PAD))
		goto free;
	if (cmd == FT_CMD_NEW_PAIR)
		err = ft_put_pair(skb, pair, report);
	else if (cmd == FT_CMD_DEL_PAIR)
		err = ft_put_pair_id(skb, pair);
	else if (cmd == FT_CMD_NEW_MODULE)
		err = ft_put_module(skb, module);
	else
		err = nla_put_u32(skb, FT_A_MODULE_ID, module->id);
	if (err)
		goto free;
	genlmsg_end(skb, hdr);
	return skb;
free:
	nlmsg_free(skb);
	return NULL;
}

/* Nobody listening is no error. */
void ft_netlink_send(struct sk_buff *skb)
{
	genlmsg_multicast(&ft_family, skb, 0, FT_MCGRP_EVENTS, GFP_KERNEL);
}

/* An event could not be made: every listener's next read says ENOBUFS. */
void ft_netlink_lost(void)
{
	genl_set_err(&ft_family, &init_net, 0, FT_MCGRP_EVENTS, -ENOBUFS);
}

int ft_netlink_init(void)
{
	return genl_register_family(&ft_family);
}

/* Returns when no request runs any more. */
void ft_netlink_exit(void)
{
	genl_unregister_family(&ft_family);
}
