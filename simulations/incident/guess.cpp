#include "simulations/incident/guess.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "simulations/scenario/scenario_file.h"

namespace titan::simulations {
namespace {

using Told = LogFact::Told;

// How long a wired terminal takes to suspect, and a process to be heard of again: what is told at
// one time began about so much earlier.
constexpr std::int64_t noticed_after_ms = 1000;
// Reports of one cut come within this time from all terminals.
constexpr std::int64_t one_cut_ms = 3000;
// A fault explains what comes so soon after it.
constexpr std::int64_t explains_ms = 5000;
// Shorter absences of the cloud are fail-overs.
constexpr std::int64_t cloud_away_min_ms = 3000;
constexpr std::int64_t one_disk_trouble_ms = 10'000;
// Where the logs do not begin with the store's start, it gets time to find itself.
constexpr std::int64_t lead_in_ms = 10'000;
constexpr std::int64_t rest_ms = 5000;
constexpr std::uint32_t pages_guessed = 4;
constexpr std::int64_t for_ever = std::int64_t{1} << 60;

struct Span {
  std::int64_t from = 0;
  std::int64_t to = for_ever;
  bool overlaps(const Span& other, std::int64_t slack = 0) const {
    return from - slack < other.to && other.from < to + slack;
  }
};
struct Away : Span {  // between two lives of a process
  bool is_polite = false;
};
struct Unheard : Span {  // `observer` took `about` for dead
  std::string observer;
  std::string about;
};

Target named(const std::string& name) {
  return {Target::Role::named, name};
}

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

class Guesser {
 public:
  Guesser(std::map<std::string, TerminalLog> logs, const IncidentOptions& options, Span window)
      : logs_(std::move(logs)), options_(options), window_(window) {}

  Incident guess() {
    find_names();
    for (const auto& [name, log] : logs_) find_lives(name, log);
    for (const auto& [name, log] : logs_) find_unheard(name, log);
    make_store();
    for (const auto& [name, spans] : away_) add_away(name, spans);
    add_stalls();
    add_cuts();
    add_cloud();
    for (const auto& [name, log] : logs_) add_disk(name, log);
    finish();
    return std::move(incident_);
  }

 private:
  // ---- what the logs tell -----------------------------------------------------------------------

  void find_names() {
    for (const auto& [name, log] : logs_) {
      names_.insert(name);
      for (const auto& fact : log.facts) {
        if (fact.told == Told::member && !fact.terminal.empty()) names_.insert(fact.terminal);
      }
    }
  }

  // Then it tells of whom it remembers, and has not missed anybody yet.
  static bool has_just_started(const TerminalLog& log, std::int64_t at_ms) {
    return std::any_of(log.facts.begin(), log.facts.end(), [&](const LogFact& fact) {
      return fact.told == Told::started && fact.at_ms <= at_ms &&
             at_ms - fact.at_ms < noticed_after_ms;
    });
  }

  // When others first took a process of this terminal for suspect in that time.
  std::optional<std::int64_t> first_missed(const std::string& name, const Span& during) const {
    std::optional<std::int64_t> first;
    for (const auto& [observer, log] : logs_) {
      for (const auto& fact : log.facts) {
        if (fact.told != Told::member || fact.terminal != name || fact.word == "alive") continue;
        if (observer == name || fact.at_ms < during.from || fact.at_ms > during.to) continue;
        if (has_just_started(log, fact.at_ms)) continue;
        if (!first || fact.at_ms < *first) first = fact.at_ms;
      }
    }
    return first;
  }

  void find_lives(const std::string& name, const TerminalLog& log) {
    std::optional<std::int64_t> left_at;
    std::int64_t last = window_.from;
    bool is_first = true;
    for (const auto& fact : log.facts) {
      if (fact.told == Told::leaving) left_at = fact.at_ms;
      if (fact.told == Told::started) {
        const bool was_missed = first_missed(name, {last, fact.at_ms}).has_value();
        if (!is_first || was_missed) {
          add_absence(name, left_at, last, fact.at_ms);
        } else if (fact.at_ms - window_.from > noticed_after_ms) {
          starts_[name] = fact.at_ms;
        }
        left_at.reset();
      }
      is_first = false;
      last = fact.at_ms;
    }
    if (left_at) add_absence(name, left_at, last, for_ever);
    if (left_at || log.facts.empty()) return;
    // Silent to the end, and missed by others to the end.
    const auto missed = first_missed(name, {last + 1, for_ever});
    if (missed && is_missed_at_end(name)) {
      away_[name].push_back({{std::max(last, *missed - noticed_after_ms), for_ever}, false});
    }
  }

  void add_absence(const std::string& name, std::optional<std::int64_t> left_at, std::int64_t last,
                   std::int64_t until) {
    if (left_at) {
      away_[name].push_back({{*left_at, until}, true});
      return;
    }
    const auto missed = first_missed(name, {last, until});
    const std::int64_t ended =
        missed ? *missed - noticed_after_ms / 2 : std::max(last, until - noticed_after_ms);
    away_[name].push_back({{std::max(last, ended), until}, false});
  }

  bool is_missed_at_end(const std::string& name) const {
    for (const auto& [observer, log] : logs_) {
      std::string state;
      for (const auto& fact : log.facts) {
        if (fact.told == Told::member && fact.terminal == name) state = fact.word;
      }
      if (observer != name && (state == "dead" || state == "left")) return true;
    }
    return false;
  }

  // A new process of a terminal is alive before the old one is told dead, so each is followed.
  void find_unheard(const std::string& observer, const TerminalLog& log) {
    std::map<std::string, std::map<std::string, std::int64_t>> heard;  // name, process, suspected
    std::map<std::string, std::int64_t> gone;                          // name, since
    for (const auto& fact : log.facts) {
      if (fact.told == Told::started) {
        heard.clear();
        gone.clear();
      }
      if (fact.told != Told::member || fact.terminal == observer) continue;
      auto& processes = heard[fact.terminal];
      if (fact.word == "alive") {
        processes[fact.process] = 0;
        if (const auto since = gone.extract(fact.terminal); !since.empty()) {
          unheard_.push_back({{since.mapped(), fact.at_ms}, observer, fact.terminal});
        }
      } else if (fact.word == "suspect") {
        // What it only remembers from an earlier life it never heard.
        if (!has_just_started(log, fact.at_ms)) processes[fact.process] = fact.at_ms;
      } else if (const auto process = processes.extract(fact.process); !process.empty()) {
        const std::int64_t since = process.mapped() != 0 ? process.mapped() : fact.at_ms;
        if (processes.empty()) gone.emplace(fact.terminal, since);
      }
    }
    for (const auto& [about, since] : gone) {
      unheard_.push_back({{since, for_ever}, observer, about});
    }
  }

  bool is_away(const std::string& name, const Span& during, std::int64_t slack) const {
    const auto found = away_.find(name);
    return found != away_.end() &&
           std::any_of(found->second.begin(), found->second.end(),
                       [&](const Away& away) { return away.overlaps(during, slack); });
  }
  bool is_stalled(const std::string& name, const Span& during) const {
    const auto found = stalls_.find(name);
    return found != stalls_.end() &&
           std::any_of(found->second.begin(), found->second.end(),
                       [&](const Span& stall) { return stall.overlaps(during, one_cut_ms); });
  }
  bool has_facts_in(const std::string& name, const Span& during) const {
    const auto found = logs_.find(name);
    if (found == logs_.end()) return true;  // its log is not here: nobody knows
    return std::any_of(
        found->second.facts.begin(), found->second.facts.end(),
        [&](const LogFact& fact) { return fact.at_ms > during.from && fact.at_ms < during.to; });
  }

  // ---- what is made of it -----------------------------------------------------------------------

  Duration time_of(std::int64_t at_ms) const {
    const std::int64_t limit = window_.to - window_.from + lead_in_ + rest_ms - 1;
    return milliseconds(std::clamp<std::int64_t>(at_ms - window_.from + lead_in_, 0, limit));
  }

  void add(FaultKind kind, const Span& when, std::vector<std::string> targets, std::string reason,
           const std::function<void(Fault&)>& fill = {}) {
    Fault fault;
    fault.kind = kind;
    fault.at = time_of(when.from);
    if (row_of(kind).may_last && when.to <= window_.to) {
      fault.lasts = std::max(time_of(when.to) - fault.at, Duration(milliseconds(100)));
    }
    for (const auto& name : targets) fault.targets.push_back(named(name));
    if (fill) fill(fault);
    found_.push_back({std::move(fault), when.from, std::move(reason)});
  }

  void make_store() {
    lead_in_ = has_start_at_beginning() ? 0 : lead_in_ms;
    Topology& topology = incident_.scenario.topology;
    topology.timing = options_.timing;
    bool has_uplink = false;
    for (const auto& [name, log] : logs_) {
      for (const auto& fact : log.facts) has_uplink = has_uplink || fact.told == Told::uplink;
    }
    topology.cloud = has_uplink ? CloudPresence::reachable : CloudPresence::none;
    for (const auto& name : names_) {
      TerminalSpec terminal;
      terminal.name = name;
      if (const auto at = starts_.find(name); at != starts_.end()) {
        terminal.starts_at = time_of(at->second);
      }
      topology.terminals.push_back(std::move(terminal));
      if (!logs_.contains(name)) {
        incident_.notes.push_back(name + ": only others tell of it; its log would tell more");
      }
    }
  }

  bool has_start_at_beginning() const {
    for (const auto& [name, log] : logs_) {
      for (const auto& fact : log.facts) {
        if (fact.told == Told::started && fact.at_ms - window_.from <= explains_ms) return true;
      }
    }
    return false;
  }

  void add_away(const std::string& name, const std::vector<Away>& spans) {
    for (const auto& away : spans) {
      add(away.is_polite ? FaultKind::leave : FaultKind::crash, away, {name},
          away.is_polite
              ? name + " was asked to stop"
              : name + " ended without a word" + (away.to < for_ever ? " and started again" : ""));
    }
  }

  // Others miss a terminal that misses nobody and tells nothing: it did not run.
  void add_stalls() {
    for (const auto& [name, log] : logs_) {
      for (const auto& fact : log.facts) {
        if (fact.told != Told::stood_still) continue;
        const auto lasted = static_cast<std::int64_t>(fact.number);
        note_stall(name, {fact.at_ms - lasted, fact.at_ms}, name + " says it stood still");
      }
    }
    for (const auto& one : unheard_) {
      const Span silent{one.from + noticed_after_ms / 2, one.to - noticed_after_ms / 10};
      const bool misses_somebody = std::any_of(
          unheard_.begin(), unheard_.end(),
          [&](const Unheard& other) { return other.observer == one.about && other.overlaps(one); });
      if (one.to == for_ever || misses_somebody || is_away(one.about, one, one_cut_ms) ||
          has_facts_in(one.about, silent) || is_stalled(one.about, one)) {
        continue;
      }
      note_stall(one.about, {one.from - noticed_after_ms, one.to},
                 one.observer + " missed " + one.about + ", which told nothing and missed nobody");
    }
  }

  void note_stall(const std::string& name, const Span& when, const std::string& reason) {
    stalls_[name].push_back(when);
    add(FaultKind::stall, when, {name}, reason);
  }

  void add_cuts() {
    std::vector<Unheard> left;
    for (const auto& one : unheard_) {
      const bool is_explained = is_away(one.about, one, one_cut_ms) ||
                                is_away(one.observer, one, one_cut_ms) ||
                                is_stalled(one.about, one) || is_stalled(one.observer, one);
      if (!is_explained) left.push_back(one);
    }
    std::sort(left.begin(), left.end(),
              [](const Unheard& a, const Unheard& b) { return a.from < b.from; });
    for (std::size_t i = 0; i < left.size();) {
      std::vector<Unheard> one_cut;
      const std::int64_t first = left[i].from;
      for (; i < left.size() && left[i].from - first <= one_cut_ms; ++i) one_cut.push_back(left[i]);
      add_cut(one_cut);
    }
  }

  void add_cut(const std::vector<Unheard>& pairs) {
    Span when{pairs.front().from - noticed_after_ms, for_ever};
    std::set<std::pair<std::string, std::string>> apart;
    for (const auto& pair : pairs) {
      when.to = std::min(when.to, pair.to);
      apart.emplace(pair.observer, pair.about);
      apart.emplace(pair.about, pair.observer);
    }
    std::map<std::string, std::string> part_of;
    for (const auto& name : names_) part_of[name] = name;
    for (const auto& a : names_) {
      for (const auto& b : names_) {
        if (apart.contains({a, b}) || part_of[a] == part_of[b]) continue;
        const std::string joined = part_of[b];
        for (auto& [name, part] : part_of) {
          if (part == joined) part = part_of[a];
        }
      }
    }
    std::map<std::string, std::vector<std::string>> parts;
    for (const auto& [name, part] : part_of) parts[part].push_back(name);
    if (parts.size() > 1) return add_parts(when, parts);
    // Some pairs only: they have a third to reach each other by.
    std::set<std::pair<std::string, std::string>> done;
    for (const auto& pair : pairs) {
      if (!done.insert(std::minmax(pair.observer, pair.about)).second) continue;
      add(FaultKind::freeze, when, {pair.observer},
          pair.observer + " missed " + pair.about + ", and others reached both",
          [&](Fault& fault) { fault.others = {named(pair.about)}; });
    }
  }

  void add_parts(const Span& when, const std::map<std::string, std::vector<std::string>>& parts) {
    std::string text;
    std::vector<const std::vector<std::string>*> with_cloud;
    for (const auto& [part, names] : parts) {
      text += (text.empty() ? "" : " and ") + listed(names);
      if (reaches_cloud(names, when)) with_cloud.push_back(&names);
    }
    add(FaultKind::cut, when, {}, text + " took each other for dead", [&](Fault& fault) {
      for (const auto& [part, names] : parts) {
        auto& group = fault.groups.emplace_back();
        for (const auto& name : names) group.push_back(named(name));
        const bool has_cloud = with_cloud.size() == 1 && with_cloud.front() == &names;
        if (has_cloud) group.push_back(named("cloud"));
      }
    });
  }

  // Whether one of them had its uplink up during most of that time.
  bool reaches_cloud(const std::vector<std::string>& names, const Span& when) const {
    const std::int64_t end = std::min(when.to, window_.to);
    for (const auto& name : names) {
      const auto log = logs_.find(name);
      if (log == logs_.end()) continue;
      std::int64_t up_since = for_ever;
      std::int64_t up = 0;
      for (const auto& fact : log->second.facts) {
        if (fact.told != Told::uplink && fact.told != Told::started) continue;
        const bool is_up = fact.told == Told::uplink && fact.word == "up";
        const std::int64_t at = std::clamp(fact.at_ms, when.from, end);
        if (up_since != for_ever && !is_up) up += at - up_since;
        if (is_up && up_since == for_ever) up_since = at;
        if (!is_up) up_since = for_ever;
      }
      if (up_since != for_ever) up += end - up_since;
      if (up * 2 > end - when.from) return true;
    }
    return false;
  }

  void add_cloud() {
    std::vector<std::pair<std::int64_t, std::pair<std::string, const LogFact*>>> told;
    for (const auto& [name, log] : logs_) {
      for (const auto& fact : log.facts) {
        if (fact.told == Told::uplink || fact.told == Told::started) {
          told.push_back({fact.at_ms, {name, &fact}});
        }
      }
    }
    std::stable_sort(told.begin(), told.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    std::set<std::string> up;
    std::optional<std::int64_t> since;
    bool refuses = false;
    for (const auto& [at, what] : told) {
      const auto& [name, fact] = what;
      const bool is_up = fact->word == "up" || fact->word == "refused";
      if (is_up) {
        if (up.empty() && since) add_cloud_away({*since, at}, refuses);
        up.insert(name);
        since.reset();
        continue;
      }
      const bool was_up = up.erase(name) != 0;
      refuses = (was_up ? false : refuses) || fact->text.find("refused") != std::string::npos;
      if (was_up && up.empty() && fact->word == "failed") since = at;
    }
    if (since) add_cloud_away({*since, for_ever}, refuses);
  }

  void add_cloud_away(const Span& when, bool refuses) {
    if (when.to - when.from < cloud_away_min_ms) return;
    for (const auto& found : found_) {
      if (found.fault.kind == FaultKind::cut && found.at_ms < when.from &&
          when.from - found.at_ms < 2 * explains_ms) {
        return;  // the cut explains it
      }
    }
    add(refuses ? FaultKind::cloud_refuses : FaultKind::cloud_away, when, {},
        std::string("no terminal had an uplink") + (refuses ? "; connections were refused" : ""));
  }

  void add_disk(const std::string& name, const TerminalLog& log) {
    std::vector<std::int64_t> failed;
    bool is_full = false;
    const auto tell = [&](std::int64_t until) {
      if (failed.empty()) return;
      const bool lasts = is_full || failed.size() > 2;
      add(lasts ? FaultKind::disk_full : FaultKind::failed_commit, {failed.front() - 100, until},
          {name}, name + " could not write to its disk");
      failed.clear();
      is_full = false;
    };
    std::int64_t reopened = window_.from;
    for (const auto& fact : log.facts) {
      if (!failed.empty() && fact.at_ms - failed.back() > one_disk_trouble_ms) tell(reopened);
      if (fact.told == Told::reopened) reopened = fact.at_ms;
      if (fact.told == Told::write_failed) {
        failed.push_back(fact.at_ms);
        is_full = is_full || fact.text.find("disk is full") != std::string::npos;
        reopened = fact.at_ms + noticed_after_ms;
      }
      if (fact.told == Told::alarm) alarms_.insert(fact.word);
      if (fact.told == Told::alarm && fact.word == "database_damaged") add_damage(name, fact.at_ms);
    }
    tell(reopened);
  }

  // What is found at a start went bad before the process ended.
  void add_damage(const std::string& name, std::int64_t found_ms) {
    std::int64_t at = found_ms - noticed_after_ms;
    for (const auto& away : away_[name]) {
      if (away.to <= found_ms && found_ms - away.to < explains_ms) at = away.from - 100;
    }
    add(FaultKind::damage_disk, {at, for_ever}, {name}, name + " found its database damaged",
        [](Fault& fault) { fault.pages = pages_guessed; });
  }

  // ---- the whole --------------------------------------------------------------------------------

  void finish() {
    std::stable_sort(found_.begin(), found_.end(),
                     [](const Found& a, const Found& b) { return a.fault.at < b.fault.at; });
    Scenario& scenario = incident_.scenario;
    scenario.name = "incident";
    scenario.purpose = "What the logs of " + listed({names_.begin(), names_.end()}) + " tell of " +
                       log_time_text(window_.from).substr(0, 19) + " to " +
                       log_time_text(window_.to).substr(11, 8) + ".";
    scenario.lasts = milliseconds(window_.to - window_.from + lead_in_ + rest_ms);
    for (auto& found : found_) {
      incident_.reasons.push_back(log_time_text(found.at_ms).substr(11, 12) + " " +
                                  std::string(row_of(found.fault.kind).name) + ": " + found.reason);
      scenario.faults.push_back(std::move(found.fault));
    }
    tell_leaders();
    set_rate();
    scenario.bounds.alarms_allowed.assign(alarms_.begin(), alarms_.end());
  }

  void tell_leaders() {
    std::set<std::string> leaders;
    for (const auto& [name, log] : logs_) {
      for (const auto& fact : log.facts) {
        if (fact.told != Told::leader || fact.terminal != "this terminal") continue;
        const bool is_explained =
            leaders.empty() || std::any_of(found_.begin(), found_.end(), [&](const Found& found) {
              return found.at_ms <= fact.at_ms && fact.at_ms - found.at_ms < 2 * explains_ms;
            });
        leaders.insert(name);
        incident_.notes.push_back(log_time_text(fact.at_ms).substr(11, 12) + " " + name +
                                  " became leader" +
                                  (is_explained ? "" : ", and nothing in the logs explains it"));
      }
    }
    std::sort(incident_.notes.begin(), incident_.notes.end());
    if (leaders.size() > 1) incident_.scenario.probes = {"leader-changed"};
  }

  // A journal that is opened twice says how much was sold between.
  void set_rate() {
    auto& rate = incident_.scenario.workload.sales_per_second;
    rate = {1, 1};
    if (options_.sales_per_second) {
      rate = *options_.sales_per_second;
      return;
    }
    for (const auto& [name, log] : logs_) {
      const LogFact* first = nullptr;
      for (const auto& fact : log.facts) {
        if (fact.told != Told::journal_open) continue;
        if (first && fact.number > first->number && fact.at_ms > first->at_ms) {
          const auto tenths = (fact.number - first->number) * 10'000 /
                              static_cast<std::uint64_t>(fact.at_ms - first->at_ms);
          rate = {std::max<std::uint64_t>(1, tenths), 10};
          incident_.notes.push_back("the sales per second are what " + name +
                                    " had more when it started again");
          return;
        }
        first = &fact;
      }
    }
    incident_.notes.push_back(
        "the logs do not tell how much was sold: sales_per_second is a guess");
  }

  struct Found {
    Fault fault;
    std::int64_t at_ms = 0;
    std::string reason;
  };

  const std::map<std::string, TerminalLog> logs_;  // by terminal
  const IncidentOptions& options_;
  const Span window_;
  std::int64_t lead_in_ = 0;
  std::set<std::string> names_;
  std::map<std::string, std::int64_t> starts_;
  std::map<std::string, std::vector<Away>> away_;
  std::map<std::string, std::vector<Span>> stalls_;
  std::vector<Unheard> unheard_;
  std::set<std::string> alarms_;
  std::vector<Found> found_;
  Incident incident_;
};

}  // namespace

Result<Incident> guess_incident(std::vector<TerminalLog> logs, const IncidentOptions& options) {
  std::map<std::string, TerminalLog> by_terminal;
  std::string store;
  Span window{for_ever, 0};
  for (auto& log : logs) {
    if (store.empty()) store = log.store;
    if (!log.store.empty() && log.store != store) {
      return make_error(ErrorCode::invalid, log.terminal + " is of store " + log.store +
                                                ", another log is of store " + store +
                                                ": give the logs of one store");
    }
    TerminalLog& joined = by_terminal[log.terminal];
    joined.terminal = log.terminal;
    for (auto& fact : log.facts) {
      const bool is_outside = (options.from_ms && fact.at_ms < *options.from_ms) ||
                              (options.to_ms && fact.at_ms > *options.to_ms);
      if (is_outside) continue;
      window.from = std::min(window.from, fact.at_ms);
      window.to = std::max(window.to, fact.at_ms);
      joined.facts.push_back(std::move(fact));
    }
    std::stable_sort(joined.facts.begin(), joined.facts.end(),
                     [](const LogFact& a, const LogFact& b) { return a.at_ms < b.at_ms; });
  }
  if (window.from > window.to) {
    return make_error(ErrorCode::invalid, "the logs tell nothing between --from and --to");
  }
  if (milliseconds(window.to - window.from) > incident_lasts_max) {
    return make_error(ErrorCode::invalid,
                      "the logs go from " + log_time_text(window.from) + " to " +
                          log_time_text(window.to) +
                          "; name at most two hours of it with --from and --to");
  }
  return Guesser(std::move(by_terminal), options, window).guess();
}

std::string incident_toml(const Incident& incident) {
  std::string text = "# A guess from logs; each fault is taken from:\n";
  for (const auto& reason : incident.reasons) text += "# " + reason + "\n";
  if (!incident.notes.empty()) text += "#\n";
  for (const auto& note : incident.notes) text += "# " + note + "\n";
  return text + scenario_toml(incident.scenario);
}

}  // namespace titan::simulations
