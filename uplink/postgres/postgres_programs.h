// Which PostgreSQL is installed on this machine, and of which version a cluster is.
#pragma once

#include <optional>
#include <string>

namespace titan::uplink {

inline constexpr const char* postgres_root = "/usr/lib/postgresql";

struct PostgresPrograms {
  int version = 0;     // major: 15
  std::string folder;  // such as /usr/lib/postgresql/15/bin
};

// Those of this major version; 0: the newest. Nothing: not installed.
std::optional<PostgresPrograms> find_programs(const std::string& root, int version = 0);

// The newest installed PostgreSQL's folder of programs.
std::optional<std::string> find_postgres_programs();

// The major version that a cluster's folder names; 0: it names none.
int version_of_cluster(const std::string& cluster);

}  // namespace titan::uplink
