// SPDX-License-Identifier: GPL-2.0
#include "ftd/bus/server.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "ftd/bus/access.hpp"
#include "ftd/bus/limits.hpp"
#include "ftd/bus/nouns.hpp"
#include "ftd/common/clock.hpp"
#include "ftd/common/names.hpp"
#include "ftd/out/journal.hpp"

namespace ft::bus {

namespace {

constexpr std::uint64_t again_us = 500 * 1000;
constexpr std::uint64_t name_us = 1000 * 1000;

void check(int error, const char *what) {
    if (error < 0)
        throw std::system_error(-error, std::generic_category(), what);
}

// A number is a part of a path as it is.
std::string path_of(const char *root, std::uint32_t id) {
    return fmt::format("{}/{}", root, id);
}

std::string path_of(const char *root, const std::string &name) {
    char *path = nullptr;
    check(sd_bus_path_encode(root, name.c_str(), &path), "object path");
    const Handle<char, std::free> owner(path);
    return path;
}

// The name in the last part of a path below `root`; empty: none.
std::string name_in(const char *root, const char *path) {
    const std::size_t length = std::strlen(root);
    if (std::strncmp(path, root, length) || path[length] != '/')
        return {};
    if (!std::strchr(path + length, '_')) // nothing in it is encoded
        return path + length + 1;
    char *name = nullptr;
    if (sd_bus_path_decode(path, root, &name) <= 0)
        return {};
    const Handle<char, std::free> owner(name);
    return name;
}

const PairView *pair_in(const std::map<std::string, PairView> &pairs, const char *root,
                        const char *path) {
    const auto found = pairs.find(name_in(root, path));
    return found == pairs.end() ? nullptr : &found->second;
}

template <auto at>
int find(sd_bus *, const char *path, const char *, void *data, void **found, sd_bus_error *) {
    if (!at(*static_cast<System *>(data), path))
        return 0;
    *found = data;
    return 1;
}

int enumerate(sd_bus *, const char *, void *data, char ***nodes, sd_bus_error *) {
    const SystemView &view = static_cast<System *>(data)->view();
    std::vector<std::string> paths;
    for (const auto &[id, module] : view.modules)
        paths.push_back(path_of(names::module_root, id));
    for (const auto &[name, bond] : view.bonds)
        paths.push_back(path_of(names::bond_root, name));
    for (const auto &[name, mirror] : view.mirrors)
        paths.push_back(path_of(names::mirror_root, name));
    for (const auto &[id, dump] : view.dump.dumps)
        paths.push_back(path_of(names::dump_root, id));
    for (const auto &[id, job] : view.jobs)
        paths.push_back(path_of(names::job_root, id));
    // The library frees the list and each text with free().
    auto **list = static_cast<char **>(std::calloc(paths.size() + 1, sizeof(char *)));
    for (std::size_t i = 0; list && i < paths.size(); i++)
        list[i] = ::strdup(paths[i].c_str());
    *nodes = list;
    return list ? 0 : -ENOMEM;
}

Limits &limits() {
    static Limits limits;
    return limits;
}

// Sees every message first: a client that asks for too much hears so.
int admit(sd_bus_message *message, void *, sd_bus_error *) {
    const char *sender = sd_bus_message_get_sender(message);
    if (!sd_bus_message_is_method_call(message, nullptr, nullptr) || !sender ||
        limits().call(sender, boottime()))
        return 0;
    sd_bus_reply_method_errorf(message, SD_BUS_ERROR_LIMITS_EXCEEDED,
                               "too many calls in a short time; subscribe to signals instead");
    return 1;
}

const std::map<std::string, Method> *methods_of(const char *interface) {
    if (!std::strcmp(interface, names::manager))
        return &manager_methods();
    if (!std::strcmp(interface, names::module))
        return &module_methods();
    if (!std::strcmp(interface, names::mirror))
        return &mirror_methods();
    if (!std::strcmp(interface, names::dump))
        return &dump_methods();
    if (!std::strcmp(interface, names::job))
        return &job_methods();
    return nullptr;
}

} // namespace

int dispatch(sd_bus_message *message, void *data, sd_bus_error *) {
    auto *system = static_cast<System *>(data);
    const char *sender = sd_bus_message_get_sender(message);
    auto place = limits().change(sender ? sender : "");
    if (!place.use_count())
        return sd_bus_reply_method_errorf(message, SD_BUS_ERROR_LIMITS_EXCEEDED,
                                          "too many changes are under way; wait for their answers");
    auto call = std::make_shared<Call>(message, std::move(place));
    access::check(call, [system, call] {
        try {
            const auto *methods = methods_of(sd_bus_message_get_interface(call->message()));
            methods->at(sd_bus_message_get_member(call->message()))(*system, call);
        } catch (...) {
            call->end(std::current_exception());
        }
    });
    return 1; // answered, now or later
}

const ModuleView *module_at(const System &system, const char *path) {
    const std::string name = name_in(names::module_root, path);
    for (const auto &[id, module] : system.view().modules)
        if (name == fmt::format("{}", id))
            return &module;
    return nullptr;
}

const PairView *bond_at(const System &system, const char *path) {
    return pair_in(system.view().bonds, names::bond_root, path);
}

const PairView *mirror_at(const System &system, const char *path) {
    return pair_in(system.view().mirrors, names::mirror_root, path);
}

const Dump *dump_at(const System &system, const char *path) {
    const auto &dumps = system.view().dump.dumps;
    const auto found = dumps.find(name_in(names::dump_root, path));
    return found == dumps.end() ? nullptr : &found->second;
}

const Job *job_at(const System &system, const char *path) {
    const std::string name = name_in(names::job_root, path);
    for (const auto &[id, job] : system.view().jobs)
        if (name == fmt::format("{}", id))
            return &job;
    return nullptr;
}

Server::Server(sd_event *event, System &system) : event_(event), system_(system) {
    if (!connect())
        connect_later();
}

// False: there is no bus.
bool Server::connect() {
    bus_.reset();
    sd_bus *bus = nullptr;
    const int error = sd_bus_open_system(&bus);
    if (error < 0) {
        if (!told_)
            journal::error(fmt::format("cannot connect to the system bus ({}): pairs are cared "
                                       "for, but nobody can ask; it is tried again",
                                       std::strerror(-error)));
        told_ = true;
        return false;
    }
    bus_.reset(bus);
    told_ = false;
    check(sd_bus_attach_event(bus, event_, SD_EVENT_PRIORITY_NORMAL), "system bus");
    check(sd_bus_match_signal(bus, nullptr, nullptr, "/org/freedesktop/DBus/Local",
                              "org.freedesktop.DBus.Local", "Disconnected", disconnected, this),
          "system bus");
    check(sd_bus_add_filter(bus, nullptr, admit, nullptr), "system bus");
    check(sd_bus_add_object_manager(bus, nullptr, names::root), "object manager");
    check(sd_bus_add_object_vtable(bus, nullptr, names::root, names::manager, manager_vtable,
                                   &system_),
          names::manager);
    const auto add = [&](const char *root, const char *interface, const sd_bus_vtable *vtable,
                         sd_bus_object_find_t found) {
        check(sd_bus_add_fallback_vtable(bus, nullptr, root, interface, vtable, found, &system_),
              interface);
    };
    add(names::module_root, names::module, module_vtable, find<module_at>);
    add(names::bond_root, names::bond, bond_vtable, find<bond_at>);
    add(names::mirror_root, names::mirror, mirror_vtable, find<mirror_at>);
    add(names::dump_root, names::dump, dump_vtable, find<dump_at>);
    add(names::job_root, names::job, job_vtable, find<job_at>);
    check(sd_bus_add_node_enumerator(bus, nullptr, names::root, enumerate, &system_), "objects");
    // Not waited for: at boot the bus may come up only after file systems are
    // mounted that are on mirrors.
    check(sd_bus_request_name_async(bus, nullptr, names::bus, 0, name_answered, this),
          "cannot take the name org.ftstack.ft1");
    return true;
}

void Server::when_answering(std::function<void()> ready) {
    ready_ = std::move(ready);
    if (bus_)
        set_timer(patience_, name_us, [](sd_event_source *, std::uint64_t, void *self) {
            static_cast<Server *>(self)->answers();
            return 0;
        });
    else
        answers();
}

void Server::answers() {
    patience_.reset();
    if (const auto ready = std::exchange(ready_, nullptr))
        ready();
}

void Server::connect_later() {
    set_timer(again_, again_us, [](sd_event_source *, std::uint64_t, void *data) {
        auto *self = static_cast<Server *>(data);
        self->again_.reset();
        if (!self->connect())
            self->connect_later();
        return 0;
    });
}

void Server::set_timer(Timer &timer, std::uint64_t us, sd_event_time_handler_t expired) {
    sd_event_source *source = nullptr;
    check(sd_event_add_time_relative(event_, &source, CLOCK_MONOTONIC, us, 0, expired, this),
          "timer");
    timer.reset(source);
}

int Server::name_answered(sd_bus_message *answer, void *self, sd_bus_error *) {
    std::uint32_t result = 0;
    // The bus went away before it could answer: asked again when it is back.
    for (const char *gone : {SD_BUS_ERROR_NO_REPLY, SD_BUS_ERROR_DISCONNECTED})
        if (sd_bus_message_is_method_error(answer, gone))
            return 0;
    const bool failed = sd_bus_message_is_method_error(answer, nullptr) ||
                        sd_bus_message_read(answer, "u", &result) < 0;
    constexpr std::uint32_t owner = 1, already_owner = 4;
    auto *server = static_cast<Server *>(self);
    if (!failed && (result == owner || result == already_owner)) {
        server->answers();
        return 0;
    }
    std::fprintf(stderr, "ftd: cannot take the name %s: %s\n", names::bus,
                 failed ? "the bus refused it" : "another ftd runs");
    sd_event_exit(server->event_, EXIT_FAILURE);
    return 0;
}

// Called out of the bus that is gone: it is put away later. All that callers were
// waiting for comes to its end without them.
int Server::disconnected(sd_bus_message *, void *self, sd_bus_error *) {
    journal::error("the system bus is gone; waiting for it to come back");
    static_cast<Server *>(self)->connect_later();
    return 0;
}

void Server::changed(const std::string &path, const char *interface,
                     const std::vector<const char *> &names) {
    if (names.empty())
        return;
    std::vector<char *> list;
    for (const char *name : names)
        list.push_back(const_cast<char *>(name)); // only read
    list.push_back(nullptr);
    sd_bus_emit_properties_changed_strv(bus_.get(), path.c_str(), interface, list.data());
}

void Server::published(const SystemView &before, const SystemView &now) {
    if (!bus_)
        return;
    const auto differences = [&](const auto &old, const auto &current, const char *root,
                                 const char *interface, auto changes) {
        for (const auto &[key, object] : old)
            if (!current.contains(key))
                sd_bus_emit_interfaces_removed(bus_.get(), path_of(root, key).c_str(), interface,
                                               nullptr);
        for (const auto &[key, object] : current) {
            const auto previous = old.find(key);
            if (previous == old.end()) {
                sd_bus_emit_object_added(bus_.get(), path_of(root, key).c_str());
                continue;
            }
            const Changed names = changes(previous->second, object);
            if (!names.empty())
                changed(path_of(root, key), interface, names);
        }
    };
    differences(before.modules, now.modules, names::module_root, names::module, module_changes);
    differences(before.bonds, now.bonds, names::bond_root, names::bond, bond_changes);
    differences(before.mirrors, now.mirrors, names::mirror_root, names::mirror, mirror_changes);
    differences(before.dump.dumps, now.dump.dumps, names::dump_root, names::dump, dump_changes);
    differences(before.jobs, now.jobs, names::job_root, names::job,
                [](const Job &, const Job &) { return Changed{}; });
    for (const EndedJob &ended : now.ended)
        sd_bus_emit_signal(bus_.get(), names::root, names::manager, "JobRemoved", "osss",
                           path_of(names::job_root, ended.job.id).c_str(), ended.job.kind.c_str(),
                           ended.job.subject.c_str(), ended.result.c_str());
    changed(names::root, names::manager, manager_changes(before, now));
}

} // namespace ft::bus
