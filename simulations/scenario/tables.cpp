#include "simulations/scenario/tables.h"

#include <algorithm>

#include "simulations/scenario/words.h"

namespace titan::simulations {

namespace {

using std::chrono::microseconds;

bool has(const std::vector<NameRow>& table, std::string_view name) {
  return std::any_of(table.begin(), table.end(),
                     [name](const NameRow& row) { return row.name == name; });
}

LinkQuality radio(Duration delay_max, std::uint64_t loss_per_mille, std::uint64_t megabits) {
  LinkQuality line;
  line.delay_min = milliseconds(1);
  line.delay_max = delay_max;
  line.loss = {loss_per_mille, 1000};
  line.bytes_per_second = megabits * 125'000;
  return line;
}

std::vector<HardwareRow> hardware_rows() {
  return {
      {"wired-fast-disk", "A cable and a good SSD: commits of 0.13-0.3 ms.", microseconds(130),
       microseconds(300)},
      {"wired-slow-disk", "A cable and a worn SSD: commits of 15-25 ms.", milliseconds(15),
       milliseconds(25)},
      {"poor-disk", "A cable and the disk nobody wanted: commits of 20-200 ms.", milliseconds(20),
       milliseconds(200)},
      {"wifi", "A till on good Wi-Fi: 1-8 ms, 0.5 % loss.", microseconds(500), milliseconds(3),
       true, 0, radio(milliseconds(8), 5, 50)},
      {"wifi-power-save", "Wi-Fi that sleeps between beacons: 1-100 ms, 1 % loss.",
       microseconds(500), milliseconds(3), true, 0, radio(milliseconds(100), 10, 20)},
      {"tablet", "A tablet on Wi-Fi with flash of its own pace; never leads.", milliseconds(2),
       milliseconds(40), false, 0, radio(milliseconds(60), 20, 20)},
  };
}

}  // namespace

const std::vector<HardwareRow>& hardware_table() {
  static const std::vector<HardwareRow> table = hardware_rows();
  return table;
}

const HardwareRow* hardware(std::string_view name) {
  for (const auto& row : hardware_table()) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

void apply(const HardwareRow& row, TerminalSpec& terminal) {
  terminal.commit_min = row.commit_min;
  terminal.commit_max = row.commit_max;
  terminal.may_lead = row.may_lead;
  terminal.priority = row.priority;
  terminal.line = row.line;
}

const HardwareRow* hardware_of(const TerminalSpec& terminal) {
  for (const auto& row : hardware_table()) {
    TerminalSpec made;
    apply(row, made);
    if (made.commit_min == terminal.commit_min && made.commit_max == terminal.commit_max &&
        made.may_lead == terminal.may_lead && made.priority == terminal.priority &&
        made.line.has_value() == terminal.line.has_value() &&
        (!made.line || same_quality(*made.line, *terminal.line))) {
      return &row;
    }
  }
  return nullptr;
}

const std::vector<NameRow>& probe_table() {
  static const std::vector<NameRow> table = {
      {"answer-unknown", "A till was told 'unknown, repeat with this key'."},
      {"answer-repeated", "A repeated request got its first answer."},
      {"request-refused", "A request was refused."},
      {"two-leaders", "Two running terminals led at the same time."},
      {"leader-changed", "Another terminal became leader."},
      {"leader-crashed", "The leader was killed."},
      {"leader-left", "The leader stopped politely."},
      {"raised-own-term", "A leader went on under a higher term of its own."},
      {"lease-moved", "The cloud's lease went to another process."},
      {"sold-during-cut", "A sale was acknowledged while terminals could not reach each other."},
      {"sold-alone", "A sale was acknowledged on a terminal that reached nobody."},
      {"sold-without-cloud", "A sale was acknowledged while nobody reached the cloud."},
      {"own-entries-came-back",
       "A terminal whose disk was replaced got its own earlier entries from others."},
      {"new-journal", "A terminal opened a second journal."},
      {"disk-replaced", "A disk was restored, cloned, damaged or lost."},
      {"member-dead", "A terminal declared another one dead."},
      {"member-back", "A member that was dead was alive again."},
      {"claim-contested", "Two entries with one claim were stored."},
      {"duplicate-request", "One request was recorded twice."},
      {"receipt-number-again", "A receipt number was used in two series of one terminal."},
      {"cloud-holds-all", "The cloud held every entry of the store at the end."},
      {"database-refilled", "A new leader's store database got more than a thousand entries."},
      {"clone-ran", "A copy of a running process ran beside it."},
      {"alarm", "A terminal raised an alarm."},
      {"entry-beyond-gap", "A terminal stored an entry before one of its predecessors."},
      {"storage-reopened", "A terminal opened its database again after a commit that failed."},
      {"commit-failed", "A commit failed."},
      {"key-looked-up", "A repeated request waited for what the disk holds under its key."},
      {"lease-refused", "The cloud refused a leader in favour of another one."},
      {"lease-refused-holder-gone", "The cloud refused a leader although the holder was gone."},
      {"uplink-fenced", "A newer uplink of the store replaced an older one."},
      {"lease-lost", "A leader could not renew its lease."},
      {"lease-released-after-cut",
       "The cloud let a lease go whose holder was cut off and did not come back."},
      {"connection-timed-out", "A silent connection was given up."},
      {"cloud-rejected-entry", "The cloud could not check an entry yet."},
      {"cloud-answer-lost", "A batch was committed and its acknowledgement lost."},
      {"batch-of-fenced-uplink-kept", "What a fenced leader had sent was kept all the same."},
      {"frame-dropped", "A full send queue dropped a frame."},
      {"relayed", "A frame went through a third terminal."},
      {"claim-lost", "An entry lost its claim to another one."},
      {"duplicate-found", "A request that was recorded twice was noticed by its terminal."},
      {"lost-entries-fetched", "A leader fetched from the cloud what the store lacked."},
      {"database-gave-back", "A store database gave back what a terminal's journal lacked."},
      {"wrote-beside", "A terminal sold on while its damaged database was recovered."},
      {"damage-found", "A terminal found its database damaged and saved what it could."},
      {"damage-found-at-start", "A terminal found its database damaged when it started."},
      {"dead-address-dialled", "A terminal dialled an address at which nobody can be reached."},
      {"key-refused", "A key that stood for another basket was refused."},
      {"key-for-two-baskets", "Two baskets with one key were recorded."},
      {"false-leave-told", "A member said of another one, which lived, that it had left."},
      {"stolen-journal-told", "A member wrote under the name of another one's journal."},
      {"absurd-term-refused", "The cloud refused a term that nobody can have reached."},
      {"lease-reset", "Head office reset the store's lease."},
      {"mdns-told-twice", "A datagram of mDNS came twice."},
      {"mdns-overtaken", "A datagram of mDNS came after later ones."},
      {"address-followed", "A terminal told others an address that it had not when it started."},
  };
  return table;
}

const std::vector<NameRow>& checker_table() {
  static const std::vector<NameRow> table = {
      {"M1", "No two processes ever hold the same token, and no vote is given twice."},
      {"M2", "A lease row and a store database only ever move to a higher token."},
      {"M3", "Each connected part of the store, left alone, has one leader that all follow."},
      {"M4", "No acknowledged request is lost and none counts twice."},
      {"M5", "After the network heals all terminals hold the same within the bound."},
      {"M6", "One uplink by the cloud's lease; no acknowledgement precedes durability."},
      {"M7",
       "Stock is the sum of what is stored; at last terminals, store database and cloud "
       "agree."},
      {"M8", "Receipts are gapless within a series and unique."},
      {"queues", "Every queue stays within its limit."},
      {"elections", "Elections end, and are not more than the scenario allows."},
      {"failover", "A healthy leader is not replaced."},
      {"traffic", "The bytes sent for entries are in proportion to those that were missing."},
      {"alarms",
       "Only the alarms that the scenario allows are raised; `told_twice` and `not_told` are "
       "raised "
       "for a screen that counts sales wrongly."},
      {"probes", "The rare paths that the scenario is about were taken."},
      {"progress", "Tills get their answers, and sales go on."},
  };
  return table;
}

const std::vector<NameRow>& planted_bug_table() {
  static const std::vector<NameRow> table = {
      {"forgotten_promise", "A vote is sent, its promise never reaches the disk."},
      {"acknowledge_before_commit", "A sale is acknowledged before it is committed."},
      {"lost_commit", "The disk reports durable what a crash then loses."},
      {"merge_by_sum", "An entry that arrives twice counts twice."},
      {"relay_drops_entry", "Now and then an entry is never handed to one terminal."},
      {"stale_leader_writes", "The store database takes a lower token."},
      {"two_uplinks", "The cloud grants the lease without comparing tokens."},
      {"acknowledge_before_kafka", "The cloud acknowledges what it then loses."},
      {"continued_journal", "A process goes on in the journal it found on its disk."},
      {"reserialised_entry", "A terminal relays entries in its own encoding."},
      {"ignored_veto", "Vetoes are not delivered."},
      {"repeated_process_id", "A restarted process keeps its id."},
      {"reused_receipt_number", "The receipt counter is not read from the disk."},
      {"key_forgotten", "Idempotency keys of earlier lives are not loaded."},
      {"deaf_ears", "A follower never learns that its leader changed."},
      {"stale_addresses", "A terminal tells the addresses that it had when it started, for ever."},
      {"hearsay_is_leave", "What a member says of another counts as the other's own goodbye."},
      {"unbounded_terms", "The cloud's lease row takes any higher term."},
      {"database_keeps_to_itself", "What only the store database holds is not given back."},
      {"forgotten_twins", "A disk does not tell that it holds an entry of the request already."},
      {"unclaimed_requests", "A terminal's entries do not claim the requests that they record."},
      {"void_of_one_entry", "A void claims the entry that it names instead of the request."},
      {"folds_badly", "The cloud's fold tells of units that nothing moved."},
      {"kept_folded_row", "A fold keeps the stock of a product that nothing moves any more."},
      {"renews_lost_lease", "The cloud renews the lease of an uplink that has lost it."},
      {"beside_forgotten",
       "What was written beside a damaged database is not taken into the recovered one."},
      {"told_again", "Screens are told again of the last sale when the disk is opened anew."},
  };
  return table;
}

bool is_probe(std::string_view name) {
  return has(probe_table(), name);
}
bool is_checker(std::string_view name) {
  return has(checker_table(), name);
}

std::string_view name_of(PlantedBug bug) {
  if (bug == PlantedBug::none) return "none";
  return planted_bug_table().at(static_cast<std::size_t>(bug) - 1).name;
}

std::optional<PlantedBug> planted_bug(std::string_view name) {
  if (name == "none") return PlantedBug::none;
  const auto& table = planted_bug_table();
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (table[i].name == name) return static_cast<PlantedBug>(i + 1);
  }
  return std::nullopt;
}

}  // namespace titan::simulations
