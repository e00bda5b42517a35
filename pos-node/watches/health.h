// What is amiss while a terminal can still sell: a cut, nobody there, a wrong secret, the cloud or
// the store database away. Pure; the host gathers the facts.
//
// A terminal that can sell is healthy for whoever would restart it: none of these reasons is mended
// by a restart. So each is told beside "it can sell", never instead of it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "mesh/node/node.h"
#include "pos-node/service/status.h"

namespace titan::pos {

// A terminal that is not heard of from this one's start on, and was last met longer ago than this,
// is taken to be retired: a till that was sold must not keep the store degraded for ever.
inline constexpr Duration retired_after = std::chrono::days(30);
// Only terminals that were missing from the start on are judged so; this long the start lasts.
inline constexpr Duration start_lasts = std::chrono::minutes(1);

// A dialled address whose terminal will not have us, or that we will not have.
struct RefusedPeer {
  std::string address;
  std::string reason;
  bool wrong_secret = false;  // the encryption handshake ended, which the store secret decides
  WallTime since;
};

struct HealthFacts {
  std::vector<mesh::MemberView> members;  // with this terminal
  // When a device was last met in an earlier life of this process; nothing: never.
  std::function<std::optional<WallTime>(const DeviceId&)> last_met;
  std::vector<RefusedPeer> refused;
  StoreDatabaseReport store_database;
  UplinkReport uplink;
  Now now;
};

// Terminals of the store that this one remembers and does not hear: dead, not left, and no other
// process of their device is there.
std::vector<mesh::MemberView> missing_members(const HealthFacts& facts);
bool is_alone(const std::vector<mesh::MemberView>& members);

// In the order in which they should be looked into; none: all is well.
std::vector<HealthReason> judge_health(const HealthFacts& facts);

}  // namespace titan::pos
