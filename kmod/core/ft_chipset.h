/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ft_chipset.h - between ft_core and what knows the machine: who can tell that
 * a module's card comes and goes or must not be used any more, and who can cut
 * it off below the pairs, at its bridge.
 *
 * Lock order: ft_core's mutex over isolating and joining, then device_lock and
 * the PCI core's locks, and after them as in ft_core.h.
 */
#ifndef _FT_CHIPSET_H
#define _FT_CHIPSET_H

#include <linux/list.h>
#include <linux/pci.h>
#include <linux/types.h>

#include "../uapi/ft.h"

/**
 * struct ft_chipset - one kind of machine; several may be registered
 * @card:	the card below @bridge as it is now, 0: not known to this
 *		chipset. Called with ft_core's mutex held: must not sleep, nor
 *		call back.
 * @cut:	nothing below @bridge can reach the server any more when this
 *		returns; what still uses it is made to let go afterwards. No
 *		pair uses it. -EOPNOTSUPP: not known to this chipset. Process
 *		context, may sleep. Idempotent.
 * @restore:	the contrary: what is below @bridge is to be found again, soon
 * The rest is ft_core's.
 */
struct ft_chipset {
	enum ft_card (*card)(struct pci_dev *bridge);
	int (*cut)(struct pci_dev *bridge);
	void (*restore)(struct pci_dev *bridge);

	struct list_head list;
};

void ft_chipset_register(struct ft_chipset *chipset);
/* After it returns no op of @chipset runs or will run. */
void ft_chipset_unregister(struct ft_chipset *chipset);

/*
 * What a chipset reports. Process context, may sleep; the caller holds neither
 * RTNL nor device_lock nor any lock that its ops take.
 */

/* The card below @bridge came, is about to go, ...: tells who listens. */
void ft_chipset_changed(struct pci_dev *bridge);
/* It is gone: no pair sends anything to it when this returns. */
void ft_chipset_lost(struct pci_dev *bridge);
/*
 * It is there and must not be used: the module that @bridge belongs to is
 * isolated, and all its bridges are cut.
 */
void ft_chipset_fault(struct pci_dev *bridge, enum ft_reason reason);

#endif /* _FT_CHIPSET_H */
