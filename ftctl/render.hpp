// SPDX-License-Identifier: GPL-2.0
// The one picture, for people and for programs.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace ftctl {

// The document of `status --json` out of Client::objects().
nlohmann::ordered_json status_document(nlohmann::ordered_json objects);

// How text is drawn here: on a terminal with colours, UTF-8 or plain.
class Style {
  public:
    static Style of_terminal();

    std::string state(const std::string &state, std::size_t width = 0) const;
    std::string strong(const std::string &text) const;
    std::string dim(const std::string &text) const;
    const char *branch(bool last) const;
    const char *trunk(bool last) const;

    bool colour = false;
    bool utf8 = false;

  private:
    std::string paint(const char *code, const std::string &text) const;
};

// "####....  42 %  1.0 GiB of 2.4 GiB, 100 MiB/s, 14 s left"
std::string job_progress(const nlohmann::ordered_json &job, const Style &style);
std::string status_tree(const nlohmann::ordered_json &document, const Style &style);
// "####....  50 %  5.0 MiB of 10.0 MiB"; empty if there is nothing to do.
std::string progress_bar(std::uint64_t done, std::uint64_t total, const Style &style);
// "5.0 MiB"
std::string bytes_text(std::uint64_t bytes);
// 2026-11-20T20:01:33.123Z of microseconds since 1970; null for 0.
nlohmann::ordered_json date(std::uint64_t microseconds);

int exit_code(const nlohmann::ordered_json &document);

} // namespace ftctl
