// SPDX-License-Identifier: GPL-2.0
// What the verbs of "ftctl dump" share. They act as root on this machine, without the
// daemon: nothing of a dump waits for it.
#pragma once

#include <string>
#include <vector>

#include "dumps/dumps.hpp"
#include "ftctl/run.hpp"

namespace ftctl::dump {

using namespace ft::dumps;

// One write(2) of it; throws Denied that says `what` could not be done.
void write(const fs::path &path, const std::string &text, const std::string &what);
void need_root();
// The facts of this machine; measures first what has not been measured yet: up to some seconds.
ft::DumpFacts measured(const ft::DumpConfig &config);

// When it has panicked of late, the panic that has started this kernel with them.
std::vector<std::uint64_t> panics(const ft::DumpConfig &config);
// Loads the crash kernel into the region there is now.
void load(const ft::DumpConfig &config);

// The verb of ftstack-dump.service: save, seal, return, arm again.
int save(const ft::DumpConfig &config);

} // namespace ftctl::dump
