// SPDX-License-Identifier: GPL-2.0
// Files that ftd lives by, the configuration and its own memory: read whole,
// replaced whole, and believed only if nobody but root could write them.
#pragma once

#include <optional>
#include <string>
#include <sys/types.h>

namespace ft::config_file {

// Nothing: there is no such file. Throws Error if it cannot be read.
std::optional<std::string> read(const std::string &path);
// The old file or the new one is there, whatever happens. Throws Error.
void write(const std::string &path, const std::string &text, mode_t mode = 0644);
void remove(const std::string &path);

} // namespace ft::config_file
