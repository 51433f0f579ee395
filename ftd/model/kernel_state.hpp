// SPDX-License-Identifier: GPL-2.0
// Modules and pairs as ft_core tells them.
#pragma once

#include <array>
#include <cstdint>
#include <string>
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
};

struct KernelState {
    bool loaded = false; // ft_core is there
    std::vector<KernelModule> modules;
    std::vector<KernelPair> pairs;

    const KernelModule *module(std::uint32_t id) const;
    const KernelPair *pair(ft_pair_type type, const std::string &name) const;
};

} // namespace ft
