// What a terminal says of itself: the status page, its health, what it waits for, its gauges.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/hex.h"
#include "base/version.h"
#include "pos-node/domain/zone_news.h"
#include "pos-node/machine/service_manager.h"
#include "pos-node/terminal/terminal_service.h"

namespace titan::pos {
namespace {

const char* role_text(election::Role role) {
  switch (role) {
    case election::Role::leader:
      return "leader";
    case election::Role::follower:
      return "follower";
    case election::Role::pre_candidate:
    case election::Role::candidate:
      break;
  }
  return "candidate";
}

const char* outcome_text(mesh::FoldVerdict::Outcome outcome) {
  switch (outcome) {
    case mesh::FoldVerdict::Outcome::same:
      return "same";
    case mesh::FoldVerdict::Outcome::differs:
      return "differs";
    case mesh::FoldVerdict::Outcome::adopted:
      return "adopted";
    case mesh::FoldVerdict::Outcome::unchecked:
    case mesh::FoldVerdict::Outcome::refused:
      break;
  }
  return "unchecked";
}

}  // namespace

StatusReport TerminalService::status() {
  const mesh::Node& node = mesh_.node();
  StatusReport report;
  report.version = program_version;
  report.started = started_;
  report.role = role_text(node.role());
  if (const auto leader = node.leader()) {
    LeaderReport row{"", leader->process, {}, leader->term};
    if (const auto member = node.member_of(leader->process)) {
      row.terminal = member->terminal;
      row.device = member->device();
    }
    report.leader = row;
  }
  for (const mesh::MemberView& view : node.members()) {
    report.members.push_back({view.member.terminal, view.member.process, view.member.device(),
                              view.state, view.member.addresses, view.linked, view.round_trip,
                              view.clock_skew_ms, view.is_self, view.member.may_lead});
    if (view.clock_skew_ms && view.state == mesh::MemberState::alive) {
      report.clock_skew_ms_max = std::max(report.clock_skew_ms_max, std::abs(*view.clock_skew_ms));
    }
  }
  // By name, which is how people look for a till; processes are drawn at random.
  std::sort(report.members.begin(), report.members.end(),
            [](const MemberReport& a, const MemberReport& b) {
              return std::tie(a.terminal, a.process) < std::tie(b.terminal, b.process);
            });
  const auto root = node.vector().root().to_bytes();
  report.vector_root = to_hex({reinterpret_cast<const char*>(root.data()), root.size()});
  report.entries = node.vector().entry_count();
  for (const auto& [device, journals] : node.vector().devices()) {
    for (const auto& [journal, item] : journals) {
      report.journals.push_back({journal, device, item.stored});
    }
  }
  report.stock_digest = node.stock_digest();
  report.pending_uploads = node.pending_uploads();
  if (const mesh::HeldByCloud& held = node.held_by_cloud(); held.is_known()) {
    report.watermark = WatermarkReport{held.statement.epoch, held.statement.sequence};
  }
  if (const auto& fold = mesh_.fold()) {
    report.fold = FoldReport{fold->number, fold->entries, outcome_text(fold->outcome)};
  }
  if (reports_.store_database) report.store_database = reports_.store_database();
  if (reports_.uplink) report.uplink = reports_.uplink();
  const ClockReading reading = clock();
  report.clock_quality = clock_quality(reading);
  report.business_date = reading.local_date;
  report.time_zone = calendar_.zone();
  report.restart_needed_for = restart_needed_for_;
  report.zone_data = zone_data_version();
  report.zone_data_problem = zone_data_problem_;
  if (const auto reason = unhealthy()) report.health.push_back({"disk", *reason, {}, {}});
  for (HealthReason& reason : degraded()) report.health.push_back(std::move(reason));
  look_at_waits();
  report.waiting_for = waiting_watch_.now_waiting(mesh_.now());
  report.alarms.assign(alarms_.begin(), alarms_.end());
  return report;
}

mesh::ClockQuality TerminalService::clock_quality(const ClockReading& reading) const {
  const bool is_plausible = reading.quality != mesh::ClockQuality::implausible;
  const bool is_held = is_plausible && mesh_.node().is_holding_time(reading.time);
  return is_held ? mesh::ClockQuality::held : reading.quality;
}

void TerminalService::look_at_waits() {
  const HealthFacts health = health_facts();
  WaitingFacts facts;
  if (reports_.has_network) facts.has_network = reports_.has_network();
  if (reports_.mdns_problem) facts.mdns_problem = reports_.mdns_problem();
  facts.is_alone = is_alone(health.members);
  facts.missing = missing_members(health).size();
  facts.uplink = health.uplink;
  facts.store_database = health.store_database;
  const ClockReading reading = clock();
  facts.clock_quality = clock_quality(reading);
  facts.wall = reading.time;
  const WaitingWatch::Change change = waiting_watch_.look(facts, mesh_.now());
  for (const WaitingReport& begun : change.begun) {
    spdlog::info("waiting for {}: {}", begun.what, begun.message);
  }
  for (const WaitingWatch::Ended& ended : change.ended) {
    spdlog::info("waits no longer for {}, after {} s", ended.what,
                 std::chrono::duration_cast<seconds>(ended.took).count());
  }
  const auto here = static_cast<std::size_t>(std::count_if(
      health.members.begin(), health.members.end(), [](const mesh::MemberView& member) {
        return member.state == mesh::MemberState::alive ||
               member.state == mesh::MemberState::suspect;
      }));
  std::string line = unhealthy() ? "cannot sell; see titan-pos status" : "sells";
  line += "; " + summary_line(role_text(mesh_.node().role()), here, here + facts.missing,
                              waiting_watch_.now_waiting(mesh_.now()));
  if (line == shown_line_) return;
  shown_line_ = line;
  show_in_service_manager(line);
}

HealthFacts TerminalService::health_facts() {
  HealthFacts facts;
  facts.members = mesh_.node().members();
  facts.last_met = reports_.last_met;
  if (reports_.refused_peers) facts.refused = reports_.refused_peers();
  if (reports_.store_database) facts.store_database = reports_.store_database();
  if (reports_.uplink) facts.uplink = reports_.uplink();
  facts.now = mesh_.now();
  return facts;
}

std::vector<std::string> TerminalService::missing_terminals() {
  const HealthFacts facts = health_facts();
  std::vector<std::string> names;
  for (const mesh::MemberView& member : missing_members(facts)) {
    names.push_back(member.member.terminal);
  }
  // Switched off in good order: no reason for alarm, but its disk is not here either.
  for (const mesh::MemberView& member : facts.members) {
    if (member.state != mesh::MemberState::left) continue;
    const bool is_back =
        std::any_of(facts.members.begin(), facts.members.end(), [&](const mesh::MemberView& other) {
          return other.member.device() == member.member.device() &&
                 (other.state == mesh::MemberState::alive ||
                  other.state == mesh::MemberState::suspect);
        });
    if (!is_back) names.push_back(member.member.terminal);
  }
  return names;
}

std::optional<std::string> TerminalService::unhealthy() {
  if (mesh_.storage_problem().empty()) return std::nullopt;
  return "the disk cannot be written: " + mesh_.storage_problem();
}

void TerminalService::refresh_metrics(Metrics& metrics) {
  const mesh::Node& node = mesh_.node();
  double alive = 0;
  for (const mesh::MemberView& view : node.members()) {
    alive += view.state == mesh::MemberState::alive ? 1 : 0;
  }
  metrics.members_alive.Set(alive);
  const HealthFacts facts = health_facts();
  const auto missing = missing_members(facts);
  metrics.members_missing.Set(static_cast<double>(missing.size()));
  metrics.store_cut.Set(missing.empty() ? 0 : 1);
  metrics.alone.Set(!missing.empty() && is_alone(facts.members) ? 1 : 0);
  metrics.refused_peers.Set(static_cast<double>(facts.refused.size()));
  metrics.leader.Set(node.is_leader() ? 1 : 0);
  metrics.term.Set(node.leader() ? static_cast<double>(node.leader()->term) : 0);
  metrics.pending_uploads.Set(static_cast<double>(node.pending_uploads()));
  metrics.storage_queue.Set(static_cast<double>(mesh_.queued_entries()));
  metrics.event_subscribers.Set(events_ == nullptr ? 0
                                                   : static_cast<double>(events_->subscribers()));
  const mesh::TransportCounters& counters = mesh_.transport().counters();
  const auto raise_to = [](prometheus::Counter& counter, std::uint64_t total) {
    counter.Increment(static_cast<double>(total) - counter.Value());
  };
  raise_to(metrics.mesh_bytes_in, counters.bytes_received);
  raise_to(metrics.mesh_bytes_out, counters.bytes_sent);
  raise_to(metrics.handshakes_failed, counters.handshakes_failed);
  raise_to(metrics.frames_dropped, counters.dropped_queue_full);
  std::size_t queued = 0;
  for (const mesh::LinkView& link : mesh_.transport().links()) queued += link.queued_frames;
  metrics.send_queue.Set(static_cast<double>(queued));
}

}  // namespace titan::pos
