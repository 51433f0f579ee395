// SPDX-License-Identifier: GPL-2.0
// Much data of two legs at the disks' speed, many requests at a time (io_uring).
#pragma once

#include <array>
#include <cstdint>
#include <functional>

#include "legs/disk.hpp"

namespace ft {

// Bytes done of bytes to do; called now and then.
using Progress = std::function<void(std::uint64_t done, std::uint64_t total)>;

// Bytes from `at` on of a disk.
struct Extent {
    const OpenDisk &disk;
    std::uint64_t at;
};

inline constexpr std::uint32_t compare_block = 4096;

enum class Finding { differs, first_unreadable, second_unreadable };

// Compares so many bytes, a multiple of compare_block, of two extents. `found` is
// told each block (its offset in the extent) that is not readable and the same on
// both; in no order. Throws std::system_error if the kernel has no io_uring.
void compare(const Extent &first, const Extent &second, std::uint64_t bytes,
             const std::function<void(std::uint64_t at, Finding)> &found, const Progress &progress);

// Zeroes so many bytes of both extents; by the disks themselves where they can.
// Throws std::system_error.
void zero(const std::array<Extent, 2> &extents, std::uint64_t bytes, const Progress &progress);

} // namespace ft
