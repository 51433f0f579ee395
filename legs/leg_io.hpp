// SPDX-License-Identifier: GPL-2.0
// Reading what a disk says, and making a disk a leg. Each call may wait for the
// disk: never from the event loop.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "ftd/model/leg.hpp"

namespace ft {

// Never throws for what is on the disk, nor for a disk that cannot be read.
Leg read_leg(const std::string &device);

// Reads a few blocks from one end of the disk to the other: it answers, and not only
// where its superblocks are. A block that cannot be read is no verdict, a second one
// is. Throws Error.
void probe(const std::string &device);

// The write-intent bitmap of a leg. What cannot be read, or is damaged, counts as
// dirty. Throws Error if the disk cannot be opened.
struct Bitmap {
    std::vector<bool> dirty;   // by region
    std::uint32_t damaged = 0; // blocks
};
Bitmap read_bitmap(const std::string &device, const ft_leg_meta &leg);

// A disk that is to become a leg is free: nothing in the kernel uses it, and it
// carries nothing, unless `wipe`. Throws Error.
void check_free(const std::string &device, bool wipe);

std::string new_uuid();

// What new legs of one mirror of the uuid and label carry: both good and the
// second about to be copied to. `bytes`: the size of each disk; `region_shift`: 0
// chooses one. Throws Error if a disk is too small.
std::array<ft_leg_meta, 2> new_legs(const std::string &uuid, const std::string &label,
                                    const std::array<std::uint64_t, 2> &bytes,
                                    std::uint32_t region_shift = 0);

// Sectors that the mirror could have with this leg on a disk of `bytes`: what is left
// behind its data's offset, as far as its bitmap has room.
std::uint64_t room_on(const ft_leg_meta &leg, std::uint64_t bytes);

// Make two disks the legs of a new mirror; where the second is not about to be
// copied to, they are equal already. At any moment before it returns both
// are blank, or they are the mirror with at most the second leg blank. Throws
// Error; then both are blank, as far as they can be written.
void format_legs(const std::array<std::string, 2> &devices, const std::array<ft_leg_meta, 2> &legs);

// Make a disk blank: no superblock, nothing that blkid would find. Throws Error.
void blank(const std::string &device);

} // namespace ft
