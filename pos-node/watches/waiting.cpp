#include "pos-node/watches/waiting.h"

#include <algorithm>
#include <utility>

namespace titan::pos {
namespace {

std::string with(const std::string& words, const std::string& detail) {
  return detail.empty() ? words : words + ": " + detail;
}

std::optional<std::string> cloud_words(const UplinkReport& uplink) {
  if (uplink.state == "connecting")
    return with("The line to head office is being made", uplink.message);
  if (uplink.state == "failed" || uplink.state == "refused") {
    return with("The line to head office is down; what was sold is sent when it is back",
                uplink.message);
  }
  return std::nullopt;
}

std::optional<std::string> time_words(mesh::ClockQuality quality, WallTime wall) {
  if (quality == mesh::ClockQuality::implausible) {
    return "This till's clock shows " + mesh::utc_text(wall) +
           ". Sales get the latest business date that the store knows until it is set; look at its "
           "time synchronisation (NTP) and its battery.";
  }
  if (quality == mesh::ClockQuality::unsynchronised) {
    return "This till's clock is not synchronised with a time server; see that NTP is switched on "
           "and reachable (timedatectl).";
  }
  return std::nullopt;
}

std::optional<std::string> store_database_words(const StoreDatabaseReport& database) {
  if (database.state == "starting") return with("The store database starts", database.message);
  if (database.state == "filling") {
    return with("The store database is filled from this till's journal; " +
                    std::to_string(database.behind) + " entries to go",
                database.message);
  }
  if (database.state == "failed" || database.state == "refused") {
    return with("The store database does not run and is tried again", database.message);
  }
  return std::nullopt;
}

}  // namespace

std::vector<WaitingReport> judge_waiting(const WaitingFacts& facts) {
  std::vector<WaitingReport> waiting;
  const auto wait = [&](const char* what, std::string message) {
    waiting.push_back({what, {}, std::move(message)});
  };
  if (!facts.has_network) {
    wait("network",
         "No network card has an address at which others could reach this till: look at the cable "
         "or Wi-Fi, and at the DHCP server. "
         "Sales go on and are kept here.");
  }
  if (!facts.mdns_problem.empty()) {
    wait("avahi",
         "Tills find each other by themselves (mDNS) not as they should: " + facts.mdns_problem +
             ". Tills that this one has met, and those in mesh.seeds, are reached all the "
             "same.");
  }
  if (facts.is_alone && facts.missing > 0) {
    wait("other_terminals", "None of the " + std::to_string(facts.missing) +
                                " other tills that this one knows answers yet.");
  }
  if (auto words = cloud_words(facts.uplink)) wait("cloud", std::move(*words));
  if (auto words = time_words(facts.clock_quality, facts.wall)) wait("time", std::move(*words));
  if (auto words = store_database_words(facts.store_database)) {
    wait("store_database", std::move(*words));
  }
  return waiting;
}

std::string summary_line(const std::string& role, std::size_t here, std::size_t all,
                         const std::vector<WaitingReport>& waiting) {
  std::string line = role + "; " + std::to_string(here) + " of " + std::to_string(all) +
                     (all == 1 ? " till is here" : " tills are here");
  for (const WaitingReport& wait : waiting) {
    std::string what = wait.what;
    std::replace(what.begin(), what.end(), '_', ' ');
    line += (&wait == &waiting.front() ? "; waits for " : ", ") + what;
  }
  return line;
}

WaitingWatch::Change WaitingWatch::look(const WaitingFacts& facts, Now now) {
  Change change;
  std::vector<Wait> waits;
  for (WaitingReport& report : judge_waiting(facts)) {
    const auto before = std::find_if(waits_.begin(), waits_.end(), [&](const Wait& wait) {
      return wait.report.what == report.what;
    });
    if (before == waits_.end()) change.begun.push_back(report);
    waits.push_back({std::move(report), before == waits_.end() ? now.mono : before->since});
  }
  for (const Wait& wait : waits_) {
    const bool goes_on = std::any_of(waits.begin(), waits.end(), [&](const Wait& other) {
      return other.report.what == wait.report.what;
    });
    if (!goes_on) change.ended.push_back({wait.report.what, now.mono - wait.since});
  }
  waits_ = std::move(waits);
  return change;
}

std::vector<WaitingReport> WaitingWatch::now_waiting(Now now) const {
  std::vector<WaitingReport> reports;
  for (const Wait& wait : waits_) {
    const auto ago = std::chrono::duration_cast<milliseconds>(now.mono - wait.since);
    reports.push_back(wait.report);
    reports.back().since = {now.wall.utc_ms - ago.count()};
  }
  return reports;
}

}  // namespace titan::pos
