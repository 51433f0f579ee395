/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * ft_mirror_format.h - what a leg of an ft-mirror carries on disk, and what two
 * legs say about each other.
 *
 * Compiled into the kernel and into user space, so that both read a leg and
 * judge two of them by the same code. Everything read from a disk is hostile
 * until ft_sb_decode() has accepted it. No function here sleeps, locks or does
 * I/O.
 *
 * A leg, offsets in bytes:
 *
 *	0		zeroes: no partition table, no file system
 *	4 KiB		superblock, slot 0
 *	64 KiB		superblock, slot 1
 *	128 KiB		write-intent bitmap, blocks of 4 KiB
 *	data_offset	data, a multiple of 1 MiB
 *
 * An update of the superblock overwrites the slot with the lower sequence
 * number, so that a torn write leaves the other slot as it was. All numbers
 * are little endian; sectors are of 512 bytes.
 */
#ifndef _UAPI_FT_MIRROR_FORMAT_H
#define _UAPI_FT_MIRROR_FORMAT_H

#include <linux/types.h>

#ifdef __KERNEL__
#include <linux/crc32c.h>
#include <linux/string.h>
#include <asm/byteorder.h>
#else
#include <endian.h>
#include <string.h>
#define le16_to_cpu(x) le16toh(x)
#define le32_to_cpu(x) le32toh(x)
#define le64_to_cpu(x) le64toh(x)
#define cpu_to_le32(x) htole32(x)
#define cpu_to_le64(x) htole64(x)
#endif

#define FT_SB_MAGIC		"ft_mirror_member"	/* 16 bytes, no NUL */
#define FT_SB_MAGIC_LEN		16
#define FT_SB_VERSION		1
#define FT_SB_SLOTS		2
#define FT_SB_BYTES		4096
#define FT_SB_SECTOR(slot)	((slot) ? 128ULL : 8ULL)
#define FT_BITMAP_SECTOR	256ULL
#define FT_DATA_ALIGN		2048ULL			/* 1 MiB */

#define FT_REGION_SHIFT_MIN	7	/* sectors: 64 KiB */
#define FT_REGION_SHIFT_MAX	21	/* 1 GiB */
#define FT_REGIONS_MAX		(1U << 24)
#define FT_REGIONS_WANTED	(1U << 18)	/* the default stays below */
#define FT_REGION_SHIFT_DEFAULT	10	/* 512 KiB, larger on large disks */

/* Feature words: unknown compat bits are ignored, unknown incompat bits mean
 * that this code must not touch the leg. None is defined yet.
 */
#define FT_COMPAT_KNOWN		0U
#define FT_INCOMPAT_KNOWN	0U

#define FT_SB_SYNCING		1U	/* flags: inconsistent target of a resync */
#define FT_SB_FLAGS_KNOWN	1U

struct ft_sb {
	__u8   magic[FT_SB_MAGIC_LEN];
	__le32 version;
	__le32 compat;
	__le32 incompat;
	__le32 flags;
	__le64 seq;		/* of this leg's superblock, up by one a write */
	__u8   uuid[16];	/* the mirror's */
	__u8   id[16];		/* this leg's, random, never used again */
	__u8   peer[16];	/* the other leg's */
	__le64 gen;		/* current generation: random, never 0 */
	__le64 base;		/* 0, or the generation that was current when this
				 * leg lost its peer
				 */
	__le64 data_offset;	/* sectors */
	__le64 data_size;	/* sectors: the size of the mirror */
	__le64 bitmap_offset;	/* sectors */
	__le32 region_shift;	/* log2 of the sectors in a region */
	__u8   label[64];	/* name for people, NUL-padded UTF-8 */
	__u8   pad[FT_SB_BYTES - 200];
	__le32 crc;		/* crc32c of all that is before it */
};

#define FT_BITMAP_MAGIC		0x70616d74U	/* "tmap" */
#define FT_BITMAP_BYTES		4096
#define FT_BITMAP_MAP_BYTES	(FT_BITMAP_BYTES - 24)
#define FT_BITMAP_BITS		(FT_BITMAP_MAP_BYTES * 8U)
#define FT_BITMAP_PARTS		32	/* with a checksum of their own, not stored */

/* One block of the bitmap. A block that cannot be read, or whose check does
 * not hold, counts as all ones.
 */
struct ft_bitmap_block {
	__le32 magic;
	__le32 pad;
	__le64 index;		/* which block of the bitmap this is */
	__u8   bits[FT_BITMAP_MAP_BYTES];	/* region r of this block:
						 * byte r / 8, bit r % 8
						 */
	__le32 pad2;
	__le32 crc;		/* ft_bitmap_crc() */
};

/* A superblock that was accepted, in the CPU's byte order. */
struct ft_leg_meta {
	__u8  uuid[16], id[16], peer[16];
	__u64 seq, gen, base;
	__u64 data_offset, data_size, bitmap_offset;	/* sectors */
	__u32 region_shift;
	__u32 slot;		/* the slot it was read from */
	__u8  syncing;
	__u8  label[64];	/* the last byte is NUL */
};

/* Why a block is not a superblock that can be used. */
#define FT_SB_ERRORS(X) \
	X(OK,		0, "superblock is good") \
	X(BLANK,	1, "no ft_mirror superblock") \
	X(CRC,		2, "superblock is damaged: its checksum does not hold") \
	X(VERSION_UNKNOWN, 3, "superblock has a version that this program does not know") \
	X(FEATURE,	4, "superblock needs a feature that this program does not know") \
	X(GEOMETRY,	5, "superblock describes an impossible layout") \
	X(TOO_SMALL,	6, "device is smaller than its superblock says") \
	X(FIELDS,	7, "superblock contradicts itself")

#define FT_SB_ERROR_ROW(n, v, t) FT_SB_##n = v,
enum ft_sb_error { FT_SB_ERRORS(FT_SB_ERROR_ROW) };
#undef FT_SB_ERROR_ROW

/* What two legs say, by the rows of the protocol's table. SOURCE: the leg that
 * is copied from. Refusals need a person, or a policy.
 */
#define FT_VERDICTS(X) \
	X(SAME,		 1, "both legs are good") \
	X(RESUME,	 2, "a resync that was interrupted goes on") \
	X(ANCESTOR,	 3, "one leg is an older state of the other") \
	X(SPLIT,	 4, "split brain: both legs ran alone and differ") \
	X(BOTH_SYNCING,	 5, "no consistent leg: both were being copied to") \
	X(DAMAGED,	 6, "the superblocks contradict each other") \
	X(UNRELATED,	 7, "the legs do not belong together") \
	X(ONLY_SYNCING,	 8, "only an inconsistent leg is there") \
	X(ONLY_RECORDED, 9, "one leg is there; it knows that it runs alone") \
	X(ONLY_MAYBE_STALE, 10, "one leg is there; the other may be newer") \
	X(NO_LEGS,	 12, "no leg is there")

#define FT_VERDICT_ROW(n, v, t) FT_VERDICT_##n = v,
enum ft_verdict { FT_VERDICTS(FT_VERDICT_ROW) };
#undef FT_VERDICT_ROW

static inline __u32 ft_crc32c(const void *data, __u32 len)
{
#ifdef __KERNEL__
	return ~crc32c(~0U, data, len);
#else
	const __u8 *p = (const __u8 *)data;
	__u32 crc = ~0U;
	int i;

	while (len--) {
		crc ^= *p++;
		for (i = 0; i < 8; i++)
			crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78U : 0);
	}
	return ~crc;
#endif
}

static inline int ft_id_is_null(const __u8 *id)
{
	int i;

	for (i = 0; i < 16; i++)
		if (id[i])
			return 0;
	return 1;
}

static inline __u32 ft_regions(__u64 data_size, __u32 region_shift)
{
	return (__u32)((data_size + (1ULL << region_shift) - 1) >> region_shift);
}

static inline __u32 ft_bitmap_blocks(__u32 regions)
{
	return (regions + FT_BITMAP_BITS - 1) / FT_BITMAP_BITS;
}

/* Region size for a mirror of @data_size sectors when nobody chose one. */
static inline __u32 ft_region_shift_default(__u64 data_size)
{
	__u32 shift = FT_REGION_SHIFT_DEFAULT;

	while (shift < FT_REGION_SHIFT_MAX &&
	       ((data_size + (1ULL << shift) - 1) >> shift) > FT_REGIONS_WANTED)
		shift++;
	return shift;
}

/* The layout fits together and into a device of @dev_sectors. */
static inline enum ft_sb_error ft_geometry_check(const struct ft_leg_meta *m,
						 __u64 dev_sectors)
{
	__u64 regions;

	if (m->region_shift < FT_REGION_SHIFT_MIN ||
	    m->region_shift > FT_REGION_SHIFT_MAX ||
	    !m->data_size || m->data_size % 8 || m->data_size >> 52 ||
	    !m->data_offset || m->data_offset % FT_DATA_ALIGN ||
	    m->data_offset >> 52 ||
	    m->bitmap_offset < FT_BITMAP_SECTOR || m->bitmap_offset % 8 ||
	    m->bitmap_offset >> 52)
		return FT_SB_GEOMETRY;
	regions = (m->data_size + (1ULL << m->region_shift) - 1) >> m->region_shift;
	if (regions > FT_REGIONS_MAX ||
	    m->bitmap_offset + 8ULL * ft_bitmap_blocks((__u32)regions) > m->data_offset)
		return FT_SB_GEOMETRY;
	if (m->data_offset + m->data_size > dev_sectors)
		return FT_SB_TOO_SMALL;
	return FT_SB_OK;
}

/*
 * Accept or refuse one block of FT_SB_BYTES, read from slot @slot of a device
 * of @dev_sectors. @m is written only when FT_SB_OK is returned.
 */
static inline enum ft_sb_error ft_sb_decode(const struct ft_sb *sb, __u32 slot,
					    __u64 dev_sectors,
					    struct ft_leg_meta *m)
{
	struct ft_leg_meta t;
	enum ft_sb_error err;

	if (memcmp(sb->magic, FT_SB_MAGIC, FT_SB_MAGIC_LEN))
		return FT_SB_BLANK;
	if (le32_to_cpu(sb->crc) != ft_crc32c(sb, FT_SB_BYTES - 4))
		return FT_SB_CRC;
	if (le32_to_cpu(sb->version) != FT_SB_VERSION)
		return FT_SB_VERSION_UNKNOWN;
	if ((le32_to_cpu(sb->incompat) & ~FT_INCOMPAT_KNOWN) ||
	    (le32_to_cpu(sb->flags) & ~FT_SB_FLAGS_KNOWN))
		return FT_SB_FEATURE;

	memset(&t, 0, sizeof(t));
	memcpy(t.uuid, sb->uuid, 16);
	memcpy(t.id, sb->id, 16);
	memcpy(t.peer, sb->peer, 16);
	memcpy(t.label, sb->label, sizeof(t.label) - 1);
	t.seq = le64_to_cpu(sb->seq);
	t.gen = le64_to_cpu(sb->gen);
	t.base = le64_to_cpu(sb->base);
	t.syncing = !!(le32_to_cpu(sb->flags) & FT_SB_SYNCING);
	t.data_offset = le64_to_cpu(sb->data_offset);
	t.data_size = le64_to_cpu(sb->data_size);
	t.bitmap_offset = le64_to_cpu(sb->bitmap_offset);
	t.region_shift = le32_to_cpu(sb->region_shift);
	t.slot = slot;

	if (!t.gen || t.gen == t.base || ft_id_is_null(t.uuid) ||
	    ft_id_is_null(t.id) || ft_id_is_null(t.peer) ||
	    !memcmp(t.id, t.peer, 16))
		return FT_SB_FIELDS;
	err = ft_geometry_check(&t, dev_sectors);
	if (err != FT_SB_OK)
		return err;
	*m = t;
	return FT_SB_OK;
}

/*
 * The superblock of a leg out of both its slots: the newer good one. If none is
 * good, BLANK only if neither looks like a superblock, else the first damage.
 */
static inline enum ft_sb_error ft_sb_choose(const struct ft_sb *slot0,
					    const struct ft_sb *slot1,
					    __u64 dev_sectors,
					    struct ft_leg_meta *m)
{
	struct ft_leg_meta a, b;
	enum ft_sb_error ea = ft_sb_decode(slot0, 0, dev_sectors, &a);
	enum ft_sb_error eb = ft_sb_decode(slot1, 1, dev_sectors, &b);

	if (ea != FT_SB_OK && eb != FT_SB_OK)
		return ea != FT_SB_BLANK ? ea : eb;
	/* A torn update leaves a slot without magic or with a wrong checksum.
	 * Any other slot that cannot be used was written whole, and may be the
	 * newer one: to fall back behind it would be to forget what it says.
	 */
	if (ea != FT_SB_OK && ea != FT_SB_BLANK && ea != FT_SB_CRC)
		return ea;
	if (eb != FT_SB_OK && eb != FT_SB_BLANK && eb != FT_SB_CRC)
		return eb;
	if (ea != FT_SB_OK || (eb == FT_SB_OK && b.seq > a.seq))
		*m = b;
	else
		*m = a;
	return FT_SB_OK;
}

/* @sb is zeroed and filled in, checksum included. */
static inline void ft_sb_encode(const struct ft_leg_meta *m, struct ft_sb *sb)
{
	memset(sb, 0, sizeof(*sb));
	memcpy(sb->magic, FT_SB_MAGIC, FT_SB_MAGIC_LEN);
	sb->version = cpu_to_le32(FT_SB_VERSION);
	sb->flags = cpu_to_le32(m->syncing ? FT_SB_SYNCING : 0);
	sb->seq = cpu_to_le64(m->seq);
	memcpy(sb->uuid, m->uuid, 16);
	memcpy(sb->id, m->id, 16);
	memcpy(sb->peer, m->peer, 16);
	sb->gen = cpu_to_le64(m->gen);
	sb->base = cpu_to_le64(m->base);
	sb->data_offset = cpu_to_le64(m->data_offset);
	sb->data_size = cpu_to_le64(m->data_size);
	sb->bitmap_offset = cpu_to_le64(m->bitmap_offset);
	sb->region_shift = cpu_to_le32(m->region_shift);
	memcpy(sb->label, m->label, sizeof(m->label));
	sb->crc = cpu_to_le32(ft_crc32c(sb, FT_SB_BYTES - 4));
}

/* crc32c of 128 bytes of a bitmap's block; the last 4 of the block do not count. */
static inline __u32 ft_bitmap_part_crc(const struct ft_bitmap_block *b, __u32 part)
{
	const __u32 bytes = FT_BITMAP_BYTES / FT_BITMAP_PARTS;

	return ft_crc32c((const __u8 *)b + part * bytes,
			 part == FT_BITMAP_PARTS - 1 ? bytes - 4 : bytes);
}

/*
 * The checksum of a block is the crc32c of those of its parts, little endian: who
 * changes one bit has little of it to read again.
 */
static inline __u32 ft_bitmap_crc(const struct ft_bitmap_block *b)
{
	__le32 parts[FT_BITMAP_PARTS];
	__u32 i;

	for (i = 0; i < FT_BITMAP_PARTS; i++)
		parts[i] = cpu_to_le32(ft_bitmap_part_crc(b, i));
	return ft_crc32c(parts, sizeof(parts));
}

static inline int ft_bitmap_block_ok(const struct ft_bitmap_block *b, __u64 index)
{
	return le32_to_cpu(b->magic) == FT_BITMAP_MAGIC &&
	       le64_to_cpu(b->index) == index &&
	       le32_to_cpu(b->crc) == ft_bitmap_crc(b);
}

/* Set all of @b but its bits, for writing. */
static inline void ft_bitmap_block_seal(struct ft_bitmap_block *b, __u64 index)
{
	b->magic = cpu_to_le32(FT_BITMAP_MAGIC);
	b->pad = 0;
	b->index = cpu_to_le64(index);
	b->pad2 = 0;
	b->crc = cpu_to_le32(ft_bitmap_crc(b));
}

/* Two legs of one mirror that name each other, with regions of one size. */
static inline int ft_legs_related(const struct ft_leg_meta *x,
				  const struct ft_leg_meta *y)
{
	return !memcmp(x->uuid, y->uuid, 16) && memcmp(x->id, y->id, 16) &&
	       !memcmp(x->peer, y->id, 16) && !memcmp(y->peer, x->id, 16) &&
	       x->region_shift == y->region_shift;
}

/*
 * The table "assembly and return". @x, @y: the legs, NULL for one that is
 * missing or blank. @source: 0 or 1, the leg that is copied from or that runs,
 * and whose data_size is the mirror's; meaningful for SAME (the larger one),
 * RESUME, ANCESTOR and the ONLY_ verdicts.
 */
static inline enum ft_verdict ft_verdict(const struct ft_leg_meta *x,
					 const struct ft_leg_meta *y,
					 int *source)
{
	*source = x ? 0 : 1;
	if (!x && !y)
		return FT_VERDICT_NO_LEGS;
	if (!x || !y) {
		const struct ft_leg_meta *only = x ? x : y;

		if (only->syncing)
			return FT_VERDICT_ONLY_SYNCING;
		return only->base ? FT_VERDICT_ONLY_RECORDED :
				    FT_VERDICT_ONLY_MAYBE_STALE;
	}
	if (!ft_legs_related(x, y))
		return FT_VERDICT_UNRELATED;
	if (x->syncing && y->syncing)
		return FT_VERDICT_BOTH_SYNCING;
	if (x->gen == y->gen) {
		if (x->syncing || y->syncing) {
			*source = x->syncing ? 1 : 0;
			return FT_VERDICT_RESUME;
		}
		/* Growth that reached one leg only: it goes on. */
		*source = y->data_size > x->data_size;
		return x->base || y->base ? FT_VERDICT_DAMAGED :
					    FT_VERDICT_SAME;
	}
	if (x->base == y->gen && !x->syncing) {
		*source = 0;
		return y->base ? FT_VERDICT_DAMAGED : FT_VERDICT_ANCESTOR;
	}
	if (y->base == x->gen && !y->syncing) {
		*source = 1;
		return x->base ? FT_VERDICT_DAMAGED : FT_VERDICT_ANCESTOR;
	}
	if (x->base && x->base == y->base && !x->syncing && !y->syncing)
		return FT_VERDICT_SPLIT;
	return FT_VERDICT_UNRELATED;
}

#endif /* _UAPI_FT_MIRROR_FORMAT_H */
