// SPDX-License-Identifier: GPL-2.0
// The one picture of the system: what D-Bus publishes and ftctl shows, composed
// of what is wanted (configuration), what is there (inventory), what the kernel
// tells, and what ftd found out.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "ftd/model/config.hpp"
#include "ftd/model/inventory.hpp"
#include "ftd/model/kernel_state.hpp"
#include "ftd/model/plan.hpp"

namespace ft {

struct MemberView {
    std::string path; // device path, empty: in no module
    std::string name; // kernel name, empty: no device
    ft_member_state state = FT_MEMBER_STATE_MISSING;
    ft_reason reason = FT_REASON_NEVER_THERE;
    std::uint64_t since = 0; // here and below: CLOCK_BOOTTIME ns
    bool operator==(const MemberView &) const = default;
};

struct PairView {
    ft_pair_type type = FT_PAIR_BOND;
    std::string name;
    std::string uuid;
    ft_pair_state state = FT_PAIR_STATE_BROKEN;
    ft_reason reason = FT_REASON_NEVER_THERE;
    std::uint64_t since = 0;
    std::string next_action;
    std::array<MemberView, 2> members;
    bool running = false;    // the kernel has it
    bool configured = false; // the configuration has it
    std::uint32_t switches = 0;
    std::uint64_t size = 0; // bytes
    bool operator==(const PairView &) const = default;
};

struct DeviceView {
    std::string path, kind, name, pair;
    bool operator==(const DeviceView &) const = default;
};

struct ModuleView {
    std::uint32_t id = 0;
    ft_module_state state = FT_MODULE_STATE_REMOVED;
    ft_reason reason = FT_REASON_NONE;
    std::uint64_t since = 0;
    std::string next_action;
    std::vector<std::string> bridges;
    std::vector<DeviceView> devices;
    std::vector<std::string> blockers;
    bool operator==(const ModuleView &) const = default;
};

enum class ConfigState { none, ok, refused };

struct SystemView {
    ft_pair_state state = FT_PAIR_STATE_BROKEN;
    std::string summary;
    std::string next_action;
    ConfigState config_state = ConfigState::none;
    std::string config_error;
    std::map<std::uint32_t, ModuleView> modules;
    std::map<std::string, PairView> bonds, mirrors;
};

// What ftd knows about a pair beyond the kernel: why it does not run, or why a
// member that is there is not used.
struct PairFindings {
    ft_reason reason = FT_REASON_NONE; // of a pair that does not run
    std::string next_action;           // likewise
    std::array<Finding, 2> members{};  // reason NONE: nothing found
    std::array<std::string, 2> actions{};
    std::uint64_t since = 0;
};

struct Facts {
    Config config;
    ConfigState config_state = ConfigState::none;
    std::string config_error;
    Inventory inventory;
    KernelState kernel;
    std::map<std::string, PairFindings> findings;       // by the pair's name
    std::map<std::uint32_t, std::uint64_t> module_gone; // since when nothing is below the bridges
};

SystemView compose(const Facts &facts);

// What is below the bridges of a module: true if any PCI function is.
bool module_present(const ModuleConfig &module, const Inventory &inventory);

// Device of the inventory at a place; nullptr: none.
const Nic *find_nic(const Config &config, const Inventory &inventory, const DevicePath &path);
const Disk *find_disk(const Config &config, const Inventory &inventory, const DevicePath &path);

} // namespace ft
