// SPDX-License-Identifier: GPL-2.0
// Other programs.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace ftctl {

// Exit status of a program; its output goes where ours does, or to `said`, as it comes.
// Throws Denied if it cannot be run.
int run(const std::vector<std::string> &words,
        const std::function<void(std::string_view)> &said = nullptr);

} // namespace ftctl
