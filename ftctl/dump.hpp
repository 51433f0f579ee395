// SPDX-License-Identifier: GPL-2.0
// What the verbs of "ftctl dump" share: the machine as it is, and the dumps on its disk.
// They act as root on this machine, without the daemon: nothing of a dump waits for it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "ftd/model/dump.hpp"

namespace ftctl::dump {

namespace fs = std::filesystem;

inline constexpr char sysfs[] = "/sys/kernel/ft_dump";
inline constexpr char configuration[] = "/etc/ftstack/dump.conf";

std::string contents(const fs::path &path);
std::string first_line(const fs::path &path);
// One write(2) of it; throws Denied that says `what` could not be done.
void write(const fs::path &path, const std::string &text, const std::string &what);
// Exit status of a program; its output goes where ours does.
int run(const std::vector<std::string> &words);
void need_root();

ft::DumpConfig config();
ft::DumpFacts facts(const ft::DumpConfig &config);
std::string state();

// Kernel and initramfs of the crash kernel.
fs::path kernel(const ft::DumpConfig &config);
fs::path initramfs(const ft::DumpConfig &config);
// Loads the crash kernel into the region there is now.
void load(const ft::DumpConfig &config);

std::vector<ft::Dump> list(const ft::DumpConfig &config);

// The verb of ftstack-dump.service: save, seal, return, arm again.
int save(const ft::DumpConfig &config);

} // namespace ftctl::dump
