#include "base/hex.h"
#include "simulations/history/fields.h"

namespace titan::simulations {

namespace {

// Enough of an id to tell it from the others of a store, short enough to read.
constexpr std::size_t id_bytes_shown = 4;

class Describer {
 public:
  explicit Describer(std::string& text) : text_(text) {}

  template <class T>
  void operator()(std::string_view name, const T& value) {
    text_ += ' ';
    text_ += name;
    text_ += '=';
    show(value);
  }

 private:
  template <class Tag, std::size_t Size>
  void show(const FixedBytes<Tag, Size>& id) {
    text_ += id.is_none() ? "-" : to_hex(id.view().substr(0, id_bytes_shown));
  }
  template <std::integral T>
  void show(T value) {
    text_ += std::to_string(value);
  }
  void show(bool value) { text_ += value ? "yes" : "no"; }
  void show(const std::string& text) { text_ += text.empty() ? "-" : text; }
  void show(mesh::Kind kind) { show(static_cast<std::uint32_t>(kind)); }
  void show(RequestAnswered::Outcome outcome) {
    text_ += outcome_names[static_cast<std::size_t>(outcome)];
  }
  void show(const mesh::EntryId& id) {
    show(id.journal);
    text_ += '/' + std::to_string(id.number);
  }
  void show(const mesh::Receipt& receipt) {
    text_ += receipt.terminal + '#' + std::to_string(receipt.number);
  }
  void show(const election::Token& token) {
    text_ += std::to_string(token.term) + '.';
    show(token.process);
  }
  void show(const crdt::StockEffect& effect) {
    text_ +=
        effect.product + '+' + std::to_string(effect.added) + '-' + std::to_string(effect.removed);
  }
  void show(const std::pair<mesh::EntryId, Hash>& held) { show(held.first); }
  void show(const std::shared_ptr<const EntryFacts>& entry) {
    if (!entry) {
      text_ += '-';
      return;
    }
    show(entry->id);
    text_ += ':';
    show(entry->hash);
  }
  template <class T>
  void show(const std::optional<T>& value) {
    if (value) {
      show(*value);
    } else {
      text_ += '-';
    }
  }
  // A disk's content would fill pages: its size is shown.
  void show(const std::vector<std::pair<mesh::EntryId, Hash>>& held) { show(held.size()); }
  template <class T>
  void show(const std::vector<T>& values) {
    text_ += '[';
    bool is_first = true;
    for (const auto& value : values) {
      if (!is_first) text_ += ' ';
      is_first = false;
      show(value);
    }
    text_ += ']';
  }

  std::string& text_;
};

}  // namespace

std::string describe(const Observation& observation) {
  std::string text(observation_names[observation.index()]);
  Describer describer(text);
  std::visit([&](const auto& what) { fields(describer, what); }, observation);
  return text;
}

}  // namespace titan::simulations
