// Something to be done later: a move-only callable that is kept in place where it fits.
//
// A run makes hundreds of thousands of them; std::function would copy, and allocate for each.
#pragma once

#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

namespace titan::simulations {

class Task {
 public:
  Task() = default;
  template <class Act>
  requires(!std::is_same_v<std::remove_cvref_t<Act>, Task>)
      Task(Act&& act) {  // NOLINT: a task is made from any callable
    using Held = std::remove_cvref_t<Act>;
    if constexpr (sizeof(Held) <= sizeof(storage_) && alignof(Held) <= alignof(std::max_align_t) &&
                  std::is_nothrow_move_constructible_v<Held>) {
      new (storage_) Held(std::forward<Act>(act));
      operations_ = &in_place<Held>;
    } else {
      new (storage_) Held*(new Held(std::forward<Act>(act)));
      operations_ = &on_heap<Held>;
    }
  }
  Task(Task&& other) noexcept { take(other); }
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      reset();
      take(other);
    }
    return *this;
  }
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  ~Task() { reset(); }

  void operator()() { operations_->call(storage_); }
  explicit operator bool() const { return operations_ != nullptr; }

 private:
  struct Operations {
    void (*call)(void*);
    void (*move)(void* to, void* from);
    void (*destroy)(void*);
  };

  template <class Held>
  static constexpr Operations in_place{[](void* held) { (*static_cast<Held*>(held))(); },
                                       [](void* to, void* from) {
                                         new (to) Held(std::move(*static_cast<Held*>(from)));
                                         static_cast<Held*>(from)->~Held();
                                       },
                                       [](void* held) { static_cast<Held*>(held)->~Held(); }};
  template <class Held>
  static constexpr Operations on_heap{
      [](void* held) { (**static_cast<Held**>(held))(); },
      [](void* to, void* from) { new (to) Held*(*static_cast<Held**>(from)); },
      [](void* held) { delete *static_cast<Held**>(held); }};

  void take(Task& other) {
    operations_ = std::exchange(other.operations_, nullptr);
    if (operations_ != nullptr) operations_->move(storage_, other.storage_);
  }
  void reset() {
    if (operations_ != nullptr) std::exchange(operations_, nullptr)->destroy(storage_);
  }

  alignas(std::max_align_t) unsigned char storage_[96];
  const Operations* operations_ = nullptr;
};

}  // namespace titan::simulations
