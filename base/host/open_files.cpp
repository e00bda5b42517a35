#include "base/host/open_files.h"

#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace titan {

OpenFiles raise_open_files(std::size_t wanted) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return {0, std::strerror(errno)};
  if (limit.rlim_cur >= wanted) return {limit.rlim_cur, {}};
  const rlim_t before = limit.rlim_cur;
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, wanted);
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return {before, std::strerror(errno)};
  return {limit.rlim_cur, {}};
}

}  // namespace titan
