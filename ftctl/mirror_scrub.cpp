// SPDX-License-Identifier: GPL-2.0
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <thread>

#include <fmt/format.h>

#include "ftctl/client.hpp"
#include "ftctl/mirror.hpp"
#include "ftctl/verbs.hpp"
#include "ftd/common/error.hpp"
#include "ftd/common/names.hpp"

namespace ftctl {

namespace {

using nlohmann::ordered_json;

struct Options {
    std::string name;
    bool check = false, repair = false, stop = false, wait = false;
};

std::optional<ordered_json> scrub_of(const ordered_json &objects, const std::string &mirror) {
    for (const ordered_json &job : objects["jobs"])
        if (job["Kind"] == "SCRUB" && job["Subject"] == mirror)
            return job;
    return std::nullopt;
}

void stop(Client &client, const std::string &mirror) {
    const auto job = scrub_of(client.objects(), mirror);
    if (!job)
        throw ft::refused(fmt::format("{} is not being scrubbed", mirror));
    client.call(
        client.request(fmt::format("{}/{}", ft::names::job_root, (*job)["Id"].get<std::uint32_t>()),
                       ft::names::job, "Cancel"));
    fmt::print("the scrub of {} is stopped\n", mirror);
}

// Until the scrub is over. True: it came to its end, and the legs are equal.
bool wait(Client &client, const std::string &name) {
    using namespace std::chrono_literals;
    {
        Bar bar(name);
        for (;; std::this_thread::sleep_for(200ms)) {
            const auto job = scrub_of(client.objects(), name);
            if (!job)
                break;
            bar.show((*job)["Done"], (*job)["Total"]);
        }
    }
    const ordered_json mirror = find_mirror(client.objects(), name);
    const Scrubbed scrubbed(client.property(mirror_path(name), ft::names::mirror, "Scrubbed"));
    fmt::print("{}: {}\n", name, scrubbed.text());
    if (!scrubbed.complete())
        throw ft::failed(fmt::format("the scrub of {} was broken off; {} is {}", name, name,
                                     mirror["State"].get<std::string>()));
    return scrubbed.clean();
}

void scrub(const Options &options, int &exit) {
    Client client;
    if (options.stop) {
        stop(client, options.name);
        return;
    }
    const Message request = client.request(mirror_path(options.name), ft::names::mirror, "Scrub");
    sd_bus_message_append(request.get(), "b", options.repair);
    client.call(request);
    if (!options.wait)
        fmt::print("{} is being scrubbed; see \"ftctl job list\", and \"ftctl mirror show {}\" "
                   "for what it finds\n",
                   options.name, options.name);
    else if (!wait(client, options.name))
        exit = exit_not_duplex;
}

} // namespace

Scrubbed::Scrubbed(const ordered_json &value)
    : mode(value[0]), done(value[1]), total(value[2]), differing(value[3]), repaired(value[4]),
      unreadable(value[5]) {}

bool Scrubbed::complete() const {
    return total && done >= total;
}

bool Scrubbed::clean() const {
    return differing == repaired && !unreadable;
}

std::string Scrubbed::text() const {
    const auto blocks = [](std::uint64_t count, const char *what) {
        return count ? fmt::format(", {} block{} {}", count, count == 1 ? "" : "s", what)
                     : std::string();
    };
    if (!done)
        return "nothing has been compared";
    return fmt::format("{}{} compared{}{}{}{}", bytes_text(done),
                       complete() ? "" : " of " + bytes_text(total), blocks(differing, "differed"),
                       blocks(repaired, "made equal"),
                       blocks(unreadable, "not readable on any leg"),
                       complete() && !differing && !unreadable ? ", the legs are equal" : "");
}

ordered_json find_mirror(const ordered_json &objects, const std::string &name) {
    for (const ordered_json &mirror : objects["mirrors"])
        if (mirror["Name"] == name)
            return mirror;
    throw ft::refused(
        fmt::format("there is no mirror {}; \"ftctl status\" shows which there are", name));
}

void add_mirror_scrub(CLI::App &noun, int &exit) {
    auto options = std::make_shared<Options>();
    CLI::App *verb =
        noun.add_subcommand("scrub", "Compare both legs while they are in use, and mend them");
    verb->add_option("name", options->name, "The mirror, for example ftm0")->required();
    CLI::Option *check = verb->add_flag("--check", options->check,
                                        "Count what differs; what one leg cannot read is "
                                        "rewritten from the other (this is what is done anyway)");
    CLI::Option *repair = verb->add_flag("--repair", options->repair,
                                         "And make equal what differs, after the preferred leg or "
                                         "the first one");
    CLI::Option *stop = verb->add_flag("--stop", options->stop, "End the scrub that runs");
    CLI::Option *wait =
        verb->add_flag("--wait", options->wait, "Until it is done; shows how far it is");
    check->excludes(repair)->excludes(stop);
    repair->excludes(stop);
    stop->excludes(wait);
    verb->footer(
        "Exit code with --wait: 0 the legs are equal now, 1 they are not, or it was broken "
        "off.\nExample: ftctl mirror scrub ftm0 --check --wait");
    verb->callback([options, &exit] { scrub(*options, exit); });
}

} // namespace ftctl
