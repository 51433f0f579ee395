// SPDX-License-Identifier: GPL-2.0
#include "ftd/bus/call.hpp"

#include <cstdlib>
#include <system_error>

#include "ftd/common/error.hpp"

namespace ft {

namespace {

void check(int error) {
    if (error < 0)
        throw std::system_error(-error, std::generic_category(), "D-Bus");
}

} // namespace

std::string Call::object() const {
    const std::string path = sd_bus_message_get_path(message());
    const std::size_t slash = path.rfind('/');
    char *name = nullptr;
    check(sd_bus_path_decode(path.c_str(), path.substr(0, slash).c_str(), &name));
    const Handle<char, std::free> owner(name);
    return name ? name : "";
}

std::string Call::text() const {
    const char *value = nullptr;
    check(sd_bus_message_read(message(), "s", &value));
    return value;
}

bool Call::truth() const {
    int value = 0;
    check(sd_bus_message_read(message(), "b", &value));
    return value;
}

std::uint64_t Call::number() const {
    std::uint64_t value = 0;
    check(sd_bus_message_read(message(), "t", &value));
    return value;
}

// A caller that has left the bus gets no answer; that is no error of ours.
void Call::reply() const {
    sd_bus_reply_method_return(message(), nullptr);
}

void Call::reply(std::uint64_t number) const {
    sd_bus_reply_method_return(message(), "t", number);
}

void Call::reply(const std::string &first, const std::string &second) const {
    sd_bus_reply_method_return(message(), "ss", first.c_str(), second.c_str());
}

void Call::end(std::exception_ptr error) const {
    if (!error) {
        reply();
        return;
    }
    try {
        std::rethrow_exception(error);
    } catch (const Error &caught) {
        sd_bus_reply_method_errorf(message(), caught.name(), "%s", caught.what());
    } catch (const std::exception &caught) {
        sd_bus_reply_method_errorf(message(), names::error_failed, "%s", caught.what());
    }
}

} // namespace ft
