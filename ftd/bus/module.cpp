// SPDX-License-Identifier: GPL-2.0
#include "ftd/bus/nouns.hpp"

#include "ftd/bus/property.hpp"
#include "ftd/common/clock.hpp"

namespace ft::bus {

namespace {

int append_devices(sd_bus_message *reply, const std::vector<DeviceView> &devices) {
    int error = sd_bus_message_open_container(reply, 'a', "(ssss)");
    for (const DeviceView &device : devices)
        if (error >= 0)
            error = sd_bus_message_append(reply, "(ssss)", device.path.c_str(), device.kind.c_str(),
                                          device.name.c_str(), device.pair.c_str());
    return error < 0 ? error : sd_bus_message_close_container(reply);
}

template <auto read>
constexpr sd_bus_property_get_t module_property = [](sd_bus *, const char *path, const char *,
                                                     const char *, sd_bus_message *reply,
                                                     void *data, sd_bus_error *) -> int {
    const ModuleView *module = module_at(*static_cast<System *>(data), path);
    if (!module)
        return -ENOENT;
    return append(reply, read(*module));
};

int devices_property(sd_bus *, const char *path, const char *, const char *, sd_bus_message *reply,
                     void *data, sd_bus_error *) {
    const ModuleView *module = module_at(*static_cast<System *>(data), path);
    return module ? append_devices(reply, module->devices) : -ENOENT;
}

std::uint32_t id_of(const Call &call) {
    return static_cast<std::uint32_t>(std::stoul(call.object()));
}

} // namespace

const sd_bus_vtable module_vtable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD_WITH_ARGS("Remove", SD_BUS_ARGS("b", force), SD_BUS_NO_RESULT, dispatch,
                            SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_ARGS("Online", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, dispatch,
                            SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_PROPERTY("Id", "u", module_property<[](const ModuleView &m) { return m.id; }>, 0,
                    SD_BUS_VTABLE_PROPERTY_CONST),
    SD_BUS_PROPERTY("State", "s",
                    module_property<[](const ModuleView &m) { return std::string(name(m.state)); }>,
                    0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY(
        "RequestedState", "s",
        module_property<[](const ModuleView &m) { return std::string(name(m.requested)); }>, 0,
        SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY(
        "Reason", "s",
        module_property<[](const ModuleView &m) { return std::string(name(m.reason)); }>, 0,
        SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("Since", "t",
                    module_property<[](const ModuleView &m) { return calendar_us(m.since); }>, 0,
                    SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("NextAction", "s",
                    module_property<[](const ModuleView &m) { return m.next_action; }>, 0,
                    SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("Bridges", "as", module_property<[](const ModuleView &m) { return m.bridges; }>,
                    0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("Devices", "a(ssss)", devices_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("RemovalBlockers", "as",
                    module_property<[](const ModuleView &m) { return m.blockers; }>, 0,
                    SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_VTABLE_END,
};

const std::map<std::string, Method> &module_methods() {
    static const std::map<std::string, Method> methods{
        {"Remove",
         [](System &system, const std::shared_ptr<Call> &call) {
             system.remove_module(id_of(*call), call->truth());
             call->reply();
         }},
        {"Online",
         [](System &system, const std::shared_ptr<Call> &call) {
             system.online_module(id_of(*call));
             call->reply();
         }},
    };
    return methods;
}

Changed module_changes(const ModuleView &before, const ModuleView &now) {
    Changed changed = state_changes(before, now);
    if (before.bridges != now.bridges)
        changed.push_back("Bridges");
    if (before.devices != now.devices)
        changed.push_back("Devices");
    if (before.blockers != now.blockers)
        changed.push_back("RemovalBlockers");
    return changed;
}

} // namespace ft::bus
