// SPDX-License-Identifier: GPL-2.0
// What bonds and mirrors have in common on the bus.
#pragma once

#include "ftd/bus/nouns.hpp"
#include "ftd/bus/property.hpp"
#include "ftd/common/clock.hpp"

namespace ft::bus {

template <auto at, auto read>
constexpr sd_bus_property_get_t pair_property = [](sd_bus *, const char *path, const char *,
                                                   const char *, sd_bus_message *reply, void *data,
                                                   sd_bus_error *) -> int {
    const PairView *pair = at(*static_cast<System *>(data), path);
    return pair ? append(reply, read(*pair)) : -ENOENT;
};

template <auto at>
constexpr sd_bus_property_get_t members_property = [](sd_bus *, const char *path, const char *,
                                                      const char *, sd_bus_message *reply,
                                                      void *data, sd_bus_error *) -> int {
    const PairView *pair = at(*static_cast<System *>(data), path);
    return pair ? append_members(reply, *pair) : -ENOENT;
};

Changed pair_changes(const PairView &before, const PairView &now);

} // namespace ft::bus
