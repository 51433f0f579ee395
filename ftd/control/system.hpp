// SPDX-License-Identifier: GPL-2.0
// The system under ftd's care: keeps the facts, and after each change of them
// does the next step towards what the configuration wants. Every step starts
// from how things are now, never from what was planned earlier, so that a
// restart of ftd, a lost event or a pull at any moment need no handling of
// their own.
#pragma once

#include <array>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <systemd/sd-event.h>
#include <vector>

#include "ftd/control/dumps.hpp"
#include "ftd/kernel/devices.hpp"
#include "ftd/kernel/ft_netlink.hpp"
#include "ftd/kernel/workers.hpp"
#include "ftd/model/mirror_status.hpp"
#include "ftd/model/view.hpp"

namespace ft {

// Called once when something asked for has ended; an error, or none.
using Done = std::function<void(std::exception_ptr)>;

struct Paths {
    std::string config;
    std::string state;      // what ftd remembers of faults
    std::string root = "/"; // of all that is known of dumps
};

class System {
  public:
    // `published(before, now)` for each change of the view.
    using Published = std::function<void(const SystemView &before, const SystemView &now)>;

    System(sd_event *event, Paths paths);
    void start(Published published);
    // Nothing is lost that was decided: what is remembered goes to disk now.
    void stop();

    const SystemView &view() const { return view_; }
    const std::string &config_path() const { return paths_.config; }
    // Resync counters of a mirror as they are now; all 0 if it does not run.
    KernelPair progress(const std::string &mirror);
    Progress progress(const Job &job);
    // Its counters, in the order of its legs.
    MirrorStatistics statistics(const std::string &mirror) const;

    void reload();
    void
    propose(std::optional<ReplaceBlank> replace_blank,
            std::function<void(std::exception_ptr, std::string config, std::string json)> done);
    void apply(const std::string &text, bool wipe, Done done);
    void remove_module(std::uint32_t id, bool force);
    void online_module(std::uint32_t id);
    void start_alone(const std::string &mirror, Done done);
    void resolve(const std::string &mirror, const std::string &survivor, Done done);
    void replace(const std::string &mirror, const std::string &device, std::uint64_t flags,
                 Done done);
    void scrub(const std::string &mirror, bool repair, Done done);
    // `bytes`: 0, as large as both disks allow. Tells how many it has then.
    void grow(const std::string &mirror, std::uint64_t bytes,
              std::function<void(std::uint64_t bytes, std::exception_ptr)> done);
    void prefer(const std::string &mirror, const std::string &device, Done done);
    void clear_fault(const std::string &device);
    void delete_dump(const std::string &id, Done done);
    void cancel_job(std::uint32_t id, Done done);
    void test_alert();

  private:
    struct Wish {
        std::function<bool()> achieved;
        Done done;
    };
    // What ftd remembers of a pair between two steps.
    struct PairWork {
        bool busy = false;
        // Members' device instances that a decision was made about; the next one
        // is due when they are others. 0: none; `nobody`: that there is none.
        std::array<std::uint64_t, 2> decided{};
        // Instances that the pair used last: what failed is not tried again.
        std::array<std::uint64_t, 2> used{};
        Permission permission;
        std::array<ArrivalPermission, 2> arrival{};
        std::array<bool, 2> again{}; // a person wants the member tried, whatever its past
        Handle<sd_event_source, sd_event_source_disable_unref> timer;
        bool waited = false; // mirror: degraded_wait_s is over
        bool tried = false;  // bond: making it was tried
        bool other = false;  // bond: configured otherwise than when it was made
        std::vector<Wish> wishes;
    };
    struct Application; // an Apply under way

    using Legs = std::map<std::string, Leg>; // by the disk's kernel name

    void connect();
    void told(const std::vector<KernelEvent> &events, bool lost);
    void refresh();
    void scan();
    void scan_soon();
    void hardware_changed();
    void load(const std::string &text);
    void define_modules();
    std::string modules_refused(const std::system_error &error) const;
    void publish(const std::set<std::string> *only = nullptr);

    bool follow_buttons();
    void reconcile();
    void reconcile(const std::set<std::string> &pairs);
    void step(const std::set<std::string> *only = nullptr);
    void reconcile_bond(const BondConfig &bond);
    void reconcile_mirror(const MirrorConfig &mirror);
    void assemble(const MirrorConfig &mirror, const std::array<const Disk *, 2> &disks);
    void assemble(const MirrorConfig &mirror, const std::array<const Disk *, 2> &disks,
                  const std::array<Leg, 2> &legs);
    void arrive(const MirrorConfig &mirror, std::size_t number, const Disk &disk,
                const std::string &running);
    void admit(const MirrorConfig &mirror, std::size_t number, const std::string &device,
               const ArrivalPlan &plan);
    void retry(const std::string &pair, unsigned seconds, bool waited);
    bool may_return(const std::string &pair, std::size_t member, const std::string &device,
                    bool last, const Finding &waiting);
    bool return_is_due(const std::string &device);
    void wake_at(std::uint64_t us);
    void arm_wake();
    void not_back(const std::string &pair, const std::string &device, ft_reason reason);
    bool note_faults(const SystemView &view);
    void load_state();
    void forget_others();
    void save_state();
    void wish(const std::string &mirror, std::function<bool()> achieved, Done done);
    const KernelPair &running_mirror(const std::string &name) const;
    void tell_target(const std::string &mirror, const std::string &message,
                     std::function<std::exception_ptr(int error)> judge, Done done);

    void finished(const std::string &pair, std::exception_ptr error);
    PairWork &work(const std::string &pair);
    void found(const std::string &pair, std::size_t member, const Finding &finding,
               const std::string &next_action);
    void forget(const std::string &pair, std::size_t member);
    void settle();
    void settle_application();

    bool module_usable(std::uint32_t id) const;
    void need_kernel() const; // throws unless the kernel modules are loaded
    const MirrorConfig &configured_mirror(const std::string &name) const;
    void read_legs(const std::vector<std::string> &names, std::function<void(Legs)> done);

    void check(Application &application) const;
    void end_application(std::exception_ptr error);
    void roll_back(const std::string &why);

    sd_event *event_;
    Paths paths_;
    Published published_;
    Workers workers_;
    std::unique_ptr<Devices> devices_;
    std::unique_ptr<FtNetlink> kernel_;
    std::unique_ptr<Dumps> dumps_;
    Facts facts_;
    SystemView view_;
    std::map<std::string, std::shared_ptr<PairWork>> work_;
    std::map<std::uint32_t, bool> present_;
    std::set<std::uint32_t> leaving_; // cut off because their button was pressed
    std::shared_ptr<Application> application_;
    bool going_back_ = false;
    Jobs jobs_;
    std::vector<std::string> ports_; // of bonds, as they were when `inventory` was made
    static constexpr std::uint64_t never = ~std::uint64_t{0};
    std::uint64_t wake_ = never; // us since 1970
    Handle<sd_event_source, sd_event_source_disable_unref> wake_timer_;
    std::uint64_t scanned_ = 0; // CLOCK_BOOTTIME ns
    std::uint64_t rest_ = 0;    // ns from one look at the hardware to the next
    KernelState counters_;      // for progress(), as they were at `counted_`
    std::uint64_t counted_ = 0;
    Handle<sd_event_source, sd_event_source_disable_unref> scan_timer_, test_timer_;
    FaultBook saved_faults_; // what the state file holds, or is about to
    bool saving_ = false;
    bool state_known_ = false; // the folder of the state file was there
};

} // namespace ft
