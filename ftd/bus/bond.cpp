// SPDX-License-Identifier: GPL-2.0
#include "ftd/bus/pair.hpp"

#include <exception>

#include "ftd/common/names.hpp"
#include "links/link.hpp"

namespace ft::bus {

namespace {

template <auto read>
constexpr sd_bus_property_get_t bond_property = pair_property<bond_at, read>;

// What only the link itself knows; asked when somebody wants it.
link::Bond link_of(const std::string &name) {
    return link::bond(name).value_or(link::Bond{});
}

template <auto read>
constexpr sd_bus_property_get_t link_property = [](sd_bus *, const char *path, const char *,
                                                   const char *, sd_bus_message *reply, void *data,
                                                   sd_bus_error *error) -> int {
    const PairView *pair = bond_at(*static_cast<System *>(data), path);
    if (!pair)
        return -ENOENT;
    try {
        return read(reply, link_of(pair->name));
    } catch (const std::exception &failure) {
        return sd_bus_error_set(error, names::error_failed, failure.what());
    }
};

int append_switch(sd_bus_message *reply, const link::Bond &bond) {
    return sd_bus_message_append(reply, "(tsss)", calendar_us(bond.time), bond.from.c_str(),
                                 bond.to.c_str(), std::string(name(bond.reason)).c_str());
}

int append_probing(sd_bus_message *reply, const link::Bond &bond) {
    return append(reply, std::string(link::name(bond.probing)));
}

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
    SD_BUS_PROPERTY("LastSwitch", "(tsss)", link_property<append_switch>, 0,
                    SD_BUS_VTABLE_PROPERTY_EXPLICIT),
    SD_BUS_PROPERTY("Probing", "s", link_property<append_probing>, 0,
                    SD_BUS_VTABLE_PROPERTY_EXPLICIT),
    SD_BUS_VTABLE_END,
};

Changed bond_changes(const PairView &before, const PairView &now) {
    Changed changed = pair_changes(before, now);
    if (before.switches != now.switches)
        changed.push_back("Switches");
    return changed;
}

} // namespace ft::bus
