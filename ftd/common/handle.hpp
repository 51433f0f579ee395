// SPDX-License-Identifier: GPL-2.0
// Owners of what the C libraries hand out.
#pragma once

#include <memory>
#include <unistd.h>
#include <utility>

namespace ft {

// unique_ptr that frees with the C function given: Handle<udev, udev_unref>.
// The function's result, if it has one, says nothing about the object any more.
template <auto free>
struct Release {
    template <typename T>
    void operator()(T *object) const noexcept {
        free(object);
    }
};
template <typename T, auto free>
using Handle = std::unique_ptr<T, Release<free>>;

class Fd {
  public:
    Fd() = default;
    explicit Fd(int fd) noexcept : fd_(fd) {}
    Fd(Fd &&other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Fd &operator=(Fd &&other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~Fd() {
        if (fd_ >= 0)
            ::close(fd_);
    }

    int get() const noexcept { return fd_; }
    explicit operator bool() const noexcept { return fd_ >= 0; }

  private:
    int fd_ = -1;
};

} // namespace ft
