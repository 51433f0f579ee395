// SPDX-License-Identifier: GPL-2.0
// What a running mirror counts: its device-mapper status (ft_mirror.h has the
// fields), and the counters of the block devices below it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace ft {

// Since the leg's device appeared, or, for errors, since the mirror started.
struct LegStatistics {
    std::uint64_t reads = 0, read_bytes = 0, read_ms = 0;
    std::uint64_t writes = 0, written_bytes = 0, write_ms = 0;
    std::uint64_t failed_reads = 0, failed_writes = 0, repaired = 0;
    bool operator==(const LegStatistics &) const = default;
};

// The scrub that runs, or the last one.
struct ScrubStatistics {
    std::string mode = "idle"; // "check", "repair"
    std::uint64_t done = 0, total = 0;
    std::uint64_t differing = 0, repaired = 0, unreadable = 0; // blocks of 4 KiB
    bool operator==(const ScrubStatistics &) const = default;
};

struct MirrorStatistics {
    std::array<LegStatistics, 2> legs;
    ScrubStatistics scrub;
    bool operator==(const MirrorStatistics &) const = default;
};

// Of the target's status; what a version does not have stays 0.
MirrorStatistics parse_status(std::string_view status);
// Adds what /sys/class/block/DEVICE/stat says.
void add_disk_stat(LegStatistics &leg, std::string_view stat);

} // namespace ft
