// SPDX-License-Identifier: GPL-2.0
// The machine's devices: the inventory, from /sys, and word of each change, from udev.
#pragma once

#include <cstdint>
#include <functional>
#include <libudev.h>
#include <map>
#include <string>
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
    Inventory inventory();

  private:
    using Known = std::map<std::string, std::uint64_t>; // instances by path in /sys

    void receive();
    bool initialized(Known &known, const std::string &syspath, std::uint64_t instance) const;

    Handle<udev, udev_unref> udev_;
    Handle<udev_monitor, udev_monitor_unref> monitor_;
    Handle<sd_event_source, sd_event_source_disable_unref> source_;
    std::function<void(bool)> changed_;
    Known initialized_; // by udev
};

} // namespace ft
