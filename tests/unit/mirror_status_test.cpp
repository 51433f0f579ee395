// SPDX-License-Identifier: GPL-2.0
#include <gtest/gtest.h>

#include "ftd/model/mirror_status.hpp"

namespace {

constexpr char version_1[] = "DUPLEX NONE nvme0n1 IN_SYNC NONE nvme1n1 IN_SYNC NONE 3/504 0/0 "
                             "4096 7 9a4809c705d3fa74 0000000000000000";

TEST(MirrorStatus, CountsByLegAndOfTheScrub) {
    const auto said = ft::parse_status(std::string(version_1) + " 1 2 3 4 5 6 repair 10/20 7 8 9");
    EXPECT_EQ(said.legs[0].failed_reads, 1U);
    EXPECT_EQ(said.legs[0].failed_writes, 2U);
    EXPECT_EQ(said.legs[0].repaired, 3U);
    EXPECT_EQ(said.legs[1].failed_reads, 4U);
    EXPECT_EQ(said.legs[1].failed_writes, 5U);
    EXPECT_EQ(said.legs[1].repaired, 6U);
    const ft::ScrubStatistics scrub{
        .mode = "repair", .done = 10, .total = 20, .differing = 7, .repaired = 8, .unreadable = 9};
    EXPECT_EQ(said.scrub, scrub);
}

TEST(MirrorStatus, LegsThatAreNotThereAndFieldsOfLaterVersions) {
    const auto said =
        ft::parse_status("SIMPLEX REMOVED nvme0n1 IN_SYNC NONE - MISSING REMOVED 3/504 0/0 4096 7 "
                         "9a4809c705d3fa74 1a4809c705d3fa74 1 2 3 4 5 6 idle 0/0 0 0 0 later 99");
    EXPECT_EQ(said.legs[1].repaired, 6U);
    EXPECT_EQ(said.scrub, ft::ScrubStatistics());
}

TEST(MirrorStatus, WhatIsNotSaidIsNought) {
    for (const char *text : {version_1, "", "DUPLEX", "x 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 y z"})
        EXPECT_EQ(ft::parse_status(text), ft::MirrorStatistics()) << text;
}

TEST(MirrorStatus, CountersOfADisk) {
    ft::LegStatistics leg;
    leg.repaired = 5;
    ft::add_disk_stat(leg, "     100       1     16     30    200    2    32    40   0   70  80\n");
    const ft::LegStatistics wanted{.reads = 100,
                                   .read_bytes = 8192,
                                   .read_ms = 30,
                                   .writes = 200,
                                   .written_bytes = 16384,
                                   .write_ms = 40,
                                   .failed_reads = 0,
                                   .failed_writes = 0,
                                   .repaired = 5};
    EXPECT_EQ(leg, wanted);
    ft::add_disk_stat(leg, "");
    EXPECT_EQ(leg.reads, 0U);
}

} // namespace
