// SPDX-License-Identifier: GPL-2.0
// Bonds as network links: made, set, given ports, looked at, through rtnetlink.
// Every function throws Error with the kernel's own words.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ftd/common/state.hpp"
#include "kmod/uapi/ft_bond.h"

namespace ft::link {

// What is not named stays as it is.
struct Settings {
    std::optional<std::string> active;  // a port: switch to it, now
    std::optional<std::string> primary; // a port; empty: none
    std::optional<ft_bond_failback> failback;
    std::optional<std::uint32_t> holddown_ms, probe_ms, announce_count, announce_spacing_ms;
    std::optional<bool> allow_same_module;
};

struct Port {
    std::string name;
    ft_member_state state = FT_MEMBER_STATE_MISSING;
    ft_reason reason = FT_REASON_NONE;
    std::uint64_t since = 0; // here and below: CLOCK_BOOTTIME ns
    std::uint64_t tx_dropped = 0, rx_dropped = 0;
    std::uint64_t probes_sent = 0, probes_arrived = 0, probe_answers = 0, probes_looped = 0;
};

struct Bond {
    std::string name;
    bool up = false;
    Settings settings; // all of them; active and primary empty: none
    ft_bond_probing probing = FT_BOND_PROBING_OFF;
    std::uint32_t switches = 0;
    // Of the last switch, if there was one.
    ft_reason reason = FT_REASON_NONE;
    std::uint64_t time = 0;
    std::string from, to;
    std::vector<Port> ports;

    ft_pair_state state() const;
};

const char *name(ft_bond_failback failback);
const char *name(ft_bond_probing probing);

bool exists(const std::string &name);
std::vector<Bond> bonds();
// One, without its ports and their names in its settings; nullopt: there is none.
std::optional<Bond> bond(const std::string &name);
// Down, without ports. An empty address: that of the first port.
void create_bond(const std::string &name, const std::string &address, const Settings &settings);
void remove(const std::string &name);
void enslave(const std::string &port, const std::string &bond);
void set(const std::string &bond, const Settings &settings);
void up(const std::string &name);

} // namespace ft::link
