// SPDX-License-Identifier: GPL-2.0
// Alerts, and the hooks that take them to people: each executable file in a
// folder is run when an alert is raised, again as long as it holds, and when it
// is over. Run by a service of its own, which may read ftd's state and no more.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <map>
#include <memory>
#include <poll.h>
#include <string>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "ftctl/client.hpp"
#include "ftctl/render.hpp"
#include "ftctl/verbs.hpp"
#include "ftd/common/handle.hpp"
#include "ftd/common/names.hpp"

namespace ftctl {

namespace {

using nlohmann::ordered_json;
using clock = std::chrono::steady_clock;

struct Options {
    std::string hooks = ft::names::alert_hooks;
    unsigned repeat = 3600, limit = 30;
};

// Executable files, in the order of their names; hidden ones are drafts.
std::vector<std::filesystem::path> hooks(const std::string &folder) {
    std::vector<std::filesystem::path> result;
    std::error_code error;
    for (const auto &entry : std::filesystem::directory_iterator(folder, error))
        if (entry.is_regular_file(error) && entry.path().filename().string()[0] != '.' &&
            ::access(entry.path().c_str(), X_OK) == 0)
            result.push_back(entry.path());
    std::sort(result.begin(), result.end());
    return result;
}

void run(const std::filesystem::path &hook, const ordered_json &alert, const char *event,
         unsigned limit) {
    const auto text = [&](const char *key) {
        return alert[key].is_string() ? alert[key].get<std::string>() : std::string();
    };
    const std::vector<std::string> settings{
        "PATH=/usr/local/bin:/usr/bin:/bin", fmt::format("FT_ALERT_EVENT={}", event),
        "FT_ALERT_ID=" + text("id"),         "FT_ALERT_SEVERITY=" + text("severity"),
        "FT_ALERT_TEXT=" + text("text"),     "FT_ALERT_NEXT_ACTION=" + text("next_action"),
        "FT_ALERT_SINCE=" + text("since"),
    };
    std::vector<char *> environment;
    for (const std::string &setting : settings)
        environment.push_back(const_cast<char *>(setting.c_str())); // only read
    environment.push_back(nullptr);
    const pid_t child = ::fork();
    if (child == 0) {
        ::setpgid(0, 0);
        const int null = ::open("/dev/null", O_RDONLY);
        ::dup2(null, STDIN_FILENO);
        ::execle(hook.c_str(), hook.c_str(), event, nullptr, environment.data());
        ::_exit(127);
    }
    if (child < 0)
        return;
    ::setpgid(child, child); // whoever is first
    const ft::Fd process(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
    pollfd ended{process.get(), POLLIN, 0};
    const bool late = ::poll(&ended, 1, static_cast<int>(limit * 1000)) == 0;
    // What it has left behind goes as well.
    ::kill(-child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    if (late)
        fmt::print(stderr, "{}: not done within {} s, killed\n", hook.string(), limit);
    else if (status)
        fmt::print(stderr, "{}: ended with {} {}\n", hook.string(),
                   WIFEXITED(status) ? "status" : "signal",
                   WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

class Service {
  public:
    explicit Service(Options options) : options_(std::move(options)) {}

    // What holds now; a program that is stopped and started tells it again.
    void update(const ordered_json &alerts) {
        std::map<std::string, ordered_json> now;
        for (const auto &alert : alerts)
            now[alert["id"]] = alert;
        for (auto entry = told_.begin(); entry != told_.end();) {
            if (now.contains(entry->first)) {
                ++entry;
                continue;
            }
            tell(entry->second.alert, "cleared");
            entry = told_.erase(entry);
        }
        for (const auto &[id, alert] : now) {
            const auto known = told_.find(id);
            if (known == told_.end())
                tell(alert, "raised");
            else if (clock::now() - known->second.when >= std::chrono::seconds(options_.repeat))
                tell(alert, "repeated");
            else if (known->second.alert["text"] != alert["text"])
                tell(alert, "changed");
            else
                continue;
            told_[id] = {alert, clock::now()};
        }
    }

  private:
    struct Told {
        ordered_json alert;
        clock::time_point when;
    };

    void tell(const ordered_json &alert, const char *event) const {
        fmt::print("{}: {}\n", event, alert["text"].get<std::string>());
        std::fflush(stdout);
        for (const auto &hook : hooks(options_.hooks))
            run(hook, alert, event, options_.limit);
    }

    Options options_;
    std::map<std::string, Told> told_;
};

ordered_json alerts_now(Client &client) {
    try {
        return status_document(client.objects())["alerts"];
    } catch (const NoAnswer &error) {
        return {{{"id", "ftd"},
                 {"severity", "critical"},
                 {"text", std::string("ftd does not answer")},
                 {"next_action", error.what()},
                 {"since", nullptr}}};
    }
}

void serve(const Options &options) {
    Service service(options);
    Client client;
    while (true) {
        // One that is being restarted is given the time for it.
        ordered_json alerts = alerts_now(client);
        for (int i = 0; i < 50 && alerts.size() == 1 && alerts[0]["id"] == "ftd"; i++) {
            ::usleep(200000);
            alerts = alerts_now(client);
        }
        service.update(alerts);
        client.watch(std::min(options.repeat, 30U), [&](const std::string &, sd_bus_message *) {
            return alerts_now(client) == alerts;
        });
    }
}

void list(bool json) {
    const auto alerts = status_document(Client().objects())["alerts"];
    if (json)
        fmt::print("{}\n", alerts.dump(2));
    else if (alerts.empty())
        fmt::print("no alert\n");
    for (const auto &alert : alerts)
        if (!json)
            fmt::print("{:<8} {}\n         next: {}\n", alert["severity"].get<std::string>(),
                       alert["text"].get<std::string>(), alert["next_action"].get<std::string>());
}

} // namespace

void add_alert(CLI::App &app, int &) {
    CLI::App *noun = app.add_subcommand("alert", "What a person should hear of");
    noun->require_subcommand(1);
    noun->footer("Example: ftctl alert test");
    auto json = std::make_shared<bool>(false);
    CLI::App *all = noun->add_subcommand("list", "All that holds now");
    all->add_flag("--json", *json, "As a JSON document, for programs");
    all->footer("Example: ftctl alert list --json")->callback([json] { list(*json); });
    noun->add_subcommand("test", "Raise one that ends by itself, to see that it arrives")
        ->footer("Example: ftctl alert test")
        ->callback([] {
            const Client client;
            client.call(client.request(ft::names::root, ft::names::manager, "TestAlert"));
            fmt::print("the alert \"test\" holds for a minute; hooks in {} are run by "
                       "ftstack-alert.service\n",
                       ft::names::alert_hooks);
        });
    auto options = std::make_shared<Options>();
    CLI::App *service = noun->add_subcommand("serve", "Run the hooks, until interrupted");
    service->add_option("--hooks", options->hooks, "Folder of the hooks");
    service->add_option("--repeat", options->repeat, "Seconds after which an alert is told again")
        ->check(CLI::Range(1U, 1000000U));
    service->add_option("--limit", options->limit, "Seconds that a hook may take")
        ->check(CLI::Range(1U, 3600U));
    service->footer("Example: ftctl alert serve --repeat 600")->callback([options] {
        serve(*options);
    });
}

} // namespace ftctl
