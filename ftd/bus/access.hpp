// SPDX-License-Identifier: GPL-2.0
// Who may call what: the only place that maps methods to polkit actions. What
// it does not name is denied.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "ftd/bus/call.hpp"

namespace ft::access {

// The polkit action for "org.ftstack.ft1.Module", "Remove"; none: deny.
std::optional<std::string> action(const std::string &interface, const std::string &member);

// Calls `granted` if the caller may, else answers AccessDenied. May take as long
// as a person needs to type a password.
void check(const std::shared_ptr<Call> &call, std::function<void()> granted);

} // namespace ft::access
