// SPDX-License-Identifier: GPL-2.0
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "ftd/common/error.hpp"
#include "ftd/model/dump.hpp"

namespace {

constexpr std::uint64_t mib = 1 << 20, block = 128 * mib;

const std::string iomem = R"(00000000-00000fff : Reserved
00001000-0009fbff : System RAM
000f0000-000fffff : System ROM
00100000-7ffd6fff : System RAM
  01000000-01e01d31 : Kernel code
  48000000-67ffffff : Crash kernel
7ffd7000-7fffffff : Reserved
80000000-afffffff : PCI Bus 0000:00
  90000000-90ffffff : System RAM
100000000-17fffffff : System RAM
)";

TEST(Dump, MapOfMemory) {
    const ft::MemoryMap map = ft::parse_iomem(iomem);
    ASSERT_EQ(map.ram.size(), 3U);
    EXPECT_EQ(map.ram[2], (ft::MemoryRange{0x100000000, 0x180000000}));
    EXPECT_EQ(map.crash, (ft::MemoryRange{0x48000000, 0x68000000}));
    EXPECT_EQ(map.total(), 0x9fc00U - 0x1000 + 0x7ffd7000 - 0x100000 + 0x80000000);
    EXPECT_EQ(ft::write_ranges(ft::old_ram(map)),
              "100000-47ffffff,68000000-7ffd6fff,100000000-17fffffff");
}

TEST(Dump, PartsThatTouchAreOneAndOddEndsAreLeftOut) {
    const ft::MemoryMap map = ft::parse_iomem("40001000-67ff918f : System RAM\n"
                                              "67ff9190-67ff919f : System RAM\n"
                                              "67ff91a0-67ffffff : System RAM\n"
                                              "70000800-70002fff : System RAM\n"
                                              "70010800-70010fff : System RAM\n");
    EXPECT_EQ(ft::write_ranges(ft::old_ram(map)), "40001000-67ffffff,70001000-70002fff");
}

TEST(Dump, MapThatIsNoneIsRefused) {
    EXPECT_THROW(ft::parse_iomem(""), ft::Error);
    EXPECT_THROW(ft::parse_iomem("00000000-00000000 : System RAM\n"), ft::Error);
    EXPECT_THROW(ft::parse_iomem("zz : System RAM\n5 : System RAM\n1-x : System RAM\n"), ft::Error);
}

TEST(Dump, InitramfsOfTheBootLoader) {
    std::string zero_page(4096, '\0');
    EXPECT_FALSE(ft::boot_initramfs(zero_page));
    zero_page.replace(0x218, 8, std::string("\x00\xb0\x05\x37\x00\xa0\x7c\x00", 8));
    EXPECT_EQ(ft::boot_initramfs(zero_page), (ft::MemoryRange{0x3705b000, 0x37825000}));
    zero_page[0xc0] = 1;
    EXPECT_EQ(ft::boot_initramfs(zero_page)->start, 0x13705b000U);
    EXPECT_FALSE(ft::boot_initramfs(zero_page.substr(0, 0x21f)));
    EXPECT_FALSE(ft::boot_initramfs(""));
}

TEST(Dump, RegionThatWasAskedFor) {
    EXPECT_EQ(ft::asked_region("quiet crashkernel=512M@0x30000000 ro"),
              (ft::MemoryRange{0x30000000, 0x50000000}));
    EXPECT_EQ(ft::asked_region("crashkernel=1M@0x0 crashkernel=" +
                               ft::write_region({2 * block, 6 * block})),
              (ft::MemoryRange{2 * block, 6 * block}));
    for (const char *none : {"", "quiet", "crashkernel=", "crashkernel=512M", "crashkernel=0M@0x5",
                             "crashkernel=512M@", "crashkernel=99999999999M@0x10000000"})
        EXPECT_FALSE(ft::asked_region(none)) << none;
}

TEST(Dump, RegionIsWholeBlocksThatAreFree) {
    const ft::MemoryMap map = ft::parse_iomem(iomem);
    const auto proposed = [](const ft::MemoryMap &of, std::uint64_t region_mib,
                             std::optional<std::uint64_t> second_mib = {}) {
        return ft::propose_region(of, {.region_mib = region_mib, .second_mib = second_mib});
    };
    EXPECT_EQ(proposed(map, 512), (ft::MemoryRange{2 * block, 2 * block + 512 * mib}));
    EXPECT_EQ(ft::write_region({2 * block, 6 * block}), "512M@0x10000000");
    EXPECT_EQ(proposed(map, 500)->size(), 512 * mib);
    EXPECT_EQ(proposed(map, 500, 300), (ft::MemoryRange{2 * block, 9 * block}));
    ft::MemoryMap full = map;
    full.taken.push_back({0x18000000, 0x18001000});
    EXPECT_EQ(proposed(full, 512)->start, 0x20000000U);
    full.taken.push_back({0x3ff00000, 0x3ff01000});
    EXPECT_EQ(proposed(full, 512)->start, 0x40000000U);
    EXPECT_FALSE(proposed(full, 2048));                      // above 4 GiB it would fit
    EXPECT_EQ(proposed(full, 512, 1024)->size(), 512 * mib); // better than nothing
}

TEST(Dump, SecondRegionLiesWithinTheFirst) {
    using Sizes = std::vector<std::uint64_t>;
    constexpr std::uint64_t gib = 1024 * mib;
    EXPECT_EQ(ft::region_sizes({}, 16 * gib), Sizes{512 * mib});
    EXPECT_EQ(ft::region_sizes({}, 32 * gib - 512 * mib), (Sizes{1024 * mib, 512 * mib}));
    EXPECT_EQ(ft::region_sizes({.second_mib = 0}, 64 * gib), Sizes{512 * mib});
    const ft::DumpConfig both{.second_mib = 512};
    EXPECT_EQ(ft::region_sizes(both, 2 * gib), (Sizes{1024 * mib, 512 * mib}));
    ft::MemoryMap map = ft::parse_iomem(iomem);
    EXPECT_FALSE(ft::second_region(map, both)); // the region has 512 MiB
    EXPECT_FALSE(ft::second_region(map, {}));
    map.crash = ft::MemoryRange{2 * block, 10 * block};
    EXPECT_EQ(ft::second_region(map, both), (ft::MemoryRange{3 * block, 7 * block}));
    EXPECT_FALSE(ft::second_region(map, {}));
    map.crash.reset();
    EXPECT_FALSE(ft::second_region(map, both));
    // Told with the memory for the one after it, in a place that it finds free.
    const std::string line = ft::crash_command_line("quiet crashkernel=1024M@0x10000000", "1-2", "",
                                                    {}, ft::MemoryRange{3 * block, 7 * block});
    EXPECT_EQ(line, "quiet ft_dump.ram=1-2 iommu=soft nokaslr crashkernel=512M@0x18000000");
    EXPECT_EQ(ft::crash_command_line(line, "1-2", ""), "quiet nokaslr ft_dump.ram=1-2 iommu=soft");
    EXPECT_EQ(ft::crash_command_line("nokaslr", "1-2", "", {}, ft::MemoryRange{0, block}),
              "nokaslr ft_dump.ram=1-2 iommu=soft crashkernel=128M@0x0");
}

TEST(Dump, LogOfTheDeadKernel) {
    const ft::Panic panic = ft::parse_log("[    5.0] Memory failure: 0x12345: recovered\n"
                                          "[    5.1] Memory failure: 0x12345: already poisoned\n"
                                          "[    6.0] Memory failure: 0xfffffffffffffff: x\n"
                                          "[    6.0] Memory failure: 0xzz\n"
                                          "[   9.0] Kernel panic - not syncing: sysrq crash \r\n"
                                          "[   9.1] Kernel panic - not syncing: another\n");
    EXPECT_EQ(panic.message, "sysrq crash");
    EXPECT_EQ(panic.bad_pages, std::vector<std::uint64_t>{0x12345000});
    EXPECT_EQ(ft::parse_log("").message, "");
}

TEST(Dump, OopsThatIsAPanic) {
    EXPECT_EQ(ft::parse_log("[   9.0] BUG: sleeping function called\n"
                            "[  10.0] general protection fault, maybe: 0000 [#1] SMP\n"
                            "[  12.0] BUG: kernel NULL pointer dereference, address: 0\n"
                            "[  12.0] PGD 0 P4D 0\n"
                            "[  12.0] Oops: 0002 [#2] PREEMPT SMP\n")
                  .message,
              "BUG: kernel NULL pointer dereference, address: 0");
    EXPECT_EQ(ft::parse_log("[  12.0] ------------[ cut here ]------------\n"
                            "[  12.0] kernel BUG at x.c:15!\n"
                            "[  12.0] invalid opcode: 0000 [#1] PREEMPT SMP\n")
                  .message,
              "kernel BUG at x.c:15!");
    EXPECT_EQ(ft::parse_log("[  12.0] general protection fault: 0000 [#1] PREEMPT SMP\n").message,
              "general protection fault: 0000 [#1] PREEMPT SMP");
    EXPECT_EQ(ft::parse_log("[  12.0] kernel BUG at x.c:15!\n"
                            "[  12.0] invalid opcode: 0000 [#1] PREEMPT SMP\n"
                            "[  12.1] Kernel panic - not syncing: Fatal exception\n")
                  .message,
              "Fatal exception");
}

TEST(Dump, Configuration) {
    const ft::DumpConfig config = ft::parse_dump_config(
        "# where\npath = /mnt/x\nregion_mib=640\nsecond_mib=0\n\nkernel=/boot/k\n"
        "initramfs=/boot/i\n"
        "options = root=none x=1\nkeep=5\nkeep_mib=100\npanics=2\nwithin_s=60\n",
        "f");
    EXPECT_EQ(config, (ft::DumpConfig{"/mnt/x", 640, 0, "/boot/k", "/boot/i", "root=none x=1", 5,
                                      100, 2, 60}));
    for (const char *wrong : {"path", "path=x", "path=", "keep=0", "keep=x", "keep=5x",
                              "region_mib=64", "colour=red", "=1"})
        EXPECT_THROW(ft::parse_dump_config(wrong, "f"), ft::Error) << wrong;
    try {
        ft::parse_dump_config("\nkeep=0", "f");
    } catch (const ft::Error &error) {
        EXPECT_STREQ(error.what(), "f:2: keep is a number from 1 to 1000");
    }
}

TEST(Dump, CommandLineDoesNotGrowWithEachPanic) {
    const std::string first = ft::crash_command_line(
        "BOOT_IMAGE=/vmlinuz root=none quiet crashkernel=512M\n", "1-2", "x=1");
    EXPECT_EQ(first, "root=none quiet ft_dump.ram=1-2 iommu=soft x=1");
    EXPECT_EQ(ft::crash_command_line("elfcorehdr=0x5 " + first, "3-4", "x=1"),
              "root=none quiet ft_dump.ram=3-4 iommu=soft x=1");
    EXPECT_EQ(ft::crash_command_line("a", "1-2", ""), "a ft_dump.ram=1-2 iommu=soft");
}

TEST(Dump, OldestAndIncompleteDumpsMakeRoom) {
    ft::DumpConfig config;
    config.keep = 3;
    const std::vector<ft::Dump> dumps{{"1", 1, 5 * mib, true},
                                      {"4", 4, 5 * mib, true},
                                      {"2", 2, 5 * mib, true},
                                      {"3", 3, 5 * mib, false}};
    EXPECT_EQ(ft::expendable(dumps, config), (std::vector<std::string>{"1", "3"}));
    config.keep = 5;
    EXPECT_TRUE(ft::expendable(dumps, config).empty());
    config.keep_mib = 7;
    EXPECT_EQ(ft::expendable(dumps, config), (std::vector<std::string>{"2", "1"}));
    config.keep = 1;
    EXPECT_EQ(ft::expendable(dumps, config).size(), 4U);
}

TEST(Dump, TooManyPanicsInATime) {
    ft::DumpConfig config;
    config.panics = 2;
    config.within_s = 100;
    using Times = std::vector<std::uint64_t>;
    EXPECT_FALSE(ft::too_often({1000, 1005}, config));
    EXPECT_TRUE(ft::too_often({1000, 1005, 1010}, config));
    const std::string line = ft::crash_command_line("quiet ftstack.panics=7", "1-2", "", {5, 9, 3});
    EXPECT_EQ(line, "quiet ft_dump.ram=1-2 iommu=soft ftstack.panics=5,9,3");
    EXPECT_EQ(ft::recent_panics(line, 10, config), (Times{5, 9, 3}));
    EXPECT_EQ(ft::recent_panics(line, 104, config), (Times{5, 9}));
    EXPECT_EQ(ft::recent_panics(line, 4, config), Times{3}); // the others are of another clock
    EXPECT_EQ(ft::recent_panics("ftstack.panics=", 4, config), Times{});
    EXPECT_EQ(ft::recent_panics("ftstack.panics=x,1", 4, config), Times{});
    // The last ones count.
    Times many(100);
    many.back() = 77;
    const std::string longest = ft::crash_command_line("", "1-2", "", many);
    EXPECT_LT(longest.size(), 100U);
    EXPECT_TRUE(longest.ends_with(",77"));
    EXPECT_THROW(ft::parse_dump_config("panics=21", "f"), ft::Error);
}

ft::DumpFacts ready() {
    ft::DumpFacts facts;
    facts.map = ft::parse_iomem(iomem);
    facts.loaded = facts.modules = facts.kexec = facts.makedumpfile = true;
    facts.initramfs = 100 * mib;
    facts.space = 1024 * mib;
    return facts;
}

TEST(Dump, CheckFindsNothingWhereAllIsReady) {
    EXPECT_TRUE(ft::check_dump(ready(), {}).empty());
}

TEST(Dump, CheckSaysWhatIsMissing) {
    const auto said = [](const ft::DumpFacts &facts, bool bad, const std::string &text,
                         const ft::DumpConfig &config = {}) {
        for (const ft::DumpFinding &finding : ft::check_dump(facts, config))
            if (finding.bad == bad && finding.text.find(text) != std::string::npos)
                return !finding.next_action.empty();
        return false;
    };
    ft::DumpFacts facts = ready();
    facts.kdump_tools = true;
    EXPECT_TRUE(said(facts, true, "kdump-tools is armed"));
    facts = ready();
    facts.kdump_rule = true;
    EXPECT_TRUE(said(facts, true, "kdump-tools is installed"));
    facts = ready();
    facts.kexec = false;
    EXPECT_TRUE(said(facts, true, "kexec-tools is not installed"));
    facts = ready();
    facts.makedumpfile = facts.modules = facts.loaded = false;
    EXPECT_TRUE(said(facts, true, "makedumpfile is not installed"));
    EXPECT_TRUE(said(facts, true, "ft_dump is not built"));
    EXPECT_TRUE(said(facts, true, "no crash kernel is loaded"));
    facts = ready();
    facts.map.crash = std::nullopt;
    EXPECT_TRUE(said(facts, true, "no memory is reserved"));
    ft::DumpConfig large;
    large.region_mib = 3072;
    EXPECT_TRUE(said(facts, true, "no memory is reserved", large));
    facts = ready();
    facts.map.crash = ft::MemoryRange{0x48001000, 0x68000000};
    EXPECT_TRUE(said(facts, false, "not aligned"));
    facts = ready();
    facts.initramfs = 200 * mib;
    EXPECT_TRUE(said(facts, true, "has 512 MiB, and this initramfs needs 528"));
    facts.initramfs = 100 * mib;
    facts.unpacked = 284 * mib;
    EXPECT_FALSE(said(facts, true, "and this initramfs needs"));
    facts.unpacked++;
    EXPECT_TRUE(said(facts, true, "needs 513: 100 as it is, 284 unpacked"));
    facts.initramfs = 0;
    EXPECT_TRUE(said(facts, true, "initramfs is not there"));
    facts = ready();
    EXPECT_TRUE(said(facts, false, "has 512 MiB, and is to have 640", {.region_mib = 640}));
    const ft::DumpConfig both{.second_mib = 256};
    EXPECT_TRUE(said(facts, false, "a panic while a dump is saved would go through", both));
    facts.map.crash->end += 256 * mib;
    EXPECT_TRUE(said(facts, true, "keeps for one of its own has 256 MiB, and", both));
    facts.initramfs = 50 * mib;
    EXPECT_TRUE(ft::check_dump(facts, both).empty());
    facts = ready();
    facts.space = 100 * mib;
    EXPECT_TRUE(said(facts, false, "are free in /var/crash/ftstack"));
    facts.space = 10 * mib;
    EXPECT_TRUE(said(facts, true, "are free in /var/crash/ftstack"));
    facts = ready();
    facts.lockdown = true;
    facts.state = "OPEN";
    EXPECT_TRUE(said(facts, false, "locked down"));
    EXPECT_TRUE(said(facts, false, "runs from a dump (OPEN)"));
}

TEST(Dump, CheckSaysWhatTheKernelCannotDo) {
    const std::string all = "#\nCONFIG_KALLSYMS_ALL=y\nCONFIG_KPROBES=y\nCONFIG_PROC_VMCORE=y\n"
                            "CONFIG_KEXEC_FILE=y\nCONFIG_MEMORY_HOTPLUG=y\n";
    const auto without = [&](const std::string &option) {
        ft::DumpFacts facts = ready();
        facts.kernel_config = all;
        const std::size_t at = all.find("CONFIG_" + option + "=y");
        facts.kernel_config.replace(at, option.size() + 9,
                                    fmt::format("# CONFIG_{} is not set", option));
        return facts;
    };
    ft::DumpFacts facts = ready();
    facts.kernel_config = all;
    EXPECT_TRUE(ft::check_dump(facts, {}).empty());
    for (const char *option : {"PROC_VMCORE", "KEXEC_FILE"}) {
        const auto found = ft::check_dump(without(option), {});
        ASSERT_EQ(found.size(), 1U) << option;
        EXPECT_TRUE(found[0].bad);
        EXPECT_EQ(found[0].text, fmt::format("the kernel was built without CONFIG_{}", option));
    }
    for (const auto &[option, what] :
         {std::pair{"MEMORY_HOTPLUG", "memory does not come back until the next reboot"},
          std::pair{"KPROBES", "it is not armed again until the next reboot"},
          std::pair{"KALLSYMS_ALL", "it is not armed again until the next reboot"}}) {
        const auto found = ft::check_dump(without(option), {});
        ASSERT_EQ(found.size(), 1U) << option;
        EXPECT_FALSE(found[0].bad);
        EXPECT_EQ(
            found[0].text,
            fmt::format("the kernel was built without CONFIG_{}: after a panic {}", option, what));
    }
    // What is kept for a crash kernel of its own does for that.
    const ft::DumpConfig both{.second_mib = 256};
    facts = without("KALLSYMS_ALL");
    facts.lockdown = true;
    EXPECT_EQ(ft::check_dump(facts, {})[0].text.find("the kernel is locked down: "), 0U);
    facts.map.crash->end += 256 * mib;
    facts.initramfs = 50 * mib;
    EXPECT_TRUE(ft::check_dump(facts, both).empty());
}

TEST(Dump, ProgressOfMakedumpfile) {
    EXPECT_EQ(ft::parse_progress("Copying data                  : [ 12.3 %] -  eta: 5s"), 123U);
    EXPECT_EQ(ft::parse_progress("Copying data : [100.0 %] \\"), 1000U);
    EXPECT_EQ(ft::parse_progress("Copying data : [ 7 %] /"), 70U);
    for (const char *other : {"", "Copying data", "Copying data : [", "Copying data : [ x %]",
                              "Copying data : [101.0 %]", "Copying data : [ 1.99 %]",
                              "Excluding unnecessary pages : [ 12.3 %] -"})
        EXPECT_EQ(ft::parse_progress(other), std::nullopt) << other;
}

TEST(Dump, NewsForAPerson) {
    ft::DumpStatus status;
    status.dumps["20260101-000000"] = {.id = "20260101-000000", .error = "an old one"};
    EXPECT_EQ(ft::dump_news(status), ft::DumpNews{}) << "this kernel was started as usual";
    status.state = "OPEN";
    EXPECT_EQ(ft::dump_news(status).text, "the system runs from a dump: its kernel died");
    EXPECT_NE(ft::dump_news(status).next_action.find("journalctl"), std::string::npos);
    status.work = {"SAVE_DUMP", "20260102-000000", 7};
    EXPECT_EQ(ft::dump_news(status).text, "the system runs from a dump: its kernel died");
    status.dumps["20260102-000000"] = {.id = "20260102-000000", .panic = "BUG"};
    EXPECT_EQ(ft::dump_news(status).text, "the system runs from a dump: its kernel died, BUG");
    status.state = "RETURNED";
    EXPECT_EQ(ft::dump_news(status).text, "") << "it is being armed again";
    status.work = {};
    EXPECT_EQ(ft::dump_news(status), ft::DumpNews{});
    status.dumps["20260102-000000"].error = "no room";
    EXPECT_NE(ft::dump_news(status).text.find("not made ready for the next one: no room"),
              std::string::npos);
}

} // namespace
