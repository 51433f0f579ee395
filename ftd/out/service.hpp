// SPDX-License-Identifier: GPL-2.0
// ftd as a service of systemd: ready, one line of status, the watchdog.
#pragma once

#include "ftd/model/view.hpp"

namespace ft::service {

void ready(const SystemView &view);
void status(const SystemView &view);

} // namespace ft::service
