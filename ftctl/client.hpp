// SPDX-License-Identifier: GPL-2.0
// ftd over D-Bus, as JSON.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <systemd/sd-bus.h>

#include "ftd/common/handle.hpp"

namespace ftctl {

// ftd, or the bus, does not answer.
struct NoAnswer : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// ftd said no; the text says why, and the way out.
struct Denied : std::runtime_error {
    using std::runtime_error::runtime_error;
};

using Message = ft::Handle<sd_bus_message, sd_bus_message_unref>;

class Client {
  public:
    Client();

    // Properties of the manager, names as on the bus.
    nlohmann::ordered_json manager();

    // {"manager": {properties}, "modules": [...], "bonds": [...], "mirrors": [...],
    // "jobs": [...]}, names of properties as on the bus.
    nlohmann::ordered_json objects();

    // One property, of those that objects() leaves out too.
    nlohmann::ordered_json property(const std::string &path, const char *interface,
                                    const char *name);

    Message request(const std::string &path, const char *interface, const char *method) const;
    // Waits for the answer, however long a person takes for a password.
    Message call(const Message &request) const;

    // Calls `changed` for each signal of ftd until it returns false, or until
    // `seconds` have passed (0: never). True: `changed` ended it.
    bool watch(unsigned seconds,
               const std::function<bool(const std::string &path, sd_bus_message *)> &changed);

  private:
    ft::Handle<sd_bus, sd_bus_flush_close_unref> bus_;
};

std::string module_path(const std::string &id);
std::string mirror_path(const std::string &name);

// The value at the message's reading position.
nlohmann::ordered_json read_value(sd_bus_message *message);

} // namespace ftctl
