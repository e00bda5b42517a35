// The tables of a terminal's database and how a file comes to its newest form.
//
// Migrations expand first and contract a version later: what version N+1 left, N opens, because
// both carry the same compatibility number. `user_version` counts the migrations a file has seen;
// the compatibility number in `meta` rises only when an older program could not work on the file.
#pragma once

#include <span>
#include <string>

#include "base/result.h"
#include "mesh/sqlite/file/connection.h"

namespace titan::mesh {

struct Migration {
  int version;      // user_version once it has run
  const char* sql;  // several statements
};

// 2: journals whose names show whose they are. 3: the watermark in rows. 4: idempotency keys beside
// their entries. None was released before.
inline constexpr int schema_compatibility = 4;

std::span<const Migration> migrations();  // ascending, the first makes an empty file's tables

// Runs what `steps` has above the file's user_version, each in a transaction of its own. Refuses a
// file whose compatibility number is not `compatibility`.
Status migrate(Connection& connection, std::span<const Migration> steps, int compatibility);

// Whether this version can work on the file; one that is not there can be made. Only looks.
Status check_version(const std::string& path);

}  // namespace titan::mesh
