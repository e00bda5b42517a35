// The terminal's data folder: who this device is, and that only one process uses it.
//
// Holds device.key (the Ed25519 seed, mode 0600, made at the first start), terminal.json (tenant,
// store and device that the folder belongs to), lock, api.address (where the running terminal's API
// answers), titan.sqlite3 and postgres/.
#pragma once

#include <optional>
#include <string>

#include "base/crypto.h"
#include "base/result.h"

namespace titan::pos {

class DataFolder {
 public:
  // Makes the folder and the key where there are none. Fails if another process uses it, if it
  // belongs to another store, or if it cannot be written.
  static Result<DataFolder> open(const std::string& path, const std::string& tenant,
                                 const std::string& store);
  // Whether a process has it open. Makes nothing.
  static bool is_in_use(const std::string& path);
  // An error if the folder belongs to another store. Makes nothing.
  static Status check_owner(const std::string& path, const std::string& tenant,
                            const std::string& store);
  DataFolder(DataFolder&& other) noexcept;
  DataFolder& operator=(DataFolder&&) = delete;
  ~DataFolder();

  // Where this terminal's API answers, as long as it runs; for api_address_in().
  void note_api_address(const std::string& address) const;

  const KeyPair& device_key() const { return device_key_; }
  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  DataFolder(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}

  std::string path_;
  int lock_ = -1;
  KeyPair device_key_;
};

// Where the API of the terminal with this data folder answers, or last did; nothing if it never
// ran.
std::optional<std::string> api_address_in(const std::string& data_folder);

// 32 bytes from the system's random source.
SecretSeed draw_seed();

}  // namespace titan::pos
