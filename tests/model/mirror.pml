/* SPDX-License-Identifier: GPL-2.0 */
/*
 * mirror.pml - the crash-consistency protocol of ft-mirror, see
 * docs/mirror-format.md. The verdict about two legs is not modelled: the model
 * calls ft_verdict() of kmod/uapi/ft_mirror_format.h, the code that the kernel
 * runs.
 *
 * One process, one non-deterministic choice per step. Every guarded step below
 * is one thing that can become durable, or one decision of the host, so that a
 * fault can fall between any two of them.
 *
 * Two abstractions keep the state space finite without bounding the number of
 * faults or writes: a "fresh" generation is the least number that no leg
 * stores, and a "fresh" data value is the least that nobody can still hold or
 * expect.
 *
 * Size:    NB=n      blocks (1 or 2)                       default 1
 *          ONEREG    all blocks share one region           default: one each
 *          NV=n      distinct values of a block            default 3
 *          NW=n      concurrent foreground writes (1 or 2) default 1
 * Choices: REPLACE   a blank disk may take the place of an absent leg
 *          SHELF     ... and the disk that it replaced may come back (needs
 *                    REPLACE; not with CALM: who takes a replaced disk for the
 *                    leg is refused for good)
 *          REPAIR    blocks of a leg may become unreadable
 *          SCRUB     a scrub may copy any block from either leg at any moment
 *                    (more than a scrub does: that copies only what differs)
 *          GROW      the mirror grows: block 1 is what is added (needs NB=2; with
 *                    ONEREG the old end lies within a region)
 *          CALM      at any moment faults and new writes may stop for good;
 *                    from there clean duplex is reached in less than 64 steps
 *          NOPANIC   leave out "the host dies, the disks keep their caches"
 *          MAXF=n    at most n faults
 *          CANON     states that differ only in names are one state
 *          NOCOVER   without the checks of relation and bitmap, so that a bug
 *                    must show as a wrong read or verdict
 * Bugs:    BUG_x     break the rule that docs/mirror-format.md marks [x]
 */
#ifndef NB
#define NB 1
#endif
#ifndef NV
#define NV 3
#endif
#ifndef NW
#define NW 1
#endif
#ifdef MAXF
#define FAULT    (!calm && faults < MAXF)
#define COUNT    faults++
#else
#define FAULT    (!calm)
#define COUNT    skip
#endif
#ifdef ONEREG
#define NR       1
#define REGION(b) 0
#else
#define NR       NB
#define REGION(b) (b)
#endif
#define AT(L,b)  ((L) * NB + (b))         /* block b of leg L               */
#define SET(v)   (1 << (v))               /* the set of v alone             */
#define ONE(s)   (((s) & ((s) - 1)) == 0) /* the set has one member at most */

/* use[] */
#define MISSING  0
#define IN_SYNC  1
#define TARGET   2
/* w_st[] */
#define SETTING  1                        /* bits are being set, region held */
#define SENT     2
/* suspect[] */
#define NEEDED   1                        /* a copy is needed               */
#define COPIED   2
#define FLUSHING 3                        /* copied, flush begun            */
/* rows of the table, as enum ft_verdict numbers them */
#define ROW_SAME     1
#define ROW_RESUME   2
#define ROW_ANCESTOR 3
#define ROW_SPLIT    4
#define ROW_UNRELATED 7
#define ROW_RECORDED 9
#define ROW_MAYBE_STALE 10

/* ---- durable, per leg --------------------------------------------------- */
byte gen[2], base[2];                   /* 0: none; gen 0: blank disk        */
bit  syncing[2];
byte bitmap[2];                         /* mask of regions                   */
byte data[2 * NB];                      /* what a read of the leg returns    */
byte cut[2 * NB];                       /* set: what a power cut may leave   */
#ifdef REPAIR
bit  bad[2 * NB];                       /* unreadable until it is rewritten  */
#define BAD(L,b) bad[AT(L,b)]
#else
#define BAD(L,b) 0
#endif

#ifdef SHELF
byte id[2], peer[2];                    /* 0: blank disk                     */
/* The disk that was taken out last, without its cache. */
bit  s_full, s_syncing, s_lacks;
byte s_id, s_peer, s_gen, s_base, s_bitmap, s_data[NB], s_after[NB];
bit  named;                             /* host memory: Replace 1 is durable */
#define RELATED  (id[0] && id[1] && peer[0] == id[1] && peer[1] == id[0])
#define PARTNER(L) (s_full && s_id == peer[L] && s_peer == id[L])
#define S_SHARED(L) (PARTNER(L) && !s_lacks && !lacks[L])
/* ghost: leg L acknowledges what its partner on the shelf lacks */
#define SHELVED(L) s_lacks = s_lacks | PARTNER(L)
#define FORGET   named = 0
#define S_GENS(g) || g == s_gen || g == s_base
#define S_VALUES(b) | (SET(s_data[b]) * s_full) | s_after[b]
#else
#define RELATED  1
#define SHELVED(L) skip
#define FORGET   skip
#define S_GENS(g)
#define S_VALUES(b)
#endif

#ifdef GROW
bit  size[2];                           /* the superblock has block 1        */
bit  grown;                               /* host memory: so has what runs     */
byte g_bits; bit g_hold;                /* ... legs with the added bits set; the
                                           region with the old end stays dirty */
bit  told[2];                           /* ghost: block 1 was written or read */
#define LARGER(L) size[L] = size[1 - (L)]; told[L] = told[1 - (L)]
#define RUNS(L)  grown = size[L]; assert(grown || !told[L])
#define TOLD(b) \
	if :: (b) && use[0] == IN_SYNC -> told[0] = 1 :: else fi; \
	if :: (b) && use[1] == IN_SYNC -> told[1] = 1 :: else fi
#define SHORT    grown = 0; g_bits = 0; g_hold = 0
#define NOBITS   g_bits = 0
#define SAMETOLD(L) told[1 - (L)] = told[L]
#define BLOCKS   (1 + grown)
#define ADDED(b) ((b) == 0 || size[0] || size[1])
#ifdef ONEREG
#define STAYS(r) (g_hold && !grown)
#else
#define STAYS(r) ((r) && !grown)
#endif
#ifdef BUG_GROW_UNHELD
#undef STAYS
#define STAYS(r) 0
#endif
#ifdef BUG_GROW_JOIN
#undef LARGER
#define LARGER(L) told[L] = told[1 - (L)]
#endif
#else
#define LARGER(L) skip
#define RUNS(L)  skip
#define TOLD(b)  skip
#define SHORT    skip
#define NOBITS   skip
#define SAMETOLD(L) skip
#define BLOCKS   NB
#define ADDED(b) 1
#define STAYS(r) 0
#endif

/* ---- the outside -------------------------------------------------------- */
bit  present[2];                        /* the leg can be reached            */
bit  late[2]; byte late_b[2], late_v[2]; /* write of a hung leg, may yet land */

/* ---- host memory -------------------------------------------------------- */
bit  up;                                /* the array is assembled            */
byte use[2];
bit  owed;                              /* a record is owed: a leg was lost,
                                           and that is not yet durable       */
byte suspect[NB];
byte unclean[NR];                       /* 2 unflushed, 1 flush begun,
                                           0 flushed: the bit may be cleared */
byte w_st[NW], w_b[NW], w_v[NW];        /* a write: state, block, value      */
byte w_bit[NW], w_out[NW];              /* legs: bit known durable; data not
                                           yet answered                      */
byte f_st, f_out, f_allowed[NB];        /* flush; f_allowed is ghost         */
byte c_st, c_b, c_src, c_v;             /* copy of one block from leg c_src  */

/* ---- ghosts: what a correct disk may answer ------------------------------ */
byte allowed[NB];                       /* set: for a read now               */
byte after[2 * NB];                     /* set: if this leg is what the next
                                           assembly finds                    */
bit  quiet[NB];                         /* no write since assembly           */
bit  lacks[2];                          /* the leg lacks acknowledged data   */
bit  calm; byte steps;
#ifdef MAXF
byte faults;
#endif

byte g, i, j, x, row, src;              /* scratch, 0 between steps          */

#define ALONE(L)  (up && use[L] == IN_SYNC && use[1 - (L)] == MISSING)
#define UNRECORDED ((ALONE(0) && base[0] == 0) || (ALONE(1) && base[1] == 0))
#define BOTH      (up && use[0] && use[1])
#define DUPLEX    (up && use[0] == IN_SYNC && use[1] == IN_SYNC)
#define LEGS      ((use[0] > 0) | ((use[1] > 0) << 1))
#define BIT(L,r)  ((bitmap[L] >> (r)) & 1)
#define SENT1(w,r) (w_st[w] == SENT && REGION(w_b[w]) == (r))
#define SENTIN(r) (SENT1(0,r) || SENT1(NW - 1,r))
#define HELD1(w,r) (w_st[w] > 0 && REGION(w_b[w]) == (r))
#define HELD(r)   (HELD1(0,r) || HELD1(NW - 1,r))
#define FLY1(w,b) (w_st[w] > 0 && w_b[w] == (b))
#define FLY(b)    (FLY1(0,b) || FLY1(NW - 1,b))
#if NB == 2
#define EACH(f)   (f(0) && f(1))
#define SUSPECT(r) ((REGION(0) == (r) && suspect[0]) || (REGION(1) == (r) && suspect[1]))
#define UNCOPIED(r) ((REGION(0) == (r) && suspect[0] == NEEDED) || \
		     (REGION(1) == (r) && suspect[1] == NEEDED))
#else
#define EACH(f)   (f(0))
#define SUSPECT(r) (suspect[0])
#define UNCOPIED(r) (suspect[0] == NEEDED)
#endif
#ifdef BUG_FINISH_NOFLUSH
#define SYNCED(b) (suspect[b] != NEEDED)
#else
#define SYNCED(b) (suspect[b] == 0)
#endif

/* May a read of block b be answered from leg L? */
#ifdef BUG_READ_SUSPECT
#define READ_DUPLEX(b) 1
#else
#ifdef BUG_READ_NOFLUSH
#define READ_DUPLEX(b) (suspect[b] != NEEDED)
#else
#define READ_DUPLEX(b) (suspect[b] == 0)
#endif
#endif
#ifdef BUG_READ_ALONE
#define READ_SINGLE(L,b) 1
#else
#define READ_SINGLE(L,b) (suspect[b] == 0 || base[L] != 0)
#endif
#define READABLE(L,b) (up && (b) < BLOCKS && use[L] == IN_SYNC && present[L] && !BAD(L,b) && \
	((DUPLEX && READ_DUPLEX(b)) || use[1 - (L)] == TARGET || \
	 (use[1 - (L)] == MISSING && READ_SINGLE(L,b))))

#ifdef REPLACE
#define BLANK    (gen[0] == 0 || gen[1] == 0)
#else
#define BLANK    0
#endif
#define SPLIT    (!syncing[0] && !syncing[1] && gen[0] != gen[1] && \
		  base[0] == base[1] && base[0])
#define SHARED   (!lacks[0] && !lacks[1])

/* ---- the verdict: the kernel's own -------------------------------------- */
c_decl {
\#include <ft_mirror_format.h>
}
c_code {
_Static_assert(FT_VERDICT_SAME == ROW_SAME && FT_VERDICT_RESUME == ROW_RESUME &&
	       FT_VERDICT_ANCESTOR == ROW_ANCESTOR &&
	       FT_VERDICT_SPLIT == ROW_SPLIT && FT_VERDICT_UNRELATED == ROW_UNRELATED &&
	       FT_VERDICT_ONLY_RECORDED == ROW_RECORDED &&
	       FT_VERDICT_ONLY_MAYBE_STALE == ROW_MAYBE_STALE,
	       "the model numbers a row otherwise than the header");

/* Judge the legs of the mask @there, into now.row and now.src. */
static void judge(int there)
{
	struct ft_leg_meta m[2];
	int L, source;

	memset(m, 0, sizeof(m));
	for (L = 0; L < 2; L++) {
		m[L].uuid[0] = 1;
#ifdef SHELF
		m[L].id[0] = now.id[L];
		m[L].peer[0] = now.peer[L];
#else
		m[L].id[0] = 1 + L;
		m[L].peer[0] = 2 - L;
#endif
		m[L].gen = now.gen[L];
		m[L].base = now.base[L];
		m[L].syncing = now.syncing[L];
#ifdef GROW
		m[L].data_size = 8 + 8 * now.size[L];
#endif
	}
	now.row = ft_verdict(there & 1 ? &m[0] : NULL, there & 2 ? &m[1] : NULL, &source);
	now.src = source;
#ifdef BUG_OLDORDER
	/* The order of steps that this bug stands for had this table. */
	if (there == 3 && m[0].syncing != m[1].syncing && m[0].base && m[0].base == m[1].base) {
		now.row = ROW_RESUME;
		now.src = m[0].syncing;
	}
	if (now.row == FT_VERDICT_DAMAGED && m[0].gen == m[1].gen)
		now.row = ROW_SAME;
#endif
}
}

#ifdef CANON
/* State reduction, no part of the protocol: rename legs, generations and data
 * values so that states that differ only in names become one. Sound as long as
 * no step treats one of several names in use differently: a constant leg or
 * value may be stored only where it is not looked at.
 */
c_code {
#define SWAP(a) { unsigned char t_ = (a)[0]; (a)[0] = (a)[1]; (a)[1] = t_; }
#define SWAPB(a) { unsigned char t_ = (a)[b]; (a)[b] = (a)[NB + b]; (a)[NB + b] = t_; }

static int leg_key(int L)
{
	int k = now.use[L];

	k = k * 2 + now.present[L];
	k = k * 2 + now.syncing[L];
	k = k * 2 + (now.base[L] != 0);
	k = k * 2 + (now.base[L] == now.gen[1 - L]);
	k = k * 4 + now.bitmap[L];
	k = k * 2 + now.late[L];
	k = k * 2 + ((now.w_out[0] >> L) & 1);
	k = k * 2 + ((now.w_bit[0] >> L) & 1);
	k = k * 2 + ((now.f_out >> L) & 1);
	k = k * 2 + (now.c_st && now.c_src == L);
#ifdef GROW
	k = k * 2 + now.size[L];
#endif
	return k * 2 + now.lacks[L];
}

static int swap_mask(int m)
{
	return ((m & 1) << 1) | ((m >> 1) & 1);
}

static int map_set(int m, const int *p)
{
	int r = 0, v;

	for (v = 0; v < NV; v++)
		if ((m >> v) & 1)
			r |= 1 << p[v];
	return r;
}

static void canon_legs(void)
{
	int b, w;

	if (leg_key(0) >= leg_key(1))
		return;
	SWAP(now.gen) SWAP(now.base) SWAP(now.syncing) SWAP(now.bitmap)
	SWAP(now.present) SWAP(now.late) SWAP(now.late_b) SWAP(now.late_v)
	SWAP(now.use) SWAP(now.lacks)
#ifdef GROW
	SWAP(now.size) SWAP(now.told)
	now.g_bits = swap_mask(now.g_bits);
#endif
#ifdef SHELF
	SWAP(now.id) SWAP(now.peer)
#endif
	for (b = 0; b < NB; b++) {
		SWAPB(now.data) SWAPB(now.cut) SWAPB(now.after)
#ifdef REPAIR
		SWAPB(now.bad)
#endif
	}
	for (w = 0; w < NW; w++) {
		now.w_out[w] = swap_mask(now.w_out[w]);
		now.w_bit[w] = swap_mask(now.w_bit[w]);
	}
	now.f_out = swap_mask(now.f_out);
	if (now.c_st)
		now.c_src = 1 - now.c_src;
}

/* Number them in the order in which they are met. */
static void renumber(unsigned char **field, int fields)
{
	unsigned char map[8] = { 0 };
	int k, n = 0;

	for (k = 0; k < fields; k++)
		if (*field[k] && !map[*field[k]])
			map[*field[k]] = ++n;
	for (k = 0; k < fields; k++)
		*field[k] = map[*field[k]];
}

static void canon_names(void)
{
#ifdef SHELF
	unsigned char *gens[] = { &now.gen[0], &now.gen[1], &now.base[0], &now.base[1],
				  &now.s_gen, &now.s_base };
	unsigned char *ids[] = { &now.id[0], &now.id[1], &now.peer[0], &now.peer[1],
				 &now.s_id, &now.s_peer };

	renumber(ids, 6);
	renumber(gens, 6);
#else
	unsigned char *gens[] = { &now.gen[0], &now.gen[1], &now.base[0], &now.base[1] };

	renumber(gens, 4);
#endif
}

static unsigned long value_key(int b, const int *p)
{
	unsigned long key = 0;
	int L, w;

	for (L = 0; L < 2; L++)
		key = key * 4 + p[now.data[L * NB + b]];
	for (L = 0; L < 2; L++) {
		key = key * 16 + map_set(now.cut[L * NB + b], p);
		key = key * 16 + map_set(now.after[L * NB + b], p);
	}
	key = key * 16 + map_set(now.allowed[b], p);
	key = key * 16 + map_set(now.f_allowed[b], p);
#ifdef SHELF
	key = key * 4 + (now.s_full ? p[now.s_data[b]] : 0);
	key = key * 16 + map_set(now.s_after[b], p);
#endif
	for (w = 0; w < NW; w++)
		key = key * 4 + (now.w_st[w] && now.w_b[w] == b ? p[now.w_v[w]] : 0);
	for (L = 0; L < 2; L++)
		key = key * 4 + (now.late[L] && now.late_b[L] == b ? p[now.late_v[L]] : 0);
	return key * 4 + (now.c_st && now.c_b == b ? p[now.c_v] : 0);
}

static void canon_values(int b)
{
	static const int perm[6][4] = {
		{ 0, 1, 2, 3 }, { 0, 2, 1, 3 }, { 1, 0, 2, 3 },
		{ 1, 2, 0, 3 }, { 2, 0, 1, 3 }, { 2, 1, 0, 3 },
	};
	unsigned long key, best = ~0UL;
	const int *p = perm[0];
	int k, L, w;

	for (k = 0; k < 6; k++) {
		key = value_key(b, perm[k]);
		if (key < best) {
			best = key;
			p = perm[k];
		}
	}
	if (p == perm[0])
		return;
	for (L = 0; L < 2; L++) {
		now.data[L * NB + b] = p[now.data[L * NB + b]];
		now.cut[L * NB + b] = map_set(now.cut[L * NB + b], p);
		now.after[L * NB + b] = map_set(now.after[L * NB + b], p);
		if (now.late[L] && now.late_b[L] == b)
			now.late_v[L] = p[now.late_v[L]];
	}
	now.allowed[b] = map_set(now.allowed[b], p);
	now.f_allowed[b] = map_set(now.f_allowed[b], p);
#ifdef SHELF
	if (now.s_full)
		now.s_data[b] = p[now.s_data[b]];
	now.s_after[b] = map_set(now.s_after[b], p);
#endif
	for (w = 0; w < NW; w++)
		if (now.w_st[w] && now.w_b[w] == b)
			now.w_v[w] = p[now.w_v[w]];
	if (now.c_st && now.c_b == b)
		now.c_v = p[now.c_v];
}

/* quiet[] only matters to a read that could still narrow after[]. */
static void canon_quiet(int b)
{
	int L;

	for (L = 0; L < 2; L++)
		if (now.use[L] == IN_SYNC &&
		    (now.after[L * NB + b] & (now.after[L * NB + b] - 1)))
			return;
	now.quiet[b] = 0;
}

static void canon(void)
{
	int b;

	canon_legs();
	canon_names();
	for (b = 0; b < NB; b++) {
		canon_values(b);
		canon_quiet(b);
	}
}
}
#define CANONICAL c_code { canon(); }
#else
#define CANONICAL skip
#endif

/* ---- checks after every step -------------------------------------------- */
#define NOLEG 2
#ifdef TRACE
#define DONE(step, leg) printf(step); \
	if :: leg < NOLEG -> printf(", leg %d", leg) :: else fi; check()
#define SHOW \
	printf("\n    gen %d,%d base %d,%d syncing %d,%d bitmap %d,%d data %d,%d cut %x,%x | present %d,%d use %d,%d up %d owed %d\n", \
	gen[0], gen[1], base[0], base[1], syncing[0], syncing[1], \
	bitmap[0], bitmap[1], data[0], data[NB], cut[0], cut[NB], \
	present[0], present[1], use[0], use[1], up, owed); \
	printf("    suspect %d unclean %d write %d:%d/%d flush %d/%d copy %d/%d | allowed %x after %x,%x lacks %d,%d\n", \
	suspect[0], unclean[0], w_st[0], w_v[0], w_out[0], f_st, f_out, c_st, c_src, \
	allowed[0], after[0], after[NB], lacks[0], lacks[1])
#else
#define DONE(step, leg) check()
#define SHOW skip
#endif
inline check() {
	d_step { SHOW;
#ifndef NOCOVER
	/* The table always finds a relation ... */
	assert(gen[0] == gen[1] || base[0] == gen[1] || base[1] == gen[0] ||
	       (base[0] == base[1] && base[0]) || BLANK || !RELATED);
#endif
	i = 0;
	do
	:: i < NB ->
#ifndef NOCOVER
		/* ... and the union of the bitmaps covers every difference that
		   the legs have, or that a power cut could give them. */
		assert(BLANK || !RELATED || !ADDED(i) || ((bitmap[0] | bitmap[1]) & SET(REGION(i))) ||
		       (cut[AT(0,i)] == cut[AT(1,i)] && ONE(cut[AT(0,i)])));
#endif
		/* Every answer that a read could get now is allowed. */
		if :: READABLE(0,i) -> assert(allowed[i] & SET(data[AT(0,i)])) :: else fi;
		if :: READABLE(1,i) -> assert(allowed[i] & SET(data[AT(1,i)])) :: else fi;
		i++
	:: else -> break
	od;
	if :: calm -> steps++; assert(steps < 64) :: else fi;
	i = 0; CANONICAL
	}
}

/* ---- parts of steps ------------------------------------------------------ */
inline stopall() {                      /* host memory is gone               */
	FORGET; SHORT; up = 0; use[0] = MISSING; use[1] = MISSING; owed = 0; f_st = 0; f_out = 0;
	c_st = 0; c_b = 0; c_src = 0; c_v = 0;
	i = 0;
	do
	:: i < NB -> suspect[i] = 0; f_allowed[i] = 0; allowed[i] = 0; quiet[i] = 0; i++
	:: else -> break
	od;
	i = 0; do :: i < NR -> unclean[i] = 0; i++ :: else -> break od;
	i = 0;
	do
	:: i < NW -> w_st[i] = 0; w_b[i] = 0; w_v[i] = 0; w_bit[i] = 0; w_out[i] = 0; i++
	:: else -> break
	od
}
#ifdef BUG_NOUNION
#define UNION(L) bitmap[L]
#else
#define UNION(L) (bitmap[0] | bitmap[1])
#endif
inline suspects(m) {                    /* the regions of the mask m         */
	i = 0; do :: i < BLOCKS -> suspect[i] = ((m) >> REGION(i)) & 1; i++ :: else -> break od;
	i = 0; do :: i < NR -> unclean[i] = 2 * (((m) >> i) & 1); i++ :: else -> break od
}
inline nosuspects() {
	i = 0; do :: i < NB -> suspect[i] = 0; i++ :: else -> break od;
	i = 0; do :: i < NR -> unclean[i] = 0; i++ :: else -> break od
}
inline begin(L) {                       /* ghost: from now on leg L's history
                                           is what counts                    */
	i = 0; do :: i < BLOCKS -> allowed[i] = after[AT(L,i)]; quiet[i] = 1; i++ :: else -> break od
}
inline losecache1(L,b) {                /* any value that the cut may leave  */
	if
	:: cut[AT(L,b)] & 1 -> data[AT(L,b)] = 0
	:: cut[AT(L,b)] & 2 -> data[AT(L,b)] = 1
	:: cut[AT(L,b)] & 4 -> data[AT(L,b)] = 2
	:: cut[AT(L,b)] & 8 -> data[AT(L,b)] = 3
	fi;
	cut[AT(L,b)] = SET(data[AT(L,b)])
}
inline losecache(L) {
	losecache1(L,0);
#if NB == 2
	losecache1(L,1)
#endif
}
inline put(L,b,v) {                     /* a write reaches the leg's cache   */
	data[AT(L,b)] = v; cut[AT(L,b)] = cut[AT(L,b)] | SET(v);
#ifdef REPAIR
	bad[AT(L,b)] = 0
#endif
}
inline mark(T,S) {                      /* Join 1: one FUA superblock write  */
#ifndef BUG_OLDORDER
	gen[T] = gen[S]; base[T] = 0;
#endif
#ifndef BUG_NOSYN
	syncing[T] = 1;
#endif
	LARGER(T); lacks[T] = 1
}
inline drop(L) {                        /* the host declares leg L lost      */
	if
	:: use[L] == IN_SYNC && use[1 - (L)] != IN_SYNC -> stopall()
	:: else ->
		use[L] = MISSING; f_out = f_out & (3 - SET(L)); NOBITS;
		c_st = 0; c_b = 0; c_src = 0; c_v = 0;
		i = 0;
		do
		:: i < NW -> w_out[i] = w_out[i] & (3 - SET(L));
			w_bit[i] = w_bit[i] & (3 - SET(L)); i++
		:: else -> break
		od;
		if :: base[1 - (L)] == 0 -> owed = 1 :: else -> nosuspects() fi;
		i = 0; do :: i < NR -> unclean[i] = 0; i++ :: else -> break od
	fi
}
inline freshgen() {                     /* into g                            */
	g = 1;
	do
	:: g == gen[0] || g == gen[1] || g == base[0] || g == base[1] S_GENS(g) -> g++
	:: else -> break
	od
}
inline advance(L) {                     /* ghost: leg L alone moved on       */
	SHELVED(L);
	if :: use[1 - (L)] != IN_SYNC && RELATED -> lacks[1 - (L)] = 1 :: else fi
}

/* ---- faults -------------------------------------------------------------- */
inline A_powercut() {
	atomic { FAULT -> COUNT; losecache(0); losecache(1);
		d_step { late[0] = 0; late[1] = 0; late_b[0] = 0; late_b[1] = 0;
			late_v[0] = 0; late_v[1] = 0; stopall() }; DONE("power cut", NOLEG) }
}
inline A_panic() {
	atomic { FAULT && up -> COUNT; d_step { stopall() }; DONE("host dies", NOLEG) }
}
inline A_pull(L) {                      /* the host does not know yet        */
	atomic { FAULT && present[L] -> COUNT; present[L] = 0; DONE("pull", L) }
}
inline A_legpower(L) {                  /* a pulled leg loses its cache      */
	atomic { !calm && !present[L] && !late[L] -> losecache(L); DONE("pulled, cache lost", L) }
}
inline A_hang(L) {                      /* lost with a write outstanding ... */
	atomic { FAULT && present[L] && use[L] &&
		((w_st[0] == SENT && (w_out[0] & SET(L))) || (c_st && c_src != L)) ->
		COUNT; d_step { late[L] = 1; present[L] = 0;
		if
		:: w_st[0] == SENT && (w_out[0] & SET(L)) -> late_b[L] = w_b[0]; late_v[L] = w_v[0]
		:: else -> late_b[L] = c_b; late_v[L] = c_v
		fi;
		drop(L) }; DONE("hung, declared lost", L) }
}
inline A_late(L) {                      /* ... which lands late              */
	atomic { late[L] -> d_step { put(L, late_b[L], late_v[L]);
		late[L] = 0; late_b[L] = 0; late_v[L] = 0 }; DONE("late write lands", L) }
}
inline A_back(L) {
#ifdef BUG_BLINK
	atomic { !present[L] && !late[L] -> present[L] = 1; DONE("reachable again", L) }
#else
#ifdef BUG_HUNG_EARLY
	atomic { !present[L] && use[L] == MISSING -> present[L] = 1; DONE("reachable again", L) }
#else
	atomic { !present[L] && use[L] == MISSING && !late[L] -> present[L] = 1; DONE("reachable again", L) }
#endif
#endif
}
inline A_detect(L) {
	atomic { use[L] && !present[L] -> d_step { drop(L) }; DONE("loss noticed", L) }
}

#ifdef REPLACE
/* ---- a blank disk in place of an absent leg ------------------------------ */
inline A_blank(L) {
	atomic { !calm && !present[L] && use[L] == MISSING && !late[L] && gen[L] &&
#ifdef SHELF
		ONE(cut[AT(L,0)]) && ONE(cut[AT(L,NB - 1)]) &&
#endif
		!syncing[1 - (L)] && gen[1 - (L)] -> d_step {
#ifdef SHELF
		s_full = 1; s_id = id[L]; s_peer = peer[L]; s_gen = gen[L]; s_base = base[L];
		s_syncing = syncing[L]; s_bitmap = bitmap[L]; s_lacks = lacks[L];
		i = 0;
		do
		:: i < NB -> s_data[i] = data[AT(L,i)]; s_after[i] = after[AT(L,i)]; i++
		:: else -> break
		od;
		id[L] = 0; peer[L] = 0;
#else
		lacks[1 - (L)] = 0;             /* nobody else has anything any more */
#endif
		gen[L] = 0; base[L] = 0; syncing[L] = 0; bitmap[L] = 0;
		lacks[L] = 1; present[L] = 1;
		i = 0;
		do
		:: i < NB -> data[AT(L,i)] = 0; cut[AT(L,i)] = 1; after[AT(L,i)] = 0;
#ifdef REPAIR
			bad[AT(L,i)] = 0;
#endif
			i++
		:: else -> break
		od }; DONE("blank disk put in", L) }
}
#ifdef SHELF
#define EXCHANGE(a, b) x = a; a = b; b = x
inline A_exchange(L) {                  /* the disk on the shelf comes back   */
	atomic { !calm && s_full && !present[L] && use[L] == MISSING && !late[L] &&
		ONE(cut[AT(L,0)]) && ONE(cut[AT(L,NB - 1)]) -> d_step {
		EXCHANGE(id[L], s_id); EXCHANGE(peer[L], s_peer); EXCHANGE(gen[L], s_gen);
		EXCHANGE(base[L], s_base); EXCHANGE(syncing[L], s_syncing);
		EXCHANGE(bitmap[L], s_bitmap); EXCHANGE(lacks[L], s_lacks);
		i = 0;
		do
		:: i < NB -> EXCHANGE(data[AT(L,i)], s_data[i]);
			EXCHANGE(after[AT(L,i)], s_after[i]);
			cut[AT(L,i)] = SET(data[AT(L,i)]); i++
		:: else -> break
		od;
		x = 0; present[L] = 1; named = 0 }; DONE("replaced disk comes back", L) }
}
inline A_refuse() {                     /* row 7: nothing happens            */
	atomic { !up && present[0] && present[1] && !BLANK && !RELATED -> d_step {
		c_code { judge(3); }; assert(row == ROW_UNRELATED); row = 0; src = 0 };
		DONE("refused", NOLEG) }
}
inline A_name(L) {                      /* Replace 1, one write on the other */
	atomic { ALONE(1 - (L)) && present[1 - (L)] && present[L] && gen[L] == 0 && !named -> d_step {
		j = 1;
		do
		:: j == id[0] || j == id[1] || j == peer[0] || j == peer[1] ||
		   j == s_id || j == s_peer -> j++
		:: else -> break
		od;
#ifndef BUG_REPLACE_UNNAMED
		peer[1 - (L)] = j;
#endif
		j = 0;
		if
		:: base[1 - (L)] == 0 ->
			freshgen(); base[1 - (L)] = gen[1 - (L)]; gen[1 - (L)] = g; g = 0;
			owed = 0; nosuspects()
		:: else
		fi;
		/* ghost: from here this leg's history is what counts */
		lacks[1 - (L)] = 0; s_lacks = s_full; named = 1 };
		DONE("Replace 1: named on the other", L) }
}
#define NAMED named
#else
#define NAMED base[1 - (L)]
#endif
inline A_allbits(L) {                   /* Replace 2                         */
	atomic { ALONE(1 - (L)) && present[1 - (L)] && present[L] && gen[L] == 0 &&
		NAMED && bitmap[1 - (L)] != SET(NR) - 1 ->
		bitmap[1 - (L)] = SET(NR) - 1; DONE("Replace 2: all bits set on the other", L) }
}
inline A_replace(L) {                   /* Replace 3                         */
	atomic { ALONE(1 - (L)) && present[1 - (L)] && present[L] && gen[L] == 0 &&
		NAMED && bitmap[1 - (L)] == SET(NR) - 1 -> d_step {
#ifdef SHELF
		id[L] = peer[1 - (L)]; peer[L] = id[1 - (L)]; named = 0;
#endif
		mark(L, 1 - (L)); use[L] = TARGET; suspects(UNION(1 - (L))) }; DONE("Replace 3: join", L) }
}
#endif

/* ---- assembly and return ------------------------------------------------- */
inline A_assemble() {                   /* split brain is refused: no step   */
	atomic { !up && present[0] && present[1] && !SPLIT && !BLANK && RELATED -> d_step {
		c_code { judge(3); };
		if
		:: row == ROW_SAME -> assert(SHARED); LARGER(1 - src); RUNS(src);
			up = 1; use[0] = IN_SYNC; use[1] = IN_SYNC; suspects(UNION(0)); begin(src)
		:: row == ROW_RESUME || row == ROW_ANCESTOR -> assert(!lacks[src]);
			mark(1 - src, src); RUNS(src); up = 1; use[src] = IN_SYNC; use[1 - src] = TARGET;
			suspects(UNION(src)); begin(src)
		:: else -> assert(false)
		fi; row = 0; src = 0 }; DONE("assemble", NOLEG) }
}
inline A_resolve(L) {                   /* the operator: leg L survives      */
	atomic { !up && present[0] && present[1] && SPLIT && RELATED -> d_step {
		c_code { judge(3); }; assert(row == ROW_SPLIT); row = 0; src = 0;
		mark(1 - (L), L); lacks[L] = 0; RUNS(L);
		up = 1; use[L] = IN_SYNC; use[1 - (L)] = TARGET;
		suspects(UNION(L)); begin(L) }; DONE("split brain resolved, survivor", L) }
}
#ifdef BUG_SOLO_SYNCING
#define STARTS(L) 1
#else
#define STARTS(L) (!syncing[L])
#endif
inline A_alone(L) {                     /* policy: start this leg            */
	atomic { !up && present[L] && STARTS(L) && gen[L] &&
		(gen[1 - (L)] == 0 || (!calm && !present[1 - (L)])) -> d_step {
#ifndef BUG_SOLO_SYNCING
		x = SET(L); c_code { judge(now.x); }; x = 0;
		assert(src == L && (row == ROW_RECORDED || row == ROW_MAYBE_STALE));
		row = 0; src = 0;
#endif
		RUNS(L); up = 1; use[L] = IN_SYNC; suspects(bitmap[L]); begin(L);
		if :: base[L] -> nosuspects() :: else fi;
		i = 0; do :: i < NR -> unclean[i] = 0; i++ :: else -> break od }; DONE("started alone", L) }
}
#ifdef BUG_LAZY
#define MAYJOIN 1
#else
#define MAYJOIN (!owed)
#endif
inline A_join(L) {                      /* leg L comes to the running array  */
	atomic { ALONE(1 - (L)) && present[L] && present[1 - (L)] && MAYJOIN &&
		!SPLIT && !BLANK && RELATED -> d_step {
		c_code { judge(3); };
		if
		:: row == ROW_SAME -> assert(SHARED); LARGER(L);
			use[L] = IN_SYNC; owed = 0; suspects(UNION(1 - (L)))
		:: (row == ROW_RESUME || row == ROW_ANCESTOR) && src == 1 - (L) ->
			assert(!lacks[src]);
			mark(L, 1 - (L)); use[L] = TARGET; owed = 0; suspects(UNION(1 - (L)))
		:: (row == ROW_RESUME || row == ROW_ANCESTOR) && src == (L) ->
			assert(!lacks[src]); stopall()  /* the running leg is stale */
		:: else -> assert(false)
		fi; row = 0; src = 0 }; DONE("join", L) }
}
inline A_resolvehot(L) {                /* the operator: the running leg stays */
	atomic { ALONE(1 - (L)) && present[L] && present[1 - (L)] && MAYJOIN && SPLIT && RELATED -> d_step {
		mark(L, 1 - (L)); lacks[1 - (L)] = 0; use[L] = TARGET;
		suspects(UNION(1 - (L))) }; DONE("split brain resolved, thrown away", L) }
}
#ifdef SHELF
#define NAMES    1                      /* A_name records                    */
#else
#define NAMES    0
#endif
inline A_record(L) {                    /* one FUA superblock write          */
	atomic { ALONE(L) && present[L] &&
#ifdef BUG_BASE_OVERWRITE
		(base[L] == 0 || w_st[0] == SETTING) &&
#else
		base[L] == 0 &&
#endif
		(owed || w_st[0] || w_st[NW - 1] || f_st || (BLANK && !NAMES) ||
		 (!calm && (suspect[0] || suspect[NB - 1]))) -> d_step {
		freshgen(); base[L] = gen[L]; gen[L] = g; g = 0;
		owed = 0; lacks[1 - (L)] = lacks[1 - (L)] | RELATED; SHELVED(L);
		nosuspects() }; DONE("record", L) }
}

/* ---- copy and finish ------------------------------------------------------ */
#ifdef BUG_NOEXCL
#define LOCKED(r) 0
#define COPYOK(r) 1
#else
#define LOCKED(r) (c_st && REGION(c_b) == (r))
#define COPYOK(r) (!SENTIN(r))
#endif
inline A_copyread(L,b) {
	atomic { BOTH && use[L] == IN_SYNC && c_st == 0 && suspect[b] == NEEDED &&
		COPYOK(REGION(b)) && present[L] && !BAD(L,b) ->
		c_st = 1; c_b = b; c_src = L; c_v = data[AT(L,b)]; DONE("copy: read", L) }
}
inline A_copywrite() {
	atomic { c_st == 1 && present[1 - c_src] -> d_step {
		put(1 - c_src, c_b, c_v);
		suspect[c_b] = COPIED; unclean[REGION(c_b)] = 2;
#ifdef BUG_SRC_NOFLUSH
		cut[AT(1 - c_src,c_b)] = SET(c_v); suspect[c_b] = 0;
		if :: !SENTIN(REGION(c_b)) -> unclean[REGION(c_b)] = 0 :: else fi;
#endif
		c_st = 0; c_b = 0; c_src = 0; c_v = 0 }; DONE("copy: written", NOLEG) }
}
#ifdef BUG_OLDORDER
inline A_finish4(L) {                   /* first the target ...              */
	atomic { BOTH && use[L] == IN_SYNC && use[1 - (L)] == TARGET && EACH(SYNCED) &&
		c_st == 0 && present[1 - (L)] -> d_step {
		gen[1 - (L)] = gen[L]; base[1 - (L)] = 0; syncing[1 - (L)] = 0;
		use[1 - (L)] = IN_SYNC; lacks[1 - (L)] = 0;
		i = 0; do :: i < NB -> after[AT(1 - (L),i)] = after[AT(L,i)]; i++ :: else -> break od
		}; DONE("Finish 4: other leg in sync", L) }
}
inline A_finish3(L) {                   /* ... then the source               */
	atomic { DUPLEX && base[L] && present[L] -> base[L] = 0; DONE("Finish 3: base = 0", L) }
}
#define NOBASE (!base[0] && !base[1])
#else
inline A_finish3(L) {
	atomic { BOTH && use[L] == IN_SYNC && use[1 - (L)] == TARGET && EACH(SYNCED) &&
		c_st == 0 && base[L] && present[L] -> base[L] = 0; DONE("Finish 3: base = 0", L) }
}
inline A_finish4(L) {
	atomic { BOTH && use[L] == IN_SYNC && use[1 - (L)] == TARGET && EACH(SYNCED) &&
		c_st == 0 && present[1 - (L)] && base[L] == 0 -> d_step {
		syncing[1 - (L)] = 0; use[1 - (L)] = IN_SYNC; lacks[1 - (L)] = 0; SAMETOLD(L);
		i = 0; do :: i < NB -> after[AT(1 - (L),i)] = after[AT(L,i)]; i++ :: else -> break od
		}; DONE("Finish 4: other leg in sync", L) }
}
#define NOBASE 1
#endif

#ifdef REPAIR
/* ---- a block that cannot be read ------------------------------------------ */
inline A_rot(L,b) {                     /* one leg at a time: what both lose
                                           no mirror can give back           */
	atomic { FAULT && !BAD(0,b) && !BAD(1,b) && SHARED && DUPLEX && !suspect[b] ->
		COUNT; bad[AT(L,b)] = 1; DONE("block unreadable", L) }
}
#endif
#if defined(REPAIR) || defined(SCRUB)
/* The copy of a region, the other way about: the good leg is the source. */
#ifdef BUG_REPAIR_NOEXCL
#define REPAIROK(r) 1
#else
#define REPAIROK(r) COPYOK(r)
#endif
#ifdef BUG_REPAIR_FROM_TARGET
#define REPAIRABLE(b) BOTH
#else
#define REPAIRABLE(b) (DUPLEX && suspect[b] != NEEDED)
#endif
#ifdef BUG_SCRUB_NOEXCL
#define SCRUBOK(r) 1
#else
#define SCRUBOK(r) COPYOK(r)
#endif
#ifdef BUG_SCRUB_SUSPECT
#define SCRUBBABLE(b) (use[0] && use[1] && up)
#else
#define SCRUBBABLE(b) (DUPLEX && suspect[b] != NEEDED)
#endif
inline A_scrub(L,b) {                   /* after leg L, whatever it holds     */
	atomic { !calm && SCRUBBABLE(b) && c_st == 0 && SCRUBOK(REGION(b)) &&
		present[L] && !BAD(L,b) ->
		c_st = 2; c_b = b; c_src = L; c_v = data[AT(L,b)]; DONE("scrub: read", L) }
}
inline A_repair(L,b) {
	atomic { REPAIRABLE(b) && BAD(L,b) && c_st == 0 && REPAIROK(REGION(b)) &&
		present[1 - (L)] && !BAD(1 - (L),b) ->
		c_st = 2; c_b = b; c_src = 1 - (L); c_v = data[AT(1 - (L),b)]; DONE("repair: read the other", L) }
}
inline A_rewrite() {
	atomic { c_st == 2 && present[1 - c_src] -> d_step {
		put(1 - c_src, c_b, c_v);
		c_st = 0; c_b = 0; c_src = 0; c_v = 0 }; DONE("repair: rewritten", NOLEG) }
}
#endif

/* ---- bits ------------------------------------------------------------------ */
#ifdef BUG_CLEAR_NOFLUSH
#define FLUSHED(r) 1
#else
#define FLUSHED(r) (unclean[r] == 0)
#endif
#ifdef BUG_CLEAR_INFLIGHT
#define NOTHELD(r) 1
#else
#define NOTHELD(r) (!HELD(r))
#endif
#ifdef BUG_CLEAR_DEGRADED
#define MAYCLEAR (up && (BOTH || f_st == 0))
#else
#define MAYCLEAR BOTH
#endif
inline A_clear(L,r) {
	atomic { MAYCLEAR && NOBASE && use[L] && present[L] && BIT(L,r) && FLUSHED(r) &&
		!SUSPECT(r) && NOTHELD(r) && !STAYS(r) ->
		bitmap[L] = bitmap[L] & (255 - SET(r)); DONE("bit cleared", L) }
}
#ifdef BUG_ONEBIT
#define BITSOK(w) (w_bit[w] != 0)
#else
#define BITSOK(w) ((w_bit[w] & LEGS) == LEGS)
#endif

/* ---- foreground -------------------------------------------------------------- */
#ifdef BUG_OVERLAP
#define NOOVERLAP(b) 1
#else
#define NOOVERLAP(b) (!FLY(b))
#endif
inline A_write(w,b) {                   /* a fresh value for block b          */
	atomic { !calm && up && (b) < BLOCKS && w_st[w] == 0 && NOOVERLAP(b) -> d_step {
		x = cut[AT(0,b)] | cut[AT(1,b)] | SET(data[AT(0,b)]) | SET(data[AT(1,b)]) |
		    allowed[b] | after[AT(0,b)] | after[AT(1,b)] | f_allowed[b] S_VALUES(b);
		if :: late[0] && late_b[0] == b -> x = x | SET(late_v[0]) :: else fi;
		if :: late[1] && late_b[1] == b -> x = x | SET(late_v[1]) :: else fi;
		if :: c_st && c_b == b -> x = x | SET(c_v) :: else fi;
		j = 0; do :: j < NV && (x & SET(j)) -> j++ :: else -> break od;
		if
		:: j < NV ->
			w_st[w] = SETTING; w_b[w] = b; w_v[w] = j; quiet[b] = 0;
			allowed[b] = allowed[b] | SET(j);
			if :: f_st -> f_allowed[b] = f_allowed[b] | SET(j) :: else fi;
			if :: use[0] == IN_SYNC || SHARED -> after[AT(0,b)] = after[AT(0,b)] | SET(j) :: else fi;
			if :: use[1] == IN_SYNC || SHARED -> after[AT(1,b)] = after[AT(1,b)] | SET(j) :: else fi;
#ifdef SHELF
			if
			:: (use[0] == IN_SYNC && S_SHARED(0)) || (use[1] == IN_SYNC && S_SHARED(1)) ->
				s_after[b] = s_after[b] | SET(j)
			:: else
			fi
#endif
		:: else
		fi; x = 0; j = 0 }; DONE("write comes", NOLEG) }
}
inline A_setbit(w,L) {
	atomic { w_st[w] == SETTING && use[L] && present[L] && !(w_bit[w] & SET(L)) ->
		bitmap[L] = bitmap[L] | SET(REGION(w_b[w])); w_bit[w] = w_bit[w] | SET(L); DONE("bit set", L) }
}
#ifdef BUG_ACK_BEFORE_REC
#define RECORDED 1
#else
#define RECORDED (!UNRECORDED)
#endif
inline A_send(w) {
	atomic { w_st[w] == SETTING && RECORDED && !LOCKED(REGION(w_b[w])) && BITSOK(w) ->
		w_st[w] = SENT; w_bit[w] = 0; w_out[w] = LEGS;
		if :: BOTH -> unclean[REGION(w_b[w])] = 2 :: else fi; DONE("write sent", NOLEG) }
}
inline A_land(w,L) {
	atomic { w_st[w] == SENT && (w_out[w] & SET(L)) && present[L] -> d_step {
		w_out[w] = w_out[w] & (3 - SET(L));
#ifdef BUG_DISCARD
		x = (w_v[w] + L) % NV; put(L, w_b[w], x); x = 0
#else
		put(L, w_b[w], w_v[w])
#endif
		}; DONE("write lands", L) }
}
inline A_ack(w) {
	atomic { w_st[w] == SENT && w_out[w] == 0 && RECORDED -> d_step {
		w_st[w] = 0; TOLD(w_b[w]);
		if :: !FLY(w_b[w]) -> allowed[w_b[w]] = SET(w_v[w]) :: else fi;
		if :: use[0] == IN_SYNC -> advance(0) :: else fi;
		if :: use[1] == IN_SYNC -> advance(1) :: else fi;
		w_b[w] = 0; w_v[w] = 0 }; DONE("write completes", NOLEG) }
}
inline A_flush() {                      /* the user's, or the mirror's own where
                                           calm needs one                     */
	atomic { up && f_st == 0 &&
		(!calm || (BOTH && !w_st[0] && !w_st[NW - 1] && !c_st &&
		 suspect[0] != NEEDED && suspect[NB - 1] != NEEDED &&
		 (unclean[0] == 2 || unclean[NR - 1] == 2 ||
		  suspect[0] == COPIED || suspect[NB - 1] == COPIED))) -> d_step {
		f_st = 1; f_out = LEGS;
#ifdef BUG_FLUSH_SKIPS_TARGET
		if
		:: use[0] == TARGET && suspect[0] == 0 -> f_out = 2
		:: use[1] == TARGET && suspect[0] == 0 -> f_out = 1
		:: else
		fi;
#endif
		i = 0;
		do
		:: i < BLOCKS -> f_allowed[i] = allowed[i];
			if :: BOTH && suspect[i] == COPIED -> suspect[i] = FLUSHING :: else fi; i++
		:: else -> break
		od;
		i = 0;
		do
		:: i < NR ->
			if
			:: BOTH && unclean[i] == 2 && !SENTIN(i) && !UNCOPIED(i) -> unclean[i] = 1
			:: else
			fi; i++
		:: else -> break
		od }; DONE("flush begins", NOLEG) }
}
inline A_flushleg(L) {
	atomic { f_st && (f_out & SET(L)) && present[L] -> d_step { f_out = f_out & (3 - SET(L));
		i = 0; do :: i < NB -> cut[AT(L,i)] = SET(data[AT(L,i)]); i++ :: else -> break od
		}; DONE("flushed", L) }
}
inline A_flushack() {
	atomic { f_st && f_out == 0 && RECORDED -> d_step { f_st = 0;
		i = 0;
		do
		:: i < BLOCKS ->
			if
			:: use[0] == IN_SYNC && after[AT(0,i)] != f_allowed[i] ->
				advance(0); after[AT(0,i)] = f_allowed[i]
			:: else
			fi;
			if
			:: use[1] == IN_SYNC && after[AT(1,i)] != f_allowed[i] ->
				advance(1); after[AT(1,i)] = f_allowed[i]
			:: else
			fi;
			f_allowed[i] = 0;
			if :: suspect[i] == FLUSHING -> suspect[i] = 0 :: else fi; i++
		:: else -> break
		od;
		i = 0;
		do
		:: i < NR -> if :: unclean[i] == 1 -> unclean[i] = 0 :: else fi; i++
		:: else -> break
		od }; DONE("flush completes", NOLEG) }
}
/* A read that tells something: later reads must agree with it. */
inline A_read(L,b) {
	atomic { !calm && READABLE(L,b) && !FLY(b) &&
		!(ONE(allowed[b]) && (!quiet[b] || ONE(after[AT(L,b)]))) -> d_step {
		x = data[AT(L,b)]; TOLD(b);
		if
		:: use[1 - (L)] == MISSING && SHARED && RELATED && !ONE(allowed[b]) &&
		   cut[AT(1 - (L),b)] != SET(x) -> lacks[1 - (L)] = 1
		:: else
		fi;
#ifdef SHELF
		if
		:: S_SHARED(L) && !ONE(allowed[b]) && s_data[b] != x -> s_lacks = 1
		:: else
		fi;
#endif
		allowed[b] = SET(x);
		if
		:: quiet[b] && cut[AT(L,b)] == SET(x) ->  /* must outlive a power cut */
			after[AT(L,b)] = SET(x);
#ifdef SHELF
			if :: S_SHARED(L) -> s_after[b] = SET(x) :: else fi;
#endif
			if :: SHARED -> after[AT(1 - (L),b)] = SET(x) :: else fi
		:: else
		fi; x = 0 }; DONE("read", L) }
}

#ifdef GROW
/* ---- growth: bits, superblocks, then another table -------------------------- */
inline A_growbits(L) {
	atomic { !calm && DUPLEX && !grown && present[L] && !(g_bits & SET(L)) -> d_step {
#ifndef BUG_GROW_NOBITS
		bitmap[L] = bitmap[L] | SET(REGION(1));
#endif
		g_bits = g_bits | SET(L); g_hold = 1;
		/* whatever is there may be read */
		after[AT(0,1)] = SET(NV) - 1; after[AT(1,1)] = SET(NV) - 1
		}; DONE("growth: bits set", L) }
}
inline A_growsize(L) {
	atomic { DUPLEX && present[L] && g_bits == 3 && !size[L] ->
		size[L] = 1; DONE("growth: superblock", L) }
}
inline A_reload() {                     /* suspended: nothing is in flight   */
	atomic { up && !grown && !owed && (size[0] || !use[0]) && (size[1] || !use[1]) &&
		!w_st[0] && !w_st[NW - 1] && !f_st && !c_st -> d_step { stopall() };
		DONE("growth: another table", NOLEG) }
}
#endif

active proctype mirror() {
	d_step {
#ifdef SHELF
	id[0] = 1; id[1] = 2; peer[0] = 2; peer[1] = 1;
#endif
	gen[0] = 1; gen[1] = 1; present[0] = 1; present[1] = 1;
	i = 0; do :: i < 2 * NB -> cut[i] = 1; after[i] = 1; i++ :: else -> break od; i = 0
#ifdef GROW
	data[AT(1,1)] = 1; cut[AT(1,1)] = SET(1)	/* the legs differ there */
#endif
	}
	do
	:: A_powercut()
#ifndef NOPANIC
	:: A_panic()
#endif
	:: A_pull(0) :: A_pull(1) :: A_legpower(0) :: A_legpower(1)
	:: A_hang(0) :: A_hang(1) :: A_late(0) :: A_late(1)
	:: A_back(0) :: A_back(1) :: A_detect(0) :: A_detect(1)
	:: A_assemble() :: A_resolve(0) :: A_resolve(1)
	:: A_alone(0) :: A_alone(1) :: A_join(0) :: A_join(1)
	:: A_resolvehot(0) :: A_resolvehot(1)
#ifdef REPLACE
	:: A_blank(0) :: A_blank(1) :: A_allbits(0) :: A_allbits(1)
	:: A_replace(0) :: A_replace(1)
#ifdef SHELF
	:: A_exchange(0) :: A_exchange(1) :: A_refuse() :: A_name(0) :: A_name(1)
#endif
#endif
#ifdef REPAIR
	:: A_rot(0,0) :: A_rot(1,0) :: A_repair(0,0) :: A_repair(1,0)
#if NB == 2
	:: A_rot(0,1) :: A_rot(1,1) :: A_repair(0,1) :: A_repair(1,1)
#endif
#endif
#ifdef SCRUB
	:: A_scrub(0,0) :: A_scrub(1,0)
#if NB == 2
	:: A_scrub(0,1) :: A_scrub(1,1)
#endif
#endif
#if defined(REPAIR) || defined(SCRUB)
	:: A_rewrite()
#endif
	:: A_record(0) :: A_record(1)
	:: A_copyread(0,0) :: A_copyread(1,0) :: A_copywrite()
	:: A_finish3(0) :: A_finish3(1) :: A_finish4(0) :: A_finish4(1)
	:: A_clear(0,0) :: A_clear(1,0)
	:: A_write(0,0) :: A_setbit(0,0) :: A_setbit(0,1) :: A_send(0)
	:: A_land(0,0) :: A_land(0,1) :: A_ack(0)
	:: A_flush() :: A_flushleg(0) :: A_flushleg(1) :: A_flushack()
	:: A_read(0,0) :: A_read(1,0)
#if NB == 2
	:: A_copyread(0,1) :: A_copyread(1,1)
	:: A_write(0,1) :: A_read(0,1) :: A_read(1,1)
#if NR == 2
	:: A_clear(0,1) :: A_clear(1,1)
#endif
#endif
#if NW == 2
	:: A_write(1,0) :: A_setbit(1,0) :: A_setbit(1,1) :: A_send(1)
	:: A_land(1,0) :: A_land(1,1) :: A_ack(1)
#if NB == 2
	:: A_write(1,1)
#endif
#endif
#ifdef GROW
	:: A_growbits(0) :: A_growbits(1) :: A_growsize(0) :: A_growsize(1) :: A_reload()
#endif
#ifdef CALM
	:: atomic { !calm -> calm = 1 }
#endif
	:: else -> break
	od;
	/* Nothing is left to do: legal only as clean duplex with equal legs. */
	assert(up && use[0] == IN_SYNC && use[1] == IN_SYNC && gen[0] == gen[1] &&
	       !base[0] && !base[1] && !syncing[0] && !syncing[1] &&
	       !bitmap[0] && !bitmap[1] && cut[0] == cut[NB] && cut[NB - 1] == cut[2 * NB - 1])
}
