// SPDX-License-Identifier: GPL-2.0
#include "ftd/bus/pair.hpp"

namespace ft::bus {

int append_members(sd_bus_message *reply, const PairView &pair) {
    int error = sd_bus_message_open_container(reply, 'a', "(sssst)");
    for (const MemberView &member : pair.members)
        if (error >= 0)
            error = sd_bus_message_append(
                reply, "(sssst)", member.path.c_str(), member.name.c_str(),
                std::string(name(member.state)).c_str(), std::string(name(member.reason)).c_str(),
                calendar_us(member.since));
    return error < 0 ? error : sd_bus_message_close_container(reply);
}

Changed pair_changes(const PairView &before, const PairView &now) {
    Changed changed = state_changes(before, now);
    if (before.members != now.members)
        changed.push_back("Members");
    return changed;
}

} // namespace ft::bus
