// SPDX-License-Identifier: GPL-2.0
#include "ftd/bus/pair.hpp"

namespace ft::bus {

namespace {

template <auto read>
constexpr sd_bus_property_get_t bond_property = pair_property<bond_at, read>;

} // namespace

const sd_bus_vtable bond_vtable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_PROPERTY("Name", "s", bond_property<[](const PairView &p) { return p.name; }>, 0,
                    SD_BUS_VTABLE_PROPERTY_CONST),
    SD_BUS_PROPERTY("State", "s",
                    bond_property<[](const PairView &p) { return std::string(name(p.state)); }>, 0,
                    SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("RequestedState", "s",
                    bond_property<[](const PairView &p) { return std::string(name(p.requested)); }>,
                    0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("Reason", "s",
                    bond_property<[](const PairView &p) { return std::string(name(p.reason)); }>, 0,
                    SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("Since", "t",
                    bond_property<[](const PairView &p) { return calendar_us(p.since); }>, 0,
                    SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("NextAction", "s",
                    bond_property<[](const PairView &p) { return p.next_action; }>, 0,
                    SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("Members", "a(sssst)", members_property<bond_at>, 0,
                    SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("Switches", "u", bond_property<[](const PairView &p) { return p.switches; }>, 0,
                    SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_VTABLE_END,
};

Changed bond_changes(const PairView &before, const PairView &now) {
    Changed changed = pair_changes(before, now);
    if (before.switches != now.switches)
        changed.push_back("Switches");
    return changed;
}

} // namespace ft::bus
