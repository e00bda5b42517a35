// The journal could not be read. Thrown and caught within TablesProjection, past SQLite's own
// exceptions, so that a damaged journal is never taken for damage of the tables.
#pragma once

#include <utility>

#include "base/result.h"
#include "pos-node/tables/projection.h"

namespace titan::pos {

struct JournalFailure {
  Error error;
};

template <class T>
T TablesProjection::ask(Result<T> answer) {
  if (!answer) throw JournalFailure{answer.error()};
  return std::move(*answer);
}

}  // namespace titan::pos
