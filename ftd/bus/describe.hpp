// SPDX-License-Identifier: GPL-2.0
#pragma once

#include <string>

namespace ft::bus {

std::string describe();

} // namespace ft::bus
