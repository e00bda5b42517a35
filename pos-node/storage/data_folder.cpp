#include "pos-node/storage/data_folder.h"

#include <fcntl.h>
#include <sodium.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace titan::pos {
namespace {

namespace json = boost::json;

constexpr const char* owner_file = "terminal.json";
constexpr const char* api_address_file = "api.address";

std::string reason() {
  return std::strerror(errno);
}

Result<int> take_lock(const std::string& folder) {
  const std::string path = folder + "/lock";
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) {
    return make_error(ErrorCode::io,
                      "cannot write in the data folder " + folder + " (" + reason() +
                          "); give titan-pos a folder it may write to ([terminal] data)");
  }
  if (::flock(file, LOCK_EX | LOCK_NB) != 0) {
    ::close(file);
    return make_error(ErrorCode::refused,
                      "the data folder " + folder +
                          " is in use by another titan-pos process; stop that one first, or give "
                          "this one a folder of its own ([terminal] data)");
  }
  return file;
}

// Whole or not at all, also when the power goes.
Status write_file(const std::string& path, BytesView content, mode_t mode) {
  const std::string temporary = path + ".new";
  ::unlink(temporary.c_str());
  const int file = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (file < 0) return make_error(ErrorCode::io, "cannot write " + path + ": " + reason());
  const bool written =
      ::write(file, content.data(), content.size()) == static_cast<ssize_t>(content.size()) &&
      ::fsync(file) == 0;
  const std::string why = written ? "" : reason();
  ::close(file);
  if (!written || ::rename(temporary.c_str(), path.c_str()) != 0) {
    ::unlink(temporary.c_str());
    return make_error(ErrorCode::io, "cannot write " + path + ": " + (written ? reason() : why));
  }
  return {};
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

Result<KeyPair> load_or_make_key(const std::string& path) {
  if (!std::filesystem::exists(path)) {
    const SecretSeed seed = draw_seed();
    if (Status written = write_file(path, seed.hex() + "\n", 0600); !written) {
      return written.error();
    }
    return KeyPair::from_seed(seed);
  }
  struct stat facts {};
  if (::stat(path.c_str(), &facts) == 0 && (facts.st_mode & 077) != 0) {
    return make_error(
        ErrorCode::refused,
        "the device key " + path + " can be read by others; make it private: chmod 600 " + path);
  }
  std::string text = read_file(path);
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  const auto seed = SecretSeed::from_hex_text(text);
  if (!seed) {
    return make_error(ErrorCode::corrupt,
                      "the device key " + path +
                          " is not 64 hexadecimal digits; put it back from a backup. Without one "
                          "move the whole data folder aside (a database belongs to its key) and "
                          "start again: the terminal is a new device then and gets everything "
                          "from the other terminals and the cloud. Keep the old folder until all "
                          "its sales are seen there.");
  }
  return KeyPair::from_seed(*seed);
}

Status write_owner(const std::string& path, const std::string& tenant, const std::string& store,
                   const DeviceId& device) {
  if (std::filesystem::exists(path)) return {};
  const json::object owner{{"tenant", tenant}, {"store", store}, {"device", device.hex()}};
  return write_file(path, json::serialize(owner) + "\n", 0644);
}

}  // namespace

Status DataFolder::check_owner(const std::string& folder, const std::string& tenant,
                               const std::string& store) {
  const std::string path = folder + "/" + owner_file;
  if (!std::filesystem::exists(path)) return {};
  boost::system::error_code failed;
  const json::value parsed = json::parse(read_file(path), failed);
  const auto* owner = failed ? nullptr : parsed.if_object();
  auto text = [&](const char* key) {
    const auto* value = owner == nullptr ? nullptr : owner->if_contains(key);
    return value != nullptr && value->is_string() ? std::string(value->as_string()) : "";
  };
  if (text("tenant") == tenant && text("store") == store) return {};
  return make_error(ErrorCode::refused,
                    "the data folder belongs to store \"" + text("store") + "\" of tenant \"" +
                        text("tenant") + "\", the configuration says store \"" + store +
                        "\" of tenant \"" + tenant +
                        "\"; give this terminal an empty data folder ([terminal] data), or "
                        "correct [store]. Nothing was changed.");
}

bool DataFolder::is_in_use(const std::string& path) {
  const int file = ::open((path + "/lock").c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  const bool taken = ::flock(file, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  ::close(file);
  return taken;
}

void DataFolder::note_api_address(const std::string& address) const {
  // Only a convenience of `reload`: without it that asks where the configuration says.
  (void)write_file(file(api_address_file), address + "\n", 0600);
}

std::optional<std::string> api_address_in(const std::string& data_folder) {
  std::string address = read_file(data_folder + "/" + api_address_file);
  while (!address.empty() && address.back() == '\n') address.pop_back();
  if (address.empty()) return std::nullopt;
  return address;
}

SecretSeed draw_seed() {
  SecretSeed seed;
  randombytes_buf(seed.bytes.data(), SecretSeed::size);
  return seed;
}

Result<DataFolder> DataFolder::open(const std::string& path, const std::string& tenant,
                                    const std::string& store) {
  std::error_code failed;
  std::filesystem::create_directories(path, failed);
  if (failed) {
    return make_error(ErrorCode::io,
                      "cannot make the data folder " + path + ": " + failed.message());
  }
  auto lock = take_lock(path);
  if (!lock) return lock.error();
  DataFolder folder(path, *lock);
  auto key = load_or_make_key(folder.file("device.key"));
  if (!key) return key.error();
  folder.device_key_ = *key;
  if (Status owned = check_owner(path, tenant, store); !owned) return owned.error();
  const DeviceId device = device_of(key->public_key);
  if (Status named = write_owner(folder.file(owner_file), tenant, store, device); !named) {
    return named.error();
  }
  return folder;
}

DataFolder::DataFolder(DataFolder&& other) noexcept
    : path_(std::move(other.path_)), lock_(other.lock_), device_key_(other.device_key_) {
  other.lock_ = -1;
}

DataFolder::~DataFolder() {
  if (lock_ >= 0) ::close(lock_);  // gives the lock back
}

}  // namespace titan::pos
