// SPDX-License-Identifier: GPL-2.0
// The System on the bus: objects come and go with the view.
#pragma once

#include <functional>
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

    // `ready()` once: when calls by the name are answered, at once where there is no
    // bus, and after a second where the bus does not answer.
    void when_answering(std::function<void()> ready);
    void published(const SystemView &before, const SystemView &now);

  private:
    using Timer = Handle<sd_event_source, sd_event_source_disable_unref>;

    bool connect();
    void connect_later();
    void set_timer(Timer &timer, std::uint64_t us, sd_event_time_handler_t expired);
    void answers();
    static int name_answered(sd_bus_message *answer, void *self, sd_bus_error *);
    static int disconnected(sd_bus_message *, void *self, sd_bus_error *);

    void changed(const std::string &path, const char *interface,
                 const std::vector<const char *> &names);

    sd_event *event_;
    System &system_;
    bool told_ = false; // that there is no bus
    std::function<void()> ready_;
    Timer again_, patience_;
    Handle<sd_bus, sd_bus_flush_close_unref> bus_;
};

} // namespace ft::bus
