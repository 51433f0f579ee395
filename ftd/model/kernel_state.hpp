// SPDX-License-Identifier: GPL-2.0
// Modules and pairs as ft_core tells them.
#pragma once

#include <array>
#include <cstdint>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "ftd/common/state.hpp"

namespace ft {

struct KernelModule {
    std::uint32_t id = 0;
    ft_module_state state = FT_MODULE_STATE_ONLINE;
    std::vector<std::string> bridges;
    ft_reason reason = FT_REASON_NONE;
    std::uint64_t since = 0; // CLOCK_BOOTTIME ns
    ft_card card{};          // 0: nobody can tell
    std::uint64_t seq = 0;   // no event up to this one says anything new
};

struct KernelMember {
    ft_member_state state = FT_MEMBER_STATE_MISSING;
    ft_reason reason = FT_REASON_NONE;
    std::uint64_t since = 0;
    std::string device; // kernel name, empty: none
};

struct KernelPair {
    ft_pair_type type = FT_PAIR_BOND;
    std::string name;
    std::string uuid; // mirrors only
    ft_pair_state state = FT_PAIR_STATE_BROKEN;
    ft_reason reason = FT_REASON_NONE;
    std::uint64_t since = 0;
    std::array<KernelMember, 2> members;
    std::uint64_t sync_done = 0, sync_total = 0, sync_copied = 0; // bytes
    std::uint32_t switches = 0;
    std::uint64_t seq = 0; // as a module's
};

// What happened to an object, and the whole object as it is since then.
struct KernelEvent {
    std::uint64_t seq = 0;
    bool gone = false; // of the object only its name is told
    std::variant<KernelModule, KernelPair> object;
};

// What a look at events changed.
struct KernelChange {
    bool lost = false;           // events are missing: ask for all
    bool objects = false;        // modules, or which pairs there are, or of what devices
    std::set<std::string> pairs; // how these are, and nothing else
};

struct KernelState {
    bool loaded = false;   // ft_core is there
    std::uint64_t seq = 0; // every event up to this one is in it
    std::vector<KernelModule> modules;
    std::vector<KernelPair> pairs;

    const KernelModule *module(std::uint32_t id) const;
    const KernelPair *pair(ft_pair_type type, const std::string &name) const;

    KernelChange apply(const std::vector<KernelEvent> &events);

  private:
    void apply(const KernelEvent &event, const KernelModule &module, KernelChange &change);
    void apply(const KernelEvent &event, const KernelPair &pair, KernelChange &change);
};

} // namespace ft
