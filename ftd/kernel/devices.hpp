// SPDX-License-Identifier: GPL-2.0
// The machine's devices through udev: the inventory, and word of each change.
#pragma once

#include <functional>
#include <libudev.h>
#include <systemd/sd-event.h>

#include "ftd/common/handle.hpp"
#include "ftd/model/inventory.hpp"

namespace ft {

class Devices {
  public:
    // `changed` is called once for each burst of events that is of interest;
    // `modules` true: a kernel module came or went.
    Devices(sd_event *event, std::function<void(bool modules)> changed);

    // Only what udev has finished with, so that no rule of it still has a new
    // disk open when it is joined.
    Inventory inventory() const;

  private:
    void receive();

    Handle<udev, udev_unref> udev_;
    Handle<udev_monitor, udev_monitor_unref> monitor_;
    Handle<sd_event_source, sd_event_source_disable_unref> source_;
    std::function<void(bool)> changed_;
};

} // namespace ft
