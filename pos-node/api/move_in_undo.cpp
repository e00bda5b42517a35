// The undoing of a move-in as a whole (docs/V01.md).
#include <map>
#include <memory>

#include "mesh/idempotency.h"
#include "pos-node/api/answers.h"
#include "pos-node/api/move_in_batch.h"
#include "pos-node/api/move_in_notes.h"
#include "pos-node/api/product_import.h"

namespace titan::pos {
namespace {

// Entries of a move-in that are looked at in one turn of the loop.
constexpr std::size_t entries_a_turn = 1000;

}  // namespace

// First the products, as their note has them, then the withdrawals, and last the note goes: after
// an interruption anywhere in between the same request goes on where it stopped.
struct Api::Undo {
  MoveInId move_in;
  std::string reason;
  bool dry_run = false;
  bool was_withdrawn = false;
  AnswerCallback done;
  std::int64_t after = 0;
  std::uint64_t sales = 0;
  std::map<std::string, crdt::StockSum> effects;
  std::shared_ptr<MoveInNote> note;
  std::string last_sku;  // of the note, looked at last
  std::shared_ptr<Import> restored = std::make_shared<Import>();
  std::size_t products = 0;
  std::size_t products_kept = 0;  // changed by somebody since
};

void Api::post_withdrawal(ApiRequest& request, AnswerCallback done) {
  const auto move_in = move_in_of_path(request);
  if (!move_in) return done(error_answer(move_in.error()));
  read_batch<WithdrawalRequest>(request, done, read_withdrawal,
                                [&](const WithdrawalRequest& wanted) -> Status {
                                  auto undo = std::make_shared<Undo>();
                                  undo->move_in = *move_in;
                                  undo->reason = wanted.reason;
                                  undo->dry_run = wanted.dry_run;
                                  undo->done = done;
                                  return begin_undo(undo);
                                });
}

Status Api::begin_undo(const std::shared_ptr<Undo>& undo) {
  MoveInBook& book = service_.move_ins();
  if (moving_in_) {
    return make_error(ErrorCode::unavailable,
                      "A move-in is just under way at this till; try again.");
  }
  const auto note = book.note(undo->move_in);
  if (!note) return note.error();
  if (*note) {
    auto parsed = MoveInNote::parse(**note);
    if (!parsed) return parsed.error();
    undo->note = std::make_shared<MoveInNote>(std::move(*parsed));
  }
  const auto sales = book.count(undo->move_in, mesh::Kind::history);
  if (!sales) return sales.error();
  const auto stocks = book.count(undo->move_in, mesh::Kind::opening_stock);
  if (!stocks) return stocks.error();
  undo->sales = *sales;
  if (!*note && *sales + *stocks == 0) {
    return make_error(ErrorCode::not_found, "Nothing of this move-in is here.", "id");
  }
  const auto withdrawn = book.is_withdrawn(undo->move_in);
  if (!withdrawn) return withdrawn.error();
  undo->was_withdrawn = *withdrawn;
  if (!*withdrawn) {
    const auto why_not = book.why_not_undone(undo->move_in);
    if (!why_not) return why_not.error();
    if (*why_not) return make_error(ErrorCode::conflict, **why_not, "id");
  }
  moving_in_ = true;
  undo->done = [this, done = undo->done](ApiAnswer answer) {
    moving_in_ = false;
    done(std::move(answer));
  };
  look_at_openings(undo);
  return {};
}

// Its opening stocks that count. What another move-in's entry won never moved any stock.
void Api::look_at_openings(const std::shared_ptr<Undo>& undo) {
  const auto page = service_.move_ins().page(undo->move_in, mesh::Kind::opening_stock, undo->after,
                                             entries_a_turn);
  if (!page) return undo->done(error_answer(page.error()));
  for (const EntryPointer& opening : page->entries) {
    if (!mesh::counts(service_.stock(), *opening)) continue;
    for (const auto& effect : opening->envelope.stock_effects) {
      crdt::StockSum& sum = undo->effects[effect.product];
      sum.added += effect.removed;
      sum.removed += effect.added;
    }
  }
  if (page->next == 0) return restore_products(undo);
  undo->after = page->next;
  threads_.on_loop([this, undo] { look_at_openings(undo); });
}

// A product that somebody changed since the move-in keeps that change.
void Api::restore_products(const std::shared_ptr<Undo>& undo) {
  if (!undo->note) return record_restored(undo);
  const auto& all = undo->note->products();
  auto at = undo->last_sku.empty() ? all.begin() : all.upper_bound(undo->last_sku);
  for (std::size_t i = 0; i < products_a_turn && at != all.end(); ++i, ++at) {
    const auto& [sku, noted] = *at;
    undo->last_sku = sku;
    const auto now = service_.product(sku);
    if (!now) return undo->done(error_answer(now.error()));
    if (!*now) continue;
    Product before = noted.was_there() ? noted.former : noted.made;
    if (!noted.was_there()) before.set_delisted(true);
    const std::string text = (*now)->SerializeAsString();
    if (text == before.SerializeAsString()) continue;
    if (text != noted.made.SerializeAsString()) {
      ++undo->products_kept;
      continue;
    }
    titan::entry::v1::Products one;
    *one.add_products() = std::move(before);
    one.AppendToString(&undo->restored->changed_bytes);
    ++undo->restored->changed;
  }
  if (at == all.end()) return record_restored(undo);
  threads_.on_loop([this, undo] { restore_products(undo); });
}

void Api::record_restored(const std::shared_ptr<Undo>& undo) {
  const auto import = std::move(undo->restored);
  undo->products = import->changed;
  if (undo->dry_run) return answer_undo(undo);
  ++imports_;
  import->done = [ this, undo ](ApiAnswer answer) {
    if (answer.status >= 400) return undo->done(std::move(answer));
  withdraw(undo);
};
record_import(import);
}  // namespace titan::pos

void Api::withdraw(const std::shared_ptr<Undo>& undo) {
  std::vector<std::vector<crdt::StockEffect>> parts(1);
  for (const auto& [product, sum] : undo->effects) {
    if (parts.back().size() >= withdrawn_effects_max) parts.emplace_back();
    parts.back().push_back({product, sum.added, sum.removed});
  }
  const ClockReading clock = service_.clock();
  const RuleContext context{service_.facts(), clock, service_};
  auto batch = std::make_shared<MoveInBatch>();
  for (std::size_t part = 0; part < parts.size(); ++part) {
    const auto known = service_.move_ins().claiming(withdrawal_claim(undo->move_in, part));
    if (!known) return undo->done(error_answer(known.error()));
    if (!known->empty()) continue;
    auto ruling =
        make_withdrawal(undo->move_in, part, undo->reason, std::move(parts[part]), context);
    if (!ruling) return undo->done(error_answer(ruling.error()));
    batch->rulings.push_back(std::move(*ruling));
  }
  batch->done = [this, undo](ApiAnswer answer) {
    if (answer.status >= 400) return undo->done(std::move(answer));
    const auto dropped = service_.move_ins().drop_note(undo->move_in);
    if (!dropped) return undo->done(error_answer(dropped.error()));
    answer_undo(undo);
  };
  record_batch(std::move(batch));
}

void Api::answer_undo(const std::shared_ptr<Undo>& undo) {
  JsonWriter writer;
  writer.begin_object()
      .member("id", undo->move_in.hex())
      .member("sales", undo->sales)
      .member("opening_stocks", static_cast<std::uint64_t>(undo->effects.size()))
      .member("products", static_cast<std::uint64_t>(undo->products))
      .member("products_kept", static_cast<std::uint64_t>(undo->products_kept))
      .member("products_known", undo->note != nullptr)
      .member("repeated", undo->was_withdrawn)
      .end_object();
  undo->done(ok(std::move(writer.text())));
}

}  // namespace titan::pos
