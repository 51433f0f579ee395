// SPDX-License-Identifier: GPL-2.0
// Bonds as network links: made, given ports, switched on, through rtnetlink.
// Every function throws Error with the kernel's own words.
#pragma once

#include <string>

#include "ftd/model/config.hpp"

namespace ft::link {

bool exists(const std::string &name);
void create_bond(const BondConfig &bond, const std::string &address);
void remove(const std::string &name);
void enslave(const std::string &port, const std::string &bond);
// Which port is preferred (empty: none) and when to return to it.
void prefer(const BondConfig &bond, const std::string &primary);
void up(const std::string &name);

} // namespace ft::link
