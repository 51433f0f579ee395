/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dump.h - what the parts of ft_dump share. All of it is under ft_dump.lock,
 * which every file in sysfs takes; what runs without says so.
 */
#ifndef _FT_DUMP_DUMP_H
#define _FT_DUMP_DUMP_H

#include <linux/mutex.h>
#include <linux/types.h>

#include "../uapi/ft_dump.h"

struct ft_range {
	u64 start;
	u64 end;	/* the first byte behind it */
};

struct ft_block {
	u64 start;
	enum ft_dump_block state;
};

struct ft_dump {
	struct mutex lock;		/* of all below */
	enum ft_dump_state state;
	const char *error;		/* why the map was refused */
	u64 block_size;
	struct ft_block *blocks;	/* in order of their start */
	unsigned int n_blocks;
	u64 last;			/* block returned last; 0: none */
	struct ft_range held;		/* for the next crash kernel */
	struct ft_range armed;
	struct ft_range out[FT_DUMP_LEAVE_OUT_MAX];
	unsigned int n_out;
};

extern struct ft_dump ft_dump;

/* map.c */
int ft_map_init(const char *text);
void ft_map_exit(void);
struct ft_block *ft_map_block(u64 start);
bool ft_map_free(u64 start);

/* vmcore.c */
void ft_vmcore_init(void);
void ft_vmcore_exit(void);
int ft_vmcore_seal(void);

/* quiesce.c */
void ft_quiesce(void);

/* memory.c */
int ft_memory_leave_out(u64 start, u64 size);
int ft_memory_hold(u64 start, u64 size);
int ft_memory_return(u64 start);
bool ft_memory_online(u64 start);
void ft_memory_exit(void);

/* rearm.c */
const char *ft_rearm_unavailable(void);
int ft_rearm(void);

/* sysfs.c */
int ft_sysfs_init(void);
void ft_sysfs_exit(void);

#endif /* _FT_DUMP_DUMP_H */
