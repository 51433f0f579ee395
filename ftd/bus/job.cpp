// SPDX-License-Identifier: GPL-2.0
#include "ftd/bus/nouns.hpp"

#include "ftd/bus/property.hpp"
#include "ftd/common/clock.hpp"

namespace ft::bus {

namespace {

template <auto read>
constexpr sd_bus_property_get_t job_property = [](sd_bus *, const char *path, const char *,
                                                  const char *, sd_bus_message *reply, void *data,
                                                  sd_bus_error *) -> int {
    const Job *job = job_at(*static_cast<System *>(data), path);
    return job ? append(reply, read(*job)) : -ENOENT;
};

// How far it is: asked of who does it at each reading.
template <auto field>
constexpr sd_bus_property_get_t progress_property = [](sd_bus *, const char *path, const char *,
                                                       const char *, sd_bus_message *reply,
                                                       void *data, sd_bus_error *) -> int {
    auto *system = static_cast<System *>(data);
    const Job *job = job_at(*system, path);
    if (!job)
        return -ENOENT;
    return append(reply, field(system->progress(*job)));
};

} // namespace

const sd_bus_vtable job_vtable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD_WITH_ARGS("Cancel", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, dispatch,
                            SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_PROPERTY("Id", "u", job_property<[](const Job &j) { return j.id; }>, 0,
                    SD_BUS_VTABLE_PROPERTY_CONST),
    SD_BUS_PROPERTY("Kind", "s", job_property<[](const Job &j) { return j.kind; }>, 0,
                    SD_BUS_VTABLE_PROPERTY_CONST),
    SD_BUS_PROPERTY("Subject", "s", job_property<[](const Job &j) { return j.subject; }>, 0,
                    SD_BUS_VTABLE_PROPERTY_CONST),
    SD_BUS_PROPERTY("Since", "t", job_property<[](const Job &j) { return calendar_us(j.since); }>,
                    0, SD_BUS_VTABLE_PROPERTY_CONST),
    SD_BUS_PROPERTY("Done", "t", progress_property<[](const Progress &p) { return p.done; }>, 0, 0),
    SD_BUS_PROPERTY("Total", "t", progress_property<[](const Progress &p) { return p.total; }>, 0,
                    0),
    SD_BUS_PROPERTY("Rate", "t", progress_property<[](const Progress &p) { return p.rate; }>, 0, 0),
    SD_BUS_PROPERTY("Remaining", "t", progress_property<[](const Progress &p) {
                        return p.rate ? p.remaining_s : ~std::uint64_t{0};
                    }>,
                    0, 0),
    SD_BUS_VTABLE_END,
};

const std::map<std::string, Method> &job_methods() {
    static const std::map<std::string, Method> methods{
        {"Cancel",
         [](System &system, const std::shared_ptr<Call> &call) {
             system.cancel_job(static_cast<std::uint32_t>(std::stoul(call->object())),
                               [call](std::exception_ptr error) { call->end(error); });
         }},
    };
    return methods;
}

} // namespace ft::bus
