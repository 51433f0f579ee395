// SPDX-License-Identifier: GPL-2.0
#include "ftctl/run.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "ftctl/client.hpp"
#include "ftd/common/handle.hpp"

namespace ftctl {

int run(const std::vector<std::string> &words, const std::function<void(std::string_view)> &said) {
    std::vector<char *> arguments;
    for (const std::string &word : words)
        arguments.push_back(const_cast<char *>(word.c_str()));
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    const ft::Handle<posix_spawn_file_actions_t, ::posix_spawn_file_actions_destroy> owner(
        &actions);
    ft::Fd ours, theirs;
    if (int ends[2]; said && ::pipe2(ends, O_CLOEXEC) == 0) {
        ours = ft::Fd(ends[0]);
        theirs = ft::Fd(ends[1]);
        ::posix_spawn_file_actions_adddup2(&actions, theirs.get(), STDOUT_FILENO);
        ::posix_spawn_file_actions_adddup2(&actions, theirs.get(), STDERR_FILENO);
    }
    pid_t child = 0;
    int status = 0;
    if (const int error =
            ::posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ))
        throw Denied(fmt::format("{} cannot be run: {}", words[0], std::strerror(error)));
    theirs = ft::Fd();
    char text[4096];
    for (ssize_t length; ours && (length = ::read(ours.get(), text, sizeof(text))) != 0;)
        if (length > 0)
            said({text, static_cast<std::size_t>(length)});
        else if (errno != EINTR)
            break;
    while (::waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            throw Denied(fmt::format("{}: {}", words[0], std::strerror(errno)));
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

} // namespace ftctl
