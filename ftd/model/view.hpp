// SPDX-License-Identifier: GPL-2.0
// The one picture of the system: what D-Bus publishes and ftctl shows, composed
// of what is wanted (configuration), what is there (inventory), what the kernel
// tells, and what ftd found out.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "ftd/model/config.hpp"
#include "ftd/model/dump.hpp"
#include "ftd/model/inventory.hpp"
#include "ftd/model/job.hpp"
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
    ft_pair_state requested = FT_PAIR_STATE_DUPLEX; // SIMPLEX while a module of it is taken out
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
    ft_module_state requested = FT_MODULE_STATE_ONLINE; // OFFLINE: an operator took it out
    ft_reason reason = FT_REASON_NONE;
    std::uint64_t since = 0;
    std::string next_action;
    std::vector<std::string> bridges;
    std::vector<DeviceView> devices;
    std::vector<std::string> blockers;
    bool operator==(const ModuleView &) const = default;
};

// What is remembered of a device that failed. Times are microseconds since 1970.
struct FaultView {
    std::string device, pair;
    ft_reason reason = FT_REASON_NONE;
    std::uint64_t count = 0, first = 0, last = 0;
    std::uint64_t mtbf_s = 0;   // 0: too few faults to tell
    bool given_up = false;      // kept out until a person says otherwise
    std::uint64_t retry_at = 0; // 0: nothing is due
    bool operator==(const FaultView &) const = default;
};

// Something that a person should hear of, for as long as it holds.
struct Alert {
    std::string id;       // "mirror/ftm0": the same for as long as it holds
    std::string severity; // "warning", "critical"
    std::string text;
    std::string next_action;
    std::uint64_t since = 0;
    bool operator==(const Alert &) const = default;
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
    std::vector<FaultView> faults;
    std::vector<Alert> alerts;
    DumpStatus dump;
    std::map<std::uint32_t, Job> jobs;
    std::vector<EndedJob> ended; // since the view before this one
    bool operator==(const SystemView &) const = default;
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
    FaultBook faults;
    DumpStatus dump;
    std::uint64_t test_alert = 0; // since when; 0: none
};

SystemView compose(const Facts &facts);
// The same, when of all the facts since `before` only faults are others, and of these
// pairs the findings and what the kernel says of their state.
SystemView compose(const Facts &facts, const SystemView &before,
                   const std::set<std::string> &pairs);

// What is below the bridges of a module: true if any PCI function is.
bool module_present(const ModuleConfig &module, const Inventory &inventory);

// Device of the inventory, which has been placed, at a device path; nullptr: none.
const Nic *find_nic(const Inventory &inventory, const std::string &path);
const Disk *find_disk(const Inventory &inventory, const std::string &path);

} // namespace ft
