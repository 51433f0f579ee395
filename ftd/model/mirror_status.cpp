// SPDX-License-Identifier: GPL-2.0
#include "ftd/model/mirror_status.hpp"

#include <charconv>
#include <vector>

namespace ft {

namespace {

constexpr std::uint64_t stat_sector = 512; // whatever the disk's own are

// Words, parted by any of `separators`.
std::vector<std::string_view> words_of(std::string_view text, const char *separators) {
    std::vector<std::string_view> words;
    for (std::size_t begin = 0;
         (begin = text.find_first_not_of(separators, begin)) != std::string_view::npos;) {
        const std::size_t end = std::min(text.find_first_of(separators, begin), text.size());
        words.push_back(text.substr(begin, end - begin));
        begin = end;
    }
    return words;
}

class Fields {
  public:
    Fields(std::string_view text, const char *separators) : words_(words_of(text, separators)) {}

    std::string_view text(std::size_t at) const {
        return at < words_.size() ? words_[at] : std::string_view();
    }
    std::uint64_t number(std::size_t at) const {
        std::uint64_t value = 0;
        const std::string_view word = text(at);
        std::from_chars(word.data(), word.data() + word.size(), value);
        return value;
    }

  private:
    std::vector<std::string_view> words_;
};

} // namespace

MirrorStatistics parse_status(std::string_view status) {
    // Each "done/total" counts as two; in version 1 there are 16 fields.
    const Fields field(status, " /");
    MirrorStatistics result;
    std::size_t at = 16;
    for (LegStatistics &leg : result.legs) {
        leg.failed_reads = field.number(at++);
        leg.failed_writes = field.number(at++);
        leg.repaired = field.number(at++);
    }
    ScrubStatistics &scrub = result.scrub;
    if (const std::string_view mode = field.text(at++); !mode.empty())
        scrub.mode = mode;
    for (std::uint64_t *number :
         {&scrub.done, &scrub.total, &scrub.differing, &scrub.repaired, &scrub.unreadable})
        *number = field.number(at++);
    return result;
}

void add_disk_stat(LegStatistics &leg, std::string_view stat) {
    const Fields field(stat, " \n");
    leg.reads = field.number(0);
    leg.read_bytes = field.number(2) * stat_sector;
    leg.read_ms = field.number(3);
    leg.writes = field.number(4);
    leg.written_bytes = field.number(6) * stat_sector;
    leg.write_ms = field.number(7);
}

} // namespace ft
