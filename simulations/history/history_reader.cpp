#include <boost/json.hpp>
#include <fstream>
#include <istream>
#include <map>

#include "simulations/history/fields.h"
#include "simulations/history/history_file.h"

namespace titan::simulations {

namespace {

namespace json = boost::json;

// Thrown and caught within this file: names the key and what is wrong with it.
struct BadLine {
  std::string what;
};

using KnownEntries = std::map<Hash, std::shared_ptr<const EntryFacts>>;

class JsonTaker {
 public:
  JsonTaker(const json::object& object, KnownEntries& known) : object_(object), known_(known) {}

  template <class T>
  void operator()(std::string_view name, T& value) {
    const json::value* found = object_.if_contains(name);
    if (!found) return;
    name_ = name;
    take(*found, value);
  }

 private:
  [[noreturn]] void refuse(const char* what) const {
    throw BadLine{"\"" + std::string(name_) + "\" " + what};
  }

  template <class Tag, std::size_t Size>
  void take(const json::value& from, FixedBytes<Tag, Size>& id) {
    const auto* text = from.if_string();
    const auto read = text ? FixedBytes<Tag, Size>::from_hex_text(*text) : std::nullopt;
    if (!read) refuse("is no id in hexadecimal digits of the right length");
    id = *read;
  }
  template <std::integral T>
  void take(const json::value& from, T& value) {
    boost::system::error_code error;
    value = from.to_number<T>(error);
    if (error) refuse("is no whole number of the right size");
  }
  void take(const json::value& from, bool& value) {
    if (!from.is_bool()) refuse("is neither true nor false");
    value = from.get_bool();
  }
  void take(const json::value& from, std::string& text) {
    if (!from.is_string()) refuse("is no text");
    text = std::string(from.get_string());
  }
  void take(const json::value& from, mesh::Kind& kind) {
    std::uint32_t number = 0;
    take(from, number);
    kind = static_cast<mesh::Kind>(number);
  }
  void take(const json::value& from, RequestAnswered::Outcome& outcome) {
    std::string text;
    take(from, text);
    for (std::size_t i = 0; i < std::size(outcome_names); ++i) {
      if (outcome_names[i] != text) continue;
      outcome = static_cast<RequestAnswered::Outcome>(i);
      return;
    }
    refuse("is neither recorded, repeated, refused nor unknown");
  }
  const json::array& list_of(const json::value& from, std::size_t size) const {
    const auto* list = from.if_array();
    if (!list || list->size() != size) refuse("is no list of the right length");
    return *list;
  }
  void take(const json::value& from, mesh::EntryId& id) {
    const auto& list = list_of(from, 2);
    take(list[0], id.journal);
    take(list[1], id.number);
  }
  void take(const json::value& from, mesh::Receipt& receipt) {
    const auto& list = list_of(from, 2);
    take(list[0], receipt.terminal);
    take(list[1], receipt.number);
  }
  void take(const json::value& from, election::Token& token) {
    const auto& list = list_of(from, 2);
    take(list[0], token.term);
    take(list[1], token.process);
  }
  void take(const json::value& from, crdt::StockEffect& effect) {
    const auto& list = list_of(from, 3);
    take(list[0], effect.product);
    take(list[1], effect.added);
    take(list[2], effect.removed);
  }
  void take(const json::value& from, std::pair<mesh::EntryId, Hash>& held) {
    const auto& list = list_of(from, 3);
    take(list[0], held.first.journal);
    take(list[1], held.first.number);
    take(list[2], held.second);
  }
  void take(const json::value& from, std::shared_ptr<const EntryFacts>& entry) {
    if (from.is_string()) {
      Hash hash;
      take(from, hash);
      const auto found = known_.find(hash);
      if (found == known_.end()) refuse("is the hash of an entry that did not appear before");
      entry = found->second;
      return;
    }
    const auto* object = from.if_object();
    if (!object) refuse("is no entry");
    auto facts = std::make_shared<EntryFacts>();
    JsonTaker taker(*object, known_);
    fields(taker, *facts);
    entry = std::move(facts);
    known_[entry->hash] = entry;
  }
  template <class T>
  void take(const json::value& from, std::optional<T>& value) {
    take(from, value.emplace());
  }
  template <class T>
  void take(const json::value& from, std::vector<T>& values) {
    const auto* list = from.if_array();
    if (!list) refuse("is no list");
    values.resize(list->size());
    for (std::size_t i = 0; i < list->size(); ++i) take((*list)[i], values[i]);
  }

  const json::object& object_;
  KnownEntries& known_;
  std::string_view name_;
};

template <std::size_t... Index>
Observation blank(std::size_t kind, std::index_sequence<Index...>) {
  Observation observation;
  const bool was_made =
      ((Index == kind ? (observation.emplace<Index>(), true) : false) || ... || false);
  if (!was_made) throw BadLine{"an observation without a type"};
  return observation;
}

Observation blank(std::string_view name) {
  for (std::size_t i = 0; i < std::size(observation_names); ++i) {
    if (observation_names[i] == name) {
      return blank(i, std::make_index_sequence<std::variant_size_v<Observation>>());
    }
  }
  throw BadLine{"there is no observation \"" + std::string(name) + "\""};
}

json::object parse_line(const std::string& line) {
  if (line.size() > history_line_bytes_max) throw BadLine{"the line is longer than 64 MiB"};
  boost::system::error_code error;
  json::value value = json::parse(line, error);
  if (error) throw BadLine{"no JSON: " + error.message()};
  if (!value.is_object()) throw BadLine{"no JSON object"};
  return std::move(value.get_object());
}

std::string text_of(const json::object& object, std::string_view key) {
  const json::value* found = object.if_contains(key);
  if (!found || !found->is_string()) {
    throw BadLine{"the text \"" + std::string(key) + "\" is missing"};
  }
  return std::string(found->get_string());
}

HistoryHead parse_head(const std::string& line) {
  const json::object object = parse_line(line);
  if (text_of(object, "format") != history_format) throw BadLine{"this is no titan history"};
  const json::value* version = object.if_contains("version");
  if (!version || !version->is_int64() || version->get_int64() != history_version) {
    throw BadLine{"the history is of version " + (version ? json::serialize(*version) : "none") +
                  ", this program reads version " + std::to_string(history_version) +
                  "; use the program that wrote it"};
  }
  HistoryHead head;
  head.scenario = text_of(object, "scenario");
  boost::system::error_code error;
  const json::value* seed = object.if_contains("seed");
  if (seed) head.seed = seed->to_number<std::uint64_t>(error);
  if (!seed || error) throw BadLine{"the whole number \"seed\" is missing"};
  return head;
}

Observed parse_observed(const std::string& line, KnownEntries& known, MonoTime not_before) {
  const json::object object = parse_line(line);
  Observed observed;
  const json::value* at = object.if_contains("at");
  if (!at || !at->is_int64()) throw BadLine{"the time \"at\", in microseconds, is missing"};
  observed.at = {Duration(at->get_int64())};
  if (observed.at < not_before) throw BadLine{"time goes back"};
  observed.what = blank(text_of(object, "what"));
  JsonTaker taker(object, known);
  std::visit([&](auto& what) { fields(taker, what); }, observed.what);
  return observed;
}

}  // namespace

Result<HistoryHead> read_history(std::istream& in, const std::string& name, Observer& observer) {
  std::string line;
  std::uint64_t number = 0;
  try {
    if (!std::getline(in, line)) {
      return make_error(ErrorCode::corrupt, name + ":1: the file is empty");
    }
    ++number;
    HistoryHead head = parse_head(line);
    KnownEntries known;
    MonoTime last;
    while (std::getline(in, line)) {
      ++number;
      const Observed observed = parse_observed(line, known, last);
      last = observed.at;
      observer.on_observed(observed);
    }
    if (in.bad()) return make_error(ErrorCode::io, name + ": cannot be read to its end");
    return head;
  } catch (const BadLine& bad) {
    return make_error(ErrorCode::corrupt, name + ":" + std::to_string(number) + ": " + bad.what);
  }
}

Result<HistoryHead> read_history_file(const std::string& path, Observer& observer) {
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    return make_error(ErrorCode::io, path + ": cannot be read; is there such a file?");
  }
  return read_history(in, path, observer);
}

}  // namespace titan::simulations
