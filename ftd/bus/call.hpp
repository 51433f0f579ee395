// SPDX-License-Identifier: GPL-2.0
// A method call that is answered once, perhaps long after it came.
#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <systemd/sd-bus.h>

#include "ftd/common/handle.hpp"
#include "ftd/control/system.hpp"

namespace ft {

class Call {
  public:
    // `place`: held for as long as the call is under way.
    Call(sd_bus_message *message, std::shared_ptr<void> place)
        : message_(sd_bus_message_ref(message)), place_(std::move(place)) {}

    sd_bus_message *message() const { return message_.get(); }
    // The last part of the object's path, as a name: "11", "ftm0".
    std::string object() const;

    // Arguments; throw if they are not of the interface's types.
    std::string text() const;
    bool truth() const;
    std::uint64_t number() const;

    void reply() const;
    void reply(std::uint64_t number) const;
    void reply(const std::string &first, const std::string &second) const;
    // Replies with the error, or if there is none without arguments.
    void end(std::exception_ptr error) const;

  private:
    Handle<sd_bus_message, sd_bus_message_unref> message_;
    std::shared_ptr<void> place_;
};

// What a method does. What it throws is the caller's answer.
using Method = std::function<void(System &, const std::shared_ptr<Call> &)>;

} // namespace ft
