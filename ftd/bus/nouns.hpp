// SPDX-License-Identifier: GPL-2.0
// The interfaces, one file each: vtable, methods, and which properties differ
// between two views of an object.
#pragma once

#include <map>
#include <string>
#include <systemd/sd-bus-vtable.h>
#include <vector>

#include "ftd/bus/call.hpp"

namespace ft::bus {

// The handler of every method: rights first, then the method itself. `data`: System.
int dispatch(sd_bus_message *message, void *data, sd_bus_error *error);

// Adds a pair's members, type a(sssst).
int append_members(sd_bus_message *reply, const PairView &pair);

// The object at the path, nullptr: none. Used by getters, whose `data` is the System.
const ModuleView *module_at(const System &system, const char *path);
const PairView *bond_at(const System &system, const char *path);
const PairView *mirror_at(const System &system, const char *path);
const Dump *dump_at(const System &system, const char *path);
const Job *job_at(const System &system, const char *path);

using Changed = std::vector<const char *>; // names of properties

// What modules and pairs have in common.
template <typename View>
Changed state_changes(const View &before, const View &now) {
    Changed changed;
    if (before.state != now.state)
        changed.push_back("State");
    if (before.requested != now.requested)
        changed.push_back("RequestedState");
    if (before.reason != now.reason)
        changed.push_back("Reason");
    if (before.since != now.since)
        changed.push_back("Since");
    if (before.next_action != now.next_action)
        changed.push_back("NextAction");
    return changed;
}

extern const sd_bus_vtable manager_vtable[], module_vtable[], bond_vtable[], mirror_vtable[],
    dump_vtable[], job_vtable[];

const std::map<std::string, Method> &manager_methods();
const std::map<std::string, Method> &module_methods();
const std::map<std::string, Method> &mirror_methods();
const std::map<std::string, Method> &dump_methods();
const std::map<std::string, Method> &job_methods();

Changed manager_changes(const SystemView &before, const SystemView &now);
Changed module_changes(const ModuleView &before, const ModuleView &now);
Changed bond_changes(const PairView &before, const PairView &now);
Changed mirror_changes(const PairView &before, const PairView &now);
Changed dump_changes(const Dump &before, const Dump &now);

} // namespace ft::bus
