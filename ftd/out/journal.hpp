// SPDX-License-Identifier: GPL-2.0
// What the journal is told: each change of state once, with a MESSAGE_ID and
// fields to filter by.
#pragma once

#include <string>

#include "ftd/model/view.hpp"

namespace ft::journal {

void pair_state(const PairView &pair);
void module_state(const ModuleView &module);
void configuration(const SystemView &view);
void refused(const std::string &pair, const std::string &next_action);
void fault(const std::string &device, const std::string &pair, const Fault &fault);
void given_up(const std::string &device, const std::string &pair, const Fault &fault);
void fault_cleared(const std::string &device);
void dump(const DumpNews &news);
void state_lost(const std::string &text);
void error(const std::string &text);

} // namespace ft::journal
