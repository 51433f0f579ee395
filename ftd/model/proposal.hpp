// SPDX-License-Identifier: GPL-2.0
// A configuration proposed for the hardware as it is, so that nobody types PCI
// addresses: modules are hot-plug slots, devices at the same place in two
// modules are partners.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "ftd/model/config.hpp"
#include "ftd/model/inventory.hpp"
#include "ftd/model/leg.hpp"

namespace ft {

struct ProposedDevice {
    std::string path, kind, name;
    std::string detail; // hardware address, or size and what the disk carries
    std::string pair;   // empty: none
    std::string reason; // why it is in no pair
    std::string holder; // running pair that has it
};

struct ProposedModule {
    std::uint32_t id = 0;
    std::vector<std::string> bridges;
    std::string slot; // name of the hot-plug slot, empty: not hot-pluggable
    std::vector<ProposedDevice> devices;
};

struct Proposal {
    Config config;
    std::vector<ProposedModule> modules;
    std::string note; // why there is nothing, or nothing new, to propose
};

// `existing` stays as it is; what it does not use yet is added to it. `legs`:
// what the disks say, by kernel name. `running`: the names of the pairs that
// run; one that is not configured is proposed as it is. `new_uuid` gives a fresh
// uuid per call.
Proposal propose(const Config &existing, const Inventory &inventory,
                 const std::map<std::string, Leg> &legs, const std::set<std::string> &running,
                 const std::function<std::string()> &new_uuid);

std::string proposal_json(const Proposal &proposal);

} // namespace ft
