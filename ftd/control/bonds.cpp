// SPDX-License-Identifier: GPL-2.0
// What the System does for bonds: make the link, give it its ports.
#include "ftd/control/system.hpp"

#include <fmt/format.h>

#include "ftd/common/error.hpp"
#include "ftd/control/clock.hpp"
#include "ftd/kernel/link.hpp"

namespace ft {

namespace {

constexpr unsigned link_seconds = 30;

} // namespace

void System::reconcile_bond(const BondConfig &bond) {
    PairWork &state = work(bond.name);
    if (state.busy)
        return;
    std::array<std::string, 2> join;
    std::string address = bond.address;
    bool none = true;
    for (std::size_t i = 0; i < 2; i++) {
        const Nic *nic = find_nic(facts_.config, facts_.inventory, bond.ports[i]);
        if (!nic || nic->instance != state.decided[i])
            forget(bond.name, i);
        if (!nic || !module_usable(bond.ports[i].module))
            continue;
        if (address.empty())
            address = nic->address;
        if (nic->master == bond.name || nic->instance == state.decided[i])
            continue;
        state.decided[i] = nic->instance;
        if (!nic->master.empty()) {
            found(
                bond.name, i, {FT_MEMBER_STATE_FAULTY, FT_REASON_NEVER_THERE},
                fmt::format("{} ({}) is enslaved to {}; free it with \"ip link set {} nomaster\", "
                            "then \"ftctl reload\"",
                            nic->name, bond.ports[i].str(), nic->master, nic->name));
            continue;
        }
        join[i] = nic->name;
        none = false;
    }
    const bool made = facts_.kernel.pair(FT_PAIR_BOND, bond.name) != nullptr;
    if (made && none)
        return;
    // Without any port there is nothing yet that a bond could be used for, but
    // what is configured above it can be set up already.
    if (!made && none && state.tried)
        return;
    state.tried = true;
    state.busy = true;
    facts_.findings[bond.name].reason = FT_REASON_NONE;
    facts_.findings[bond.name].next_action.clear();

    auto errors = std::make_shared<std::array<std::string, 2>>();
    workers_.run(
        "bond " + bond.name, link_seconds,
        [bond, address, made, join, errors] {
            if (!made) {
                if (link::exists(bond.name))
                    throw refused(fmt::format("the name {0} is taken by another network interface; "
                                              "remove that, or name the bond otherwise",
                                              bond.name));
                link::create_bond(bond, address);
            }
            for (std::size_t i = 0; i < 2; i++) {
                if (join[i].empty())
                    continue;
                try {
                    link::enslave(join[i], bond.name);
                } catch (const Error &error) {
                    (*errors)[i] = error.what();
                }
            }
            std::string primary;
            for (std::size_t i = 0; i < 2; i++)
                if (bond.primary == bond.ports[i] && (*errors)[i].empty())
                    primary = join[i];
            if (!made || !primary.empty())
                link::prefer(bond, primary);
            if (!made)
                link::up(bond.name);
        },
        [this, bond, errors](std::exception_ptr error) {
            if (!error)
                for (std::size_t i = 0; i < 2; i++)
                    if (!(*errors)[i].empty())
                        found(bond.name, i, {FT_MEMBER_STATE_FAULTY, FT_REASON_NEVER_THERE},
                              (*errors)[i]);
            finished(bond.name, error);
        });
}

} // namespace ft
