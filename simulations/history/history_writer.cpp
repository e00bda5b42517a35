#include <boost/json.hpp>
#include <ostream>

#include "simulations/history/fields.h"
#include "simulations/history/history_file.h"

namespace titan::simulations {

namespace {

namespace json = boost::json;

// What stands for its default is left out of the line.
class JsonMaker {
 public:
  JsonMaker(json::object& object, std::set<Hash>& written) : object_(object), written_(written) {}

  template <class T>
  void operator()(std::string_view name, const T& value) {
    json::value made = make(value);
    if (!made.is_null()) object_[name] = std::move(made);
  }

 private:
  template <class Tag, std::size_t Size>
  json::value make(const FixedBytes<Tag, Size>& id) {
    return id.is_none() ? json::value() : json::value(id.hex());
  }
  template <std::integral T>
  json::value make(T value) {
    return value;
  }
  json::value make(const std::string& text) {
    return text.empty() ? json::value() : json::value(text);
  }
  json::value make(mesh::Kind kind) { return static_cast<std::uint32_t>(kind); }
  json::value make(RequestAnswered::Outcome outcome) {
    return json::value(outcome_names[static_cast<std::size_t>(outcome)]);
  }
  json::value make(const mesh::EntryId& id) { return json::array{id.journal.hex(), id.number}; }
  json::value make(const mesh::Receipt& receipt) {
    return json::array{receipt.terminal, receipt.number};
  }
  json::value make(const election::Token& token) {
    return json::array{token.term, token.process.hex()};
  }
  json::value make(const crdt::StockEffect& effect) {
    return json::array{effect.product, effect.added, effect.removed};
  }
  json::value make(const std::pair<mesh::EntryId, Hash>& held) {
    return json::array{held.first.journal.hex(), held.first.number, held.second.hex()};
  }
  json::value make(const std::shared_ptr<const EntryFacts>& entry) {
    if (!entry) return {};
    if (!written_.insert(entry->hash).second) return json::value(entry->hash.hex());
    json::object object;
    JsonMaker maker(object, written_);
    fields(maker, *entry);
    return object;
  }
  template <class T>
  json::value make(const std::optional<T>& value) {
    return value ? make(*value) : json::value();
  }
  template <class T>
  json::value make(const std::vector<T>& values) {
    json::array list;
    list.reserve(values.size());
    for (const auto& value : values) list.push_back(make(value));
    return list;
  }

  json::object& object_;
  std::set<Hash>& written_;
};

}  // namespace

HistoryWriter::HistoryWriter(std::ostream& out, const HistoryHead& head) : out_(out) {
  const json::object first = {{"format", history_format},
                              {"version", history_version},
                              {"scenario", head.scenario},
                              {"seed", head.seed}};
  out_ << json::serialize(first) << '\n';
}

void HistoryWriter::on_observed(const Observed& observed) {
  json::object line = {{"at", observed.at.since_start.count()},
                       {"what", observation_names[observed.what.index()]}};
  JsonMaker maker(line, written_);
  std::visit([&](const auto& what) { fields(maker, what); }, observed.what);
  out_ << json::serialize(line) << '\n';
}

}  // namespace titan::simulations
