#include "pos-node/watches/health.h"

#include <algorithm>
#include <set>

namespace titan::pos {
namespace {

WallTime wall_of(MonoTime time, Now now) {
  const auto ago = std::chrono::duration_cast<milliseconds>(now.mono - time);
  return {now.wall.utc_ms - ago.count()};
}

bool is_retired(const mesh::MemberView& member, const HealthFacts& facts) {
  if (!facts.last_met || member.state_since.since_start > start_lasts) return false;
  const auto met = facts.last_met(member.member.device());
  const auto limit = std::chrono::duration_cast<milliseconds>(retired_after).count();
  return met && facts.now.wall.utc_ms - met->utc_ms > limit;
}

std::string name_of(const mesh::MemberView& member) {
  const std::string& name = member.member.terminal;
  return name.empty() ? "a till without a name" : name;
}

HealthReason missing_reason(const std::vector<mesh::MemberView>& missing, std::size_t all,
                            bool alone, Now now) {
  HealthReason reason;
  reason.code = alone ? "alone" : "cut";
  std::string names;
  for (const mesh::MemberView& member : missing) {
    reason.terminals.push_back(name_of(member));
    const WallTime since = wall_of(member.state_since, now);
    reason.since = reason.since ? std::min(*reason.since, since) : since;
  }
  std::sort(reason.terminals.begin(), reason.terminals.end());
  for (const std::string& name : reason.terminals) names += (names.empty() ? "" : ", ") + name;
  reason.message =
      alone ? "No other till of the store answers; missing: " + names +
                  ". Sales go on and are kept here until the others are back."
            : std::to_string(missing.size()) + " of " + std::to_string(all) +
                  " tills do not answer here: " + names +
                  ". Sales go on; stock and receipts of the missing come when they are back.";
  reason.message +=
      " If they are switched on, look at this till's cable or Wi-Fi, at the switch, and at "
      "firewalls between them.";
  return reason;
}

void add_refusals(const HealthFacts& facts, std::vector<HealthReason>& reasons) {
  for (const bool wrong_secret : {true, false}) {
    HealthReason reason;
    reason.code = wrong_secret ? "wrong_secret" : "refused";
    std::string text;
    for (const RefusedPeer& peer : facts.refused) {
      if (peer.wrong_secret != wrong_secret) continue;
      if (wrong_secret) {
        text += (text.empty() ? "" : ", ") + peer.address;
      } else {
        text += (text.empty() ? "" : " ") + peer.address + ": " + peer.reason + ".";
      }
      reason.since = reason.since ? std::min(*reason.since, peer.since) : peer.since;
    }
    if (text.empty()) continue;
    reason.message =
        wrong_secret ? "The till at " + text +
                           " has another store secret, or is no till of this store. Compare "
                           "[store] secret in both configurations; it must be the same on every "
                           "till."
                     : "This till and another refuse each other. " + text;
    reasons.push_back(std::move(reason));
  }
}

}  // namespace

std::vector<mesh::MemberView> missing_members(const HealthFacts& facts) {
  std::set<DeviceId> present;
  for (const mesh::MemberView& member : facts.members) {
    const bool is_gone =
        member.state == mesh::MemberState::dead || member.state == mesh::MemberState::left;
    if (!is_gone) present.insert(member.member.device());
  }
  std::vector<mesh::MemberView> missing;
  for (const mesh::MemberView& member : facts.members) {
    if (member.state != mesh::MemberState::dead) continue;
    if (present.contains(member.member.device()) || is_retired(member, facts)) continue;
    missing.push_back(member);
  }
  return missing;
}

bool is_alone(const std::vector<mesh::MemberView>& members) {
  return std::none_of(members.begin(), members.end(), [](const mesh::MemberView& member) {
    return !member.is_self &&
           (member.state == mesh::MemberState::alive || member.state == mesh::MemberState::suspect);
  });
}

std::vector<HealthReason> judge_health(const HealthFacts& facts) {
  std::vector<HealthReason> reasons;
  const auto missing = missing_members(facts);
  if (!missing.empty()) {
    std::size_t present = 0;
    for (const mesh::MemberView& member : facts.members) {
      present +=
          member.state == mesh::MemberState::alive || member.state == mesh::MemberState::suspect
              ? 1
              : 0;
    }
    reasons.push_back(
        missing_reason(missing, present + missing.size(), is_alone(facts.members), facts.now));
  }
  add_refusals(facts, reasons);
  const std::string& uplink = facts.uplink.state;
  if (uplink == "refused" || uplink == "failed") {
    reasons.push_back(
        {"cloud",
         "The line to head office is down: " + facts.uplink.message,
         facts.uplink.since == WallTime{} ? std::nullopt : std::optional(facts.uplink.since),
         {}});
  }
  const std::string& database = facts.store_database.state;
  if (database == "failed" || database == "refused") {
    reasons.push_back({"store_database",
                       "The store database does not run: " + facts.store_database.message,
                       std::nullopt,
                       {}});
  }
  return reasons;
}

}  // namespace titan::pos
