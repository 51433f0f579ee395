// SPDX-License-Identifier: GPL-2.0
#include "ftd/model/config.hpp"

#include <algorithm>
#include <initializer_list>
#include <set>
#include <string_view>

#include <fmt/format.h>

#include "ftd/common/error.hpp"

// The parser asserts what some malformed texts, "[@", break: in a release build it
// would go on as if they did not. An exception, in every build, is what is wanted.
namespace {
struct Unparsable {};
} // namespace
#pragma push_macro("NDEBUG")
#undef NDEBUG
#define TOML_ASSERT(expression) ((expression) ? void() : throw Unparsable())
#define TOML_HEADER_ONLY 1
// Where a function must not throw, as before: the end.
#pragma GCC diagnostic push
#ifdef __clang__
#pragma GCC diagnostic ignored "-Wexceptions"
#else
#pragma GCC diagnostic ignored "-Wterminate"
#endif
#include <toml++/toml.h>
#pragma GCC diagnostic pop
#pragma pop_macro("NDEBUG")

#include "kmod/uapi/ft.h"

namespace ft {

namespace {

constexpr std::size_t netdev_name_max = 15;
constexpr std::size_t bridges_max = 64;
constexpr std::int64_t seconds_max = 10LL * 365 * 86400;
constexpr std::array<std::string_view, 5> fault_keys = {"restart", "mtbf_threshold_s",
                                                        "minimum_count", "attempts", "retry_s"};

// Reads one file; every complaint says where in it.
class Reader {
  public:
    explicit Reader(const std::string &file) : file_(file) {}

    [[noreturn]] void complain(const toml::source_region &where, const std::string &text) const {
        throw Error(names::error_configuration,
                    fmt::format("{}:{}: {}", file_, where.begin.line, text));
    }

    void only_keys(const toml::table &table, const std::string &what,
                   const std::vector<std::string_view> &known) const {
        for (const auto &[key, value] : table)
            if (std::find(known.begin(), known.end(), key.str()) == known.end())
                complain(key.source(), fmt::format("unknown key \"{}\" in {}; known here: {}",
                                                   key.str(), what, fmt::join(known, ", ")));
    }

    const toml::node &required(const toml::table &table, const std::string &what,
                               std::string_view key) const {
        const toml::node *node = table.get(key);
        if (!node)
            complain(table.source(), fmt::format("{} has no key \"{}\"; add it", what, key));
        return *node;
    }

    std::string text(const toml::node &node, std::string_view key) const {
        if (auto value = node.value_exact<std::string>())
            return *value;
        complain(node.source(), fmt::format("\"{}\" must be a text in quotes", key));
    }

    std::uint32_t number(const toml::node &node, std::string_view key, std::int64_t max,
                         std::int64_t min = 0) const {
        const auto value = node.value_exact<std::int64_t>();
        if (value && *value >= min && *value <= max)
            return static_cast<std::uint32_t>(*value);
        complain(node.source(),
                 fmt::format("\"{}\" must be a whole number from {} to {}", key, min, max));
    }

    template <typename Enum>
    Enum choice(const toml::node &node, std::string_view key,
                std::initializer_list<std::pair<std::string_view, Enum>> choices) const {
        const std::string value = text(node, key);
        std::vector<std::string> known;
        for (const auto &[name, result] : choices) {
            if (value == name)
                return result;
            known.push_back(fmt::format("\"{}\"", name));
        }
        complain(node.source(),
                 fmt::format("\"{}\" is no {}; choose {}", value, key, fmt::join(known, " or ")));
    }

    std::string name(const toml::node &node, std::size_t max) const {
        std::string value = text(node, "name");
        if (!is_name(value, max))
            complain(node.source(),
                     fmt::format("\"{}\" cannot be a name here; use 1 to {} letters, digits, "
                                 "'_', '-' or '.', not beginning with '-' or '.'",
                                 value, max));
        return value;
    }

    DevicePath device(const toml::node &node, const Config &config) const {
        const std::string value = text(node, "device");
        const auto path = DevicePath::parse(value);
        if (!path)
            complain(node.source(),
                     fmt::format("\"{}\" is no device path; write MODULE/SLOT as \"ftctl setup "
                                 "--dry-run\" shows them, for example \"10/1\"",
                                 value));
        const bool known = std::any_of(config.modules.begin(), config.modules.end(),
                                       [&](const auto &m) { return m.id == path->module; });
        if (!known)
            complain(node.source(),
                     fmt::format("\"{}\" is in module {}, which does not exist; define it with "
                                 "[[module]] id = {}, or correct the path",
                                 value, path->module, path->module));
        return *path;
    }

    std::array<DevicePath, 2> members(const toml::table &table, const std::string &what,
                                      std::string_view key, const Config &config) {
        const toml::node &node = required(table, what, key);
        const toml::array *array = node.as_array();
        if (!array || array->size() != 2)
            complain(node.source(), fmt::format("\"{}\" must be a list of two device paths, for "
                                                "example [\"10/1\", \"11/1\"]",
                                                key));
        std::array<DevicePath, 2> result;
        for (std::size_t i = 0; i < 2; i++) {
            result[i] = device((*array)[i], config);
            if (!devices_.insert(result[i].str()).second)
                complain(
                    (*array)[i].source(),
                    fmt::format("device \"{}\" is named twice; a device can be in one place of "
                                "one pair only",
                                result[i].str()));
        }
        if (result[0].module == result[1].module)
            complain(
                node.source(),
                fmt::format("both members of {} are in module {}; they must be in two modules, "
                            "or a pulled module would take both",
                            what, result[0].module));
        return result;
    }

    void unique_name(const toml::node &node, const std::string &name) {
        if (!names_.insert(name).second)
            complain(node.source(),
                     fmt::format("the name \"{}\" is used twice; choose another one", name));
    }

    void unique_uuid(const toml::node &node, const std::string &uuid) {
        if (!uuids_.insert(uuid).second)
            complain(node.source(),
                     fmt::format("the uuid \"{}\" is used twice; each mirror has its "
                                 "own, as \"ftctl setup\" writes it",
                                 uuid));
    }

    // The tables of [[key]].
    std::vector<const toml::table *> tables(const toml::table &root, std::string_view key) const {
        std::vector<const toml::table *> result;
        const toml::node *node = root.get(key);
        if (!node)
            return result;
        const toml::array *array = node->as_array();
        if (!array)
            complain(node->source(),
                     fmt::format("write [[{}]], not [{}]: there may be several", key, key));
        for (const toml::node &entry : *array) {
            if (!entry.is_table())
                complain(entry.source(), fmt::format("write [[{}]] and its keys below", key));
            result.push_back(entry.as_table());
        }
        return result;
    }

    ModuleConfig module(const toml::table &table, const Config &config) {
        only_keys(table, "[[module]]", {"id", "bridges"});
        ModuleConfig result;
        const toml::node &id = required(table, "[[module]]", "id");
        result.id = number(id, "id", FT_MODULE_NONE - 1);
        for (const ModuleConfig &other : config.modules)
            if (other.id == result.id)
                complain(id.source(),
                         fmt::format("module {} is defined twice; put all its bridges into one "
                                     "[[module]]",
                                     result.id));
        const toml::node &bridges = required(table, "[[module]]", "bridges");
        const toml::array *array = bridges.as_array();
        if (!array || array->empty() || array->size() > bridges_max)
            complain(bridges.source(),
                     "\"bridges\" must be a list of 1 to 64 PCI addresses, for example "
                     "[\"0000:00:04.0\"]");
        for (const toml::node &entry : *array) {
            const std::string bridge = text(entry, "bridges");
            if (!is_pci_address(bridge))
                complain(entry.source(),
                         fmt::format("\"{}\" is no PCI address; write it as lspci -D shows it, for "
                                     "example \"0000:00:04.0\"",
                                     bridge));
            if (!bridges_.insert(bridge).second)
                complain(entry.source(),
                         fmt::format("bridge \"{}\" is named twice; it can be in one module only",
                                     bridge));
            result.bridges.push_back(bridge);
        }
        return result;
    }

    DevicePath one_of(const toml::node &node, const char *key, const char *members,
                      const std::string &pair, const std::array<DevicePath, 2> &paths,
                      const Config &config) {
        DevicePath result = device(node, config);
        if (result != paths[0] && result != paths[1])
            complain(node.source(),
                     fmt::format("{} \"{}\" is none of the {} of {}; name \"{}\" or \"{}\"", key,
                                 result.str(), members, pair, paths[0].str(), paths[1].str()));
        return result;
    }

    BondConfig bond(const toml::table &table, const Config &config) {
        only_keys(table, "[[bond]]",
                  {"name", "ports", "address", "primary", "failback", "hold_down_ms",
                   "probe_interval_ms", "announce_count", "announce_spacing_ms"});
        BondConfig result;
        const toml::node &name_node = required(table, "[[bond]]", "name");
        result.name = name(name_node, netdev_name_max);
        unique_name(name_node, result.name);
        result.ports = members(table, "bond " + result.name, "ports", config);
        if (const toml::node *node = table.get("address"))
            result.address = hardware_address(*node);
        if (const toml::node *node = table.get("primary"))
            result.primary = one_of(*node, "primary", "ports", result.name, result.ports, config);
        if (const toml::node *node = table.get("failback"))
            result.failback = choice<Failback>(*node, "failback",
                                               {{"never", Failback::never},
                                                {"better", Failback::better},
                                                {"always", Failback::always}});
        if (const toml::node *node = table.get("hold_down_ms"))
            result.hold_down_ms = number(*node, "hold_down_ms", FT_BOND_HOLDDOWN_MAX_MS);
        if (const toml::node *node = table.get("probe_interval_ms"))
            result.probe_interval_ms = number(*node, "probe_interval_ms", FT_BOND_PROBE_MAX_MS);
        if (const toml::node *node = table.get("announce_count"))
            result.announce_count = number(*node, "announce_count", FT_BOND_ANNOUNCE_MAX);
        if (const toml::node *node = table.get("announce_spacing_ms"))
            result.announce_spacing_ms =
                number(*node, "announce_spacing_ms", FT_BOND_SPACING_MAX_MS, 1);
        return result;
    }

    MirrorConfig mirror(const toml::table &table, const Config &config) {
        only_keys(
            table, "[[mirror]]",
            {"name", "uuid", "legs", "timeout_ms", "prefer", "degraded_start", "degraded_wait_s"});
        MirrorConfig result;
        const toml::node &name_node = required(table, "[[mirror]]", "name");
        result.name = name(name_node, FT_NAME_MAX - 1);
        unique_name(name_node, result.name);
        const toml::node &uuid = required(table, "[[mirror]]", "uuid");
        result.uuid = this->uuid(uuid);
        unique_uuid(uuid, result.uuid);
        result.legs = members(table, "mirror " + result.name, "legs", config);
        if (const toml::node *node = table.get("timeout_ms"))
            result.timeout_ms = number(*node, "timeout_ms", 3600 * 1000);
        if (const toml::node *node = table.get("prefer"))
            result.prefer = one_of(*node, "prefer", "legs", result.name, result.legs, config);
        if (const toml::node *node = table.get("degraded_start"))
            result.degraded_start = choice<DegradedStart>(
                *node, "degraded_start",
                {{"wait", DegradedStart::wait}, {"start", DegradedStart::start}});
        if (const toml::node *node = table.get("degraded_wait_s"))
            result.degraded_wait_s = number(*node, "degraded_wait_s", 86400);
        return result;
    }

    // The keys of a fault policy, over what holds where they are not given.
    FaultPolicy faults(const toml::table &table, FaultPolicy policy) const {
        if (const toml::node *node = table.get("restart"))
            policy.restart = choice<Restart>(*node, "restart",
                                             {{"threshold", Restart::threshold},
                                              {"never", Restart::never},
                                              {"always", Restart::always}});
        const auto set = [&](std::string_view key, std::uint32_t &value, std::int64_t max) {
            if (const toml::node *node = table.get(key))
                value = number(*node, key, max);
        };
        set("mtbf_threshold_s", policy.mtbf_threshold_s, seconds_max);
        set("minimum_count", policy.minimum_count, 1000);
        set("attempts", policy.attempts, 1000);
        set("retry_s", policy.retry_s, 600);
        return policy;
    }

    DeviceConfig device_policy(const toml::table &table, const Config &config) {
        std::vector<std::string_view> known{"path"};
        known.insert(known.end(), fault_keys.begin(), fault_keys.end());
        only_keys(table, "[[device]]", known);
        DeviceConfig result;
        const toml::node &path = required(table, "[[device]]", "path");
        result.path = device(path, config);
        for (const DeviceConfig &other : config.devices)
            if (other.path == result.path)
                complain(path.source(), fmt::format("device \"{}\" has a [[device]] already; put "
                                                    "all its keys into one",
                                                    result.path.str()));
        result.faults = faults(table, config.faults);
        return result;
    }

    void policy(const toml::table &table, Config &config) const {
        std::vector<std::string_view> known{"replace_blank",  "return",     "give_up_limit",
                                            "give_up_span_s", "flap_limit", "flap_span_s"};
        known.insert(known.end(), fault_keys.begin(), fault_keys.end());
        only_keys(table, "[policy]", known);
        if (const toml::node *node = table.get("replace_blank"))
            config.replace_blank = choice<ReplaceBlank>(
                *node, "replace_blank",
                {{"ask", ReplaceBlank::ask}, {"auto", ReplaceBlank::automatic}});
        if (const toml::node *node = table.get("return")) {
            const auto policy = ReturnPolicy::parse(text(*node, "return"));
            if (!policy)
                complain(node->source(),
                         "\"return\" must be \"at-once\", \"by-hand\" or the hours in which "
                         "a member may come back, for example \"22:00-05:30\"");
            config.return_policy = *policy;
        }
        config.faults = faults(table, config.faults);
        const auto set = [&](std::string_view key, std::uint32_t &value, std::int64_t max) {
            if (const toml::node *node = table.get(key))
                value = number(*node, key, max);
        };
        set("give_up_limit", config.limits.give_up, 1000);
        set("give_up_span_s", config.limits.give_up_span_s, seconds_max);
        set("flap_limit", config.limits.flaps, 30);
        set("flap_span_s", config.limits.flap_span_s, 86400);
    }

  private:
    std::string hardware_address(const toml::node &node) const {
        const std::string value = text(node, "address");
        bool good = value.size() == 17;
        for (std::size_t i = 0; good && i < value.size(); i++)
            good =
                i % 3 == 2 ? value[i] == ':' : std::isxdigit(static_cast<unsigned char>(value[i]));
        // A group address, or all zeroes, cannot be a sender.
        if (!good || std::stoi(value.substr(0, 2), nullptr, 16) & 1 || value == "00:00:00:00:00:00")
            complain(node.source(),
                     fmt::format("\"{}\" is no hardware address of one interface; "
                                 "write six bytes, for example \"52:54:00:12:34:56\"",
                                 value));
        std::string lower = value;
        std::transform(lower.begin(), lower.end(), lower.begin(),
                       [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        return lower;
    }

    std::string uuid(const toml::node &node) const {
        const std::string value = text(node, "uuid");
        bool good = value.size() == 36;
        bool zero = true;
        for (std::size_t i = 0; good && i < value.size(); i++) {
            const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
            good = dash ? value[i] == '-' : std::isxdigit(static_cast<unsigned char>(value[i]));
            zero = zero && (value[i] == '0' || value[i] == '-');
        }
        if (!good || zero)
            complain(node.source(),
                     fmt::format("\"{}\" is no uuid; it looks like "
                                 "\"0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9\", and \"ftctl setup\" "
                                 "writes it",
                                 value));
        std::string lower = value;
        std::transform(lower.begin(), lower.end(), lower.begin(),
                       [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        return lower;
    }

    const std::string &file_;
    std::set<std::string> devices_, names_, uuids_, bridges_;
};

std::string_view name(Restart restart) {
    switch (restart) {
    case Restart::threshold:
        return "threshold";
    case Restart::never:
        return "never";
    case Restart::always:
        return "always";
    }
    return "threshold";
}

// The keys of a policy that are other than where they are not given.
std::string fault_lines(const FaultPolicy &policy, const FaultPolicy &usual) {
    std::string out;
    if (policy.restart != usual.restart)
        out += fmt::format("restart = \"{}\"\n", name(policy.restart));
    const auto line = [&](const char *key, std::uint32_t value, std::uint32_t other) {
        if (value != other)
            out += fmt::format("{} = {}\n", key, value);
    };
    line("mtbf_threshold_s", policy.mtbf_threshold_s, usual.mtbf_threshold_s);
    line("minimum_count", policy.minimum_count, usual.minimum_count);
    line("attempts", policy.attempts, usual.attempts);
    line("retry_s", policy.retry_s, usual.retry_s);
    return out;
}

std::string_view name(Failback failback) {
    switch (failback) {
    case Failback::never:
        return "never";
    case Failback::better:
        return "better";
    case Failback::always:
        return "always";
    }
    return "never";
}

bool unparsable(std::string_view text) {
    try {
        const auto ignored = toml::parse(text);
    } catch (const toml::parse_error &) {
        // Its end is missing, or something after what is looked for is wrong.
    } catch (const Unparsable &) {
        return true;
    }
    return false;
}

// The line that the parser stumbles over: what begins with all before it does so, too.
toml::source_region unparsable_at(const std::string &text) {
    std::vector<std::size_t> ends;
    for (std::size_t at = text.find('\n'); at != std::string::npos; at = text.find('\n', at + 1))
        ends.push_back(at);
    ends.push_back(text.size());
    const auto first = std::partition_point(ends.begin(), ends.end(), [&](std::size_t end) {
        return !unparsable(std::string_view(text).substr(0, end));
    });
    toml::source_region where;
    where.begin.line = static_cast<toml::source_index>(first - ends.begin() + 1);
    return where;
}

} // namespace

std::optional<DevicePath> DevicePath::parse(const std::string &text) {
    const std::size_t slash = text.find('/');
    if (slash == std::string::npos || slash == 0 || slash > 9 || slash + 1 == text.size())
        return std::nullopt;
    if (text[0] == '0' && slash > 1)
        return std::nullopt;
    DevicePath path;
    for (std::size_t i = 0; i < slash; i++) {
        if (text[i] < '0' || text[i] > '9')
            return std::nullopt;
        path.module = path.module * 10 + static_cast<std::uint32_t>(text[i] - '0');
    }
    path.slot = text.substr(slash + 1);
    bool digit = false; // numbers, set apart by one dot, or once by a colon
    bool colon = false;
    for (const char c : path.slot) {
        const bool separator = c == '.' || (c == ':' && !colon);
        if (!(c >= '0' && c <= '9') && !(separator && digit))
            return std::nullopt;
        colon = colon || c == ':' || c == '.';
        digit = !separator;
    }
    if (!digit)
        return std::nullopt;
    return path;
}

std::string DevicePath::str() const {
    return std::to_string(module) + '/' + slot;
}

std::optional<std::uint32_t> ReturnPolicy::wait_s(std::uint32_t second_of_day) const {
    constexpr std::uint32_t day = 86400;
    switch (kind) {
    case Kind::at_once:
        return 0;
    case Kind::by_hand:
        return std::nullopt;
    case Kind::window:
        break;
    }
    const std::uint32_t since = (second_of_day + day - from * 60) % day;
    const std::uint32_t length = ((to + 1440 - from) % 1440) * 60;
    return since < length ? 0 : day - since;
}

std::optional<ReturnPolicy> ReturnPolicy::parse(const std::string &text) {
    ReturnPolicy policy;
    if (text == "at-once")
        return policy;
    policy.kind = Kind::by_hand;
    if (text == "by-hand")
        return policy;
    policy.kind = Kind::window;
    if (text.size() != 11)
        return std::nullopt;
    const auto digit = [&](std::size_t i) { return static_cast<std::uint32_t>(text[i] - '0'); };
    for (std::size_t i = 0; i < text.size(); i++)
        if (i == 2 || i == 8 ? text[i] != ':' : i == 5 ? text[i] != '-' : digit(i) > 9)
            return std::nullopt;
    policy.from = (digit(0) * 10 + digit(1)) * 60 + digit(3) * 10 + digit(4);
    policy.to = (digit(6) * 10 + digit(7)) * 60 + digit(9) * 10 + digit(10);
    if (policy.from >= 1440 || policy.to >= 1440 || digit(3) > 5 || digit(9) > 5 ||
        policy.from == policy.to)
        return std::nullopt;
    return policy;
}

std::string ReturnPolicy::str() const {
    switch (kind) {
    case Kind::at_once:
        return "at-once";
    case Kind::by_hand:
        return "by-hand";
    case Kind::window:
        break;
    }
    return fmt::format("{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60);
}

const FaultPolicy &Config::faults_of(const std::string &device) const {
    for (const DeviceConfig &own : devices)
        if (own.path.str() == device)
            return own.faults;
    return faults;
}

Config parse_config(const std::string &text, const std::string &file) {
    Reader reader(file);
    toml::table root;
    // Outside comments nothing here is other than ASCII, and not all that is Unicode is
    // safe with the parser.
    std::string ascii = text;
    std::replace_if(
        ascii.begin(), ascii.end(), [](char c) { return c & 0x80; }, '?');
    try {
        root = toml::parse(ascii, file);
    } catch (const toml::parse_error &error) {
        reader.complain(error.source(),
                        fmt::format("not readable as TOML: {}", error.description()));
    } catch (const Unparsable &) {
        reader.complain(unparsable_at(ascii), "not readable as TOML");
    }
    reader.only_keys(root, "the file", {"module", "bond", "mirror", "device", "policy"});

    Config config;
    for (const toml::table *table : reader.tables(root, "module"))
        config.modules.push_back(reader.module(*table, config));
    for (const toml::table *table : reader.tables(root, "bond"))
        config.bonds.push_back(reader.bond(*table, config));
    for (const toml::table *table : reader.tables(root, "mirror"))
        config.mirrors.push_back(reader.mirror(*table, config));
    if (const toml::node *node = root.get("policy")) {
        if (!node->is_table())
            reader.complain(node->source(), "write [policy] and its keys below");
        reader.policy(*node->as_table(), config);
    }
    for (const toml::table *table : reader.tables(root, "device"))
        config.devices.push_back(reader.device_policy(*table, config));
    return config;
}

std::string write_config(const Config &config) {
    const MirrorConfig usual;
    std::string out = "# Modules and pairs of this server, read by ftd. A device path is "
                      "MODULE/SLOT.\n# After a change: ftctl reload\n";
    for (const ModuleConfig &module : config.modules) {
        std::vector<std::string> bridges;
        for (const std::string &bridge : module.bridges)
            bridges.push_back(fmt::format("\"{}\"", bridge));
        out += fmt::format("\n[[module]]\nid = {}\nbridges = [{}]\n", module.id,
                           fmt::join(bridges, ", "));
    }
    for (const BondConfig &bond : config.bonds) {
        out += fmt::format("\n[[bond]]\nname = \"{}\"\nports = [\"{}\", \"{}\"]\n", bond.name,
                           bond.ports[0].str(), bond.ports[1].str());
        if (!bond.address.empty())
            out += fmt::format("address = \"{}\"\n", bond.address);
        if (bond.primary)
            out += fmt::format("primary = \"{}\"\n", bond.primary->str());
        if (bond.failback != Failback::never)
            out += fmt::format("failback = \"{}\"\n", name(bond.failback));
        const BondConfig unset;
        for (const auto &[key, value] :
             {std::pair("hold_down_ms", &BondConfig::hold_down_ms),
              std::pair("probe_interval_ms", &BondConfig::probe_interval_ms),
              std::pair("announce_count", &BondConfig::announce_count),
              std::pair("announce_spacing_ms", &BondConfig::announce_spacing_ms)})
            if (bond.*value != unset.*value)
                out += fmt::format("{} = {}\n", key, bond.*value);
    }
    for (const MirrorConfig &mirror : config.mirrors) {
        out += fmt::format("\n[[mirror]]\nname = \"{}\"\nuuid = \"{}\"\nlegs = [\"{}\", \"{}\"]\n",
                           mirror.name, mirror.uuid, mirror.legs[0].str(), mirror.legs[1].str());
        if (mirror.timeout_ms != usual.timeout_ms)
            out += fmt::format("timeout_ms = {}\n", mirror.timeout_ms);
        if (mirror.prefer)
            out += fmt::format("prefer = \"{}\"\n", mirror.prefer->str());
        if (mirror.degraded_start != usual.degraded_start)
            out += "degraded_start = \"start\"\n";
        if (mirror.degraded_wait_s != usual.degraded_wait_s)
            out += fmt::format("degraded_wait_s = {}\n", mirror.degraded_wait_s);
    }
    for (const DeviceConfig &device : config.devices)
        out += fmt::format("\n[[device]]\npath = \"{}\"\n", device.path.str()) +
               fault_lines(device.faults, config.faults);
    out += fmt::format("\n[policy]\nreplace_blank = \"{}\"\n",
                       config.replace_blank == ReplaceBlank::automatic ? "auto" : "ask");
    if (config.return_policy != ReturnPolicy{})
        out += fmt::format("return = \"{}\"\n", config.return_policy.str());
    out += fault_lines(config.faults, {});
    const FaultLimits limits;
    const auto line = [&](const char *key, std::uint32_t value, std::uint32_t other) {
        if (value != other)
            out += fmt::format("{} = {}\n", key, value);
    };
    line("give_up_limit", config.limits.give_up, limits.give_up);
    line("give_up_span_s", config.limits.give_up_span_s, limits.give_up_span_s);
    line("flap_limit", config.limits.flaps, limits.flaps);
    line("flap_span_s", config.limits.flap_span_s, limits.flap_span_s);
    return out;
}

std::optional<DevicePath> locate(const std::vector<ModuleConfig> &modules, const PciChain &chain) {
    for (const ModuleConfig &module : modules) {
        for (std::size_t bridge = 0; bridge < module.bridges.size(); bridge++) {
            const auto found = std::find(chain.begin(), chain.end(), module.bridges[bridge]);
            if (found == chain.end() || found + 1 == chain.end())
                continue;
            DevicePath path;
            path.module = module.id;
            if (module.bridges.size() > 1)
                path.slot = fmt::format("{}:", bridge);
            for (auto below = found + 1; below != chain.end(); ++below)
                path.slot += fmt::format("{}{}", below == found + 1 ? "" : ".", devfn(*below));
            return path;
        }
    }
    return std::nullopt;
}

bool is_name(const std::string &text, std::size_t max) {
    const bool plain = std::all_of(text.begin(), text.end(), [](unsigned char c) {
        return std::isalnum(c) || c == '_' || c == '-' || c == '.';
    });
    return plain && !text.empty() && text.size() <= max && text[0] != '.' && text[0] != '-';
}

void place(Inventory &inventory, const std::vector<ModuleConfig> &modules) {
    const auto each = [&](auto &devices, auto &at) {
        at.clear();
        for (std::size_t i = 0; i < devices.size(); i++) {
            const auto path = locate(modules, devices[i].chain);
            devices[i].path = path ? path->str() : std::string();
            if (path)
                at.emplace(devices[i].path, i);
        }
    };
    each(inventory.nics, inventory.nic_at);
    each(inventory.disks, inventory.disk_at);
}

std::array<std::uint8_t, 16> uuid_bytes(const std::string &uuid) {
    std::array<std::uint8_t, 16> bytes{};
    std::size_t nibble = 0;
    for (const char c : uuid) {
        if (c == '-')
            continue;
        const int value = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
        bytes[nibble / 2] = static_cast<std::uint8_t>(bytes[nibble / 2] << 4 | value);
        nibble++;
    }
    return bytes;
}

std::string uuid_string(const std::uint8_t *bytes) {
    std::string out;
    for (int i = 0; i < 16; i++)
        out += fmt::format("{}{:02x}", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", bytes[i]);
    return out;
}

} // namespace ft
