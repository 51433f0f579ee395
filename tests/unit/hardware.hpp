// SPDX-License-Identifier: GPL-2.0
// The server that the tests have: two root ports with a card each.
//
//   0000:00:04.0 [slot 10]            0000:00:05.0 [slot 11]
//     0000:01:00.0 eth0                 0000:02:00.0 eth1
//     0000:01:00.1 nvme0n1              0000:02:00.1 nvme1n1
#pragma once

#include <string>

#include "ftd/model/config.hpp"
#include "ftd/model/inventory.hpp"
#include "ftd/model/kernel_state.hpp"
#include "ftd/model/leg.hpp"

namespace test {

inline constexpr char uuid[] = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";
inline constexpr std::uint64_t disk_bytes = 256ULL << 20;

inline ft::Nic nic(const std::string &port, const std::string &function, const std::string &name,
                   std::uint64_t instance) {
    ft::Nic nic;
    nic.chain = {port, function};
    nic.name = name;
    nic.address = "52:54:00:00:00:1" + std::to_string(instance);
    nic.instance = instance;
    return nic;
}

inline ft::Disk disk(const std::string &port, const std::string &function, const std::string &name,
                     std::uint64_t instance) {
    ft::Disk disk;
    disk.chain = {port, function};
    disk.name = name;
    disk.size = disk_bytes;
    disk.instance = instance;
    return disk;
}

inline const std::vector<ft::ModuleConfig> modules = {{10, {"0000:00:04.0"}},
                                                      {11, {"0000:00:05.0"}}};

inline ft::Inventory server() {
    ft::Inventory inventory;
    inventory.bridges = {{{"0000:00:04.0"}, "10"}, {{"0000:00:05.0"}, "11"}};
    inventory.nics = {nic("0000:00:04.0", "0000:01:00.0", "eth0", 0),
                      nic("0000:00:05.0", "0000:02:00.0", "eth1", 1)};
    inventory.disks = {disk("0000:00:04.0", "0000:01:00.1", "nvme0n1", 1),
                       disk("0000:00:05.0", "0000:02:00.1", "nvme1n1", 2)};
    for (const ft::Bridge &bridge : inventory.bridges)
        inventory.functions.push_back(bridge.chain);
    for (const ft::Nic &nic : inventory.nics)
        inventory.functions.push_back(nic.chain);
    for (const ft::Disk &disk : inventory.disks)
        inventory.functions.push_back(disk.chain);
    ft::place(inventory, modules);
    return inventory;
}

// Module 11 is pulled.
inline ft::Inventory half_server() {
    ft::Inventory inventory = server();
    inventory.nics.pop_back();
    inventory.disks.pop_back();
    std::erase_if(inventory.functions, [](const ft::PciChain &chain) {
        return chain[0] == "0000:00:05.0" && chain.size() > 1;
    });
    ft::place(inventory, modules);
    return inventory;
}

inline ft::Config config() {
    ft::Config config;
    config.modules = modules;
    ft::BondConfig bond;
    bond.name = "ftb0";
    bond.ports = {ft::DevicePath{10, "0"}, ft::DevicePath{11, "0"}};
    bond.address = "52:54:00:00:00:10";
    config.bonds = {bond};
    ft::MirrorConfig mirror;
    mirror.name = "ftm0";
    mirror.uuid = uuid;
    mirror.legs = {ft::DevicePath{10, "1"}, ft::DevicePath{11, "1"}};
    config.mirrors = {mirror};
    return config;
}

// Leg `number` of the mirror with the uuid above; good, and in sync with its peer.
inline ft::Leg leg(int number, std::uint64_t gen = 100, std::uint64_t base = 0,
                   bool syncing = false) {
    ft::Leg leg;
    leg.kind = ft::Leg::Kind::leg;
    const auto id = ft::uuid_bytes(uuid);
    std::copy(id.begin(), id.end(), leg.meta.uuid);
    leg.meta.id[0] = static_cast<std::uint8_t>(1 + number);
    leg.meta.peer[0] = static_cast<std::uint8_t>(2 - number);
    leg.meta.seq = 1;
    leg.meta.gen = gen;
    leg.meta.base = base;
    leg.meta.syncing = syncing;
    leg.meta.data_offset = 2048;
    leg.meta.data_size = 1 << 18;
    leg.meta.bitmap_offset = FT_BITMAP_SECTOR;
    leg.meta.region_shift = 10;
    return leg;
}

inline ft::KernelPair running(ft_pair_type type, ft_pair_state state) {
    const bool mirror = type == FT_PAIR_MIRROR;
    ft::KernelPair pair;
    pair.type = type;
    pair.name = mirror ? "ftm0" : "ftb0";
    pair.uuid = mirror ? uuid : "";
    pair.state = state;
    pair.since = 7;
    pair.members[0] = {mirror ? FT_MEMBER_STATE_IN_SYNC : FT_MEMBER_STATE_ACTIVE, FT_REASON_NONE, 7,
                       mirror ? "nvme0n1" : "eth0"};
    pair.members[1] = {mirror ? FT_MEMBER_STATE_IN_SYNC : FT_MEMBER_STATE_STANDBY, FT_REASON_NONE,
                       7, mirror ? "nvme1n1" : "eth1"};
    if (state == FT_PAIR_STATE_SIMPLEX) {
        pair.reason = FT_REASON_REMOVED;
        pair.members[1] = {FT_MEMBER_STATE_MISSING, FT_REASON_REMOVED, 9, ""};
    }
    return pair;
}

} // namespace test
