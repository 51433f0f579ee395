// SPDX-License-Identifier: GPL-2.0
// What the verbs about mirrors share. Those about legs work on the disks themselves, as
// root, and need no daemon: a leg can be looked at on any machine.
#pragma once

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "ftctl/render.hpp"
#include "legs/bulk.hpp"
#include "legs/leg_io.hpp"

namespace ftctl {

void add_mirror_create(CLI::App &noun);
void add_mirror_examine(CLI::App &noun, int &exit);
void add_mirror_remove(CLI::App &noun);
void add_mirror_scrub(CLI::App &noun, int &exit);
void add_mirror_show(CLI::App &noun);
void add_mirror_verify(CLI::App &noun, int &exit);

// Opens a disk that nobody else may use meanwhile. Throws Error with the way out.
ft::OpenDisk open_alone(const std::string &device, int flags);
bool same_disk(const std::string &one, const std::string &other);
// A leg that can be used, or Error.
ft::Leg need_leg(const std::string &device);

// Text from a disk, as it may go to a terminal and into JSON.
std::string safe_text(const char *text);
inline std::string label_of(const ft_leg_meta &leg) {
    return safe_text(reinterpret_cast<const char *>(leg.label));
}
std::string hex(std::uint64_t generation);
struct Verdict {
    const char *name, *text;
};
Verdict verdict_of(enum ft_verdict verdict);

// The mirror of this name out of Client::objects(), or Error.
nlohmann::ordered_json find_mirror(const nlohmann::ordered_json &objects, const std::string &name);

// What a scrub has found: the property Scrubbed.
struct Scrubbed {
    explicit Scrubbed(const nlohmann::ordered_json &value);

    std::string mode;
    std::uint64_t done, total, differing, repaired, unreadable;

    bool complete() const;
    bool clean() const; // as far as it went
    std::string text() const;
};

// A bar on the terminal's error output; without a terminal, nothing.
class Bar {
  public:
    explicit Bar(std::string what);
    ~Bar();
    Bar(const Bar &) = delete;
    Bar &operator=(const Bar &) = delete;

    void show(std::uint64_t done, std::uint64_t total);

  private:
    std::string what_;
    bool terminal_, drawn_ = false;
    Style style_;
    std::chrono::steady_clock::time_point began_;
};

} // namespace ftctl
