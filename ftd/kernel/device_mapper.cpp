// SPDX-License-Identifier: GPL-2.0
#include "ftd/kernel/device_mapper.hpp"

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <libdevmapper.h>
#include <linux/dm-ioctl.h>
#include <mutex>
#include <sys/ioctl.h>

#include <fmt/format.h>

#include "ftd/common/error.hpp"
#include "ftd/common/handle.hpp"
#include "kmod/uapi/ft_mirror.h"

namespace ft::dm {

namespace {

// libdevmapper has one control descriptor and one log for the process.
std::mutex library;

using Task = Handle<dm_task, dm_task_destroy>;

// Errors are thrown with our own words; the library's go nowhere.
void quiet(int, const char *, int, int, const char *, ...) {}

// The device-mapper's uuid, which says whose a device is.
std::string owner(const std::string &uuid) {
    return "FTMIRROR-" + uuid;
}

Task task(int type, const std::string &name) {
    dm_log_with_errno_init(quiet);
    Task task(dm_task_create(type));
    if (!task || !dm_task_set_name(task.get(), name.c_str()))
        throw failed(fmt::format("device-mapper: cannot work on {}; is the kernel module dm_mod "
                                 "loaded?",
                                 name));
    return task;
}

// 0 or the errno. `udev`: waits until udev has acted on it too.
int run(const Task &task, bool udev = false) {
    std::uint32_t cookie = 0;
    if (udev && !dm_task_set_cookie(task.get(), &cookie, 0))
        return ENOMEM;
    const bool done = dm_task_run(task.get());
    const int error = done ? 0 : dm_task_get_errno(task.get());
    if (udev)
        dm_udev_wait(cookie);
    return done ? 0 : error ? error : EIO;
}

std::string parameters_of(const Table &table) {
    return fmt::format("{} {} {}{}", table.uuid, table.legs[0], table.legs[1],
                       table.words.empty() ? "" : " " + table.words);
}

// What runs: its length, and its parameters.
std::pair<std::uint64_t, std::string> running(const std::string &name) {
    const Task table = task(DM_DEVICE_TABLE, name);
    if (const int error = run(table))
        throw failed(fmt::format("{}: its table cannot be read: {}", name, std::strerror(error)));
    std::uint64_t start = 0, length = 0;
    char *type = nullptr, *parameters = nullptr;
    dm_get_next_target(table.get(), nullptr, &start, &length, &type, &parameters);
    if (!type || std::strcmp(type, FT_MIRROR_TARGET) != 0)
        throw failed(fmt::format("{} is no mirror that runs", name));
    return {length, parameters};
}

void replace_table(const std::string &name, std::uint64_t sectors, const std::string &parameters) {
    const Task load = task(DM_DEVICE_RELOAD, name);
    if (!dm_task_add_target(load.get(), 0, sectors, FT_MIRROR_TARGET, parameters.c_str()))
        throw failed(fmt::format("{}: device-mapper refused its table", name));
    if (const int error = run(load))
        throw failed(fmt::format("{} cannot be changed: {}; the kernel log says why", name,
                                 std::strerror(error)));
    // Suspends what runs, without having file systems write back what they have.
    const Task resume = task(DM_DEVICE_RESUME, name);
    dm_task_skip_lockfs(resume.get());
    if (const int error = run(resume, true))
        throw failed(fmt::format("{} could not be started anew: {}; the kernel log says why", name,
                                 std::strerror(error)));
}

} // namespace

Table table_of(const MirrorConfig &mirror, const AssemblyPlan &plan,
               const std::array<std::string, 2> &devices) {
    Table table;
    table.uuid = mirror.uuid;
    for (std::size_t i = 0; i < 2; i++)
        table.legs[i] = plan.use[i] ? devices[i] : "-";
    table.sectors = plan.sectors;
    table.words = table_words(mirror, plan);
    return table;
}

bool target_known() {
    const std::lock_guard guard(library);
    dm_log_with_errno_init(quiet);
    const auto listed = [] {
        const Task task(dm_task_create(DM_DEVICE_LIST_VERSIONS));
        if (!task || !dm_task_run(task.get()))
            return false;
        for (dm_versions *target = dm_task_get_versions(task.get());;) {
            if (std::strcmp(target->name, FT_MIRROR_TARGET) == 0)
                return true;
            if (!target->next)
                return false;
            target =
                reinterpret_cast<dm_versions *>(reinterpret_cast<char *>(target) + target->next);
        }
    };
    if (listed())
        return true;
    // Asking for one target by name makes the kernel load its module.
    const Task task(dm_task_create(DM_DEVICE_GET_TARGET_VERSION));
    if (task && dm_task_set_name(task.get(), FT_MIRROR_TARGET))
        dm_task_run(task.get());
    return listed();
}

void create(const std::string &name, const Table &table) {
    const std::lock_guard guard(library);
    const Task create = task(DM_DEVICE_CREATE, name);
    const std::string parameters = parameters_of(table);
    if (!dm_task_set_uuid(create.get(), owner(table.uuid).c_str()) ||
        !dm_task_add_target(create.get(), 0, table.sectors, FT_MIRROR_TARGET, parameters.c_str()))
        throw failed(fmt::format("{}: device-mapper refused its table", name));
    // The library removes the device again if the table is refused.
    if (const int error = run(create, true))
        throw failed(fmt::format("{} could not be started: {}; the kernel log says why", name,
                                 error == EEXIST || error == EBUSY
                                     ? "a device-mapper device of this name or uuid exists"
                                     : std::strerror(error)));
}

std::uint64_t sectors(const std::string &name) {
    const std::lock_guard guard(library);
    return running(name).first;
}

void resize(const std::string &name, std::uint64_t sectors) {
    const std::lock_guard guard(library);
    replace_table(name, sectors, running(name).second);
}

void reload(const std::string &name, const Table &table) {
    const std::lock_guard guard(library);
    replace_table(name, table.sectors, parameters_of(table));
}

bool suspended(const std::string &name) {
    const std::lock_guard guard(library);
    const Task task = dm::task(DM_DEVICE_INFO, name);
    dm_info info{};
    return !run(task) && dm_task_get_info(task.get(), &info) && info.suspended;
}

void create_read_only(const std::string &name, const Table &table, std::uint64_t offset) {
    const std::lock_guard guard(library);
    const Task create = task(DM_DEVICE_CREATE, name);
    const std::string &leg = table.legs[0] != "-" ? table.legs[0] : table.legs[1];
    const std::string parameters = fmt::format("{} {}", leg, offset);
    // Not the mirror's uuid: nobody shall take it for one.
    if (!dm_task_set_uuid(create.get(), ("FTLEG-" + table.uuid).c_str()) ||
        !dm_task_set_ro(create.get()) ||
        !dm_task_add_target(create.get(), 0, table.sectors, "linear", parameters.c_str()))
        throw failed(fmt::format("{}: device-mapper refused its table", name));
    if (const int error = run(create, true))
        throw failed(fmt::format("{} could not be read: {}", leg, std::strerror(error)));
}

bool remove(const std::string &name) {
    const std::lock_guard guard(library);
    const Task remove = task(DM_DEVICE_REMOVE, name);
    const int error = run(remove, true);
    if (error && error != ENXIO && error != ENOENT)
        throw failed(fmt::format("{} could not be removed: {}{}", name, std::strerror(error),
                                 error == EBUSY ? "; stop what uses it first" : ""));
    return !error;
}

int message(const std::string &name, const std::string &text) {
    const std::lock_guard guard(library);
    const Task message = task(DM_DEVICE_TARGET_MSG, name);
    if (!dm_task_set_sector(message.get(), 0) || !dm_task_set_message(message.get(), text.c_str()))
        return ENOMEM;
    return run(message);
}

// Without the library, whose lock is held for as long as a disk takes.
std::string status(const std::string &name) {
    struct Request {
        dm_ioctl head;
        std::array<char, 4096> data;
    } request{};
    const Fd control(::open("/dev/mapper/control", O_RDWR | O_CLOEXEC));
    if (!control || name.size() >= sizeof(request.head.name))
        return {};
    request.head.version[0] = DM_VERSION_MAJOR;
    request.head.data_size = sizeof(request);
    request.head.data_start = offsetof(Request, data);
    request.head.flags = DM_NOFLUSH_FLAG;
    std::strcpy(request.head.name, name.c_str());
    if (::ioctl(control.get(), DM_TABLE_STATUS, &request) < 0 || !request.head.target_count)
        return {};
    dm_target_spec target;
    std::memcpy(&target, request.data.data(), sizeof(target));
    if (std::strcmp(target.target_type, FT_MIRROR_TARGET) != 0)
        return {};
    request.data.back() = 0;
    return request.data.data() + sizeof(target);
}

} // namespace ft::dm
