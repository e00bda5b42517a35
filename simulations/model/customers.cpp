#include "simulations/model/customers.h"

#include <algorithm>
#include <fstream>
#include <utility>

#include "mesh/journal/idempotency.h"

namespace titan::simulations {
namespace {

constexpr std::uint64_t piece = static_cast<std::uint64_t>(crdt::stock_units_per_piece);
// A kind that this version has no name for, as a terminal of version N+1 writes it.
constexpr auto unknown_kind = static_cast<mesh::Kind>(900);
// What a line of a sale takes in a real entry's body.
constexpr std::size_t body_bytes_per_line = 60;
// Products whose opening stock is booked, by two terminals at once where there are two.
constexpr std::uint32_t opening_products_max = 5;
constexpr Duration opening_at = seconds(2);
constexpr std::size_t sales_remembered_max = 200;
constexpr std::size_t answers_repeated_max = 20;
constexpr std::size_t keys_reused_max = 20;
constexpr std::size_t last_of_kind_max = 3;

Hash hash_of(mesh::Kind kind, const std::vector<crdt::StockEffect>& effects, BytesView more) {
  Bytes text = std::to_string(static_cast<std::uint32_t>(kind)) + "|";
  for (const crdt::StockEffect& effect : effects) {
    text += effect.product + "+" + std::to_string(effect.added) + "-" +
            std::to_string(effect.removed) + ";";
  }
  return blake2b(text.append(more));
}

std::vector<std::string> split_csv(const std::string& line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (const char c : line) {
    if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      fields.emplace_back();
    } else if (c != '\r') {
      fields.back() += c;
    }
  }
  return fields;
}

constexpr long quantity_max = 1'000'000;
std::optional<long> whole_number(const std::string& text) {
  char* end = nullptr;
  const long value = std::strtol(text.c_str(), &end, 10);
  if (text.empty() || *end != '\0' || std::labs(value) > quantity_max) return std::nullopt;
  return value;
}

// "2011-10-06 08:17:00" -> seconds since midnight; nothing if it is no such text.
std::optional<std::int64_t> seconds_of_day(const std::string& text) {
  if (text.size() < 16 || text[13] != ':') return std::nullopt;
  const auto number = [&](std::size_t at) { return (text[at] - '0') * 10 + (text[at + 1] - '0'); };
  std::int64_t sum = number(11) * 3600 + number(14) * 60;
  if (text.size() >= 19) sum += number(17);
  return sum;
}

}  // namespace

Result<std::vector<DaySale>> read_day(const std::string& path) {
  std::ifstream file(path);
  if (!file) return make_error(ErrorCode::not_found, path + ": cannot be read; check day_file");
  std::vector<DaySale> day;
  std::string line;
  std::string invoice;
  std::optional<std::int64_t> first;
  for (int number = 1; std::getline(file, line); ++number) {
    if (number == 1 || line.empty()) continue;
    const auto fields = split_csv(line);
    const auto at = fields.size() >= 5 ? seconds_of_day(fields[4]) : std::nullopt;
    const auto quantity = fields.size() >= 4 ? whole_number(fields[3]) : std::nullopt;
    if (!at || !quantity) {
      return make_error(ErrorCode::invalid,
                        path + ":" + std::to_string(number) +
                            ": not a line of InvoiceNo,StockCode,Description,Quantity,InvoiceDate");
    }
    if (*quantity == 0) continue;  // nothing was sold (docs/DATA_IMPORT.md)
    if (!first) first = *at;
    if (fields[0] != invoice) {
      invoice = fields[0];
      // Invoices of one minute are spread over it, so that they do not come in one instant.
      const auto spread = static_cast<std::int64_t>(day.size() * 7919 % 60);
      day.push_back({seconds(std::max<std::int64_t>(0, *at - *first) + spread), {}, *quantity < 0});
    }
    const auto units = static_cast<std::uint64_t>(std::labs(*quantity)) * piece;
    day.back().effects.push_back({fields[1], *quantity < 0 ? units : 0, *quantity < 0 ? 0 : units});
  }
  std::stable_sort(day.begin(), day.end(),
                   [](const DaySale& a, const DaySale& b) { return a.at < b.at; });
  return day;
}

Customers::Customers(Surroundings& surroundings, std::vector<DaySale> day)
    : surroundings_(surroundings), random_(surroundings.random.next()), day_(std::move(day)) {}

void Customers::begin(std::vector<Terminal*> terminals) {
  terminals_ = std::move(terminals);
  tills_.resize(terminals_.size());
  surroundings_.schedule.in(opening_at, [this] { open_stock(); });
  if (!day_.empty()) return sell_of_day(0);
  sell_next();
}

// ---- what is asked -----------------------------------------------------------------------------

// Two terminals may both book it: by claim one of them moves stock.
void Customers::open_stock() {
  const std::uint32_t products =
      std::min(opening_products_max, surroundings_.scenario.workload.products);
  for (std::uint32_t i = 0; i < products && !stopped_; ++i) {
    const std::string product = "product-" + std::to_string(i + 1);
    for (int twice = 0; twice < 2; ++twice) {
      const auto place = static_cast<std::uint32_t>(random_.below(terminals_.size()));
      mesh::EntryDraft draft;
      draft.kind = mesh::Kind::opening_stock;
      draft.stock_effects = {{product, (20 + random_.below(80)) * piece, 0}};
      draft.claim = blake2b("opening stock of " + product);
      request(place, std::move(draft));
    }
  }
}

void Customers::sell_next() {
  const Ratio& rate = surroundings_.scenario.workload.sales_per_second;
  if (rate.numerator == 0) return;
  // Evenly between nothing and twice the mean.
  const std::uint64_t mean_us = 1'000'000 * rate.denominator / rate.numerator;
  surroundings_.schedule.in(Duration(random_.below(2 * mean_us + 1)), [this] {
    if (stopped_) return;
    sell();
    sell_next();
  });
}

void Customers::sell_of_day(std::size_t number) {
  if (number >= day_.size()) return;
  const std::int64_t speed = std::max<std::int64_t>(1, surroundings_.scenario.workload.day_speed);
  surroundings_.schedule.at({opening_at + day_[number].at / speed}, [this, number] {
    if (stopped_) return;
    const DaySale& sale = day_[number];
    mesh::EntryDraft draft;
    draft.kind = sale.is_refund ? mesh::Kind::refund : mesh::Kind::sale;
    draft.stock_effects = sale.effects;
    draft.wants_receipt = true;
    request(static_cast<std::uint32_t>(random_.below(terminals_.size())), std::move(draft));
    sell_of_day(number + 1);
  });
}

std::string Customers::draw_product() {
  const auto& spec = surroundings_.scenario.workload;
  const std::uint64_t products = std::max<std::uint32_t>(1, spec.products);
  std::uint64_t number = 0;
  switch (spec.choice) {
    case Choice::uniform:
      number = random_.below(products);
      break;
    case Choice::skewed:
      // The smallest of three: the first products make most sales.
      number =
          std::min({random_.below(products), random_.below(products), random_.below(products)});
      break;
    case Choice::same_product:
      break;
  }
  return "product-" + std::to_string(number + 1);
}

mesh::EntryDraft Customers::draw_sale() {
  mesh::EntryDraft draft;
  draft.kind = mesh::Kind::sale;
  draft.wants_receipt = true;
  const auto lines =
      1 + random_.below(std::max<std::uint32_t>(1, surroundings_.scenario.workload.lines_max));
  for (std::uint64_t i = 0; i < lines; ++i) {
    draft.stock_effects.push_back({draw_product(), 0, (1 + random_.below(3)) * piece});
  }
  return draft;
}

void Customers::sell() {
  const auto place = static_cast<std::uint32_t>(random_.below(terminals_.size()));
  const auto& spec = surroundings_.scenario.workload;
  Till& till = tills_[place];
  if (random_.chance(spec.repeats)) repeat_an_answered(place);
  if (spec.reused_keys.numerator != 0 && random_.chance(spec.reused_keys)) reuse_a_key(place);
  mesh::EntryDraft draft = draw_sale();
  const bool takes_back = random_.chance(spec.refunds);
  const bool voids = random_.chance(spec.voids);
  if (random_.chance(spec.deliveries)) {
    draft.kind = mesh::Kind::delivery;
    draft.wants_receipt = false;
    for (crdt::StockEffect& effect : draft.stock_effects) {
      std::swap(effect.added, effect.removed);
      effect.added *= 10;
    }
  } else if (random_.chance(spec.movements)) {
    draft = draw_movement();
  } else if (random_.chance(spec.overrides)) {
    draft = draw_override();
  } else if ((takes_back || voids) && !till.sales.empty()) {
    // What was recorded twice is what a cashier looks at.
    const auto& from = !till.twins.empty() && random_.chance({1, 2}) ? till.twins : till.sales;
    give_back(draft, from[random_.below(from.size())], voids);
  } else if (terminals_[place]->speaks_next_version() && random_.chance({1, 4})) {
    draft.kind = unknown_kind;
  }
  request(place, std::move(draft));
}

void Customers::give_back(mesh::EntryDraft& draft, const Recorded& sale, bool voids) {
  draft.kind = voids ? mesh::Kind::void_sale : mesh::Kind::refund;
  draft.stock_effects = sale.effects;
  for (crdt::StockEffect& effect : draft.stock_effects) std::swap(effect.added, effect.removed);
  if (!voids) return;
  const Hash meant =
      mesh::void_claim(mesh::request_claim(sale.device, sale.request_hash, sale.key));
  draft.claim = surroundings_.scenario.planted_bug == PlantedBug::void_of_one_entry
                    ? mesh::void_claim(sale.hash)
                    : meant;
  meant_[draft.claim] = meant;
}

// An adjustment, goods for another store, or goods from one: every second transfer that arrives is
// booked once more, maybe at another till and with other lines, as two people count it.
mesh::EntryDraft Customers::draw_movement() {
  mesh::EntryDraft draft = draw_sale();
  draft.wants_receipt = false;
  switch (random_.below(4)) {
    case 0:
      draft.kind = mesh::Kind::adjustment;
      if (random_.chance({1, 2})) break;
      for (crdt::StockEffect& effect : draft.stock_effects) std::swap(effect.added, effect.removed);
      break;
    case 1:
      draft.kind = mesh::Kind::transfer_out;
      break;
    default:
      draft.kind = mesh::Kind::transfer_in;
      for (crdt::StockEffect& effect : draft.stock_effects) std::swap(effect.added, effect.removed);
      if (transfers_ == 0 || random_.chance({1, 2})) ++transfers_;
      draft.claim = blake2b("transfer " + std::to_string(transfers_));
  }
  return draft;
}

mesh::EntryDraft Customers::draw_override() {
  mesh::EntryDraft draft;
  draft.kind = mesh::Kind::product;
  // titan.entry.v1.Products of one Product with sku and description.
  const std::string sku = draw_product();
  const std::string text = "set by a manager " + std::to_string(random_.below(1000));
  const auto field = [](char tag, const Bytes& bytes) {
    return Bytes(1, tag) + static_cast<char>(bytes.size()) + bytes;
  };
  draft.body = field('\x0a', field('\x0a', sku) + field('\x1a', text));
  return draft;
}

// ---- the till screen ---------------------------------------------------------------------------

void Customers::request(std::uint32_t place, mesh::EntryDraft draft) {
  Till& till = tills_[place];
  const std::string key = terminals_[place]->name() + "-" + std::to_string(till.next_key++);
  till.used_keys.push_back(key);
  if (till.used_keys.size() > keys_reused_max) till.used_keys.pop_front();
  ask(place, std::move(draft), key);
}

// A screen whose own counter went back, with its disk or otherwise, sells another basket under it.
void Customers::reuse_a_key(std::uint32_t place) {
  Till& till = tills_[place];
  if (till.used_keys.empty()) return;
  const std::string key = till.used_keys[random_.below(till.used_keys.size())];
  if (till.pending.contains(key)) return;
  till.answered.erase(key);  // from now on it may stand for two
  for (auto& [kind, drafts] : till.last_of_kind) {
    std::erase_if(drafts,
                  [&](const mesh::EntryDraft& draft) { return draft.idempotency_key == key; });
  }
  ask(place, draw_sale(), key);
}

void Customers::ask(std::uint32_t place, mesh::EntryDraft draft, const std::string& key) {
  Till& till = tills_[place];
  draft.idempotency_key = key;
  if (draft.body.empty()) {
    draft.body.assign(body_bytes_per_line * (1 + draft.stock_effects.size()), ' ');
  }
  draft.request_hash = hash_of(draft.kind, draft.stock_effects, key);
  till.pending[key] = {std::move(draft), false};
  send(place, key);
  // Nobody was there to take it: the customer goes to another till.
  if (const auto found = till.pending.find(key);
      found != till.pending.end() && !found->second.is_under_way) {
    till.pending.erase(found);
  }
}

void Customers::send(std::uint32_t place, const std::string& key) {
  const auto found = tills_[place].pending.find(key);
  if (found == tills_[place].pending.end() || found->second.is_under_way) return;
  Terminal& terminal = *terminals_[place];
  if (!terminal.takes_requests()) return;
  Pending& pending = found->second;
  pending.is_under_way = true;
  ++requests_;
  const mesh::EntryDraft draft = pending.draft;
  const auto meant = meant_.find(draft.claim);
  const Hash& claim = meant == meant_.end() ? draft.claim : meant->second;
  surroundings_.recorder.observe(
      RequestSent{place, key, draft.kind, draft.request_hash, claim, draft.stock_effects});
  terminal.append(draft);
}

void Customers::repeat_an_answered(std::uint32_t place) {
  Till& till = tills_[place];
  if (till.answered.empty()) return;
  auto chosen = till.answered.begin();
  std::advance(chosen, static_cast<std::ptrdiff_t>(random_.below(till.answered.size())));
  const std::string key = chosen->first;
  till.pending[key] = {chosen->second, false};
  send(place, key);
  if (!till.pending[key].is_under_way) till.pending.erase(key);
}

void Customers::on_answer(std::uint32_t place, const std::string& key,
                          const Result<mesh::Appended>& result) {
  using Outcome = RequestAnswered::Outcome;
  RequestAnswered answer{place, key};
  const auto pending = place < tills_.size() ? tills_[place].pending.find(key)
                                             : std::map<std::string, Pending>::iterator{};
  const bool is_ours = place < tills_.size() && pending != tills_[place].pending.end();
  if (result) {
    answer.outcome = result->repeated ? Outcome::repeated : Outcome::recorded;
    answer.entry = result->id;
    answer.hash = result->hash;
    if (result->entry) answer.receipt = result->entry->envelope.receipt;
  } else {
    answer.outcome =
        result.error().code == ErrorCode::unknown_outcome ? Outcome::unknown : Outcome::refused;
    answer.error = result.error().message;
  }
  const Outcome outcome = answer.outcome;
  surroundings_.recorder.observe(std::move(answer));
  if (!is_ours) return;
  Till& till = tills_[place];
  pending->second.is_under_way = false;
  const bool is_later =
      outcome == Outcome::unknown || (!result && result.error().code == ErrorCode::unavailable);
  if (is_later) {
    surroundings_.schedule.in(milliseconds(200 + random_.below(800)),
                              [this, place, key] { send(place, key); });
    return;
  }
  if (outcome == Outcome::recorded) note_recorded(place, pending->second.draft, result->hash);
  till.pending.erase(pending);
}

void Customers::note_recorded(std::uint32_t place, const mesh::EntryDraft& draft,
                              const Hash& hash) {
  ++recorded_;
  Till& till = tills_[place];
  const std::string& key = draft.idempotency_key;
  if (draft.kind == mesh::Kind::sale) {
    const Recorded sale{terminals_[place]->device(), key, draft.request_hash, hash,
                        draft.stock_effects};
    const auto before = std::find_if(till.sales.begin(), till.sales.end(), [&](const auto& each) {
      return each.key == key && each.request_hash == draft.request_hash;
    });
    if (before != till.sales.end()) {
      till.twins.push_back(*before);
      till.twins.push_back(sale);
    } else if (till.sales.size() < sales_remembered_max) {
      till.sales.push_back(sale);
    }
  }
  till.answered[key] = draft;
  if (till.answered.size() > answers_repeated_max) till.answered.erase(till.answered.begin());
  auto& last = till.last_of_kind[draft.kind];
  last.push_back(draft);
  if (last.size() > last_of_kind_max) last.pop_front();
}

// The screen got its answers, and forgot them with whatever befell the machine.
void Customers::repeat_each_kind(std::uint32_t place) {
  Till& till = tills_[place];
  for (const auto& [kind, drafts] : till.last_of_kind) {
    for (const mesh::EntryDraft& draft : drafts) {
      if (till.pending.contains(draft.idempotency_key) || !random_.chance({1, 2})) continue;
      till.pending[draft.idempotency_key] = {draft, false};
    }
  }
}

void Customers::on_started(const Terminal& terminal) {
  const std::uint32_t place = terminal.place();
  if (place >= tills_.size()) return;
  Till& till = tills_[place];
  const bool is_replaced =
      std::exchange(till.disks_replaced, terminal.disks_replaced()) != terminal.disks_replaced();
  const bool repeats = surroundings_.scenario.workload.repeats.numerator != 0;
  if (is_replaced && repeats && !stopped_) repeat_each_kind(place);
  for (auto& [key, pending] : tills_[place].pending) {
    pending.is_under_way = false;
    surroundings_.schedule.in(milliseconds(100 + random_.below(900)),
                              [this, place, key = key] { send(place, key); });
  }
}

bool Customers::are_served() const {
  for (std::size_t place = 0; place < tills_.size(); ++place) {
    if (terminals_[place]->is_up() && !tills_[place].pending.empty()) return false;
  }
  return true;
}

}  // namespace titan::simulations
