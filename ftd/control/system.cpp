// SPDX-License-Identifier: GPL-2.0
#include "ftd/control/system.hpp"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <time.h>

#include <fmt/format.h>

#include "ftd/common/clock.hpp"
#include "ftd/common/error.hpp"
#include "ftd/control/config_file.hpp"
#include "ftd/out/journal.hpp"
#include "legs/leg_io.hpp"

namespace ft {

namespace {

constexpr unsigned read_seconds = 20;
// Events come in storms. What they are about is looked at after a rest of so long at
// least, and of twice what the look before took.
constexpr std::uint64_t rest_ns = 20 * 1000000ULL;
// Counters that are read many at a time come from one look at the kernel.
constexpr std::uint64_t fresh_ns = 50 * 1000000ULL;

std::vector<std::string> bond_ports(const KernelState &state) {
    std::vector<std::string> ports;
    for (const KernelPair &pair : state.pairs)
        if (pair.type == FT_PAIR_BOND)
            for (const KernelMember &member : pair.members)
                ports.push_back(member.device);
    return ports;
}

} // namespace

System::System(sd_event *event, Paths paths)
    : event_(event), paths_(std::move(paths)), workers_(event) {}

void System::start(Published published) {
    published_ = std::move(published);
    devices_ = std::make_unique<Devices>(event_, [this](bool modules) {
        if (modules)
            connect();
        scan_soon();
    });
    dumps_ =
        std::make_unique<Dumps>(event_, workers_, paths_.root, [this](const DumpStatus &found) {
            facts_.dump = found;
            publish();
        });
    facts_.dump = dumps_->status();
    load_state();
    scan();
    connect();
    try {
        reload();
    } catch (const Error &) {
        // Published and in the journal: a broken configuration touches no pair,
        // and ftd is there to say so.
    }
}

// After what is under way in the loop: what comes in a burst is looked at once.
void System::scan_soon() {
    if (scan_timer_)
        return;
    const std::uint64_t now = boottime(), due = scanned_ + rest_;
    sd_event_source *source = nullptr;
    const int error = sd_event_add_time_relative(
        event_, &source, CLOCK_BOOTTIME, due > now ? (due - now) / 1000 : 0, 1000,
        [](sd_event_source *, std::uint64_t, void *data) {
            auto *self = static_cast<System *>(data);
            self->scan_timer_.reset();
            self->hardware_changed();
            return 0;
        },
        this);
    if (error < 0)
        throw std::system_error(-error, std::generic_category(), "timer");
    scan_timer_.reset(source);
}

void System::connect() {
    try {
        kernel_ = FtNetlink::open(event_, [this](const std::vector<KernelEvent> &events,
                                                 bool lost) { told(events, lost); });
    } catch (const std::system_error &error) {
        kernel_.reset();
        journal::error(fmt::format("cannot talk to ft_core: {}", error.what()));
    }
    for (auto &[name, work] : work_) {
        work->decided = {};
        work->tried = false;
    }
    try {
        if (facts_.config_state == ConfigState::ok)
            define_modules();
    } catch (const std::system_error &error) {
        facts_.config_state = ConfigState::refused;
        facts_.config_error = modules_refused(error);
    }
    refresh();
}

void System::told(const std::vector<KernelEvent> &events, bool lost) {
    KernelChange change;
    if (!lost)
        change = facts_.kernel.apply(events);
    if (lost || change.lost)
        refresh();
    else if (!change.objects) {
        if (!change.pairs.empty())
            reconcile(change.pairs);
        return;
    }
    // udev says nothing when a port leaves its bond, or comes.
    auto ports = bond_ports(facts_.kernel);
    if (ports != ports_)
        scan_soon();
    ports_ = std::move(ports);
    reconcile();
}

// What the kernel says now. If it says nothing any more ft_core is gone; the
// client stays until the next connect(), since this may be called out of it.
void System::refresh() {
    const bool was_loaded = facts_.kernel.loaded;
    facts_.kernel = {};
    if (!kernel_)
        return;
    try {
        facts_.kernel = kernel_->state();
    } catch (const std::system_error &error) {
        facts_.kernel = {};
        if (was_loaded)
            journal::error(fmt::format("ft_core does not answer: {}", error.what()));
    }
}

void System::scan() {
    facts_.inventory = devices_->inventory();
    place(facts_.inventory, facts_.config.modules);
}

void System::hardware_changed() {
    const std::uint64_t began = boottime();
    load_state();
    forget_others();
    scan();
    refresh();
    for (const ModuleConfig &module : facts_.config.modules) {
        const bool present = module_present(module, facts_.inventory);
        const auto before = present_.find(module.id);
        const bool was = before == present_.end() ? present : before->second;
        present_[module.id] = present;
        if (present)
            facts_.module_gone.erase(module.id);
        else
            facts_.module_gone.try_emplace(module.id, boottime());
        const KernelModule *known = facts_.kernel.module(module.id);
        // Cut off, pulled, put back: whoever puts it back wants it used.
        if (present && !was && known && known->state == FT_MODULE_STATE_OFFLINE) {
            try {
                kernel_->join(module.id);
            } catch (const std::system_error &error) {
                journal::error(fmt::format("module {} cannot be taken in: {}", module.id,
                                           error.code().message()));
            }
            refresh();
        }
    }
    reconcile();
    scanned_ = boottime();
    rest_ = std::max(rest_ns, 2 * (scanned_ - began));
}

void System::reload() {
    dumps_->look();
    std::optional<std::string> text;
    try {
        text = config_file::read(paths_.config);
        if (!text) {
            facts_.config_state = ConfigState::none;
            facts_.config_error.clear();
            facts_.config = {};
        } else {
            load(*text);
        }
    } catch (const Error &error) {
        // What was wanted before is wanted no longer, and nothing else is: no
        // pair is touched until the configuration can be read.
        facts_.config_state = ConfigState::refused;
        facts_.config_error = error.what();
        reconcile();
        journal::configuration(view_);
        throw Error(names::error_configuration, error.what());
    }
    for (auto &[name, work] : work_) {
        work->decided = {};
        work->waited = work->tried = false;
    }
    hardware_changed();
    journal::configuration(view_);
}

std::string System::modules_refused(const std::system_error &error) const {
    return fmt::format("{}: the kernel refused the modules: {}; each bridge can be in one module "
                       "only, and none above or below another",
                       paths_.config, error.code().message());
}

void System::load(const std::string &text) {
    Config config = parse_config(text, paths_.config);
    std::swap(facts_.config, config);
    try {
        define_modules();
    } catch (const std::system_error &error) {
        std::swap(facts_.config, config);
        throw Error(names::error_configuration, modules_refused(error));
    }
    for (const BondConfig &bond : facts_.config.bonds)
        for (const BondConfig &old : config.bonds)
            if (old.name == bond.name && !(old == bond))
                work(bond.name).other = true;
    facts_.config_state = ConfigState::ok;
    facts_.config_error.clear();
}

void System::define_modules() {
    if (!kernel_)
        return;
    const KernelState now = kernel_->state();
    for (const KernelModule &known : now.modules) {
        const bool wanted =
            std::any_of(facts_.config.modules.begin(), facts_.config.modules.end(),
                        [&](const ModuleConfig &module) { return module.id == known.id; });
        if (wanted)
            continue;
        try {
            kernel_->forget(known.id);
        } catch (const std::system_error &error) {
            if (error.code().value() != EBUSY) // a running pair still has a member there
                throw;
        }
    }
    for (const ModuleConfig &module : facts_.config.modules)
        kernel_->define(module.id, module.bridges);
}

// `only`: of all the facts only what the kernel says of these is new. None: anything may.
void System::publish(const std::set<std::string> *only) {
    const auto view = [&] { return only ? compose(facts_, view_, *only) : compose(facts_); };
    SystemView now = view();
    if (note_faults(now))
        now = view();
    std::map<std::string, std::uint64_t> done;
    for (const KernelPair &pair : facts_.kernel.pairs)
        if (pair.type == FT_PAIR_MIRROR)
            done[pair.name] = pair.sync_done;
    now.ended = jobs_.update(now, done, boottime()).ended;
    now.jobs = jobs_.all();
    save_state();
    std::swap(view_, now);
    const SystemView &before = now;
    for (const auto &[pairs, old] : {std::make_pair(&view_.bonds, &before.bonds),
                                     std::make_pair(&view_.mirrors, &before.mirrors)})
        for (const auto &[name, pair] : *pairs) {
            const auto previous = old->find(name);
            if (!pair.running && pair.next_action.empty())
                continue; // being started: soon told as what it becomes
            if (previous == old->end() || previous->second.running != pair.running ||
                previous->second.state != pair.state || previous->second.reason != pair.reason)
                journal::pair_state(pair);
        }
    if (const DumpNews news = dump_news(view_.dump);
        !news.text.empty() && news.text != dump_news(before.dump).text)
        journal::dump(news);
    for (const auto &[id, module] : view_.modules) {
        const auto previous = before.modules.find(id);
        if (previous == before.modules.end() || previous->second.state != module.state)
            journal::module_state(module);
    }
    if (published_)
        published_(before, view_);
}

// True: something was done. Somebody pressed the button of a module: its slot will be switched off,
// unless he presses it again. The pairs go before that, or come back.
bool System::follow_buttons() {
    bool changed = false;
    for (const KernelModule &module : facts_.kernel.modules) {
        const auto seen = view_.modules.find(module.id);
        const bool online = module.state == FT_MODULE_STATE_ONLINE;
        if (seen == view_.modules.end())
            continue;
        try {
            if (module.card == FT_CARD_LEAVING && online && seen->second.blockers.empty()) {
                kernel_->isolate(module.id, false);
                leaving_.insert(module.id);
                changed = true;
            } else if (module.card != FT_CARD_LEAVING && leaving_.erase(module.id) && !online &&
                       module.card == FT_CARD_PRESENT && present_[module.id]) {
                kernel_->join(module.id);
                changed = true;
            }
        } catch (const std::system_error &error) {
            journal::error(fmt::format("module {} whose button was pressed: {}", module.id,
                                       error.code().message()));
        }
    }
    if (changed)
        refresh();
    return changed;
}

void System::reconcile() {
    follow_buttons();
    wake_ = never;
    for (auto entry = work_.begin(); entry != work_.end();) {
        const std::string &name = entry->first;
        const auto named = [&](const auto &pair) { return pair.name == name; };
        const bool wanted =
            std::any_of(facts_.config.bonds.begin(), facts_.config.bonds.end(), named) ||
            std::any_of(facts_.config.mirrors.begin(), facts_.config.mirrors.end(), named);
        if (wanted) {
            ++entry;
            continue;
        }
        for (const Wish &wish : entry->second->wishes)
            wish.done(std::make_exception_ptr(refused(name + " is not configured any more")));
        facts_.findings.erase(name);
        entry = work_.erase(entry);
    }
    step();
}

// The same where nothing else has changed: what is due for the others stays due.
void System::reconcile(const std::set<std::string> &pairs) {
    if (follow_buttons())
        reconcile();
    else
        step(&pairs);
}

// The next step of each pair, or of `only` these, and what became of it.
void System::step(const std::set<std::string> *only) {
    const auto wanted = [&](const auto &pair) { return !only || only->contains(pair.name); };
    if (facts_.kernel.loaded && facts_.config_state == ConfigState::ok && !going_back_) {
        for (const BondConfig &bond : facts_.config.bonds)
            if (wanted(bond))
                reconcile_bond(bond);
        for (const MirrorConfig &mirror : facts_.config.mirrors)
            if (wanted(mirror))
                reconcile_mirror(mirror);
    }
    publish(only);
    arm_wake();
    settle();
}

System::PairWork &System::work(const std::string &pair) {
    auto &work = work_[pair];
    if (!work)
        work = std::make_shared<PairWork>();
    return *work;
}

void System::found(const std::string &pair, std::size_t member, const Finding &finding,
                   const std::string &next_action) {
    PairFindings &findings = facts_.findings[pair];
    if (finding.reason == findings.members[member].reason &&
        next_action == findings.actions[member])
        return;
    findings.members[member] = finding;
    findings.actions[member] = next_action;
    findings.since = boottime();
    if (finding.reason != FT_REASON_NONE)
        journal::refused(pair, next_action);
}

void System::forget(const std::string &pair, std::size_t member) {
    found(pair, member, {}, {});
}

void System::finished(const std::string &pair, std::exception_ptr error) {
    const auto entry = work_.find(pair);
    if (entry == work_.end())
        return;
    entry->second->busy = false;
    if (error) {
        PairFindings &findings = facts_.findings[pair];
        try {
            std::rethrow_exception(error);
        } catch (const std::exception &caught) {
            findings.reason = FT_REASON_IO_ERROR;
            findings.next_action = caught.what();
            findings.since = boottime();
            journal::refused(pair, caught.what());
        }
    }
    scan_soon();
}

// Wishes are answered when nothing is under way for their pair any more.
void System::settle() {
    std::vector<std::pair<Done, std::exception_ptr>> answers;
    for (auto &[name, work] : work_) {
        if (work->busy)
            continue;
        for (Wish &wish : work->wishes) {
            std::exception_ptr error;
            if (!wish.achieved()) {
                const auto mirror = view_.mirrors.find(name);
                error = std::make_exception_ptr(refused(
                    mirror == view_.mirrors.end() || mirror->second.next_action.empty()
                        ? name + " did not come to the state asked for; look at ftctl status"
                        : mirror->second.next_action));
            }
            answers.emplace_back(std::move(wish.done), error);
        }
        work->wishes.clear();
        work->permission = {};
        work->arrival = {};
    }
    for (const auto &[done, error] : answers)
        done(error);
    settle_application();
}

void System::retry(const std::string &pair, unsigned seconds, bool waited) {
    PairWork &entry = work(pair);
    struct Context {
        System *self;
        std::string pair;
        bool waited;
    };
    auto context = std::make_unique<Context>(Context{this, pair, waited});
    sd_event_source *source = nullptr;
    const int error = sd_event_add_time_relative(
        event_, &source, CLOCK_BOOTTIME, std::uint64_t{seconds} * 1000000, 0,
        [](sd_event_source *, std::uint64_t, void *data) {
            const auto *mine = static_cast<Context *>(data);
            System *self = mine->self;
            const auto found = self->work_.find(mine->pair);
            if (found != self->work_.end()) {
                PairWork &work = *found->second;
                work.decided = {};
                work.waited = work.waited || mine->waited;
                // Frees the context with the source: nothing of it is used below.
                work.timer.reset();
            }
            self->reconcile();
            return 0;
        },
        context.get());
    if (error < 0)
        throw std::system_error(-error, std::generic_category(), "timer");
    sd_event_source_set_destroy_callback(source,
                                         [](void *data) { delete static_cast<Context *>(data); });
    context.release();
    entry.timer.reset(source);
}

bool System::module_usable(std::uint32_t id) const {
    const KernelModule *module = facts_.kernel.module(id);
    return module && module->state == FT_MODULE_STATE_ONLINE;
}

// One worker a disk: one that hangs does not keep the others from being read.
void System::read_legs(const std::vector<std::string> &names, std::function<void(Legs)> done) {
    struct Reading {
        Legs legs;
        std::size_t left;
        std::function<void(Legs)> done;
    };
    auto reading = std::make_shared<Reading>(Reading{{}, names.size(), std::move(done)});
    if (names.empty())
        reading->done({});
    for (const std::string &name : names) {
        auto leg = std::make_shared<Leg>();
        workers_.run(
            name, read_seconds, [leg, name] { *leg = read_leg("/dev/" + name); },
            [leg, name, reading](std::exception_ptr error) {
                if (error) {
                    // The thread may still be writing to its leg.
                    Leg silent;
                    silent.kind = Leg::Kind::unreadable;
                    silent.detail = "it does not answer";
                    reading->legs[name] = silent;
                } else {
                    reading->legs[name] = *leg;
                }
                if (--reading->left == 0)
                    reading->done(std::move(reading->legs));
            });
    }
}

// A look of its own: what it finds is only published when its event comes.
KernelPair System::progress(const std::string &mirror) {
    if (boottime() > counted_ + fresh_ns) {
        counted_ = boottime();
        counters_ = {};
        try {
            if (kernel_)
                counters_ = kernel_->state();
        } catch (const std::system_error &) {
            // Told when a look that matters fails as well.
        }
    }
    const KernelPair *pair = counters_.pair(FT_PAIR_MIRROR, mirror);
    return pair ? *pair : KernelPair{};
}

Progress System::progress(const Job &job) {
    if (job.of_dump())
        return dumps_->progress(job);
    const KernelPair pair = progress(job.subject);
    return progress_of(job, pair.sync_done, pair.sync_total, boottime());
}

void System::need_kernel() const {
    if (!facts_.kernel.loaded)
        throw Error(names::error_no_kernel,
                    "the kernel modules are not loaded: \"modprobe -a ft_core ft_bond ft_mirror\"");
}

void System::remove_module(std::uint32_t id, bool force) {
    scan(); // nobody tells when a disk is mounted, or a NIC gets an address
    reconcile();
    const auto module = view_.modules.find(id);
    if (module == view_.modules.end())
        throw refused(fmt::format("there is no module {}", id));
    need_kernel();
    if (!force && !module->second.blockers.empty())
        throw Error(
            names::error_blocked,
            fmt::format("module {} cannot be removed: {}; wait until it is duplex again, or "
                        "accept the outage with --force",
                        id, fmt::join(module->second.blockers, "; ")));
    try {
        kernel_->isolate(id, true);
    } catch (const std::system_error &error) {
        throw failed(fmt::format("module {} could not be cut off: {}", id, error.code().message()));
    }
    refresh();
    reconcile();
}

void System::online_module(std::uint32_t id) {
    const auto module = view_.modules.find(id);
    if (module == view_.modules.end())
        throw refused(fmt::format("there is no module {}", id));
    need_kernel();
    if (module->second.state == FT_MODULE_STATE_REMOVED)
        throw refused(fmt::format("module {} is not in the machine; put it back, it is taken in by "
                                  "itself then",
                                  id));
    try {
        kernel_->join(id);
    } catch (const std::system_error &error) {
        throw failed(
            fmt::format("module {} could not be taken in: {}", id, error.code().message()));
    }
    const auto again = [&](const std::string &pair, const std::array<DevicePath, 2> &members) {
        for (std::size_t i = 0; i < 2; i++)
            if (members[i].module == id) {
                work(pair).decided[i] = work(pair).used[i] = 0;
                work(pair).again[i] = true;
                facts_.faults.tried_again(members[i].str());
            }
    };
    for (const BondConfig &bond : facts_.config.bonds)
        again(bond.name, bond.ports);
    for (const MirrorConfig &mirror : facts_.config.mirrors)
        again(mirror.name, mirror.legs);
    refresh();
    reconcile();
}

} // namespace ft
