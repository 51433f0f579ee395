// SPDX-License-Identifier: GPL-2.0
// An error as a person meets it: what is wrong and the way out, in one text,
// and the D-Bus name that programs go by.
#pragma once

#include <stdexcept>
#include <string>

#include "ftd/common/names.hpp"

namespace ft {

class Error : public std::runtime_error {
  public:
    Error(const char *name, const std::string &text) : std::runtime_error(text), name_(name) {}

    const char *name() const noexcept { return name_; }

  private:
    const char *name_; // one of the constants in names.hpp
};

inline Error refused(const std::string &text) {
    return {names::error_refused, text};
}
inline Error failed(const std::string &text) {
    return {names::error_failed, text};
}

} // namespace ft
