#include "uplink/postgres/postgres_programs.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace titan::uplink {

namespace fs = std::filesystem;

std::optional<PostgresPrograms> find_programs(const std::string& root, int version) {
  std::error_code error;
  PostgresPrograms found;
  for (const auto& entry : fs::directory_iterator(root, error)) {
    const int there = std::atoi(entry.path().filename().c_str());
    const std::string programs = entry.path().string() + "/bin";
    if (there <= found.version || (version != 0 && there != version)) continue;
    if (!fs::exists(programs + "/initdb", error) || !fs::exists(programs + "/postgres", error)) {
      continue;
    }
    found = {there, programs};
  }
  if (found.version == 0) return std::nullopt;
  return found;
}

std::optional<std::string> find_postgres_programs() {
  const auto newest = find_programs(postgres_root);
  if (!newest) return std::nullopt;
  return newest->folder;
}

int version_of_cluster(const std::string& cluster) {
  std::ifstream file(cluster + "/PG_VERSION");
  int version = 0;
  return file >> version ? version : 0;
}

}  // namespace titan::uplink
