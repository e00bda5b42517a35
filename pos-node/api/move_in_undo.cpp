// The undoing of a move-in as a whole (docs/V01.md).
#include <memory>
#include <utility>

#include "mesh/journal/idempotency.h"
#include "pos-node/api/answers.h"
#include "pos-node/api/move_in_batch.h"
#include "pos-node/api/move_in_notes.h"

namespace titan::pos {
namespace {

// Opening stocks that are looked at, and signed out again, in one turn of the loop.
constexpr std::size_t openings_a_turn = 200;

}  // namespace

// Whether it is undone is decided once: in the turn that checks and records the first withdrawal.
// From then on the move-in is withdrawn wherever that entry comes; what is left to do is no longer
// refused, and after an interruption the same request does it: opening stocks whose withdrawal is
// missing, then products as their note has them, and last the note goes.
struct MoveInHandlers::Undo {
  MoveInId move_in;
  std::string reason;
  bool dry_run = false;
  bool was_withdrawn = false;
  AnswerCallback done;
  std::int64_t after = 0;
  std::uint64_t sales = 0;
  std::uint64_t openings = 0;  // taken out
  std::shared_ptr<MoveInNote> note;
  std::string last_sku;  // of the note, looked at last
  ImportPointer restored = std::make_shared<ProductImport>();
  std::size_t products = 0;
  std::size_t products_kept = 0;  // changed by somebody since
};

void MoveInHandlers::post_withdrawal(ApiRequest& request, AnswerCallback done) {
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

Status MoveInHandlers::begin_undo(const std::shared_ptr<Undo>& undo) {
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
  withdraw_openings(undo);
  return {};
}

// What another move-in's entry won never moved any stock.
bool MoveInHandlers::is_left(const MoveInId& move_in, const mesh::Entry& opening) const {
  const crdt::Stock& stock = service_.stock();
  return mesh::counts(stock, opening) &&
         !stock.claims().contains(withdrawal_claim(move_in, opening.envelope.claim));
}

Result<bool> MoveInHandlers::is_opening_left(const MoveInId& move_in) {
  std::int64_t after = 0;
  do {
    const auto page =
        service_.move_ins().page(move_in, mesh::Kind::opening_stock, after, openings_a_turn);
    if (!page) return page.error();
    for (const EntryPointer& opening : page->entries) {
      if (is_left(move_in, *opening)) return true;
    }
    after = page->next;
  } while (after != 0);
  return false;
}

// A page of opening stocks, looked at and withdrawn in one turn, so that those that count are those
// that are taken out.
void MoveInHandlers::withdraw_openings(const std::shared_ptr<Undo>& undo) {
  const auto page = service_.move_ins().page(undo->move_in, mesh::Kind::opening_stock, undo->after,
                                             openings_a_turn);
  if (!page) return undo->done(error_answer(page.error()));
  const ClockReading clock = service_.clock();
  const RuleContext context{service_.facts(), clock, service_};
  auto batch = std::make_shared<Batch>();
  const auto add = [&](const Hash& claim, std::vector<crdt::StockEffect> effects) {
    auto ruling = make_withdrawal(undo->move_in, claim, undo->reason, std::move(effects), context);
    if (!ruling) return Status(ruling.error());
    batch->rulings.push_back(std::move(*ruling));
    return Status{};
  };
  // First the one that says it of the whole, for a move-in without any stock too.
  Status added;
  if (undo->after == 0 && !undo->was_withdrawn) added = add(withdrawal_claim(undo->move_in), {});
  std::uint64_t left = 0;
  for (const EntryPointer& opening : page->entries) {
    if (!added) break;
    if (!is_left(undo->move_in, *opening)) continue;
    std::vector<crdt::StockEffect> effects = opening->envelope.stock_effects;
    for (crdt::StockEffect& effect : effects) std::swap(effect.added, effect.removed);
    added = add(withdrawal_claim(undo->move_in, opening->envelope.claim), std::move(effects));
    ++left;
  }
  if (!added) return undo->done(error_answer(added.error()));
  if (undo->was_withdrawn && left > 0) {
    const auto why_not = service_.move_ins().why_not_certain();
    if (!why_not) return undo->done(error_answer(why_not.error()));
    if (*why_not) {
      return undo->done(error_answer(make_error(ErrorCode::conflict, **why_not, "id")));
    }
  }
  undo->openings += left;
  undo->after = page->next;
  if (undo->dry_run) batch->rulings.clear();
  batch->done = [this, undo](ApiAnswer answer) {
    if (answer.status >= 400) return undo->done(std::move(answer));
    moving_in_ = true;
    threads_.on_loop([this, undo] {
      if (undo->after == 0) return restore_products(undo);
      withdraw_openings(undo);
    });
  };
  record_batch(std::move(batch));
}

// A product that somebody changed since the move-in keeps that change.
void MoveInHandlers::restore_products(const std::shared_ptr<Undo>& undo) {
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

void MoveInHandlers::record_restored(const std::shared_ptr<Undo>& undo) {
  const ImportPointer restored = std::move(undo->restored);
  undo->products = restored->changed;
  if (undo->dry_run) return answer_undo(undo);
  restored->done = [this, undo](ApiAnswer answer) {
    if (answer.status >= 400) return undo->done(std::move(answer));
    const auto dropped = service_.move_ins().drop_note(undo->move_in);
    if (!dropped) return undo->done(error_answer(dropped.error()));
    answer_undo(undo);
  };
  imports_.record_changes(restored);
}

void MoveInHandlers::answer_undo(const std::shared_ptr<Undo>& undo) {
  JsonWriter writer;
  writer.begin_object()
      .member("id", undo->move_in.hex())
      .member("sales", undo->sales)
      .member("opening_stocks", undo->openings)
      .member("products", static_cast<std::uint64_t>(undo->products))
      .member("products_kept", static_cast<std::uint64_t>(undo->products_kept))
      .member("products_known", undo->note != nullptr)
      .member("repeated", undo->was_withdrawn)
      .end_object();
  undo->done(ok(std::move(writer.text())));
}

}  // namespace titan::pos
