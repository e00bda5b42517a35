#include "cloud/config/cloud_key.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>

#include "base/hex.h"

namespace titan::cloud {

SecretSeed random_seed() {
  std::random_device device;
  SecretSeed seed;
  for (auto& byte : seed.bytes) byte = static_cast<std::uint8_t>(device());
  return seed;
}

Result<KeyPair> load_or_make_key(const std::string& data_folder) {
  std::error_code error;
  std::filesystem::create_directories(data_folder, error);
  if (error) {
    return make_error(ErrorCode::io,
                      "the data folder '" + data_folder + "' cannot be made: " + error.message());
  }
  const std::string path = data_folder + "/cloud.key";
  struct stat facts {};
  if (::stat(path.c_str(), &facts) == 0) {
    if ((facts.st_mode & 077) != 0) {
      return make_error(
          ErrorCode::refused,
          "others may read '" + path + "', which holds the cloud's key; run chmod 600 on it");
    }
    std::ifstream file(path);
    std::string text;
    file >> text;
    const auto seed = SecretSeed::from_hex_text(text);
    if (!seed || seed->is_none()) {
      return make_error(ErrorCode::corrupt,
                        "'" + path +
                            "' is not a key (64 hexadecimal digits); restore it from its "
                            "copy: the stores know the cloud by it");
    }
    return KeyPair::from_seed(*seed);
  }
  const SecretSeed seed = random_seed();
  const std::string text = seed.hex() + "\n";
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) {
    return make_error(ErrorCode::io, "'" + path + "' cannot be made: " + std::strerror(errno));
  }
  const bool written =
      ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
      ::fsync(file) == 0;
  ::close(file);
  if (!written) {
    ::unlink(path.c_str());
    return make_error(ErrorCode::io, "'" + path + "' cannot be written; is the disk full?");
  }
  return KeyPair::from_seed(seed);
}

}  // namespace titan::cloud
