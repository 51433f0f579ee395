// SPDX-License-Identifier: GPL-2.0
// What the System does for bonds: make the link, give it its ports.
#include "ftd/control/system.hpp"

#include <utility>

#include <fmt/format.h>

#include "ftd/common/clock.hpp"
#include "ftd/common/error.hpp"
#include "links/link.hpp"

namespace ft {

namespace {

constexpr unsigned link_seconds = 30;

link::Settings settings_of(const BondConfig &bond, const std::string &primary) {
    link::Settings settings;
    switch (bond.failback) {
    case Failback::never:
        settings.failback = FT_BOND_FAILBACK_NEVER;
        break;
    case Failback::better:
        settings.failback = FT_BOND_FAILBACK_BETTER;
        break;
    case Failback::always:
        settings.failback = FT_BOND_FAILBACK_ALWAYS;
        break;
    }
    settings.holddown_ms = bond.hold_down_ms;
    settings.probe_ms = bond.probe_interval_ms;
    settings.announce_count = bond.announce_count;
    settings.announce_spacing_ms = bond.announce_spacing_ms;
    // The kernel is told of one that is not there when it comes.
    if (!bond.primary || !primary.empty())
        settings.primary = primary;
    return settings;
}

// One of the ports carries the traffic.
bool works(const KernelPair &pair) {
    return pair.state == FT_PAIR_STATE_SIMPLEX || pair.state == FT_PAIR_STATE_DUPLEX;
}

} // namespace

void System::reconcile_bond(const BondConfig &bond) {
    PairWork &state = work(bond.name);
    if (state.busy)
        return;
    const KernelPair *made = facts_.kernel.pair(FT_PAIR_BOND, bond.name);
    std::array<std::string, 2> join;
    std::string address = bond.address, primary;
    bool none = true;
    for (std::size_t i = 0; i < 2; i++) {
        const Nic *nic = find_nic(facts_.inventory, bond.ports[i].str());
        if (!nic || nic->instance != state.decided[i])
            forget(bond.name, i);
        if (!nic || !module_usable(bond.ports[i].module))
            continue;
        if (address.empty())
            address = nic->address;
        const std::string device = bond.ports[i].str();
        if (nic->master == bond.name) {
            state.again[i] = false;
            if (bond.primary == bond.ports[i])
                primary = nic->name;
        }
        if (nic->master == bond.name ||
            (nic->instance == state.decided[i] && !return_is_due(device)))
            continue;
        if (made && nic->instance != state.decided[i])
            facts_.faults.tried_again(device);
        if (made && !state.again[i] &&
            !may_return(bond.name, i, device, !works(*made),
                        {FT_MEMBER_STATE_FAULTY, FT_REASON_OPERATOR}))
            continue;
        facts_.faults.trying(device);
        state.again[i] = false;
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
    if (made && none && !state.other)
        return;
    // Without any port there is nothing yet that a bond could be used for, but
    // what is configured above it can be set up already.
    if (!made && none && state.tried)
        return;
    const bool settings = std::exchange(state.other, false) || !made;
    state.tried = true;
    state.busy = true;
    facts_.findings[bond.name].reason = FT_REASON_NONE;
    facts_.findings[bond.name].next_action.clear();

    auto errors = std::make_shared<std::array<std::string, 2>>();
    workers_.run(
        "bond " + bond.name, link_seconds,
        [bond, address, primary, settings, made = made != nullptr, join, errors]() mutable {
            if (!made) {
                if (link::exists(bond.name))
                    throw refused(fmt::format("the name {0} is taken by another network interface; "
                                              "remove that, or name the bond otherwise",
                                              bond.name));
                link::create_bond(bond.name, address, {});
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
            const std::string before = primary;
            for (std::size_t i = 0; i < 2; i++)
                if (bond.primary == bond.ports[i] && !join[i].empty() && (*errors)[i].empty())
                    primary = join[i];
            if (settings || primary != before)
                link::set(bond.name, settings_of(bond, primary));
            if (!made)
                link::up(bond.name);
        },
        [this, bond, errors](std::exception_ptr error) {
            if (!error)
                for (std::size_t i = 0; i < 2; i++)
                    if (!(*errors)[i].empty()) {
                        found(bond.name, i, {FT_MEMBER_STATE_FAULTY, FT_REASON_NEVER_THERE},
                              (*errors)[i]);
                        not_back(bond.name, bond.ports[i].str(), FT_REASON_NEVER_THERE);
                    }
            finished(bond.name, error);
        });
}

} // namespace ft
