// SPDX-License-Identifier: GPL-2.0
// Which of all that is not as it should be is told to people, and how urgently.
#pragma once

#include "ftd/model/view.hpp"

namespace ft {

std::vector<Alert> list_alerts(const SystemView &view);

} // namespace ft
