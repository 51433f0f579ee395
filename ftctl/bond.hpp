// SPDX-License-Identifier: GPL-2.0
// What the verbs about bonds share. They speak to the kernel, and need no daemon.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "links/link.hpp"

namespace ftctl {

void add_bond_show(CLI::App &noun, int &exit);

// The bond of that name, or Error.
ft::link::Bond need_bond(const std::string &name);

} // namespace ftctl
