#include "pos-node/api/move_in_handlers.h"

#include <algorithm>
#include <set>

#include "pos-node/api/answers.h"
#include "pos-node/api/move_in_batch.h"
#include "pos-node/api/paging.h"
#include "pos-node/domain/returned_lines.h"
#include "retail/stock_state.h"
#include "retail/text.h"

namespace titan::pos {
namespace {

// Of the entries of a claim, generation after generation: the one that counts, or which generation
// is free.
struct ClaimPlace {
  EntryPointer holder;  // null: free
  std::uint32_t generation = 0;
};

template <class ClaimOf>
Result<ClaimPlace> place_of(MoveInBook& book, ClaimOf claim_of) {
  ClaimPlace place;
  for (; place.generation < move_in_generations_max; ++place.generation) {
    const auto entries = book.claiming(claim_of(place.generation));
    if (!entries) return entries.error();
    if (entries->empty()) return place;
    for (const EntryPointer& entry : *entries) {
      const auto stands = move_in_stands(*entry, book);
      if (!stands) return stands.error();
      if (*stands) {
        place.holder = entry;
        return place;
      }
      // An opening stock that was beaten by a withdrawn one moves nothing, and never will.
      if (entry->envelope.kind == mesh::Kind::opening_stock) break;
    }
  }
  return make_error(ErrorCode::conflict, "This was moved in and undone too often.");
}

// Whether two entries say the same of a sale. Which move-in brought it and by which time zone it is
// read may differ; so may whether head office has it, for a file that was copied later.
bool is_same_sale(const Bytes& one, const Bytes& other) {
  const auto as_sold = [](const Bytes& bytes) -> std::optional<Bytes> {
    titan::entry::v1::History body;
    if (!body.ParseFromString(bytes)) return std::nullopt;
    body.clear_move_in();
    body.clear_utc_offset_minutes();
    body.clear_was_sent();
    return body.SerializeAsString();
  };
  const auto sold = as_sold(one);
  return sold && sold == as_sold(other);
}

// What stands under the id of a sale that differs from it, for the person who decides.
void write_here(JsonWriter& writer, const RecordedEntry& holder) {
  const auto* known = holder.as<titan::entry::v1::History>();
  const titan::entry::v1::History body = known ? *known : titan::entry::v1::History();
  writer.key("here")
      .begin_object()
      .member("entry", id_text(holder.envelope.id))
      .member("receipt", body.receipt())
      .member("time", time_text(WallTime{body.utc_ms()}, body.utc_offset_minutes()))
      .member("total", to_text(body.sale().total_minor(), body.sale().exponent()))
      .end_object();
}

std::int64_t units_of(const mesh::Envelope& opening) {
  std::int64_t units = 0;
  for (const auto& effect : opening.stock_effects) {
    units = saturated_sum(units, static_cast<std::int64_t>(effect.added - effect.removed));
  }
  return units;
}

}  // namespace

Status MoveInHandlers::begin_batch(const MoveInId& move_in, bool dry_run) {
  if (moving_in_) {
    return make_error(ErrorCode::unavailable,
                      "A move-in is just under way at this till; try again.");
  }
  const auto withdrawn = service_.move_ins().is_withdrawn(move_in);
  if (!withdrawn) return withdrawn.error();
  if (*withdrawn) {
    return make_error(ErrorCode::conflict,
                      "This move-in was undone. Ask GET /v1/move-ins for a new one.", "id");
  }
  return dry_run ? Status{} : note_beginning(move_in);
}

// An empty note, so that an undo knows where it was moved in.
Status MoveInHandlers::note_beginning(const MoveInId& move_in) {
  const auto note = service_.move_ins().note(move_in);
  if (!note) return note.error();
  return *note ? Status{} : service_.move_ins().keep_note(move_in, {});
}

void MoveInHandlers::record_batch(std::shared_ptr<Batch> batch) {
  if (batch->rulings.empty()) return batch->done(ok(std::move(batch->answer)));
  moving_in_ = true;
  batch->open = batch->rulings.size();
  const auto rulings = std::move(batch->rulings);
  for (const Ruling& ruling : rulings) {
    service_.append(ruling.draft, [this, batch](const Result<mesh::Appended>& appended) {
      if (!appended && !batch->failed) batch->failed = appended.error();
      if (--batch->open > 0) return;
      moving_in_ = false;
      batch->done(batch->failed ? error_answer(*batch->failed) : ok(std::move(batch->answer)));
    });
  }
}

void MoveInHandlers::get_move_in(ApiRequest& request, AnswerCallback done) {
  if (const auto checked = known_parameters(request, {"file"}); !checked) {
    return done(error_answer(checked.error()));
  }
  const std::string* text = request.parameter("file");
  const auto file = Hash::from_hex_text(text ? *text : std::string());
  if (!file) {
    return done(error_answer(
        make_error(ErrorCode::invalid,
                   "file must be the 64 hexadecimal digits that stand for the file.", "file")));
  }
  MoveInBook& book = service_.move_ins();
  std::optional<MoveInId> unfinished;
  std::uint32_t generation = 0;
  for (; generation < move_in_generations_max; ++generation) {
    const MoveInId id = move_in_id(*file, generation);
    const auto withdrawn = book.is_withdrawn(id);
    if (!withdrawn) return done(error_answer(withdrawn.error()));
    if (!*withdrawn) break;
    const auto note = book.note(id);
    if (!note) return done(error_answer(note.error()));
    // An opening stock may come here after its move-in was undone, from a till that did not know.
    const auto left = is_opening_left(id);
    if (!left) return done(error_answer(left.error()));
    if (*note || *left) unfinished = id;
  }
  const MoveInId id = move_in_id(*file, generation);
  const auto sales = book.count(id, mesh::Kind::history);
  const auto stocks = book.count(id, mesh::Kind::opening_stock);
  const auto note = book.note(id);
  if (!sales) return done(error_answer(sales.error()));
  if (!stocks) return done(error_answer(stocks.error()));
  if (!note) return done(error_answer(note.error()));
  const StoreFacts& facts = service_.facts();
  JsonWriter writer;
  writer.begin_object()
      .member("id", id.hex())
      .member("generation", static_cast<std::uint64_t>(generation))
      .member("begun", note->has_value() || *sales + *stocks > 0)
      .member("sales", *sales)
      .member("opening_stocks", *stocks)
      .member("tenant", facts.tenant)
      .member("store", facts.store)
      .member("terminal", facts.terminal)
      .member("currency", facts.currency)
      .key("unfinished_undo");
  if (unfinished) {
    writer.value(unfinished->hex());
  } else {
    writer.null();
  }
  writer.end_object();
  done(ok(std::move(writer.text())));
}

template <class Request>
void MoveInHandlers::take_batch(ApiRequest& request, const AnswerCallback& done,
                                Result<Request> (*read)(const json::value&),
                                Status (MoveInHandlers::*judge)(const MoveInId&, const Request&,
                                                                const AnswerCallback&)) {
  const auto move_in = move_in_of_path(request);
  if (!move_in) return done(error_answer(move_in.error()));
  read_batch<Request>(request, done, read, [&](const Request& wanted) -> Status {
    if (auto begun = begin_batch(*move_in, wanted.dry_run); !begun) return begun;
    return (this->*judge)(*move_in, wanted, done);
  });
}

void MoveInHandlers::post_sales(ApiRequest& request, AnswerCallback done) {
  take_batch(request, done, read_former_sales, &MoveInHandlers::judge_sales);
}

void MoveInHandlers::post_opening_stock(ApiRequest& request, AnswerCallback done) {
  take_batch(request, done, read_opening_stocks, &MoveInHandlers::judge_opening_stocks);
}

Status MoveInHandlers::judge_sales(const MoveInId& move_in, const FormerSalesRequest& wanted,
                                   const AnswerCallback& done) {
  MoveInBook& book = service_.move_ins();
  const ClockReading clock = service_.clock();
  const RuleContext context{service_.facts(), clock, service_};
  auto batch = std::make_shared<Batch>();
  batch->done = done;
  std::set<Hash> claims;
  JsonWriter writer(128 * wanted.sales.size() + 64);
  writer.begin_object().key("sales").begin_array();
  for (std::size_t i = 0; i < wanted.sales.size(); ++i) {
    const FormerSale& sale = wanted.sales[i];
    const std::string field = "sales[" + std::to_string(i) + "].";
    const auto place = place_of(book, [&](std::uint32_t generation) {
      return history_claim(sale.terminal, sale.id, generation);
    });
    if (!place) return place.error();
    const auto day = book.day_of(sale.sold);
    auto ruling = make_history(sale, move_in, place->generation, day, context, field);
    if (!ruling) return ruling.error();
    if (!claims.insert(ruling->draft.claim).second) {
      return make_error(ErrorCode::invalid, "This sale is in the request twice.", field + "id");
    }
    const bool differs =
        place->holder && !is_same_sale(place->holder->envelope.body, ruling->draft.body);
    writer.begin_object()
        .member("terminal", sale.terminal)
        .member("id", sale.id)
        .member("business_date", date_text(day.business_date))
        .member("outcome", differs         ? "differs"
                           : place->holder ? "known"
                                           : "new");
    if (differs) write_here(writer, *place->holder);
    writer.end_object();
    if (!place->holder && !wanted.dry_run) batch->rulings.push_back(std::move(*ruling));
  }
  writer.end_array().end_object();
  batch->answer = std::move(writer.text());
  record_batch(std::move(batch));
  return {};
}

Status MoveInHandlers::judge_opening_stocks(const MoveInId& move_in,
                                            const OpeningStocksRequest& wanted,
                                            const AnswerCallback& done) {
  const ClockReading clock = service_.clock();
  const RuleContext context{service_.facts(), clock, service_};
  auto batch = std::make_shared<Batch>();
  batch->done = done;
  std::set<std::string> skus;
  JsonWriter writer(128 * wanted.lines.size() + 64);
  writer.begin_object().key("lines").begin_array();
  for (std::size_t i = 0; i < wanted.lines.size(); ++i) {
    const OpeningStock& line = wanted.lines[i];
    const std::string field = "lines[" + std::to_string(i) + "].";
    if (!skus.insert(line.sku).second) {
      return make_error(ErrorCode::invalid, "This article is in the request twice.", field + "sku");
    }
    const auto place = place_of(service_.move_ins(), [&](std::uint32_t generation) {
      return opening_stock_claim(line.sku, generation);
    });
    if (!place) return place.error();
    auto ruling = make_opening_stock(line, move_in, place->generation, context, field);
    if (!ruling) return ruling.error();
    writer.begin_object().member("sku", line.sku);
    if (place->holder) {
      const mesh::Envelope& held = place->holder->envelope;
      const bool is_ours = mesh::move_in_of(held) == move_in;
      writer.member("outcome", is_ours ? "known" : "claimed")
          .member("counts", quantity_text(units_of(held)))
          .member("move_in", mesh::move_in_of(held).value_or(MoveInId{}).hex())
          .member("entry", id_text(held.id));
    } else {
      writer.member("outcome", "new");
      if (!wanted.dry_run) batch->rulings.push_back(std::move(*ruling));
    }
    writer.end_object();
  }
  writer.end_array().end_object();
  batch->answer = std::move(writer.text());
  record_batch(std::move(batch));
  return {};
}

}  // namespace titan::pos
