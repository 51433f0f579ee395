/* SPDX-License-Identifier: GPL-2.0 */
/*
 * chipset.h - what the parts of ft_chipset share: the PCI Express ports that
 * are watched, and the simulator of their faults.
 */
#ifndef _FT_CHIPSET_CHIPSET_H
#define _FT_CHIPSET_CHIPSET_H

#include "../core/ft_chipset.h"

/* port.c */
int ft_ports_init(void);
void ft_ports_exit(void);

/* aer.c */
void ft_aer_init(void (*fatal)(const char *name));
void ft_aer_exit(void);

/* simulator.c */
void ft_simulator_init(void);
void ft_simulator_exit(void);

#endif /* _FT_CHIPSET_CHIPSET_H */
