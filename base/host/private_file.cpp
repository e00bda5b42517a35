#include "base/host/private_file.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

namespace titan {

Status write_private_file(const std::string& path, const std::string& text,
                          const std::string& group) {
  const auto failed = [&](int reason) {
    return make_error(ErrorCode::io, "cannot write " + path + ": " + std::strerror(reason) +
                                         (reason == EACCES ? "; run this as root (sudo)" : ""));
  };
  const std::string temporary = path + ".new";
  ::unlink(temporary.c_str());
  const int file = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) return failed(errno);
  bool done = ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const struct group* readers = ::getgrnam(group.c_str());
  if (done && readers && ::geteuid() == 0) {
    done = ::fchown(file, 0, readers->gr_gid) == 0 && ::fchmod(file, 0640) == 0;
  }
  done = done && ::fsync(file) == 0;
  int reason = errno;
  ::close(file);
  if (done && std::rename(temporary.c_str(), path.c_str()) == 0) {
    const std::string folder = std::filesystem::path(path).parent_path();
    const int names =
        ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (names >= 0) {
      ::fsync(names);
      ::close(names);
    }
    return {};
  }
  if (done) reason = errno;
  ::unlink(temporary.c_str());
  return failed(reason);
}

}  // namespace titan
