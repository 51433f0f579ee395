// SPDX-License-Identifier: GPL-2.0
// The interfaces as the vtables have them, in the notation of the manual page, so
// that page, XML and daemon can be held to each other.
#include "ftd/bus/describe.hpp"

#include <cstring>
#include <vector>

#include <fmt/format.h>

#include "ftd/bus/access.hpp"
#include "ftd/bus/nouns.hpp"
#include "ftd/common/names.hpp"

namespace ft::bus {

namespace {

// "s device, t flags" of types and as many names; moves `names` behind them.
std::string arguments(const char *types, const char *&names) {
    std::string out;
    while (types && *types) {
        // One complete type: an array is what follows it, a structure has its end.
        const char *end = types;
        while (*end == 'a')
            end++;
        int depth = 0;
        do {
            depth += *end == '(' || *end == '{' ? 1 : *end == ')' || *end == '}' ? -1 : 0;
            end++;
        } while (depth);
        out += fmt::format("{}{} {}", out.empty() ? "" : ", ", std::string(types, end), names);
        names += std::strlen(names) + 1;
        types = end;
    }
    return out;
}

std::string line(const char *interface, const sd_bus_vtable &entry) {
    switch (entry.type) {
    case _SD_BUS_VTABLE_METHOD: {
        const char *names = entry.x.method.names;
        const std::string in = arguments(entry.x.method.signature, names);
        const std::string result = arguments(entry.x.method.result, names);
        return fmt::format("{}({}){} [{}]", entry.x.method.member, in,
                           result.empty() ? std::string() : fmt::format(" -> ({})", result),
                           access::action(interface, entry.x.method.member).value_or("denied"));
    }
    case _SD_BUS_VTABLE_SIGNAL: {
        const char *names = entry.x.signal.names;
        return fmt::format("{}({}) signal", entry.x.signal.member,
                           arguments(entry.x.signal.signature, names));
    }
    case _SD_BUS_VTABLE_PROPERTY: {
        const bool constant = entry.flags & SD_BUS_VTABLE_PROPERTY_CONST;
        const bool told = entry.flags & SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE;
        return fmt::format("{} {}{}{}", entry.x.property.member, entry.x.property.signature,
                           entry.flags & SD_BUS_VTABLE_PROPERTY_EXPLICIT ? " (by Get alone)" : "",
                           constant ? " (never changes)"
                           : told   ? ""
                                    : " (not signalled)");
    }
    case _SD_BUS_VTABLE_WRITABLE_PROPERTY:
        return fmt::format("{} writable", entry.x.property.member);
    default:
        return {};
    }
}

} // namespace

std::string describe() {
    std::string out;
    const std::pair<const char *, const sd_bus_vtable *> interfaces[] = {
        {names::manager, manager_vtable}, {names::module, module_vtable},
        {names::bond, bond_vtable},       {names::mirror, mirror_vtable},
        {names::dump, dump_vtable},       {names::job, job_vtable},
    };
    for (const auto &[interface, vtable] : interfaces) {
        out += fmt::format("{}\n", interface);
        for (const sd_bus_vtable *entry = vtable; entry->type != _SD_BUS_VTABLE_END; entry++) {
            const std::string text = line(interface, *entry);
            if (!text.empty())
                out += fmt::format("  {}\n", text);
        }
    }
    return out;
}

} // namespace ft::bus
