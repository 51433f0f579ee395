// SPDX-License-Identifier: GPL-2.0
#include "ftd/bus/pair.hpp"

#include <cstring>

#include "ftd/common/error.hpp"
#include "ftd/common/names.hpp"

namespace ft::bus {

namespace {

template <auto read>
constexpr sd_bus_property_get_t mirror_property = pair_property<mirror_at, read>;

// The counters run on between two events: asked of the kernel at each reading.
template <auto counter>
constexpr sd_bus_property_get_t counter_property = [](sd_bus *, const char *path, const char *,
                                                      const char *, sd_bus_message *reply,
                                                      void *data, sd_bus_error *) -> int {
    auto *system = static_cast<System *>(data);
    const PairView *pair = mirror_at(*system, path);
    return pair ? append(reply, system->progress(pair->name).*counter) : -ENOENT;
};

int append_value(sd_bus_message *reply, const MirrorStatistics &said, const PairView &pair) {
    int error = sd_bus_message_open_container(reply, 'a', "(sttttttttt)");
    for (std::size_t i = 0; i < 2; i++) {
        const LegStatistics &leg = said.legs[i];
        if (error >= 0)
            error = sd_bus_message_append(reply, "(sttttttttt)", pair.members[i].path.c_str(),
                                          leg.reads, leg.read_bytes, leg.read_ms, leg.writes,
                                          leg.written_bytes, leg.write_ms, leg.failed_reads,
                                          leg.failed_writes, leg.repaired);
    }
    return error < 0 ? error : sd_bus_message_close_container(reply);
}

int append_value(sd_bus_message *reply, const ScrubStatistics &scrub) {
    return sd_bus_message_append(reply, "(sttttt)", scrub.mode.c_str(), scrub.done, scrub.total,
                                 scrub.differing, scrub.repaired, scrub.unreadable);
}

int statistics_property(sd_bus *, const char *path, const char *, const char *property,
                        sd_bus_message *reply, void *data, sd_bus_error *) {
    const auto *system = static_cast<System *>(data);
    const PairView *pair = mirror_at(*system, path);
    if (!pair)
        return -ENOENT;
    const MirrorStatistics said = system->statistics(pair->name);
    return std::strcmp(property, "Scrubbed") == 0 ? append_value(reply, said.scrub)
                                                  : append_value(reply, said, *pair);
}

} // namespace

const sd_bus_vtable mirror_vtable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD_WITH_ARGS("StartAlone", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, dispatch,
                            SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_ARGS("Resolve", SD_BUS_ARGS("s", survivor), SD_BUS_NO_RESULT, dispatch,
                            SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_ARGS("Replace", SD_BUS_ARGS("s", device, "t", flags), SD_BUS_NO_RESULT,
                            dispatch, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_ARGS("Scrub", SD_BUS_ARGS("b", repair), SD_BUS_NO_RESULT, dispatch,
                            SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_ARGS("Grow", SD_BUS_ARGS("t", size), SD_BUS_RESULT("t", size), dispatch,
                            SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_ARGS("Prefer", SD_BUS_ARGS("s", device), SD_BUS_NO_RESULT, dispatch,
                            SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_PROPERTY("Name", "s", mirror_property<[](const PairView &p) { return p.name; }>, 0,
                    SD_BUS_VTABLE_PROPERTY_CONST),
    SD_BUS_PROPERTY("Uuid", "s", mirror_property<[](const PairView &p) { return p.uuid; }>, 0,
                    SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("State", "s",
                    mirror_property<[](const PairView &p) { return std::string(name(p.state)); }>,
                    0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY(
        "RequestedState", "s",
        mirror_property<[](const PairView &p) { return std::string(name(p.requested)); }>, 0,
        SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("Reason", "s",
                    mirror_property<[](const PairView &p) { return std::string(name(p.reason)); }>,
                    0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("Since", "t",
                    mirror_property<[](const PairView &p) { return calendar_us(p.since); }>, 0,
                    SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("NextAction", "s",
                    mirror_property<[](const PairView &p) { return p.next_action; }>, 0,
                    SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("Members", "a(sssst)", members_property<mirror_at>, 0,
                    SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("Device", "s", mirror_property<[](const PairView &p) {
                        return p.running ? "/dev/mapper/" + p.name : std::string();
                    }>,
                    0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("Size", "t", mirror_property<[](const PairView &p) { return p.size; }>, 0,
                    SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("SyncDone", "t", counter_property<&KernelPair::sync_done>, 0, 0),
    SD_BUS_PROPERTY("SyncTotal", "t", counter_property<&KernelPair::sync_total>, 0, 0),
    SD_BUS_PROPERTY("SyncCopied", "t", counter_property<&KernelPair::sync_copied>, 0, 0),
    SD_BUS_PROPERTY("Statistics", "a(sttttttttt)", statistics_property, 0,
                    SD_BUS_VTABLE_PROPERTY_EXPLICIT),
    SD_BUS_PROPERTY("Scrubbed", "(sttttt)", statistics_property, 0,
                    SD_BUS_VTABLE_PROPERTY_EXPLICIT),
    SD_BUS_VTABLE_END,
};

const std::map<std::string, Method> &mirror_methods() {
    static const std::map<std::string, Method> methods{
        {"StartAlone",
         [](System &system, const std::shared_ptr<Call> &call) {
             system.start_alone(call->object(),
                                [call](std::exception_ptr error) { call->end(error); });
         }},
        {"Resolve",
         [](System &system, const std::shared_ptr<Call> &call) {
             system.resolve(call->object(), call->text(),
                            [call](std::exception_ptr error) { call->end(error); });
         }},
        {"Replace",
         [](System &system, const std::shared_ptr<Call> &call) {
             const std::string device = call->text();
             const std::uint64_t flags = call->number();
             if (flags & ~(names::flag_wipe | names::flag_adopt))
                 throw refused("unknown flag; known: 1 (wipe), 2 (adopt)");
             system.replace(call->object(), device, flags,
                            [call](std::exception_ptr error) { call->end(error); });
         }},
        {"Scrub",
         [](System &system, const std::shared_ptr<Call> &call) {
             system.scrub(call->object(), call->truth(),
                          [call](std::exception_ptr error) { call->end(error); });
         }},
        {"Grow",
         [](System &system, const std::shared_ptr<Call> &call) {
             system.grow(call->object(), call->number(),
                         [call](std::uint64_t bytes, std::exception_ptr error) {
                             if (error)
                                 call->end(error);
                             else
                                 call->reply(bytes);
                         });
         }},
        {"Prefer",
         [](System &system, const std::shared_ptr<Call> &call) {
             system.prefer(call->object(), call->text(),
                           [call](std::exception_ptr error) { call->end(error); });
         }},
    };
    return methods;
}

Changed mirror_changes(const PairView &before, const PairView &now) {
    Changed changed = pair_changes(before, now);
    if (before.uuid != now.uuid)
        changed.push_back("Uuid");
    if (before.running != now.running)
        changed.push_back("Device");
    if (before.size != now.size)
        changed.push_back("Size");
    return changed;
}

} // namespace ft::bus
