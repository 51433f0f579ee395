// SPDX-License-Identifier: GPL-2.0
// What a disk says when it is read as a leg of a mirror.
#pragma once

#include <string>

#include "kmod/uapi/ft_mirror_format.h"

namespace ft {

struct Leg {
    enum class Kind {
        absent,     // no disk there
        unreadable, // a disk that cannot be read: missing, never blank
        blank,      // neither a superblock nor anything else that is known
        other,      // no superblock, but a file system, partitions, ...
        damaged,    // a superblock that cannot be accepted
        leg,        // `meta` is valid
    };

    Kind kind = Kind::absent;
    std::string detail; // the error, what else it carries, or how it is damaged
    ft_leg_meta meta{};
};

} // namespace ft
