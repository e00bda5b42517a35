// What the handlers of a move-in share: its id in the address, the reading of a body, and a batch
// of entries on its way to the disk.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "pos-node/api/json_body.h"
#include "pos-node/api/move_in_handlers.h"

namespace titan::pos {

inline Result<MoveInId> move_in_of_path(const ApiRequest& request) {
  const auto id = MoveInId::from_hex_text(request.path[2]);
  if (id) return *id;
  return make_error(ErrorCode::invalid,
                    "A move-in's id is 32 hexadecimal digits, as GET /v1/move-ins gives it.", "id");
}

// A batch under way: what is to be recorded, and what the answer says of each item.
struct MoveInHandlers::Batch {
  AnswerCallback done;
  std::vector<Ruling> rulings;
  std::size_t open = 0;  // appends that wait for their commit
  std::optional<Error> failed;
  std::string answer;
};

// `work` answers, or says why not.
template <class Request>
void read_batch(ApiRequest& request, const AnswerCallback& done,
                Result<Request> (*read)(const json::value&),
                const std::function<Status(const Request&)>& work) {
  const auto parsed = read_body(request, read);
  if (!parsed) return done(error_answer(parsed.error()));
  if (const auto worked = work(*parsed); !worked) done(error_answer(worked.error()));
}

}  // namespace titan::pos
