// SPDX-License-Identifier: GPL-2.0
#include "ftd/bus/nouns.hpp"

#include "ftd/bus/property.hpp"

namespace ft::bus {

namespace {

constexpr std::uint64_t second_us = 1000000;

template <auto read>
constexpr sd_bus_property_get_t dump_property = [](sd_bus *, const char *path, const char *,
                                                   const char *, sd_bus_message *reply, void *data,
                                                   sd_bus_error *) -> int {
    const Dump *dump = dump_at(*static_cast<System *>(data), path);
    return dump ? append(reply, read(*dump)) : -ENOENT;
};

} // namespace

const sd_bus_vtable dump_vtable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD_WITH_ARGS("Delete", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, dispatch,
                            SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_PROPERTY("Id", "s", dump_property<[](const Dump &d) { return d.id; }>, 0,
                    SD_BUS_VTABLE_PROPERTY_CONST),
    SD_BUS_PROPERTY("Time", "t", dump_property<[](const Dump &d) { return d.time * second_us; }>, 0,
                    SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("Panic", "s", dump_property<[](const Dump &d) { return d.panic; }>, 0,
                    SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("Kernel", "s", dump_property<[](const Dump &d) { return d.kernel; }>, 0,
                    SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("Size", "t", dump_property<[](const Dump &d) { return d.bytes; }>, 0,
                    SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("Complete", "b", dump_property<[](const Dump &d) { return d.complete; }>, 0,
                    SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("SaveSeconds", "d", dump_property<[](const Dump &d) { return d.save_s; }>, 0,
                    SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("ReturnSeconds", "d", dump_property<[](const Dump &d) { return d.return_s; }>,
                    0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("Returned", "t", dump_property<[](const Dump &d) { return d.returned; }>, 0,
                    SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("Cpus", "t", dump_property<[](const Dump &d) { return d.cpus; }>, 0,
                    SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("AwaySeconds", "d", dump_property<[](const Dump &d) { return d.away_s; }>, 0,
                    SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("RearmedSeconds", "d", dump_property<[](const Dump &d) { return d.rearmed_s; }>,
                    0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("Error", "s", dump_property<[](const Dump &d) { return d.error; }>, 0,
                    SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_VTABLE_END,
};

const std::map<std::string, Method> &dump_methods() {
    static const std::map<std::string, Method> methods{
        {"Delete",
         [](System &system, const std::shared_ptr<Call> &call) {
             system.delete_dump(call->object(),
                                [call](std::exception_ptr error) { call->end(error); });
         }},
    };
    return methods;
}

Changed dump_changes(const Dump &before, const Dump &now) {
    Changed changed;
    const auto compare = [&](const auto &old, const auto &current, const char *name) {
        if (old != current)
            changed.push_back(name);
    };
    compare(before.time, now.time, "Time");
    compare(before.panic, now.panic, "Panic");
    compare(before.kernel, now.kernel, "Kernel");
    compare(before.bytes, now.bytes, "Size");
    compare(before.complete, now.complete, "Complete");
    compare(before.save_s, now.save_s, "SaveSeconds");
    compare(before.return_s, now.return_s, "ReturnSeconds");
    compare(before.returned, now.returned, "Returned");
    compare(before.cpus, now.cpus, "Cpus");
    compare(before.away_s, now.away_s, "AwaySeconds");
    compare(before.rearmed_s, now.rearmed_s, "RearmedSeconds");
    compare(before.error, now.error, "Error");
    return changed;
}

} // namespace ft::bus
