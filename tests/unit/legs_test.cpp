// SPDX-License-Identifier: GPL-2.0
// Legs on images of disks: made, read, compared.
#include <array>
#include <cstdlib>
#include <filesystem>
#include <gtest/gtest.h>
#include <map>

#include "ftd/common/error.hpp"
#include "legs/bulk.hpp"
#include "legs/leg_io.hpp"

namespace {

constexpr std::uint64_t mib = 1 << 20, bytes = 24 * mib;

class Legs : public testing::Test {
  protected:
    void SetUp() override {
        std::string pattern = (std::filesystem::current_path() / "legs-XXXXXX").string();
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        folder_ = pattern;
        for (const char *name : {"a", "b"})
            make(name, bytes);
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }

    void make(const std::string &name, std::uint64_t size) const {
        const ft::Fd fd(::open(path(name).c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
        ASSERT_EQ(::ftruncate(fd.get(), static_cast<off_t>(size)), 0);
    }
    void put(const std::string &name, std::uint64_t at, const std::string &text) const {
        const ft::Fd fd(::open(path(name).c_str(), O_WRONLY | O_CLOEXEC));
        ASSERT_EQ(::pwrite(fd.get(), text.data(), text.size(), static_cast<off_t>(at)),
                  static_cast<ssize_t>(text.size()));
    }
    std::string path(const std::string &name) const { return folder_ / name; }
    std::array<std::string, 2> both() const { return {path("a"), path("b")}; }

    std::map<std::uint64_t, ft::Finding> compare(std::uint64_t at, std::uint64_t size) const {
        std::map<std::uint64_t, ft::Finding> found;
        const ft::OpenDisk a(path("a"), O_RDONLY), b(path("b"), O_RDONLY);
        std::uint64_t told = 0;
        ft::compare(
            {a, at}, {b, at}, size,
            [&](std::uint64_t where, ft::Finding finding) { found[where] = finding; },
            [&](std::uint64_t done, std::uint64_t total) {
                EXPECT_GT(done, told);
                EXPECT_EQ(total, size);
                told = done;
            });
        EXPECT_EQ(told, size);
        return found;
    }

  private:
    std::filesystem::path folder_;
};

TEST_F(Legs, WhatIsWrittenIsRead) {
    const std::string uuid = ft::new_uuid();
    for (const bool equal : {false, true}) {
        auto legs = ft::new_legs(uuid, "ftm7", {bytes, bytes + 4096}, 7);
        legs[1].syncing = !equal;
        ft::format_legs(both(), legs);
        for (std::size_t i = 0; i < 2; i++) {
            const ft::Leg leg = ft::read_leg(both()[i]);
            ASSERT_EQ(leg.kind, ft::Leg::Kind::leg) << leg.detail;
            EXPECT_EQ(std::memcmp(&leg.meta, &legs[i], sizeof(legs[i])), 0);
            const ft::Bitmap bitmap = ft::read_bitmap(both()[i], leg.meta);
            EXPECT_EQ(bitmap.damaged, 0U);
            EXPECT_EQ(bitmap.dirty.size(), ft_regions(leg.meta.data_size, 7));
            EXPECT_EQ(std::count(bitmap.dirty.begin(), bitmap.dirty.end(), !equal),
                      static_cast<std::ptrdiff_t>(bitmap.dirty.size()));
        }
        int source = -1;
        EXPECT_EQ(ft_verdict(&legs[0], &legs[1], &source),
                  equal ? FT_VERDICT_SAME : FT_VERDICT_RESUME);
        EXPECT_EQ(source, 0);
    }
}

TEST_F(Legs, RoomToGrow) {
    const ft_leg_meta leg = ft::new_legs(ft::new_uuid(), "m", {bytes, bytes}, 7)[0];
    // As large as it was made, then what was added, to the block.
    EXPECT_EQ(ft::room_on(leg, bytes), leg.data_size);
    EXPECT_EQ(ft::room_on(leg, bytes + mib + 4095), leg.data_size + mib / ft::sector);
    EXPECT_EQ(ft::room_on(leg, mib), 0U);
    // Regions of 64 KiB fill the room for their bits first.
    ft_leg_meta grown = leg;
    grown.data_size = ft::room_on(leg, 1000 * 1024 * mib);
    EXPECT_EQ(grown.data_size, (leg.data_offset - leg.bitmap_offset) / 8 * FT_BITMAP_BITS * 128);
    EXPECT_EQ(ft_geometry_check(&grown, ~0ULL >> 9), FT_SB_OK);
    grown.data_size += 8;
    EXPECT_EQ(ft_geometry_check(&grown, ~0ULL >> 9), FT_SB_GEOMETRY);
}

TEST_F(Legs, DamagedBitmapIsDirty) {
    auto legs = ft::new_legs(ft::new_uuid(), "m", {bytes, bytes});
    legs[1].syncing = 0;
    ft::format_legs(both(), legs);
    put("a", legs[0].bitmap_offset * ft::sector + 100, "x");
    const ft::Bitmap bitmap = ft::read_bitmap(path("a"), legs[0]);
    EXPECT_EQ(bitmap.damaged, 1U);
    EXPECT_EQ(std::count(bitmap.dirty.begin(), bitmap.dirty.end(), false), 0);
}

TEST_F(Legs, RefusesWhatDoesNotFit) {
    EXPECT_THROW(ft::new_legs(ft::new_uuid(), "m", {1 << 20, bytes}), ft::Error);
    // 2 TiB in regions of 64 KiB are more than there may be.
    EXPECT_THROW(ft::new_legs(ft::new_uuid(), "m", {2ULL << 40, 2ULL << 40}, 7), ft::Error);
    EXPECT_NO_THROW(ft::new_legs(ft::new_uuid(), "m", {1ULL << 40, 1ULL << 40}, 7));
    EXPECT_NO_THROW(ft::new_legs(ft::new_uuid(), "m", {1ULL << 50, 1ULL << 50}));
}

TEST_F(Legs, RefusesWhatCarriesSomething) {
    put("a", 1024 + 56, "\x53\xef"); // ext2's magic
    EXPECT_NO_THROW(ft::check_free(path("a"), true));
    make("c", 1 << 20);
    put("c", 510, "\x55\xaa");
    EXPECT_NO_THROW(ft::check_free(path("b"), false));
    EXPECT_THROW(ft::check_free("/nonexistent", false), ft::Error);
    EXPECT_THROW(ft::check_free("/dev/null", true), ft::Error);
    auto legs = ft::new_legs(ft::new_uuid(), "m", {bytes, bytes});
    ft::format_legs(both(), legs);
    EXPECT_THROW(ft::check_free(path("a"), false), ft::Error);
    ft::blank(path("a"));
    EXPECT_NO_THROW(ft::check_free(path("a"), false));
}

TEST_F(Legs, CompareFindsEachBlock) {
    EXPECT_TRUE(compare(1 << 20, bytes - (2 << 20)).empty());
    const std::uint64_t last = bytes - 4096;
    for (const std::uint64_t at : {mib, 5 * mib + 4095, 5 * mib + 4096, last + 4095})
        put("b", at, "x");
    const auto found = compare(1 << 20, bytes - (1 << 20));
    const std::map<std::uint64_t, ft::Finding> wanted{{0, ft::Finding::differs},
                                                      {4ULL << 20, ft::Finding::differs},
                                                      {(4ULL << 20) + 4096, ft::Finding::differs},
                                                      {last - (1 << 20), ft::Finding::differs}};
    EXPECT_EQ(found, wanted);
}

TEST_F(Legs, CompareTellsWhatCannotBeRead) {
    std::filesystem::resize_file(path("b"), bytes - 8192); // reads beyond the end fall short
    put("a", bytes - 3 * 4096, "x");
    const auto found = compare(0, bytes);
    const std::map<std::uint64_t, ft::Finding> wanted{
        {bytes - 3 * 4096, ft::Finding::differs},
        {bytes - 2 * 4096, ft::Finding::second_unreadable},
        {bytes - 4096, ft::Finding::second_unreadable}};
    EXPECT_EQ(found, wanted);
}

TEST_F(Legs, ZeroLeavesTheRestAlone) {
    for (const char *name : {"a", "b"})
        for (const std::uint64_t at : {mib / 2, mib, 9 * mib, bytes - 1})
            put(name, at, name);
    {
        const ft::OpenDisk a(path("a"), O_RDWR), b(path("b"), O_RDWR);
        std::uint64_t told = 0;
        ft::zero({ft::Extent{a, 1 << 20}, ft::Extent{b, 1 << 20}}, bytes - (2 << 20),
                 [&](std::uint64_t done, std::uint64_t) { told = done; });
        EXPECT_EQ(told, 2 * (bytes - (2 << 20)));
    }
    const auto found = compare(0, bytes);
    ASSERT_EQ(found.size(), 2U);
    EXPECT_TRUE(found.contains(1ULL << 19));
    EXPECT_TRUE(found.contains(bytes - 4096));
}

} // namespace
