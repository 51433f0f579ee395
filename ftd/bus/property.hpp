// SPDX-License-Identifier: GPL-2.0
// Values of C++ as values of D-Bus.
#pragma once

#include <cstdint>
#include <string>
#include <systemd/sd-bus.h>
#include <vector>

namespace ft::bus {

inline int append(sd_bus_message *reply, const std::string &value) {
    return sd_bus_message_append(reply, "s", value.c_str());
}

inline int append(sd_bus_message *reply, std::uint32_t value) {
    return sd_bus_message_append(reply, "u", value);
}

inline int append(sd_bus_message *reply, std::uint64_t value) {
    return sd_bus_message_append(reply, "t", value);
}

inline int append(sd_bus_message *reply, double value) {
    return sd_bus_message_append(reply, "d", value);
}

inline int append(sd_bus_message *reply, bool value) {
    return sd_bus_message_append(reply, "b", value ? 1 : 0);
}

inline int append(sd_bus_message *reply, const std::vector<std::string> &values) {
    int error = sd_bus_message_open_container(reply, 'a', "s");
    for (const std::string &value : values)
        if (error >= 0)
            error = append(reply, value);
    return error < 0 ? error : sd_bus_message_close_container(reply);
}

} // namespace ft::bus
