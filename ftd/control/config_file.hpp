// SPDX-License-Identifier: GPL-2.0
// The configuration's file: read whole, replaced whole.
#pragma once

#include <optional>
#include <string>

namespace ft::config_file {

// Nothing: there is no such file. Throws Error if it cannot be read.
std::optional<std::string> read(const std::string &path);
// The old file or the new one is there, whatever happens. Throws Error.
void write(const std::string &path, const std::string &text);
void remove(const std::string &path);

} // namespace ft::config_file
