// SPDX-License-Identifier: GPL-2.0
// The on-disk format and the table of assembly, as user space compiles them.
#include <cstring>
#include <gtest/gtest.h>
#include <memory>
#include <random>

#include "tests/unit/hardware.hpp"

namespace {

constexpr std::uint64_t sectors = 1 << 19;

std::unique_ptr<ft_sb> encoded(const ft_leg_meta &meta) {
    auto block = std::make_unique<ft_sb>();
    ft_sb_encode(&meta, block.get());
    return block;
}

void seal(ft_sb &block) {
    block.crc = cpu_to_le32(ft_crc32c(&block, FT_SB_BYTES - 4));
}

enum ft_verdict judge(const ft::Leg &x, const ft::Leg &y, int *source) {
    return ft_verdict(&x.meta, &y.meta, source);
}

TEST(Superblock, Layout) {
    EXPECT_EQ(sizeof(ft_sb), 4096U);
    EXPECT_EQ(sizeof(ft_bitmap_block), 4096U);
    EXPECT_EQ(ft_crc32c("123456789", 9), 0xe3069283U); // the check value of CRC-32C
}

TEST(Superblock, EncodedIsDecoded) {
    const ft_leg_meta meta = test::leg(0, 5, 4, true).meta;
    ft_leg_meta read{};
    ASSERT_EQ(ft_sb_decode(encoded(meta).get(), 1, sectors, &read), FT_SB_OK);
    EXPECT_EQ(read.slot, 1U);
    read.slot = meta.slot;
    EXPECT_EQ(std::memcmp(&read, &meta, sizeof(meta)), 0);
}

TEST(Superblock, EachFieldIsChecked) {
    const auto error = [](auto change) {
        ft_leg_meta meta = test::leg(0).meta;
        change(meta);
        ft_leg_meta read{};
        return ft_sb_decode(encoded(meta).get(), 0, sectors, &read);
    };
    EXPECT_EQ(error([](ft_leg_meta &) {}), FT_SB_OK);
    EXPECT_EQ(error([](ft_leg_meta &m) { m.gen = 0; }), FT_SB_FIELDS);
    EXPECT_EQ(error([](ft_leg_meta &m) { m.base = m.gen; }), FT_SB_FIELDS);
    EXPECT_EQ(error([](ft_leg_meta &m) { std::memset(m.uuid, 0, 16); }), FT_SB_FIELDS);
    EXPECT_EQ(error([](ft_leg_meta &m) { std::memset(m.id, 0, 16); }), FT_SB_FIELDS);
    EXPECT_EQ(error([](ft_leg_meta &m) { std::memset(m.peer, 0, 16); }), FT_SB_FIELDS);
    EXPECT_EQ(error([](ft_leg_meta &m) { std::memcpy(m.peer, m.id, 16); }), FT_SB_FIELDS);
    EXPECT_EQ(error([](ft_leg_meta &m) { m.region_shift = 6; }), FT_SB_GEOMETRY);
    EXPECT_EQ(error([](ft_leg_meta &m) { m.region_shift = 22; }), FT_SB_GEOMETRY);
    EXPECT_EQ(error([](ft_leg_meta &m) { m.data_size = 0; }), FT_SB_GEOMETRY);
    EXPECT_EQ(error([](ft_leg_meta &m) { m.data_size += 1; }), FT_SB_GEOMETRY);
    EXPECT_EQ(error([](ft_leg_meta &m) { m.data_size = 1ULL << 52; }), FT_SB_GEOMETRY);
    EXPECT_EQ(error([](ft_leg_meta &m) { m.data_offset = 0; }), FT_SB_GEOMETRY);
    EXPECT_EQ(error([](ft_leg_meta &m) { m.data_offset += 8; }), FT_SB_GEOMETRY);
    EXPECT_EQ(error([](ft_leg_meta &m) { m.bitmap_offset = 0; }), FT_SB_GEOMETRY);
    EXPECT_EQ(error([](ft_leg_meta &m) { m.bitmap_offset = m.data_offset; }), FT_SB_GEOMETRY);
    EXPECT_EQ(error([](ft_leg_meta &m) { m.data_size = sectors; }), FT_SB_TOO_SMALL);
}

TEST(Superblock, VersionsAndFeatures) {
    auto block = encoded(test::leg(0).meta);
    ft_leg_meta read{};
    block->compat = cpu_to_le32(1); // may be ignored
    seal(*block);
    EXPECT_EQ(ft_sb_decode(block.get(), 0, sectors, &read), FT_SB_OK);
    block->incompat = cpu_to_le32(1);
    seal(*block);
    EXPECT_EQ(ft_sb_decode(block.get(), 0, sectors, &read), FT_SB_FEATURE);
    // Never fall back behind what a newer program has written.
    EXPECT_EQ(ft_sb_choose(encoded(test::leg(0).meta).get(), block.get(), sectors, &read),
              FT_SB_FEATURE);
    block->version = cpu_to_le32(2);
    seal(*block);
    EXPECT_EQ(ft_sb_decode(block.get(), 0, sectors, &read), FT_SB_VERSION_UNKNOWN);
}

TEST(Superblock, NewerGoodSlotCounts) {
    ft_leg_meta older = test::leg(0, 1).meta, newer = test::leg(0, 2).meta, read{};
    newer.seq = older.seq + 1;
    for (const bool swapped : {false, true}) {
        const auto a = encoded(swapped ? newer : older), b = encoded(swapped ? older : newer);
        ASSERT_EQ(ft_sb_choose(a.get(), b.get(), sectors, &read), FT_SB_OK);
        EXPECT_EQ(read.gen, 2U);
        EXPECT_EQ(read.slot, swapped ? 0U : 1U);
    }
    auto torn = encoded(newer);
    torn->pad[9] ^= 1;
    ASSERT_EQ(ft_sb_choose(encoded(older).get(), torn.get(), sectors, &read), FT_SB_OK);
    EXPECT_EQ(read.gen, 1U);
    const auto empty = std::make_unique<ft_sb>();
    EXPECT_EQ(ft_sb_choose(empty.get(), torn.get(), sectors, &read), FT_SB_CRC);
    EXPECT_EQ(ft_sb_choose(empty.get(), empty.get(), sectors, &read), FT_SB_BLANK);
}

// Whatever is accepted can be worked with; nothing crashes on what is not.
TEST(Superblock, HostileBlocks) {
    std::mt19937_64 random(1);
    int accepted = 0;
    for (int round = 0; round < 4000; round++) {
        auto block = encoded(test::leg(0).meta);
        auto *bytes = reinterpret_cast<std::uint8_t *>(block.get());
        const unsigned flips = 1 + static_cast<unsigned>(random() % 4);
        for (unsigned i = 0; i < flips; i++)
            bytes[16 + random() % 184] ^= static_cast<std::uint8_t>(1U << random() % 8);
        if (round % 8)
            seal(*block);
        ft_leg_meta meta{};
        if (ft_sb_decode(block.get(), 0, sectors, &meta) != FT_SB_OK)
            continue;
        accepted++;
        ASSERT_LE(meta.data_offset + meta.data_size, sectors);
        const std::uint32_t blocks =
            ft_bitmap_blocks(ft_regions(meta.data_size, meta.region_shift));
        ASSERT_LE(meta.bitmap_offset + 8ULL * blocks, meta.data_offset);
        ASSERT_NE(meta.gen, 0U);
    }
    EXPECT_GT(accepted, 100);
}

TEST(Bitmap, SealedIsGood) {
    auto block = std::make_unique<ft_bitmap_block>();
    block->bits[3] = 9;
    ft_bitmap_block_seal(block.get(), 7);
    EXPECT_TRUE(ft_bitmap_block_ok(block.get(), 7));
    EXPECT_FALSE(ft_bitmap_block_ok(block.get(), 8));
    block->bits[3] = 8;
    EXPECT_FALSE(ft_bitmap_block_ok(block.get(), 7));
}

TEST(Geometry, DefaultRegionSizeKeepsTheirNumberBounded) {
    for (std::uint64_t size = 1 << 10; size < 1ULL << 45; size *= 2) {
        const std::uint32_t shift = ft_region_shift_default(size);
        EXPECT_LE(shift, static_cast<std::uint32_t>(FT_REGION_SHIFT_MAX));
        if (shift < FT_REGION_SHIFT_MAX) {
            EXPECT_LE((size + (1ULL << shift) - 1) >> shift, FT_REGIONS_WANTED);
        }
    }
}

// The table of assembly and return, row by row; Y of the table is leg 1, and
// each row holds the other way round too.
struct Row {
    const char *name;
    ft::Leg x, y;
    enum ft_verdict verdict;
    int source; // -1: nothing is copied
};

void PrintTo(const Row &row, std::ostream *out) {
    *out << row.name;
}

class Table : public testing::TestWithParam<Row> {};

TEST_P(Table, BothWays) {
    const Row &row = GetParam();
    int source = -1;
    EXPECT_EQ(judge(row.x, row.y, &source), row.verdict);
    if (row.source >= 0) {
        EXPECT_EQ(source, row.source);
    }
    EXPECT_EQ(judge(row.y, row.x, &source), row.verdict);
    if (row.source >= 0) {
        EXPECT_EQ(source, 1 - row.source);
    }
}

ft::Leg other_mirror() {
    ft::Leg leg = test::leg(1);
    leg.meta.uuid[0] ^= 1;
    return leg;
}

ft::Leg other_peer() {
    ft::Leg leg = test::leg(1);
    leg.meta.peer[5] = 1;
    return leg;
}

ft::Leg clone() {
    ft::Leg leg = test::leg(1);
    std::memcpy(leg.meta.id, test::leg(0).meta.id, 16);
    return leg;
}

ft::Leg other_regions() {
    ft::Leg leg = test::leg(1);
    leg.meta.region_shift++;
    return leg;
}

ft::Leg larger(ft::Leg leg) {
    leg.meta.data_size += 8;
    return leg;
}

INSTANTIATE_TEST_SUITE_P(
    Rows, Table,
    testing::Values(
        Row{"R1_Same", test::leg(0, 5), test::leg(1, 5), FT_VERDICT_SAME, -1},
        // Growth that reached one leg: the mirror is as large as that one.
        Row{"R1_SameLarger", larger(test::leg(0, 5)), test::leg(1, 5), FT_VERDICT_SAME, 0},
        Row{"R3_AncestorLarger", test::leg(0, 6, 5), larger(test::leg(1, 5)), FT_VERDICT_ANCESTOR,
            0},
        Row{"R2_Resume", test::leg(0, 5), test::leg(1, 5, 0, true), FT_VERDICT_RESUME, 0},
        Row{"R2_ResumeRecorded", test::leg(0, 5, 4), test::leg(1, 5, 0, true), FT_VERDICT_RESUME,
            0},
        Row{"R3_Ancestor", test::leg(0, 6, 5), test::leg(1, 5), FT_VERDICT_ANCESTOR, 0},
        Row{"R3_AncestorSyncing", test::leg(0, 6, 5), test::leg(1, 5, 0, true), FT_VERDICT_ANCESTOR,
            0},
        Row{"R4_Split", test::leg(0, 6, 5), test::leg(1, 7, 5), FT_VERDICT_SPLIT, -1},
        Row{"R5_BothSyncing", test::leg(0, 5, 0, true), test::leg(1, 5, 0, true),
            FT_VERDICT_BOTH_SYNCING, -1},
        Row{"R6_DamagedSame", test::leg(0, 5, 4), test::leg(1, 5), FT_VERDICT_DAMAGED, -1},
        Row{"R6_DamagedChain", test::leg(0, 6, 5), test::leg(1, 5, 4), FT_VERDICT_DAMAGED, -1},
        Row{"R7_Gens", test::leg(0, 6), test::leg(1, 5), FT_VERDICT_UNRELATED, -1},
        Row{"R7_OtherMirror", test::leg(0), other_mirror(), FT_VERDICT_UNRELATED, -1},
        Row{"R7_PeerNotMutual", test::leg(0), other_peer(), FT_VERDICT_UNRELATED, -1},
        Row{"R7_Clone", test::leg(0), clone(), FT_VERDICT_UNRELATED, -1},
        Row{"R7_Regions", test::leg(0), other_regions(), FT_VERDICT_UNRELATED, -1}),
    [](const auto &row) { return row.param.name; });

TEST(Table, OneLeg) {
    int source = -1;
    const ft::Leg syncing = test::leg(0, 5, 0, true), recorded = test::leg(0, 5, 4),
                  plain = test::leg(0);
    EXPECT_EQ(ft_verdict(&syncing.meta, nullptr, &source), FT_VERDICT_ONLY_SYNCING);
    EXPECT_EQ(ft_verdict(&recorded.meta, nullptr, &source), FT_VERDICT_ONLY_RECORDED);
    EXPECT_EQ(source, 0);
    EXPECT_EQ(ft_verdict(nullptr, &plain.meta, &source), FT_VERDICT_ONLY_MAYBE_STALE);
    EXPECT_EQ(source, 1);
    EXPECT_EQ(ft_verdict(nullptr, nullptr, &source), FT_VERDICT_NO_LEGS);
}

} // namespace
