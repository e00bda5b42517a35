// Where the API runs its work: everything on the loop, but for the reading of long lists.
#pragma once

#include <functional>

namespace titan::pos {

struct ApiThreads {
  std::function<void(std::function<void()>)> on_worker;
  std::function<void(std::function<void()>)> on_loop;
};

}  // namespace titan::pos
