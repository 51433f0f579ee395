// SPDX-License-Identifier: GPL-2.0
// The System on the bus: objects come and go with the view.
#pragma once

#include <string>
#include <systemd/sd-bus.h>

#include "ftd/common/handle.hpp"
#include "ftd/control/system.hpp"

namespace ft::bus {

class Server {
  public:
    // Connects, and asks for the name; calls are answered from the loop.
    Server(sd_event *event, System &system);

    void published(const SystemView &before, const SystemView &now);

  private:
    void changed(const std::string &path, const char *interface,
                 const std::vector<const char *> &names);

    Handle<sd_bus, sd_bus_flush_close_unref> bus_;
};

} // namespace ft::bus
