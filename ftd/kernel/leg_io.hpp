// SPDX-License-Identifier: GPL-2.0
// Reading what a disk says, and making a disk a leg. Each call may wait for the
// disk: never from the event loop.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "ftd/model/leg.hpp"

namespace ft {

// Never throws for what is on the disk, nor for a disk that cannot be read.
Leg read_leg(const std::string &device);

// A disk that is to become a leg is free: nothing in the kernel uses it, and it
// carries nothing, unless `wipe`. Throws Error.
void check_free(const std::string &device, bool wipe);

// What new legs of one mirror of the uuid and label carry: both good and the
// second about to be copied to. `bytes`: the size of each disk. Throws Error if
// one is too small.
std::array<ft_leg_meta, 2> new_legs(const std::string &uuid, const std::string &label,
                                    const std::array<std::uint64_t, 2> &bytes);

// Make two disks the legs of a new mirror. At any moment before it returns both
// are blank, or they are the mirror with at most the second leg blank. Throws
// Error; then both are blank, as far as they can be written.
void format_legs(const std::array<std::string, 2> &devices, const std::array<ft_leg_meta, 2> &legs);

// Make a disk blank: no superblock, nothing that blkid would find. Throws Error.
void blank(const std::string &device);

} // namespace ft
