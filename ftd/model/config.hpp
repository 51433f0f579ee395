// SPDX-License-Identifier: GPL-2.0
// The configuration: which modules there are, and which pairs across them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ftd/model/fault.hpp"
#include "ftd/model/inventory.hpp"
#include "kmod/uapi/ft_bond.h"

namespace ft {

// A place in a module, "10/2": survives the change of the device that sits there.
struct DevicePath {
    std::uint32_t module = 0;
    std::string slot;

    static std::optional<DevicePath> parse(const std::string &text);
    std::string str() const;
    bool operator==(const DevicePath &) const = default;
};

struct ModuleConfig {
    std::uint32_t id = 0;
    std::vector<std::string> bridges;
    bool operator==(const ModuleConfig &) const = default;
};

enum class Failback { never, better, always };
enum class DegradedStart { wait, start };
enum class ReplaceBlank { ask, automatic };

struct BondConfig {
    std::string name;
    std::array<DevicePath, 2> ports;
    std::string address; // empty: the first port's
    std::optional<DevicePath> primary;
    Failback failback = Failback::never;
    std::uint32_t hold_down_ms = 0;
    std::uint32_t probe_interval_ms = 0; // 0: links alone are looked at
    std::uint32_t announce_count = FT_BOND_ANNOUNCE_DEFAULT;
    std::uint32_t announce_spacing_ms = FT_BOND_SPACING_DEFAULT_MS;
    bool operator==(const BondConfig &) const = default;
};

struct MirrorConfig {
    std::string name;
    std::string uuid;
    std::array<DevicePath, 2> legs;
    std::uint32_t timeout_ms = 5000;
    std::optional<DevicePath> prefer; // the leg to read from; none: both
    DegradedStart degraded_start = DegradedStart::wait;
    std::uint32_t degraded_wait_s = 30;
    bool operator==(const MirrorConfig &) const = default;
};

// When a member that is back is taken in again; where the pair has no other that
// works, always at once.
struct ReturnPolicy {
    enum class Kind { at_once, window, by_hand };
    Kind kind = Kind::at_once;
    std::uint32_t from = 0, to = 0; // window: minutes since local midnight
    bool operator==(const ReturnPolicy &) const = default;

    // Seconds from this time of the day on; none: not by itself.
    std::optional<std::uint32_t> wait_s(std::uint32_t second_of_day) const;
    // "at-once", "by-hand", "22:00-05:30"; none: no such policy.
    static std::optional<ReturnPolicy> parse(const std::string &text);
    std::string str() const;
};

// A device that is judged otherwise than the rest.
struct DeviceConfig {
    DevicePath path;
    FaultPolicy faults;
    bool operator==(const DeviceConfig &) const = default;
};

struct Config {
    std::vector<ModuleConfig> modules;
    std::vector<BondConfig> bonds;
    std::vector<MirrorConfig> mirrors;
    std::vector<DeviceConfig> devices;
    ReplaceBlank replace_blank = ReplaceBlank::ask;
    ReturnPolicy return_policy;
    FaultPolicy faults;
    FaultLimits limits;
    bool operator==(const Config &) const = default;

    const FaultPolicy &faults_of(const std::string &device) const;
};

// Throws Error (InvalidConfiguration) that names file, line, key and the way out.
Config parse_config(const std::string &text, const std::string &file);
std::string write_config(const Config &config);

// The place of a device below the modules' bridges; none if it is in no module.
std::optional<DevicePath> locate(const std::vector<ModuleConfig> &modules, const PciChain &chain);
// Once for all devices, so that nobody has to search: after each change of either.
void place(Inventory &inventory, const std::vector<ModuleConfig> &modules);

bool is_name(const std::string &text, std::size_t max);           // of a pair
std::array<std::uint8_t, 16> uuid_bytes(const std::string &uuid); // of a valid one
std::string uuid_string(const std::uint8_t *bytes);

} // namespace ft
