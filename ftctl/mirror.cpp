// SPDX-License-Identifier: GPL-2.0
#include "ftctl/mirror.hpp"

#include <cstdio>
#include <memory>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "ftctl/client.hpp"
#include "ftctl/verbs.hpp"
#include "ftd/common/error.hpp"
#include "ftd/common/names.hpp"

namespace ftctl {

ft::OpenDisk open_alone(const std::string &device, int flags) {
    try {
        return {device, flags | O_EXCL};
    } catch (const std::system_error &error) {
        switch (error.code().value()) {
        case EBUSY:
            throw ft::refused(fmt::format(
                "{} is in use; stop what uses it (\"lsblk {}\" shows what), and try again", device,
                device));
        case EACCES:
            throw ft::refused(fmt::format("{} may not be opened; run this as root", device));
        default:
            throw ft::failed(
                fmt::format("{} cannot be opened: {}", device, error.code().message()));
        }
    }
}

bool same_disk(const std::string &one, const std::string &other) {
    struct stat a {
    }, b{};
    if (::stat(one.c_str(), &a) < 0 || ::stat(other.c_str(), &b) < 0)
        return false;
    return S_ISBLK(a.st_mode) && S_ISBLK(b.st_mode) ? a.st_rdev == b.st_rdev
                                                    : a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

ft::Leg need_leg(const std::string &device) {
    const ft::Leg leg = ft::read_leg(device);
    switch (leg.kind) {
    case ft::Leg::Kind::leg:
        break;
    case ft::Leg::Kind::absent:
    case ft::Leg::Kind::unreadable:
        throw ft::failed(fmt::format("{} cannot be read: {}", device, leg.detail));
    case ft::Leg::Kind::blank:
        throw ft::refused(fmt::format("{} is no leg of a mirror: it is blank", device));
    case ft::Leg::Kind::other:
        throw ft::refused(
            fmt::format("{} is no leg of a mirror: it carries {}", device, leg.detail));
    case ft::Leg::Kind::damaged:
        throw ft::refused(fmt::format("{} is a damaged leg of a mirror: {}", device, leg.detail));
    }
    return leg;
}

std::string safe_text(const char *text) {
    std::string safe;
    for (; *text; text++)
        safe += *text >= ' ' && *text < 0x7f ? *text : '?';
    return safe;
}

std::string hex(std::uint64_t generation) {
    return fmt::format("{:016x}", generation);
}

Verdict verdict_of(enum ft_verdict verdict) {
    switch (verdict) {
#define FT_VERDICT_CASE(n, v, t)                                                                   \
    case FT_VERDICT_##n:                                                                           \
        return {#n, t};
        FT_VERDICTS(FT_VERDICT_CASE)
#undef FT_VERDICT_CASE
    }
    return {"UNRELATED", "the legs do not belong together"};
}

Bar::Bar(std::string what)
    : what_(std::move(what)), terminal_(::isatty(STDERR_FILENO) == 1), style_(Style::of_terminal()),
      began_(std::chrono::steady_clock::now()) {}

Bar::~Bar() {
    if (drawn_)
        std::fputs("\r\033[K", stderr);
}

void Bar::show(std::uint64_t done, std::uint64_t total) {
    if (!terminal_)
        return;
    drawn_ = true;
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - began_;
    const double rate = static_cast<double>(done) / std::max(passed.count(), 0.001);
    std::string more;
    if (passed.count() > 1 && done && done < total)
        more = fmt::format(", {}/s, {:.0f} s left", bytes_text(static_cast<std::uint64_t>(rate)),
                           static_cast<double>(total - done) / rate);
    fmt::print(stderr, "\r{} {}{}\033[K", what_, progress_bar(done, total, style_), more);
    std::fflush(stderr);
}

void add_mirror(CLI::App &app, int &exit) {
    CLI::App *noun = app.add_subcommand("mirror", "Mirrors and their legs, one by one");
    noun->require_subcommand(1);
    add_mirror_create(*noun);
    add_mirror_examine(*noun, exit);
    add_mirror_verify(*noun, exit);
    add_mirror_remove(*noun);
    add_mirror_scrub(*noun, exit);
    add_mirror_show(*noun);
    noun->footer("Example: ftctl mirror replace ftm0 11/1");
    struct Options {
        std::string name, device;
        std::uint64_t size = 0;
        bool wipe = false;
    };
    auto options = std::make_shared<Options>();
    const auto verb = [&](const char *name, const char *help, const char *example) {
        CLI::App *result = noun->add_subcommand(name, help);
        result->add_option("name", options->name, "The mirror, for example ftm0")->required();
        result->footer(std::string("Example: ftctl mirror ") + example);
        return result;
    };

    verb("start", "Start on the one leg that is there, although the other may be newer",
         "start ftm0")
        ->callback([options] {
            const Client client;
            client.call(
                client.request(mirror_path(options->name), ft::names::mirror, "StartAlone"));
            fmt::print("{} runs on one leg\n", options->name);
        });

    CLI::App *resolve = verb("resolve", "Split brain: keep one leg's data, throw away the other's",
                             "resolve ftm0 10/1");
    resolve->add_option("survivor", options->device, "Device path of the leg whose data stays")
        ->required();
    resolve->callback([options] {
        const Client client;
        const Message request =
            client.request(mirror_path(options->name), ft::names::mirror, "Resolve");
        sd_bus_message_append(request.get(), "s", options->device.c_str());
        client.call(request);
        fmt::print("{} keeps the data of {}\n", options->name, options->device);
    });

    const auto take = [options](std::uint64_t flags) {
        const Client client;
        const Message request =
            client.request(mirror_path(options->name), ft::names::mirror, "Replace");
        sd_bus_message_append(request.get(), "st", options->device.c_str(), flags);
        client.call(request);
        fmt::print("{} is being copied to the new disk at {}; see \"ftctl status\"\n",
                   options->name, options->device);
    };
    CLI::App *replace =
        verb("replace", "Take the disk at a place as the new leg", "replace ftm0 11/1");
    replace->add_option("device", options->device, "Device path of the new disk")->required();
    replace->add_flag("--wipe", options->wipe, "Even if it carries something, which is lost then");
    replace->callback([=] { take(options->wipe ? ft::names::flag_wipe : 0); });

    CLI::App *adopt =
        verb("adopt",
             "Take a disk that is a leg of another mirror as the new leg of this one; what was "
             "mirrored there is lost",
             "adopt ftm0 11/1");
    adopt->add_option("device", options->device, "Device path of the disk")->required();
    adopt->callback([=] { take(ft::names::flag_adopt); });

    CLI::App *grow = verb("grow", "Make it larger while it is in use", "grow ftm0");
    grow->add_option("--size", options->size,
                     "The new size, for example 200G (as large as both disks allow)")
        ->transform(CLI::AsSizeValue(false));
    grow->callback([options] {
        const Client client;
        const Message request =
            client.request(mirror_path(options->name), ft::names::mirror, "Grow");
        sd_bus_message_append(request.get(), "t", options->size);
        const Message answer = client.call(request);
        std::uint64_t size = 0;
        sd_bus_message_read(answer.get(), "t", &size);
        fmt::print("{0} has {1} now; what was added is being made equal, see \"ftctl status\". "
                   "What is on it can grow next: \"resize2fs /dev/mapper/{0}\", \"xfs_growfs\", "
                   "\"pvresize\"\n",
                   options->name, bytes_text(size));
    });

    CLI::App *prefer =
        verb("prefer", "Read from one leg, until the mirror is started anew", "prefer ftm0 10/1");
    prefer->add_option("device", options->device, "Device path of the leg, or \"both\"")
        ->required();
    prefer->callback([options] {
        const Client client;
        const bool both = options->device == "both";
        const Message request =
            client.request(mirror_path(options->name), ft::names::mirror, "Prefer");
        sd_bus_message_append(request.get(), "s", both ? "" : options->device.c_str());
        client.call(request);
        fmt::print("{} is read from {}\n", options->name, both ? "both legs" : options->device);
    });
}

} // namespace ftctl
