// SPDX-License-Identifier: GPL-2.0
#include "ftctl/render.hpp"

#include <algorithm>
#include <chrono>
#include <clocale>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <langinfo.h>
#include <unistd.h>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "ftd/common/state.hpp"

namespace ftctl {

namespace {

using nlohmann::ordered_json;

// How bad a state is; the worst is shown first.
int rank(const std::string &state) {
    for (const auto &[known, value] :
         {std::make_pair("BROKEN", 4), std::make_pair("FAULTY", 4), std::make_pair("SIMPLEX", 3),
          std::make_pair("REMOVED", 3), std::make_pair("MISSING", 3), std::make_pair("FOREIGN", 3),
          std::make_pair("STALE", 3), std::make_pair("OFFLINE", 2), std::make_pair("SYNCING", 1)})
        if (state == known)
            return value;
    return 0;
}

// An object that does not grow: where it does it copies all that is below it.
ordered_json object_of(std::size_t size) {
    ordered_json object = ordered_json::object();
    object.get_ref<ordered_json::object_t &>().reserve(size);
    return object;
}

ordered_json members(ordered_json list) {
    ordered_json result = ordered_json::array();
    for (ordered_json &member : list) {
        ordered_json entry = object_of(5);
        entry["device"] = std::move(member[0]);
        entry["name"] = std::move(member[1]);
        entry["state"] = std::move(member[2]);
        entry["reason"] = std::move(member[3]);
        entry["since"] = date(member[4]);
        result.push_back(std::move(entry));
    }
    return result;
}

void worst_first(ordered_json &list) {
    const auto state = [](const ordered_json &object) {
        return rank(object["state"].get_ref<const std::string &>());
    };
    std::stable_sort(list.begin(), list.end(), [&](const ordered_json &a, const ordered_json &b) {
        return state(a) > state(b);
    });
}

std::string text_of(const ordered_json &value) {
    return value.is_string() ? value.get<std::string>() : std::string();
}

std::string why(const ordered_json &object) {
    return std::string(ft::reason_text(text_of(object["reason"])));
}

// "since 20:01:33", with the day if it was another one.
std::string since(const ordered_json &object) {
    const std::string text = text_of(object["since"]);
    std::tm utc{};
    if (text.empty() || !::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &utc))
        return {};
    const std::time_t then = ::timegm(&utc);
    const std::time_t now = std::time(nullptr);
    std::tm local{}, today{};
    ::localtime_r(&then, &local);
    ::localtime_r(&now, &today);
    const bool same_day = local.tm_yday == today.tm_yday && local.tm_year == today.tm_year;
    char out[32];
    const std::size_t size = std::strftime(
        out, sizeof(out), same_day ? "since %H:%M:%S" : "since %Y-%m-%d %H:%M", &local);
    return {out, size};
}

std::string join(std::initializer_list<std::string> parts) {
    std::string out;
    for (const std::string &part : parts)
        if (!part.empty())
            out += out.empty() ? part : "  " + part;
    return out;
}

class Tree {
  public:
    Tree(const ordered_json &document, const Style &style) : document_(document), style_(style) {}

    std::string draw() {
        line(join({style_.state(document_["state"]), text_of(document_["summary"])}));
        next(document_, "");
        for (const char *kind : {"mirrors", "bonds"})
            for (const ordered_json &pair : document_[kind])
                if (rank(pair["state"]) > 0)
                    this->pair(kind, pair);
        for (const ordered_json &module : document_["modules"])
            if (rank(module["state"]) > 0)
                this->module(module);
        for (const char *kind : {"mirrors", "bonds"})
            for (const ordered_json &pair : document_[kind])
                if (rank(pair["state"]) == 0)
                    this->pair(kind, pair);
        for (const ordered_json &module : document_["modules"])
            if (rank(module["state"]) == 0)
                this->module(module);
        return std::move(out_);
    }

  private:
    void line(const std::string &text) { out_ += text + "\n"; }

    void next(const ordered_json &object, const std::string &indent) {
        const std::string action = text_of(object["next_action"]);
        if (!action.empty())
            line(indent + style_.strong("next: ") + action);
    }

    void pair(const std::string &kind, const ordered_json &pair) {
        const bool mirror = kind == "mirrors";
        line("");
        line(join(
            {style_.strong(fmt::format("{} {}", mirror ? "mirror" : "bond", text_of(pair["name"]))),
             style_.state(pair["state"]), why(pair), style_.dim(since(pair)),
             mirror && !text_of(pair["device"]).empty()
                 ? style_.dim(
                       fmt::format("{}, {}", text_of(pair["device"]), bytes_text(pair["size"])))
                 : std::string()}));
        const ordered_json &list = pair["members"];
        for (std::size_t i = 0; i < list.size(); i++) {
            const ordered_json &member = list[i];
            const std::string name = text_of(member["name"]);
            line(fmt::format("{} {:<8} {:<10} {}", style_.branch(i + 1 == list.size()),
                             text_of(member["device"]), name.empty() ? "-" : name,
                             join({style_.state(member["state"], 8), why(member)})));
        }
        for (const ordered_json &job : document_["jobs"])
            if (mirror && job["subject"] == pair["name"])
                line("   " + job_progress(job, style_));
        next(pair, "   ");
    }

    void module(const ordered_json &module) {
        line("");
        line(join({style_.strong(fmt::format("module {}", module["id"].get<std::uint32_t>())),
                   style_.state(module["state"]), why(module), style_.dim(since(module))}));
        const ordered_json &list = module["devices"];
        for (std::size_t i = 0; i < list.size(); i++) {
            const std::string pair = text_of(list[i]["pair"]);
            line(fmt::format("{} {:<8} {:<10} {:<5} {}", style_.branch(i + 1 == list.size()),
                             text_of(list[i]["device"]), text_of(list[i]["name"]),
                             text_of(list[i]["kind"]),
                             pair.empty() ? style_.dim("in no pair") : pair));
        }
        next(module, "   ");
    }

    const ordered_json &document_;
    const Style &style_;
    std::string out_;
};

} // namespace

std::string progress_bar(std::uint64_t done, std::uint64_t total, const Style &style) {
    if (!total)
        return {};
    constexpr unsigned width = 24;
    const auto filled = static_cast<unsigned>(
        std::min<double>(width, static_cast<double>(done) / static_cast<double>(total) * width));
    std::string bar;
    for (unsigned i = 0; i < width; i++)
        bar += i < filled ? (style.utf8 ? "█" : "#") : (style.utf8 ? "░" : ".");
    return fmt::format("{} {:3} %  {} of {}", bar, std::min<std::uint64_t>(100, done * 100 / total),
                       bytes_text(done), bytes_text(total));
}

ordered_json date(std::uint64_t microseconds) {
    if (!microseconds)
        return nullptr;
    const auto seconds = static_cast<std::time_t>(microseconds / 1000000);
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(seconds),
                       microseconds / 1000 % 1000);
}

std::string bytes_text(std::uint64_t bytes) {
    const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    auto value = static_cast<double>(bytes);
    std::size_t unit = 0;
    while (value >= 1024 && unit + 1 < std::size(units)) {
        value /= 1024;
        unit++;
    }
    return fmt::format("{:.{}f} {}", value, unit && value < 100 ? 1 : 0, units[unit]);
}

// Moves out of `objects` what it can.
ordered_json status_document(ordered_json objects) {
    ordered_json &manager = objects["manager"];
    const auto take = [](ordered_json &object, const char *key) { return std::move(object[key]); };
    ordered_json document{{"state", take(manager, "State")},
                          {"summary", take(manager, "Summary")},
                          {"next_action", take(manager, "NextAction")},
                          {"configuration",
                           {{"state", take(manager, "ConfigurationState")},
                            {"error", take(manager, "ConfigurationError")},
                            {"path", take(manager, "ConfigurationPath")}}},
                          {"modules", ordered_json::array()},
                          {"bonds", ordered_json::array()},
                          {"mirrors", ordered_json::array()},
                          {"jobs", ordered_json::array()},
                          {"faults", ordered_json::array()},
                          {"alerts", ordered_json::array()}};
    const auto common = [&](ordered_json &entry, ordered_json &object) {
        entry["state"] = take(object, "State");
        entry["requested_state"] = take(object, "RequestedState");
        entry["reason"] = take(object, "Reason");
        entry["since"] = date(object["Since"]);
        entry["next_action"] = take(object, "NextAction");
    };
    for (ordered_json &module : objects["modules"]) {
        ordered_json entry = object_of(9);
        entry["id"] = module["Id"];
        common(entry, module);
        entry["bridges"] = take(module, "Bridges");
        entry["devices"] = ordered_json::array();
        for (ordered_json &device : module["Devices"]) {
            ordered_json one = object_of(4);
            one["device"] = std::move(device[0]);
            one["kind"] = std::move(device[1]);
            one["name"] = std::move(device[2]);
            one["pair"] = std::move(device[3]);
            entry["devices"].push_back(std::move(one));
        }
        entry["removal_blockers"] = take(module, "RemovalBlockers");
        document["modules"].push_back(std::move(entry));
    }
    for (ordered_json &bond : objects["bonds"]) {
        ordered_json entry = object_of(8);
        entry["name"] = take(bond, "Name");
        common(entry, bond);
        entry["members"] = members(take(bond, "Members"));
        entry["switches"] = take(bond, "Switches");
        document["bonds"].push_back(std::move(entry));
    }
    for (ordered_json &mirror : objects["mirrors"]) {
        ordered_json entry = object_of(11);
        entry["name"] = take(mirror, "Name");
        entry["uuid"] = take(mirror, "Uuid");
        common(entry, mirror);
        entry["device"] = take(mirror, "Device");
        entry["size"] = take(mirror, "Size");
        entry["members"] = members(take(mirror, "Members"));
        entry["sync"] = {{"done", take(mirror, "SyncDone")},
                         {"total", take(mirror, "SyncTotal")},
                         {"copied", take(mirror, "SyncCopied")}};
        document["mirrors"].push_back(std::move(entry));
    }
    for (const ordered_json &job : objects["jobs"])
        document["jobs"].push_back(
            {{"id", job["Id"]},
             {"kind", job["Kind"]},
             {"subject", job["Subject"]},
             {"since", date(job["Since"])},
             {"done", job["Done"]},
             {"total", job["Total"]},
             {"rate", job["Rate"]},
             {"remaining_s",
              job["Remaining"] == UINT64_MAX ? ordered_json() : ordered_json(job["Remaining"])}});
    for (const ordered_json &fault : manager["Faults"])
        document["faults"].push_back(
            {{"device", fault[0]},
             {"pair", fault[1]},
             {"reason", fault[2]},
             {"count", fault[3]},
             {"first", date(fault[4])},
             {"last", date(fault[5])},
             {"mtbf_s", fault[6] == 0 ? ordered_json() : ordered_json(fault[6])},
             {"retry_at", date(fault[7])},
             {"given_up", fault[8]}});
    for (const ordered_json &alert : manager["Alerts"])
        document["alerts"].push_back({{"id", alert[0]},
                                      {"severity", alert[1]},
                                      {"text", alert[2]},
                                      {"next_action", alert[3]},
                                      {"since", date(alert[4])}});
    for (const char *list : {"modules", "bonds", "mirrors"})
        worst_first(document[list]);
    return document;
}

std::string job_progress(const ordered_json &job, const Style &style) {
    const std::uint64_t done = job["done"], total = job["total"], rate = job["rate"];
    constexpr unsigned width = 24;
    const auto filled =
        total ? static_cast<unsigned>(std::min<std::uint64_t>(width, done * width / total)) : 0;
    std::string bar;
    for (unsigned i = 0; i < width; i++)
        bar += i < filled ? (style.utf8 ? "█" : "#") : (style.utf8 ? "░" : ".");
    std::string text = fmt::format("{} {:3} %  {} of {}", bar,
                                   total ? std::min<std::uint64_t>(100, done * 100 / total) : 0,
                                   bytes_text(done), bytes_text(total));
    if (rate)
        text += fmt::format(", {}/s", bytes_text(rate));
    if (!job["remaining_s"].is_null())
        text += fmt::format(", {} s left", job["remaining_s"].get<std::uint64_t>());
    return text;
}

std::string status_tree(const ordered_json &document, const Style &style) {
    return Tree(document, style).draw();
}

int exit_code(const ordered_json &document) {
    const std::string state = document["state"];
    return state == "DUPLEX" ? 0 : state == "BROKEN" ? 2 : 1;
}

Style Style::of_terminal() {
    Style style;
    std::setlocale(LC_CTYPE, "");
    style.utf8 = std::strcmp(::nl_langinfo(CODESET), "UTF-8") == 0;
    const char *off = std::getenv("NO_COLOR");
    const char *terminal = std::getenv("TERM");
    style.colour =
        ::isatty(STDOUT_FILENO) && !(off && *off) && terminal && std::strcmp(terminal, "dumb") != 0;
    return style;
}

std::string Style::paint(const char *code, const std::string &text) const {
    return colour && !text.empty() ? fmt::format("\033[{}m{}\033[0m", code, text) : text;
}

std::string Style::state(const std::string &state, std::size_t width) const {
    const int bad = rank(state);
    return paint(bad >= 4 ? "1;31" : bad > 0 ? "1;33" : "32", fmt::format("{:<{}}", state, width));
}

std::string Style::strong(const std::string &text) const {
    return paint("1", text);
}

std::string Style::dim(const std::string &text) const {
    return paint("2", text);
}

const char *Style::branch(bool last) const {
    return utf8 ? (last ? "└─" : "├─") : (last ? "`-" : "|-");
}

const char *Style::trunk(bool last) const {
    return last ? "  " : utf8 ? "│ " : "| ";
}

} // namespace ftctl
