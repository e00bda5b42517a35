// The members of each observation under their names in a history file: the one list that
// describe(), the writer and the reader share. Names are for ever; new ones go to the end and are
// optional for the reader.
//
// A visitor has operator()(name, member). Internal to simulations/history.
#pragma once

#include <concepts>
#include <string_view>
#include <type_traits>

#include "simulations/history/observation.h"

namespace titan::simulations {

template <class T, class U>
concept Of = std::same_as<std::remove_const_t<T>, U>;

template <class V, Of<EntryFacts> T>
void fields(V& v, T& o) {
  v("id", o.id);
  v("hash", o.hash);
  v("device", o.device);
  v("kind", o.kind);
  v("key", o.idempotency_key);
  v("request_hash", o.request_hash);
  v("claim", o.claim);
  v("effects", o.stock_effects);
  v("receipt", o.receipt);
  v("bytes", o.bytes);
}
template <class V, Of<RunBegan> T>
void fields(V& v, T& o) {
  v("executor", o.executor);
  v("terminals", o.terminals);
  v("sees_disks", o.sees_disks);
}
template <class V, Of<ProcessStarted> T>
void fields(V& v, T& o) {
  v("terminal", o.terminal);
  v("process", o.process);
  v("device", o.device);
  v("is_clone", o.is_clone);
}
template <class V, Of<ProcessEnded> T>
void fields(V& v, T& o) {
  v("terminal", o.terminal);
  v("process", o.process);
  v("was_polite", o.was_polite);
}
template <class V, Of<DiskReplaced> T>
void fields(V& v, T& o) {
  v("terminal", o.terminal);
  v("how", o.how);
  v("held", o.held);
  v("held_by_database", o.held_by_database);
}
template <class V, Of<RequestSent> T>
void fields(V& v, T& o) {
  v("terminal", o.terminal);
  v("key", o.key);
  v("kind", o.kind);
  v("request_hash", o.request_hash);
  v("claim", o.claim);
  v("effects", o.stock_effects);
}
template <class V, Of<RequestAnswered> T>
void fields(V& v, T& o) {
  v("terminal", o.terminal);
  v("key", o.key);
  v("outcome", o.outcome);
  v("error", o.error);
  v("entry", o.entry);
  v("hash", o.hash);
  v("receipt", o.receipt);
}
template <class V, Of<StockRead> T>
void fields(V& v, T& o) {
  v("terminal", o.terminal);
  v("product", o.product);
  v("on_hand", o.on_hand);
  v("is_final", o.is_final);
}
template <class V, Of<EntryStored> T>
void fields(V& v, T& o) {
  v("terminal", o.terminal);
  v("entry", o.entry);
}
template <class V, Of<JournalListed> T>
void fields(V& v, T& o) {
  v("terminal", o.terminal);
  v("held", o.held);
}
template <class V, Of<StateReported> T>
void fields(V& v, T& o) {
  v("terminal", o.terminal);
  v("vector_root", o.vector_root);
  v("stock_digest", o.stock_digest);
  v("entries", o.entries);
  v("pending_uploads", o.pending_uploads);
  v("queued_entries", o.queued_entries);
  v("queued_bytes", o.queued_bytes);
}
template <class V, Of<AlarmRaised> T>
void fields(V& v, T& o) {
  v("terminal", o.terminal);
  v("code", o.code);
  v("message", o.message);
}
template <class V, Of<MemberReported> T>
void fields(V& v, T& o) {
  v("terminal", o.terminal);
  v("about", o.about);
  v("state", o.state);
}
template <class V, Of<LeaderReported> T>
void fields(V& v, T& o) {
  v("terminal", o.terminal);
  v("leader", o.leader);
  v("is_self", o.is_self);
}
template <class V, Of<VoteGranted> T>
void fields(V& v, T& o) {
  v("terminal", o.terminal);
  v("term", o.term);
  v("candidate", o.candidate);
}
template <class V, Of<LeaseGranted> T>
void fields(V& v, T& o) {
  v("terminal", o.terminal);
  v("token", o.token);
}
template <class V, Of<LeaseReleased> T>
void fields(V& v, T& o) {
  v("token", o.token);
}
template <class V, Of<LeaseReset> T>
void fields(V& v, T& o) {
  v("epoch", o.epoch);
}
template <class V, Of<CloudAcknowledged> T>
void fields(V& v, T& o) {
  v("id", o.id);
  v("hash", o.hash);
  v("token", o.token);
}
template <class V, Of<LeaseKept> T>
void fields(V& v, T& o) {
  v("token", o.token);
}
template <class V, Of<CloudHolds> T>
void fields(V& v, T& o) {
  v("entry", o.entry);
}
template <class V, Of<WatermarkSigned> T>
void fields(V& v, T& o) {
  v("sequence", o.sequence);
  v("entries", o.entries);
}
template <class V, Of<DatabaseHolds> T>
void fields(V& v, T& o) {
  v("terminal", o.terminal);
  v("entry", o.entry);
  v("token", o.token);
}
template <class V, Of<DatabaseOpened> T>
void fields(V& v, T& o) {
  v("terminal", o.terminal);
  v("entries", o.entries);
}
template <class V, Of<FaultBegan> T>
void fields(V& v, T& o) {
  v("number", o.number);
  v("fault", o.what);
  v("reaches", o.reaches);
}
template <class V, Of<FaultEnded> T>
void fields(V& v, T& o) {
  v("number", o.number);
  v("reaches", o.reaches);
}
template <class V, Of<SwitchedOn> T>
void fields(V& v, T& o) {
  v("terminal", o.terminal);
  v("reaches", o.reaches);
}
template <class V, Of<AllHealed> T>
void fields(V& v, T& o) {
  v("entries_missing", o.entries_missing);
}
template <class V, Of<RunEnded> T>
void fields(V&, T&) {}
template <class V, Of<Reached> T>
void fields(V& v, T& o) {
  v("probe", o.probe);
}
template <class V, Of<TrafficCounted> T>
void fields(V& v, T& o) {
  v("bytes", o.bytes);
  v("entry_bytes", o.entry_bytes);
  v("missing_bytes", o.missing_bytes);
}

// "process_started" ... in the order of the variant.
inline constexpr std::string_view observation_names[] = {
    "run_began",       "process_started",    "process_ended", "disk_replaced",
    "request_sent",    "request_answered",   "stock_read",    "entry_stored",
    "journal_listed",  "state_reported",     "alarm_raised",  "member_reported",
    "leader_reported", "vote_granted",       "lease_granted", "lease_released",
    "lease_reset",     "cloud_acknowledged", "cloud_holds",   "watermark_signed",
    "database_holds",  "database_opened",    "fault_began",   "fault_ended",
    "switched_on",     "all_healed",         "run_ended",     "reached",
    "traffic_counted", "lease_kept"};
static_assert(std::size(observation_names) == std::variant_size_v<Observation>);

inline constexpr std::string_view outcome_names[] = {"recorded", "repeated", "refused", "unknown"};

}  // namespace titan::simulations
