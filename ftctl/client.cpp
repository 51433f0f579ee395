// SPDX-License-Identifier: GPL-2.0
#include "ftctl/client.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>

#include <fmt/format.h>

#include "ftd/common/names.hpp"

namespace ftctl {

namespace {

using nlohmann::ordered_json;
namespace names = ft::names;

constexpr std::size_t usual_size = 16; // properties of an object
constexpr std::uint64_t status_us = 10 * 1000000ULL;
constexpr std::uint64_t action_us = 300 * 1000000ULL;

void check(int error, const char *what) {
    if (error < 0)
        throw NoAnswer(fmt::format("{}: {}", what, std::strerror(-error)));
}

std::string encode(const char *root, const std::string &name) {
    char *path = nullptr;
    check(sd_bus_path_encode(root, name.c_str(), &path), "object path");
    const ft::Handle<char, std::free> owner(path);
    return path;
}

Message send(sd_bus *bus, const Message &request, std::uint64_t timeout) {
    sd_bus_message *answer = nullptr;
    sd_bus_error error = SD_BUS_ERROR_NULL;
    const int result = sd_bus_call(bus, request.get(), timeout, &error, &answer);
    if (result >= 0)
        return Message(answer);
    const std::string name = error.name ? error.name : "";
    const std::string text = error.message ? error.message : std::strerror(-result);
    sd_bus_error_free(&error);
    if (name == SD_BUS_ERROR_SERVICE_UNKNOWN || name == SD_BUS_ERROR_NAME_HAS_NO_OWNER)
        throw NoAnswer("ftd is not running; start it with \"systemctl start ftd\" and look at "
                       "\"journalctl -u ftd\"");
    if (name == SD_BUS_ERROR_NO_REPLY || name == SD_BUS_ERROR_TIMEOUT || result == -ETIMEDOUT)
        throw NoAnswer("ftd does not answer; look at \"journalctl -u ftd\"");
    if (name == SD_BUS_ERROR_UNKNOWN_OBJECT)
        throw Denied("there is no such object; see \"ftctl status\" for what there is");
    throw Denied(text);
}

} // namespace

Client::Client() {
    sd_bus *bus = nullptr;
    check(sd_bus_open_system(&bus), "cannot connect to the system bus");
    bus_.reset(bus);
    // For a person at a terminal polkit may ask for a password.
    sd_bus_set_allow_interactive_authorization(bus, true);
}

Message Client::request(const std::string &path, const char *interface, const char *method) const {
    sd_bus_message *message = nullptr;
    check(sd_bus_message_new_method_call(bus_.get(), &message, names::bus, path.c_str(), interface,
                                         method),
          "message");
    // Asking how things are must not start what an administrator has stopped.
    sd_bus_message_set_auto_start(message, false);
    return Message(message);
}

Message Client::call(const Message &request) const {
    return send(bus_.get(), request, action_us);
}

// `inside`: the type of an entry, "{sv}"; keys are texts.
static ordered_json read_dictionary(sd_bus_message *message, const std::string &inside) {
    const std::string entry = inside.substr(1, inside.size() - 2);
    ordered_json value = ordered_json::object();
    // No key comes twice: nothing is to be looked for. Where such an object grows it
    // copies all that is below it.
    auto &object = value.get_ref<ordered_json::object_t &>();
    object.reserve(usual_size);
    sd_bus_message_enter_container(message, 'a', inside.c_str());
    while (sd_bus_message_enter_container(message, 'e', entry.c_str()) > 0) {
        const char *key = nullptr;
        sd_bus_message_read_basic(message, entry[0], &key);
        object.emplace_back(key, read_value(message));
        sd_bus_message_exit_container(message);
    }
    sd_bus_message_exit_container(message);
    return value;
}

ordered_json read_value(sd_bus_message *message) {
    char type = 0;
    const char *contents = nullptr;
    if (sd_bus_message_peek_type(message, &type, &contents) <= 0)
        return nullptr;
    const auto read = [&](auto value) {
        sd_bus_message_read_basic(message, type, &value);
        return value;
    };
    switch (type) {
    case 's':
    case 'o':
    case 'g':
        return read(static_cast<const char *>(nullptr));
    case 'b':
        return read(0) != 0;
    case 'u':
        return read(std::uint32_t{});
    case 't':
        return read(std::uint64_t{});
    case 'v': {
        sd_bus_message_enter_container(message, type, contents);
        ordered_json value = read_value(message);
        sd_bus_message_exit_container(message);
        return value;
    }
    case 'a':
    case 'r': {
        const std::string inside = contents; // "contents" belongs to the message
        if (type == 'a' && inside[0] == '{')
            return read_dictionary(message, inside);
        ordered_json value = ordered_json::array();
        sd_bus_message_enter_container(message, type, inside.c_str());
        while (!sd_bus_message_at_end(message, false))
            value.push_back(read_value(message));
        sd_bus_message_exit_container(message);
        return value;
    }
    default:
        sd_bus_message_skip(message, nullptr); // a type that no property of ftd has
        return nullptr;
    }
}

ordered_json Client::manager() {
    const Message properties = request(names::root, "org.freedesktop.DBus.Properties", "GetAll");
    sd_bus_message_append(properties.get(), "s", names::manager);
    return read_value(send(bus_.get(), properties, status_us).get());
}

ordered_json Client::objects() {
    ordered_json result{{"manager", manager()},
                        {"modules", ordered_json::array()},
                        {"bonds", ordered_json::array()},
                        {"mirrors", ordered_json::array()},
                        {"jobs", ordered_json::array()}};
    const Message managed = send(
        bus_.get(), request(names::root, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects"),
        status_us);
    sd_bus_message_enter_container(managed.get(), 'a', "{oa{sa{sv}}}");
    while (sd_bus_message_enter_container(managed.get(), 'e', "oa{sa{sv}}") > 0) {
        sd_bus_message_skip(managed.get(), "o");
        sd_bus_message_enter_container(managed.get(), 'a', "{sa{sv}}");
        while (sd_bus_message_enter_container(managed.get(), 'e', "sa{sv}") > 0) {
            const char *interface = "";
            sd_bus_message_read_basic(managed.get(), 's', &interface);
            const char *list = !std::strcmp(interface, names::module)   ? "modules"
                               : !std::strcmp(interface, names::bond)   ? "bonds"
                               : !std::strcmp(interface, names::mirror) ? "mirrors"
                               : !std::strcmp(interface, names::job)    ? "jobs"
                                                                        : nullptr;
            if (list)
                result[list].push_back(read_value(managed.get()));
            else
                sd_bus_message_skip(managed.get(), "a{sv}");
            sd_bus_message_exit_container(managed.get());
        }
        sd_bus_message_exit_container(managed.get());
        sd_bus_message_exit_container(managed.get());
    }
    // "ftb2" before "ftb10".
    for (const auto &[list, key] : {std::make_pair("bonds", "Name"), {"mirrors", "Name"}})
        std::sort(result[list].begin(), result[list].end(),
                  [key = key](const ordered_json &a, const ordered_json &b) {
                      return ::strverscmp(a[key].get_ref<const std::string &>().c_str(),
                                          b[key].get_ref<const std::string &>().c_str()) < 0;
                  });
    for (const char *list : {"modules", "jobs"})
        std::sort(result[list].begin(), result[list].end(),
                  [](const ordered_json &a, const ordered_json &b) { return a["Id"] < b["Id"]; });
    return result;
}

ordered_json Client::property(const std::string &path, const char *interface, const char *name) {
    const Message get = request(path, "org.freedesktop.DBus.Properties", "Get");
    sd_bus_message_append(get.get(), "ss", interface, name);
    return read_value(send(bus_.get(), get, status_us).get());
}

bool Client::watch(unsigned seconds,
                   const std::function<bool(const std::string &, sd_bus_message *)> &changed) {
    struct Context {
        const std::function<bool(const std::string &, sd_bus_message *)> &changed;
        bool ended;
    } context{changed, false};
    const auto handler = [](sd_bus_message *message, void *data, sd_bus_error *) {
        auto *c = static_cast<Context *>(data);
        const char *path = sd_bus_message_get_path(message);
        if (!c->ended && !c->changed(path ? path : "", message))
            c->ended = true;
        return 0;
    };
    sd_bus_slot *slot = nullptr;
    check(sd_bus_add_match(
              bus_.get(), &slot,
              fmt::format("type='signal',sender='{}',path_namespace='{}'", names::bus, names::root)
                  .c_str(),
              handler, &context),
          "cannot listen to ftd");
    const ft::Handle<sd_bus_slot, sd_bus_slot_unref> owner(slot);
    sd_bus_slot *left = nullptr;
    check(sd_bus_add_match(bus_.get(), &left,
                           fmt::format("type='signal',sender='org.freedesktop.DBus',"
                                       "member='NameOwnerChanged',arg0='{}'",
                                       names::bus)
                               .c_str(),
                           handler, &context),
          "cannot listen to the bus");
    const ft::Handle<sd_bus_slot, sd_bus_slot_unref> left_owner(left);

    using clock = std::chrono::steady_clock;
    const auto end = clock::now() + std::chrono::seconds(seconds);
    // What happened before the match was in place.
    if (!changed("", nullptr))
        return true;
    while (!context.ended) {
        const int processed = sd_bus_process(bus_.get(), nullptr);
        check(processed, "the system bus is gone");
        if (processed > 0)
            continue;
        std::uint64_t wait = UINT64_MAX;
        if (seconds) {
            const auto now = clock::now();
            if (now >= end)
                return false;
            wait = static_cast<std::uint64_t>(
                std::chrono::duration_cast<std::chrono::microseconds>(end - now).count());
        }
        check(sd_bus_wait(bus_.get(), wait), "the system bus is gone");
    }
    return true;
}

std::string module_path(const std::string &id) {
    return fmt::format("{}/{}", names::module_root, id);
}

std::string mirror_path(const std::string &name) {
    return encode(names::mirror_root, name);
}

} // namespace ftctl
