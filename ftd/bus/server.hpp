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
    // Connects, and asks for the name; calls are answered from the loop. Where
    // there is no bus, or none any more, it is tried again until there is one.
    Server(sd_event *event, System &system);

    void published(const SystemView &before, const SystemView &now);

  private:
    bool connect();
    void connect_later();
    static int disconnected(sd_bus_message *, void *self, sd_bus_error *);

    void changed(const std::string &path, const char *interface,
                 const std::vector<const char *> &names);

    sd_event *event_;
    System &system_;
    bool told_ = false; // that there is no bus
    Handle<sd_event_source, sd_event_source_disable_unref> again_;
    Handle<sd_bus, sd_bus_flush_close_unref> bus_;
};

} // namespace ft::bus
