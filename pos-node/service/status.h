// What GET /v1/status shows, as plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "crdt/interval_set.h"
#include "mesh/entry/entry.h"
#include "mesh/messages.h"

namespace titan::pos {

struct LeaderReport {
  std::string terminal;  // empty if not known yet
  ProcessId process;
  DeviceId device;
  std::uint64_t term = 0;
};

struct MemberReport {
  std::string terminal;
  ProcessId process;
  DeviceId device;
  mesh::MemberState state = mesh::MemberState::alive;
  std::vector<std::string> addresses;
  bool linked = false;
  std::optional<Duration> round_trip;
  std::optional<std::int64_t> clock_skew_ms;
  bool self = false;
  bool may_lead = true;
};

struct JournalReport {
  JournalId journal;
  DeviceId device;
  crdt::IntervalSet stored;
};

struct WatermarkReport {
  std::uint64_t epoch = 0;
  std::uint64_t sequence = 0;
};

struct StoreDatabaseReport {
  std::string state = "off";  // off, starting, filling, up, failed
  std::uint64_t complete_to = 0;
  std::uint64_t behind = 0;
  std::uint32_t progress_permille = 1000;
  std::string message;
  std::string address;
};

struct UplinkReport {
  std::string state = "off";  // off, not_leader, connecting, up, refused, failed
  std::string message;
  WallTime since;
};

// The newest fold of the cloud that was held against what is stored here.
struct FoldReport {
  std::uint64_t number = 0;
  std::uint64_t entries = 0;  // that it covers
  std::string outcome;        // same, differs, unchecked, adopted
};

struct AlarmReport {
  std::string code;
  std::string message;
  WallTime time;
};

// Why the store is not whole although this terminal can sell: see pos-node/watches/health.h.
struct HealthReason {
  std::string code;  // alone, cut, wrong_secret, refused, cloud, store_database; disk: cannot sell
  std::string message;  // what it is and what to do, for the shop
  std::optional<WallTime> since;
  std::vector<std::string> terminals;  // who is missing
};

// What a terminal waits for meanwhile: see pos-node/watches/waiting.h.
struct WaitingReport {
  std::string what;  // network, avahi, other_terminals, cloud, time, store_database
  WallTime since;
  std::string message;
};

struct StatusReport {
  std::string version;
  WallTime started;
  std::string role;  // leader, follower, candidate
  std::optional<LeaderReport> leader;
  std::vector<MemberReport> members;
  std::string vector_root;  // 32 hexadecimal digits
  std::uint64_t entries = 0;
  std::vector<JournalReport> journals;
  std::uint64_t stock_digest = 0;
  std::uint64_t pending_uploads = 0;
  std::optional<WatermarkReport> watermark;
  std::optional<FoldReport> fold;
  StoreDatabaseReport store_database;
  UplinkReport uplink;
  mesh::ClockQuality clock_quality = mesh::ClockQuality::unknown;
  std::string time_zone;
  std::string zone_data;  // the release of the tz database, if it says
  std::optional<std::string> zone_data_problem;
  std::uint32_t business_date = 0;  // of a sale made now
  std::int64_t clock_skew_ms_max = 0;
  std::vector<std::string> restart_needed_for;  // changed keys that were read by a reload
  std::vector<HealthReason> health;             // empty: all is well
  std::vector<WaitingReport> waiting_for;
  std::vector<AlarmReport> alarms;  // newest first
};

}  // namespace titan::pos
